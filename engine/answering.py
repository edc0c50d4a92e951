"""How a run came out, and what its answer is made from."""

from __future__ import annotations

from dataclasses import dataclass

from engine.dag.analyze import run_timing
from engine.dag.state import RunState
from engine.dag.steps import StepState
from engine.replanner.history import past_steps
from engine.replanner.policy import goal_changed
from engine.replanner.view import Rules
from engine.synth.language import phrases_for
from engine.synth.template import fill_answer, missing_note, partial_answer
from schemas.errors import (
    CostBudgetError,
    EngineError,
    ReplanLimitError,
    RunCancelledError,
    StepInputError,
    TimeBudgetError,
    TokenBudgetError,
)
from schemas.events import Answer, RunEnded
from schemas.planning import AnswerReady, AnswerRequest
from schemas.result import ErrorInfo, RunStatus, StepResult

FOR_PEOPLE = Rules(whole_tokens=5_000, for_people=True)
_BUDGETS: dict[str, type[EngineError]] = {
    "usd": CostBudgetError,
    "tokens": TokenBudgetError,
    "seconds": TimeBudgetError,
}

_RAISE = {
    "usd": "raise it by --budget-usd (budget.run_usd), or ask for less",
    "tokens": "raise it by --max-tokens (budget.run_tokens), or ask for less",
    "seconds": "raise it by --time-limit (budget.run_seconds), or ask for less",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run came out.

    Attributes:
        status: As the run will end.
        missing: What was asked for and could not be had, one line each.
        used: Ids of the steps that gave a result.
        error: Why it did not complete.
    """

    status: RunStatus
    missing: tuple[str, ...] = ()
    used: tuple[str, ...] = ()
    error: ErrorInfo | None = None

    @property
    def has_results(self) -> bool:
        """Whether any step gave a result."""
        return bool(self.used)


def verdict(state: RunState, cap: str) -> Verdict:
    """Judge a run by its state.

    Args:
        state: The run, with nothing running any more.
        cap: Which cap ended the repair, or empty.
    """
    steps = [step for step in state.graph.plan_steps() if not step.void]
    used = tuple([step.id for step in steps if step.id in state.graph.values])
    undone = [step for step in steps if step.id not in state.graph.values]
    missing = _missing(state, undone)
    error = _error(state, undone, missing, cap)
    status: RunStatus = "cancelled" if state.stop == "cancelled" else "failed" if error is not None else "completed"
    return Verdict(status, missing, used, error)


def _missing(state: RunState, steps: list[StepState]) -> tuple[str, ...]:
    if not state.accepted:
        return _no_plan(state)
    final = _final(state)
    told: dict[str, str] = {}
    lines = [_missing_line(step, told) for step in steps if step.revision == final and _lost(state, step)]
    if state.mode == "react":
        lines = [state.stop_reason] if state.stop is not None else _no_turn(state)
    if not lines and state.stop is not None and state.answer is None:
        lines.append(state.stop_reason)
    if state.mode == "plan" and goal_changed(state):
        lines.append(f"the changed goal, which could not be planned for: {state.task}")
    return tuple(lines)


def _no_turn(state: RunState) -> list[str]:
    """Return why ReAct's last turn did not come about; empty where it did: then its answer says what is missing."""
    return [] if state.plan_error is None else [state.plan_error.message]


def _final(state: RunState) -> int:
    """The revision whose steps were to give the answer: the last one that did not only ask."""
    return max((i for i, plan in state.accepted.items() if not plan.question), default=max(state.accepted))


def _no_plan(state: RunState) -> tuple[str, ...]:
    if state.stop is not None:
        return (state.stop_reason,)
    if state.plan_error is not None:
        return (state.plan_error.message,)
    rejected = [trigger.message for trigger in state.triggers if trigger.kind == "rejected"]
    if rejected:
        return (f"no plan was approved: {state.feedback or rejected[-1]}",)
    return ()


def _lost(state: RunState, step: StepState) -> bool:
    """Whether a step's result was wanted and is not there."""
    result = step.result
    if result is None or not step.step.critical:
        return False
    if result.status in ("failed", "cancelled"):
        return True
    return result.status == "skipped" and (step.blocked or state.stop is not None)


def _missing_line(step: StepState, told: dict[str, str]) -> str:
    """Say what a step lacks; ``told`` holds the causes said so far, each by the first step that failed of it."""
    what = f" ({step.step.description})" if step.step.description else ""
    result = step.result
    if result is None or result.error is None:
        return f"step {step.id}, {step.step.tool}{what}: {result.reason if result else 'not run'}"
    tries = f" after {result.attempts} attempts" if result.attempts > 1 else ""
    first = told.setdefault(result.error.message, step.id)
    cause = f" like step {first}" if first != step.id else f": {result.error.message}"
    return f"step {step.id}, {step.step.tool}{what}, failed{tries}{cause}"


def _error(state: RunState, steps: list[StepState], missing: tuple[str, ...], cap: str) -> ErrorInfo | None:
    if state.stop == "cancelled":
        return RunCancelledError(state.stop_reason).to_info()
    if state.exhausted is not None and state.stop == "budget":
        spent = state.exhausted
        details = {"scope": spent.scope, "measure": spent.measure, "spent": spent.spent, "limit": spent.limit}
        return _BUDGETS[spent.measure](spent.message, hint=_RAISE[spent.measure], details=details).to_info()
    if state.answer is not None and state.answer.partial and state.mode == "react":
        return ReplanLimitError(state.answer.missing[0] if state.answer.missing else "no full answer").to_info()
    if not missing:
        return None
    cause = _cause(state, steps)
    if cap and cause is not None:
        details = {"cause": cause.model_dump(), "replans": state.replans}
        message = "; ".join(dict.fromkeys([cap, cause.message]))
        return ReplanLimitError(message, hint=cause.hint, details=details).to_info()
    return cause or EngineError(missing[0]).to_info()


def _cause(state: RunState, steps: list[StepState]) -> ErrorInfo | None:
    """The first failure of the last plan, with the step, its tool and its attempts."""
    if not state.accepted or (state.mode == "react" and state.stop is None):
        return state.plan_error
    final = _final(state)
    for step in steps:
        result = step.result
        if result is not None and result.error is not None and step.step.critical and step.revision == final:
            return _blamed(step, result, result.error)
    return state.plan_error


def _blamed(step: StepState, result: StepResult, error: ErrorInfo) -> ErrorInfo:
    tries = f" after {result.attempts} attempts" if result.attempts > 1 else ""
    return error.model_copy(
        update={
            "message": f"step {step.id} ({step.step.tool}) failed{tries}: {error.message}",
            "details": {
                **error.details,
                "step_id": step.id,
                "tool": step.step.tool,
                "attempts": result.attempts,
            },
        }
    )


def answer_request(state: RunState, found: Verdict, rules: Rules = FOR_PEOPLE) -> AnswerRequest:
    """Return what the synthesizer works from; without rules, what is told to the person without a model."""
    plan = state.accepted.get(max(state.accepted)) if state.accepted else None
    return AnswerRequest(
        task=state.task,
        instructions=state.started.instructions,
        steps=past_steps(state, rules),
        expected_output_format=plan.expected_output_format if plan is not None else None,
        missing=lacking(state, found.missing),
        mode="direct" if state.mode == "direct" else "plan",
        wishes=state.started.wishes,
    )


def filled_template(template: str, state: RunState) -> str | None:
    """Return a plan's answer template filled with results, or None where one is absent."""
    valueless = (step for step in state.graph.plan_steps() if step.id not in state.graph.values)
    skipped = (step.id for step in valueless if step.result and step.result.status == "skipped")
    results = {**dict.fromkeys(skipped), **state.graph.values}
    try:
        return fill_answer(template, results)
    except StepInputError:
        return None


def partial_text(state: RunState, found: Verdict) -> str:
    """Return an answer made without a model: what there is, what is missing and why."""
    ended = found.error is not None and found.error.code == RunCancelledError.code
    return partial_answer(answer_request(state, found), _reason(found), cancelled=ended)


def _reason(found: Verdict) -> str:
    """Why there is no full answer, without the failure that stands among what is missing; alone there, it is why."""
    if found.error is None:
        return ""
    cause = found.error.details.get("cause")
    failure = found.error if cause is None else ErrorInfo.model_validate(cause)
    if "step_id" not in failure.details:
        return found.error.message
    cap = "" if cause is None else found.error.message.removesuffix(f"; {failure.message}")
    return "; ".join(part for part in (cap, *found.missing[: len(found.missing) == 1]) if part)


def without_model(state: RunState, found: Verdict) -> Answer:
    """Return an answer made from what there is, without asking a model."""
    text = partial_text(state, found)
    missing = lacking(state, found.missing)
    return Answer(text=text, source="template", steps_used=found.used, partial=bool(missing), missing=missing)


def lacking(state: RunState, missing: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is missing from an answer; where anything is, also the agents and servers that were down."""
    return (*missing, *_down(state)) if missing and state.stop != "cancelled" else missing


def with_lacks(state: RunState, answer: Answer) -> Answer:
    """Return an answer that asks, or says that nothing can be done, with what could not be used for it."""
    down = _down(state)
    untold = tuple(line for line in down if line not in answer.text)
    note = f"\n\n{missing_note(untold, phrases_for(state.task))}" if untold else ""
    missing = (*answer.missing, *(line for line in down if line not in answer.missing))
    return answer.model_copy(update={"text": answer.text + note, "missing": missing, "partial": bool(missing)})


def _down(state: RunState) -> tuple[str, ...]:
    done = (step for step in state.graph.steps.values() if step.result is not None and step.result.status == "done")
    return state.warnings.lacks({step.step.tool for step in done})


def written(state: RunState, found: Verdict, ready: AnswerReady) -> Answer:
    """Return the answer that the synthesizer wrote."""
    direct = "refusal" if ready.refused else "direct"
    missing = lacking(state, found.missing)
    answer = Answer(
        text=ready.text,
        source=direct if state.mode == "direct" else "model",
        steps_used=ready.steps_used,
        partial=bool(missing),
        missing=missing,
        cut=ready.cut,
    )
    return with_lacks(state, answer) if answer.source == "refusal" else answer


def unwritten(state: RunState, cap: str, error: EngineError) -> Answer:
    """Return the answer when the synthesizer failed; without results its error is why the run failed."""
    found = verdict(state, cap)
    if state.mode != "direct" and found.has_results:
        return without_model(state, found)
    state.plan_error = error.to_info()
    return without_model(state, verdict(state, cap)).model_copy(update={"error": state.plan_error})


def ending(state: RunState, cap: str, duration_s: float) -> RunEnded:
    """Return the run's last event."""
    timing = run_timing(state.graph)
    found = verdict(state, cap)
    return RunEnded(
        status=found.status,
        error=found.error,
        usage=state.usage,
        replans=state.replans,
        steps=sum(1 for step in state.graph.steps.values() if step.result and step.result.attempts),
        duration_s=duration_s,
        critical_path_s=timing.critical_path_s,
        sequential_s=timing.sequential_s,
    )
