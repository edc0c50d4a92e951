"""What to do next: pure decisions over a run's state.

``decide`` emits the events that follow from the state as it is (a skip, an expansion, a start …); emitting applies
them, so one call runs until nothing more follows. A ``step_started`` it emits is the command to call the tool; fills
and cancels, which are no events, are returned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.dag.approvals import question
from engine.dag.conditions import describe, first_unmet
from engine.dag.expanding import expansion
from engine.dag.policy import Asking, asked_of_call, stands
from engine.dag.reduce import NAME as REDUCE
from engine.dag.reduce import is_reduce
from engine.dag.refs import resolve
from engine.dag.state import RunState
from engine.dag.step import StepState
from engine.dag.steps import gathered
from engine.dag.validate import as_declared, faults
from schemas.driving import StepInterrupted
from schemas.errors import (
    StepInputError,
    StepOutputError,
    StepRejectedError,
    ToolArgumentsError,
    ToolUnavailableError,
)
from schemas.events import ApprovalRequested, LoggedEvent, StepEnded, StepStarted
from schemas.planning import StepCall
from schemas.result import ErrorInfo, StepResult

_ENDED_AS = {"failed": "failed", "cancelled": "was cancelled", "discarded": "was replaced"}
Emit = Callable[[LoggedEvent], None]


class Decision:
    """What the driver must do beside calling the tools of started steps.

    Attributes:
        fills: Steps whose arguments the executor model must complete, with the arguments already known.
        rehearsals: Calls whose dry run is to be made.
        cancels: Steps to cancel.
    """

    __slots__ = ("cancels", "fills", "rehearsals")

    def __init__(self) -> None:
        self.fills: list[tuple[str, dict[str, Any]]] = []
        self.rehearsals: list[StepCall] = []
        self.cancels: list[str] = []


def decide(state: RunState, emit: Emit, decision: Decision | None = None) -> Decision:
    """Emit everything that follows from the state and return what else to do.

    Args:
        state: The run; changed by what is emitted.
        emit: Applies an event to ``state`` and keeps it for the log.
        decision: What was decided before and is not done yet: it is added to.

    Cost: O(log n) a step that starts; O(unended) when the run winds down.
    """
    decision = decision or Decision()
    if state.ended is not None:
        return decision
    _take_over(state, emit)
    _put_question(state, emit)
    while True:
        if state.graph.gathering:
            _gather(state, emit)
        if state.stop is not None or state.answer is not None:
            _wind_down(state, emit, decision)
            return decision
        if state.planning_lost:
            return decision  # drafts are void as soon as the planner is asked again
        if state.graph.void and not state.planning:
            _discard_void(state, emit, decision)
        step = state.graph.take_ready()
        if step is None:
            return decision
        if step.phase == "ready":
            step.phase = "pending"
            _consider(state, step, emit, decision)


def close(state: RunState, emit: Emit) -> None:
    """End every step that can no longer start; called when no new plan will come."""
    for step in state.graph.in_order():
        if step.phase != "ended":
            emit(_end(step, StepResult(status="skipped", reason=_why_blocked(state, step))))


def _take_over(state: RunState, emit: Emit) -> None:
    """Say what becomes of the steps that ran when the driver before died, and of those a person decided about."""
    tenure, steps = state.tenure, state.graph.steps
    for step_id in tenure.inherited:
        emit(StepInterrupted(step_id=step_id, again=steps[step_id].spec.effects != "effectful"))
    if state.stop is None and state.answer is None:
        for step_id in tenure.unasked:
            _ask_doubt(state, steps[step_id], emit)
    for step_id in tenure.given:
        step = steps[step_id]
        if step.phase != "ended" and step.given is not None:
            emit(_end(step, _contradiction(step, step.given.value) or step.given))


def _put_question(state: RunState, emit: Emit) -> None:
    """Ask the person what the plan asks, if anything."""
    asked = question(state)
    if not asked:
        return
    name = state.approvals.next_id
    timeout_s, revision = state.started.ask_timeout_s, state.revision
    emit(
        ApprovalRequested(approval_id=name, subject="question", question=asked, revision=revision, timeout_s=timeout_s)
    )


def _ask_doubt(state: RunState, step: StepState, emit: Emit) -> None:
    emit(
        ApprovalRequested(
            approval_id=state.approvals.next_id,
            subject="in_doubt",
            step_id=step.id,
            tool=step.step.tool,
            input=step.input or {},
            revision=step.revision,
            reason="it was running when its driver died: whether it happened is not known",
        )
    )


def _consider(state: RunState, step: StepState, emit: Emit, decision: Decision) -> None:
    """Move one ready step on: skip, hold, expand, fail, fill, ask or start it."""
    if step.void or step.blocked or step.needs or step.after or _held(state, step):
        return
    try:
        skip = _skip_reason(state, step)
        if skip:
            emit(_end(step, StepResult(status="skipped", reason=skip)))
        elif step.step.foreach is not None:
            emit(expansion(state, step))
        elif step.tool == REDUCE and _can_reduce(step):
            emit(_end(step, _reduced(state, step)))
        else:
            _go(state, step, emit, decision)
    except StepInputError as exc:
        emit(_end(step, StepResult(status="failed", error=exc.to_info())))


def _held(state: RunState, step: StepState) -> bool:
    """Whether a step must wait for its plan: to be checked, approved, or replaced; the planner's end wakes it again.

    For a goal that changed nothing is done but by a plan for it.
    """
    if step.revision not in state.accepted and state.started.approve == "plan":
        return True
    if step.traits.read_only:
        return False
    return state.planning or step.revision not in state.accepted or _outlived(state)


def _outlived(state: RunState) -> bool:
    """Whether the goal changed, and no plan there is is for it."""
    return state.mode == "plan" and any(trigger.kind == "goal_changed" for trigger in state.triggers)


def _skip_reason(state: RunState, step: StepState) -> str:
    if step.parent is not None:
        return ""
    if step.deps and state.graph.values.keys().isdisjoint(step.deps):
        return "everything it needs was skipped"
    if not step.step.when:
        return ""
    unmet = first_unmet(step.step.when, state.graph.lookup(step))
    return f"its condition does not hold: {describe(unmet)}" if unmet else ""


def _go(state: RunState, step: StepState, emit: Emit, decision: Decision) -> None:
    if state.graph.queue.hopeless(step.tool):
        emit(_end(step, StepResult(status="failed", error=_no_slot(state, step).to_info())))
        return
    if step.rejected is not None:
        error = StepRejectedError(f"rejected: {step.rejected}")
        emit(_end(step, StepResult(status="failed", error=error.to_info())))
        return
    if not step.filled and step.step.tool_input:
        resolved = resolve(step.step.tool_input, state.graph.lookup(step))
        step.input = as_declared(step.spec.input_schema, resolved)
    tool_input = step.input or {}
    if not (step.filled or tool_input.keys() >= step.traits.required):
        state.graph.activate(step, "filling")
        decision.fills.append((step.id, tool_input))
    elif (asking := _asking(state, step)) is not None:
        _ask(state, step, asking, emit, decision)
    else:
        emit(_begun(state, step, tool_input))


def _begun(state: RunState, step: StepState, tool_input: dict[str, Any]) -> LoggedEvent:
    """Call the step's tool, or let the client call it whose tool it is."""
    if step.traits.client:
        return _handed_out(state, step, tool_input)
    key = "" if step.traits.read_only else f"{state.run_id}:{step.id}"
    return StepStarted.trusted(
        step_id=step.id, tool=step.tool, input={**tool_input}, revision=step.revision, idempotency_key=key
    )


