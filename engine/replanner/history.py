"""What a planner, a ReAct turn or the synthesizer is told of the steps so far."""

from __future__ import annotations

from collections.abc import Container, Sequence

from engine.dag.state import RunState, tried
from engine.dag.step import StepState
from engine.replanner.view import BYTES_PER_TOKEN, Rules, View, view
from schemas.excerpts import excerpts
from schemas.planning import PastStep, PlanHistory
from schemas.trigger import Trigger

_NOTE_CHARS = 70  # what a cut text says of its cut
_STATUS = {"done": "done", "failed": "failed", "skipped": "skipped"}


def plan_history(state: RunState, triggers: Sequence[Trigger] | None = None, rules: Rules = Rules()) -> PlanHistory:
    """Return what the next planning call must know: why it is asked, what happened, what was tried.

    Args:
        state: The run, before the call is logged: its current plan is the one that the triggers are about.
        triggers: Why it is asked; those the state holds by default.
        rules: How results are shown.
    """
    why = tuple(state.triggers if triggers is None else triggers)
    return PlanHistory(
        triggers=why,
        steps=past_steps(state, rules),
        tried=tuple(tried(state, why)),
        feedback=state.feedback,
        questions=tuple(state.approvals.questions.values()),
    )


def past_steps(state: RunState, rules: Rules | None, only: Container[str] | None = None) -> tuple[PastStep, ...]:
    """Return every plan step that started or ended for a reason worth telling, in plan order.

    Together their results stay within the room of one prompt; what is short stays whole, the longest are cut first.

    Args:
        state: The run.
        rules: How results are shown; None leaves them out.
        only: Ids of the steps that are wanted; None for all.
    """
    known = (step for step in state.graph.plan_steps() if only is None or step.id in only)
    told = (step for step in known if not step.void and _worth_telling(step))
    past = tuple(_past(state, step, rules) for step in told)
    return past if rules is None else _fitted(past, rules.settings.prompt_tokens * BYTES_PER_TOKEN)


def _fitted(past: tuple[PastStep, ...], max_bytes: int) -> tuple[PastStep, ...]:
    size = sum(len(step.preview) if step.preview.isascii() else len(step.preview.encode()) for step in past)
    if size <= max_bytes:
        return past
    chars = sum(len(step.preview) for step in past)
    room = max_bytes * chars // size - _NOTE_CHARS * len(past)
    texts = excerpts([step.preview for step in past], room)
    return tuple(
        step if step.preview == text else step.model_copy(update={"preview": text, "view": "preview"})
        for step, text in zip(past, texts, strict=True)
    )


def _worth_telling(step: StepState) -> bool:
    return step.result is None or step.result.status not in ("discarded",)


def _past(state: RunState, step: StepState, rules: Rules | None) -> PastStep:
    result = step.result
    if result is None:
        running = step.phase in ("running", "filling", "outside", "waiting")
        return PastStep(
            step=step.step, status="running" if running else "waiting", input=step.input, revision=step.revision
        )
    status = _STATUS.get(result.status, "skipped")
    shown = view(state, step, rules) if status == "done" and rules is not None else View("")
    return PastStep(
        step=step.step,
        status=status,  # pyright: ignore[reportArgumentType]
        input=step.input,
        preview=shown.text,
        view=shown.kind,
        summarize=shown.wanted,
        error=result.error,
        reason=result.reason,
        attempts=result.attempts,
        revision=step.revision,
    )
