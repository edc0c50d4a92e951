"""What somebody outside is asked and answers, folded into a run's state. Pure.

One mechanism for everything that a run waits for from outside: a person agrees to a call or a plan, says whether a call
happened, answers a question; the client that asked for the run makes a call of its own tool and gives its result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from engine.dag.steps import StepGraph
from schemas.errors import StoreError
from schemas.events import ApprovalAnswered, ApprovalRequested, StepRehearsed
from schemas.planning import PastQuestion
from schemas.result import StepResult
from schemas.trigger import Trigger

if TYPE_CHECKING:
    from engine.dag.state import RunState


class Approvals:
    """What was asked of somebody outside.

    Args:
        graph: The run's steps.

    Attributes:
        count: How often somebody was asked.
        replies: What running tools were answered, by the request's id.
        questions: What the planner asked, by the request's id.
    """

    def __init__(self, graph: StepGraph) -> None:
        self._graph = graph
        self._open: dict[str, ApprovalRequested] = {}
        self._elicited: dict[tuple[str, str], list[str]] = {}
        self.replies: dict[str, ApprovalAnswered] = {}
        self.questions: dict[str, PastQuestion] = {}
        self.count = 0

    @property
    def next_id(self) -> str:
        """The id of the next request."""
        return f"a{self.count + 1}"

    @property
    def about_run(self) -> bool:
        """Whether something is asked that is about no step: a plan."""
        return any(asked.step_id is None for asked in self._open.values())

    def pending(self) -> list[ApprovalRequested]:
        """Return what waits for an answer, oldest first; what is about a step waits no longer than the step."""
        steps = self._graph.steps
        return [a for a in self._open.values() if a.step_id is None or steps[a.step_id].phase != "ended"]

    @property
    def until(self) -> float | None:
        """When the first request runs out (Unix time); None: all wait for ever."""
        return min((asked.expires_at for asked in self.pending() if asked.expires_at is not None), default=None)

    def expired(self, now: float) -> list[ApprovalRequested]:
        """Return the requests that nobody answered in time."""
        return [asked for asked in self.pending() if asked.expires_at is not None and asked.expires_at <= now]

    def ask(self, event: ApprovalRequested) -> None:
        """Take a request in."""
        self.count += 1
        self._open[event.approval_id] = event
        if event.subject == "question":
            self.questions[event.approval_id] = PastQuestion(question=event.question, revision=event.revision)
        if event.subject == "elicitation" and event.step_id is not None:
            self._elicited.setdefault((event.step_id, event.question), []).append(event.approval_id)

    def answered(self, approval_id: str) -> ApprovalRequested:
        """Close a request, and return it.

        Raises:
            StoreError: It was answered before, or never asked.
        """
        asked = self._open.pop(approval_id, None)
        if asked is None:
            raise StoreError(f"approval {approval_id} was answered twice, or never asked")
        return asked

    def elicited(self, step_id: str, question: str) -> list[str]:
        """Return the requests by which a step asked a question, oldest first."""
        return self._elicited.get((step_id, question), [])

    def asking(self) -> set[str]:
        """Return the steps that wait for an answer in the middle of a call."""
        return {a.step_id for a in self._open.values() if a.subject == "elicitation" and a.step_id is not None}

    def reply(self, event: ApprovalAnswered) -> Trigger:
        """Take in what the planner is answered, and return why it is asked again."""
        done = event.decision == "done"
        update = {"answer": str(event.result) if done else None, "reason": event.reason}
        self.questions[event.approval_id] = self.questions[event.approval_id].model_copy(update=update)
        if done:
            return Trigger(kind="answered", message=str(event.result))
        return Trigger(kind="unanswered", message=event.reason or "there will be no answer")

    def drop_about_run(self) -> None:
        """Forget what is asked about a plan that is made anew."""
        self._open = {name: asked for name, asked in self._open.items() if asked.step_id is not None}

    def drop_questions(self) -> None:
        """Forget what the planner asked about a task that is another one now."""
        self._open = {name: asked for name, asked in self._open.items() if asked.subject != "question"}


def taking_approvals(state: RunState) -> dict[str, Callable[[Any], None]]:
    """Return how a run takes in what is asked and answered, by kind of event."""
    return {
        "approval_requested": lambda event: take_request(state, event),
        "approval_answered": lambda event: take_answer(state, event),
        "step_rehearsed": lambda event: take_rehearsal(state, event),
    }


def take_rehearsal(state: RunState, event: StepRehearsed) -> None:
    """Take in what a dry run showed: now somebody can be asked.

    Raises:
        StoreError: It was shown before.
    """
    step = state.graph.get_open(event.step_id)
    if step.rehearsal is not None:
        raise StoreError(f"step {step.id} was rehearsed twice")
    state.graph.deactivate(step)
    step.phase = "pending"
    step.rehearsal = event.result
    state.graph.wake(step)


def take_request(state: RunState, event: ApprovalRequested) -> None:
    """Take in that somebody is asked about a step, a plan, or a step in doubt, or that a client is to make a call."""
    step = state.graph.get_open(event.step_id) if event.step_id is not None else None
    state.approvals.ask(event)
    if step is not None:
        if event.subject == "elicitation":
            return  # its call goes on
        step.phase = "outside" if event.subject == "client_tool" else "approving"
        step.input = event.input
    if event.subject == "in_doubt":
        state.tenure.ask(event)


def take_answer(state: RunState, event: ApprovalAnswered) -> None:
    """Take in what somebody decided, or gave.

    Raises:
        StoreError: It was decided before, or never asked.
    """
    asked = state.approvals.answered(event.approval_id)
    if asked.subject == "question":
        state.triggers.append(state.approvals.reply(event))
        return
    if asked.step_id is None:
        _plan_answered(state, asked, event)
        return
    step = state.graph.get_open(asked.step_id)
    if asked.subject == "elicitation":
        state.approvals.replies[event.approval_id] = event
        return
    step.phase = "pending"
    if asked.subject == "in_doubt":
        if not state.tenure.answer(step, event):
            state.halt("cancelled", event.reason or f"aborted: nobody knows whether step {step.id} was done")
        return
    if event.decision == "done":
        state.tenure.give(step, StepResult(status="done", value=event.result, attempts=1))
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


def may_ask(state: RunState) -> bool:
    """Whether somebody is there to answer a question of the planner, and the run has questions left."""
    return state.started.approve != "none" and len(state.approvals.questions) < state.started.limits.max_questions


def question(state: RunState) -> str:
    """Return what the current plan asks and nobody was asked yet; empty: nothing, or nobody is to be asked."""
    plan = state.accepted.get(state.revision)
    over = state.planning or state.stop is not None or state.answer is not None
    if plan is None or not plan.question or over or not may_ask(state):
        return ""
    given = state.started.given and state.revision == 1
    asked = any(past.revision == state.revision for past in state.approvals.questions.values())
    return "" if given or asked else plan.question


def leaving_work(state: RunState) -> bool:
    """Whether a driver that leaves still has to see something through: the next one could not do it again.

    A call that waits for an answer, and may be repeated, is made again by the next driver, who finds the answer.
    """
    steps, asking = state.graph.steps, state.approvals.asking()
    mine = state.graph.active - set(state.tenure.inherited)
    return state.writing_plan or any(
        step_id not in asking or steps[step_id].spec.effects == "effectful" for step_id in mine
    )