def _handed_out(state: RunState, step: StepState, tool_input: dict[str, Any]) -> LoggedEvent:
    """Ask the client that has the tool to make the call; arguments that do not fit end the step."""
    broken = [f"{path}: {message}" for path, message in faults(step.spec.input_schema, tool_input)]
    if broken:
        error = ToolArgumentsError(f"{step.spec.name}: {'; '.join(broken[:5])}")
        return _end(step, StepResult(status="failed", error=error.to_info()))
    return ApprovalRequested(
        approval_id=state.approvals.next_id,
        subject="client_tool",
        step_id=step.id,
        tool=step.step.tool,
        input=tool_input,
        revision=step.revision,
        answer_schema=step.spec.output_schema,
        timeout_s=state.started.ask_timeout_s,
        reason=step.step.description or step.step.rationale or "",
    )


def _no_slot(state: RunState, step: StepState) -> ToolUnavailableError:
    tool, cap = step.step.tool, step.spec.max_parallel or 1
    stuck = sorted(state.graph.queue.stuck[tool], key=lambda step_id: state.graph.steps[step_id].order)
    slots = "its one slot" if cap == 1 else f"each of its {cap} slots"
    return ToolUnavailableError(
        f"{tool} was not called: {slots} (max_parallel) is held by a call that never came back,"
        f" of step{'s' if len(stuck) > 1 else ''} {', '.join(stuck)}",
        hint='give the tool isolate="process", so that a call is killed at its time limit, or a higher max_parallel',
    )


