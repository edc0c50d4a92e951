"""What a planner, a ReAct turn or the synthesizer is told of the steps so far."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from engine.dag.state import RunState, tried
from engine.dag.step import StepState
from schemas.events import Trigger
from schemas.planning import PastStep, PlanHistory

_PREVIEW_CHARS = 2_000
_STATUS = {"done": "done", "failed": "failed", "skipped": "skipped"}


def plan_history(state: RunState, triggers: Sequence[Trigger] | None = None) -> PlanHistory:
    """Return what the next planning call must know: why it is asked, what happened, what was tried.

    Args:
        state: The run, before the call is logged: its current plan is the one that the triggers are about.
        triggers: Why it is asked; those the state holds by default.
    """
    why = tuple(state.triggers if triggers is None else triggers)
    return PlanHistory(
        triggers=why,
        steps=past_steps(state, _PREVIEW_CHARS),
        tried=tuple(tried(state, why)),
        feedback=state.feedback,
    )


def past_steps(state: RunState, preview_chars: int) -> tuple[PastStep, ...]:
    """Return every plan step that started or ended for a reason worth telling, in plan order.

    Args:
        state: The run.
        preview_chars: Most characters of a result.
    """
    told = (step for step in state.graph.plan_steps() if not step.void and _worth_telling(step))
    return tuple(_past(state, step, preview_chars) for step in told)


def _worth_telling(step: StepState) -> bool:
    return step.result is None or step.result.status not in ("discarded",)


def _past(state: RunState, step: StepState, preview_chars: int) -> PastStep:
    result = step.result
    if result is None:
        running = step.phase in ("running", "filling")
        return PastStep(
            step=step.step, status="running" if running else "waiting", input=step.input, revision=step.revision
        )
    status = _STATUS.get(result.status, "skipped")
    return PastStep(
        step=step.step,
        status=status,  # pyright: ignore[reportArgumentType]
        input=step.input,
        preview=preview(state.graph.values.get(step.id), preview_chars) if status == "done" else "",
        error=result.error,
        reason=result.reason,
        attempts=result.attempts,
        revision=step.revision,
    )


def preview(value: Any, max_chars: int) -> str:
    """Return a value as compact JSON of at most ``max_chars`` characters, saying what was cut.

    >>> preview({"a": 1}, 100)
    '{"a": 1}'
    """
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= max_chars:
        return text
    return f"{text[:max_chars]}… ({len(text) - max_chars} more characters)"
