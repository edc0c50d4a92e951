"""What people are asked and answer, folded into a run's state. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.errors import StoreError
from schemas.events import ApprovalAnswered, ApprovalRequested
from schemas.trigger import Trigger

if TYPE_CHECKING:
    from engine.dag.state import RunState


def take_request(state: RunState, event: ApprovalRequested) -> None:
    """Take in that a person is asked about a step, a plan, or a step in doubt."""
    state.approvals_asked += 1
    state.approvals[event.approval_id] = event
    if event.step_id is not None:
        step = state.graph.get_open(event.step_id)
        step.phase = "approving"
        step.input = event.input
    if event.subject == "in_doubt":
        state.tenure.ask(event)


def take_answer(state: RunState, event: ApprovalAnswered) -> None:
    """Take in what a person decided.

    Raises:
        StoreError: It was decided before, or never asked.
    """
    asked = state.approvals.pop(event.approval_id, None)
    if asked is None:
        raise StoreError(f"approval {event.approval_id} was answered twice, or never asked")
    if asked.step_id is None:
        _plan_answered(state, asked, event)
        return
    step = state.graph.get_open(asked.step_id)
    step.phase = "pending"
    if asked.subject == "in_doubt":
        if not state.tenure.answer(step, event):
            state.halt("cancelled", event.reason or f"aborted: nobody knows whether step {step.id} was done")
        return
    if event.decision == "reject":
        step.rejected = event.reason or "no reason given"
    else:
        step.approved = step.filled = True
        step.input = event.input if event.decision == "edit" else step.input
    if event.decision == "edit":
        state.graph.reorder()
    state.graph.wake(step)


def _plan_answered(state: RunState, asked: ApprovalRequested, event: ApprovalAnswered) -> None:
    plan = event.plan if event.decision == "edit" and event.plan is not None else asked.plan
    if event.decision == "reject" or plan is None:
        state.planning = False
        state.feedback = event.reason
        state.graph.void_drafts(state.accepted)
        state.triggers.append(Trigger(kind="rejected", message=event.reason or "the plan was rejected"))
        if asked.plan is not None:
            state.failed_plans.append(asked.plan)
    else:
        state.plan_approved.add(asked.revision)
        state.approved_plan = (asked.revision, plan)