def _can_reduce(step: StepState) -> bool:
    return is_reduce(step.spec) and (step.filled or "values" in (step.step.tool_input or {}))


def _reduced(state: RunState, step: StepState) -> StepResult:
    """Merge what feeds a ``reduce`` step: nothing is called."""
    value = gathered(state.graph, step)
    contradiction = _contradiction(step, value)
    return contradiction or StepResult(status="done", gathered=True)


def _contradiction(step: StepState, value: Any) -> StepResult | None:
    """The failure of a step that no tool was called for, where its value is not what the plan expects."""
    expected = step.step.expected_output
    fault = next(iter(faults(expected, value)), None) if isinstance(expected, dict) else None
    if fault is None:
        return None
    error = StepOutputError(
        f"the result contradicts expected_output: {fault[0]}: {fault[1]}", details={"contradicts": True}
    )
    return StepResult(status="failed", error=error.to_info())


def _asking(state: RunState, step: StepState) -> Asking | None:
    """Why somebody is asked about a call; None where nobody is, or has already agreed."""
    if step.approved or _covered(state, step):
        return None
    whole = step.parent is not None and state.graph.steps[step.parent].approved
    agreed = whole or step.revision in state.plan_approved
    return asked_of_call(step.spec, step.input or {}, state.started, agreed=agreed)


def _covered(state: RunState, step: StepState) -> bool:
    """Whether somebody already agreed: everything is approved, or this very call was in the approved plan."""
    mode = state.started.approve
    if mode == "all":
        return True
    return mode == "plan" and step.revision in state.plan_approved and not step.filled and stands(step.step)


def _ask(state: RunState, step: StepState, asking: Asking, emit: Emit, decision: Decision) -> None:
    """Ask about a call, once its dry run has shown what it would do; one whose dry run fails is not asked about."""
    rehearsal = step.rehearsal
    if state.started.approve == "none":
        error = StepRejectedError(
            "rejected: it needs approval, and approvals are set to none",
            hint="run with --approve ask, or --approve all",
        )
        emit(_end(step, StepResult(status="failed", error=error.to_info())))
        return
    if step.spec.simulate is not None and rehearsal is None:
        state.graph.activate(step, "filling")
        call = StepCall(run_id=state.run_id, step_id=step.id, tool=step.step.tool, input=step.input or {})
        decision.rehearsals.append(call)
        return
    if rehearsal is not None and rehearsal.status == "failed":
        emit(_end(step, rehearsal))
        return
    emit(
        ApprovalRequested(
            approval_id=state.approvals.next_id,
            subject="step",
            step_id=step.id,
            tool=step.step.tool,
            input=step.input or {},
            revision=step.revision,
            reason=asking.reason,
            rationale=step.step.rationale or step.step.description or "",
            expected_usd=step.spec.expected_usd,
            dry_run=None if rehearsal is None else rehearsal.value,
            timeout_s=asking.timeout_s,
            by_default=asking.by_default,
        )
    )


