"""Which request is answered, and whether the answer fits; one that does not is refused and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from engine.dag import expanding
from engine.dag.build import check_plan, plan_error
from engine.dag.state import RunState
from engine.dag.validate import faults
from engine.replanner.history import past_steps
from schemas.approvals import ApprovalSubject
from schemas.errors import ConflictError, NotFoundError, PlanSchemaError, StepRejectedError, ToolArgumentsError
from schemas.events import ApprovalAnswered, ApprovalRequested
from schemas.plan import Plan

_ABOUT: Mapping[ApprovalSubject, tuple[str, tuple[str, ...]]] = {
    "step": ("about no step in doubt", ("approve", "edit", "reject")),
    "plan": ("about no step in doubt", ("approve", "edit", "reject")),
    "in_doubt": ("about a step in doubt", ("done", "approve", "edit", "reject")),
    "question": ("a question", ("done", "reject")),
    "elicitation": ("a question", ("done", "reject")),
    "client_tool": ("a call of the client's own tool", ("done", "reject")),
}
REPLIED = ("question", "elicitation", "client_tool")
"""What is answered by a value, not by yes or no."""
_TEXT = {"type": "string", "minLength": 1}


def asked_for(state: RunState, approval_id: str | None, by: str) -> ApprovalRequested:
    """Return the request that an answer is for; None: the one that waits.

    Raises:
        NotFoundError: No such request, or several and none named: the message lists their ids.
        ConflictError: It was already answered.
        StepRejectedError: The run belongs to another user.
    """
    pending = state.pending_approvals()
    listed = ", ".join(asked.approval_id for asked in pending) or "none"
    if state.started.user and by and by != state.started.user:
        raise StepRejectedError(f"run {state.run_id} belongs to another user", hint="only its user may answer")
    if approval_id is None:
        if not pending:
            raise NotFoundError(f"run {state.run_id} asks nothing now", hint="engine runs show says where it stands")
        if len(pending) != 1:
            raise NotFoundError(f"which approval is meant? pending: {listed}", hint="name one by its id")
        return pending[0]
    for asked in pending:
        if asked.approval_id == approval_id:
            return asked
    number = approval_id.removeprefix("a")
    if number.isdigit() and 0 < int(number) <= state.approvals.count:
        raise ConflictError(f"approval {approval_id} was already answered; pending: {listed}")
    raise NotFoundError(f"there is no approval {approval_id!r}; pending: {listed}")


def given_in(asked: ApprovalRequested, text: str) -> Any:
    """Return what a person means who answers in words: a text where one is asked for, else JSON where it is JSON.

    >>> given_in(ApprovalRequested(approval_id="a1", subject="question"), "7")
    '7'
    >>> given_in(ApprovalRequested(approval_id="a1", subject="client_tool"), '{"lat": 7}')
    {'lat': 7}
    """
    schema = asked.answer_schema
    if schema.get("type") == "string" if schema is not None else asked.subject != "client_tool":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def check_answer(state: RunState, asked: ApprovalRequested, answer: ApprovalAnswered) -> None:
    """Hold an answer to what was asked.

    Raises:
        ConflictError: The decision is none for this request.
        ToolArgumentsError: The edited input, or the result, breaks its schema.
        PlanError: The edited plan cannot run.
    """
    if answer.input is not None:
        _check_edit(state, asked, answer.input)
    if answer.plan is not None:
        _check_plan(state, asked, answer.plan)
    what, allowed = _ABOUT[asked.subject]
    if answer.decision not in allowed:
        raise ConflictError(
            f"approval {asked.approval_id} is {what}: {', '.join(allowed[:-1])} or {allowed[-1]} it",
            hint="done takes the answer as its result" if asked.subject in REPLIED else "",
        )
    if answer.decision == "edit" and answer.input is None and answer.plan is None:
        raise ConflictError(f"approval {asked.approval_id}: nothing is edited", hint="give the input or the plan")
    if answer.decision == "done":
        _check_result(state, asked, answer.result)


def _check_edit(state: RunState, asked: ApprovalRequested, tool_input: dict[str, Any]) -> None:
    if asked.step_id is None:
        raise ToolArgumentsError(f"approval {asked.approval_id} is about a plan; edit the plan, not an input")
    found = [f"{path}: {message}" for path, message in faults(edit_schema(state, asked), tool_input)]
    if found:
        raise ToolArgumentsError(f"the edited input does not fit {asked.tool}: {'; '.join(found)}")


def edit_schema(state: RunState, asked: ApprovalRequested) -> dict[str, Any]:
    """Return what the edited input of a step has to fit: its tool, or fewer calls of the same foreach."""
    step = state.graph.steps[asked.step_id or ""]
    return step.spec.input_schema if step.step.foreach is None else expanding.edit_schema(asked)


def _check_result(state: RunState, asked: ApprovalRequested, result: Any) -> None:
    if asked.step_id is not None and asked.subject != "elicitation":
        spec = state.graph.steps[asked.step_id].spec
        found = [f"{path}: {message}" for path, message in faults(spec.output_schema or {}, result)]
        told = f"the result given for step {asked.step_id} is none of {spec.name}"
        hint = "say what the tool would have returned"
    else:
        found = [f"{path}: {message}" for path, message in faults(asked.answer_schema or _TEXT, result)]
        told, hint = f"that is no answer to approval {asked.approval_id}", "give a text"
        if asked.answer_schema is not None:
            hint = "its answer_schema says what is asked for"
    if found:
        raise ToolArgumentsError(f"{told}: {'; '.join(found)}", hint=hint)


def _check_plan(state: RunState, asked: ApprovalRequested, plan: Plan) -> None:
    if asked.subject != "plan":
        raise PlanSchemaError(f"approval {asked.approval_id} is about a step, not a plan")
    if plan == asked.plan:
        return  # nothing was edited: what it refers to may since have been replaced
    check_edited(state, plan)


def check_edited(state: RunState, plan: Plan) -> None:
    """Return if a plan that a person gives could be the run's next one. Raises PlanError: what is wrong, and where."""
    known = {past.step.id: past for past in past_steps(state, None) if past.step.id not in {s.id for s in plan.steps}}
    problems = check_plan(plan, state.graph.tools, known=known)
    if problems:
        raise plan_error(problems)