def _gather(state: RunState, emit: Emit) -> None:
    """End each foreach whose instances have all ended."""
    while state.graph.gathering:
        parent = state.graph.steps[state.graph.gathering.pop(0)]
        if parent.phase != "ended":
            emit(_end(parent, _gathered(state, parent)))


def _gathered(state: RunState, parent: StepState) -> StepResult:
    results = [state.graph.steps[step_id].result or StepResult(status="cancelled") for step_id in parent.instances]
    longest = max(result.duration_s for result in results)
    failed = [(index, result) for index, result in enumerate(results) if result.status == "failed"]
    if failed:
        index, first = failed[0]
        cause = first.error or ErrorInfo(code="step", message="failed")
        message = f"{len(failed)} of {len(results)} items failed, first item {index}: {cause.message}"
        error = cause.model_copy(update={"message": message})
        return StepResult(status="failed", error=error, duration_s=longest)
    if any(result.status != "done" for result in results):
        return StepResult(status="cancelled", reason="not all items were done", duration_s=longest)
    if parent.step.expected_output is not None:
        contradiction = _contradiction(parent, gathered(state.graph, parent))
        if contradiction is not None:
            return contradiction.model_copy(update={"duration_s": longest})
    return StepResult(status="done", gathered=True, duration_s=longest)


def _discard_void(state: RunState, emit: Emit, decision: Decision) -> None:
    """End the drafts and the old steps that the accepted plan does not name."""
    for step in state.graph.voids():
        leaves = [state.graph.steps[i] for i in step.instances] or [step]
        running = [leaf for leaf in leaves if leaf.phase in ("running", "filling")]
        for leaf in running:
            if not leaf.cancelling:
                leaf.cancelling = True
                decision.cancels.append(leaf.id)
        for leaf in leaves:
            if leaf.phase not in ("running", "filling", "ended"):
                emit(_end(leaf, StepResult(status="discarded", reason=f"replaced by plan {state.revision}")))


def _wind_down(state: RunState, emit: Emit, decision: Decision) -> None:
    """Start nothing more; cancel what runs (a spent money budget lets it finish); end the rest."""
    lets_finish = state.exhausted is not None and state.stop == "budget" and state.exhausted.measure != "seconds"
    running = state.graph.running()
    for step in running:
        if not step.cancelling and not (lets_finish and step.phase == "running"):
            step.cancelling = True
            decision.cancels.append(step.id)
    if running:
        return
    for step in sorted(state.graph.in_order(), key=lambda step: bool(step.instances)):
        if step.phase != "ended":
            emit(_end(step, _given_up(state, step)))


def _given_up(state: RunState, step: StepState) -> StepResult:
    """How a step ends that the run no longer waits for; of one in doubt it stays open whether it happened."""
    doubt = step.doubt or (step.phase == "outside" and step.spec.effects == "effectful")
    status = "cancelled" if state.stop == "cancelled" or step.phase == "outside" or doubt else "skipped"
    return StepResult(status=status, reason=state.stop_reason or "the answer came without it", in_doubt=doubt)


def _why_blocked(state: RunState, step: StepState) -> str:
    for needed in step.deps:
        result = state.graph.steps[needed].result if needed in state.graph.steps else None
        if result is not None and result.status not in ("done", "skipped"):
            return f"it needs step {needed}, which {_ENDED_AS[result.status]}"
        if result is not None and result.status == "skipped" and result.reason.startswith("it needs step"):
            return f"it needs step {needed}, which could not run"
    return "the goal changed, and it was planned for the one before" if _outlived(state) else "it could not start"


def _end(step: StepState, result: StepResult) -> StepEnded:
    """Return a step's end; the calls that were made of it before it was put off count."""
    if step.attempts_made and not result.attempts:
        result = result.model_copy(update={"attempts": step.attempts_made})
    return StepEnded(step_id=step.id, tool=step.step.tool, result=result)
