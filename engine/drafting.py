"""Turns what a planner writes into events of the run, as it writes."""

from __future__ import annotations

from collections.abc import Callable

from engine.answering import with_lacks
from engine.dag.policy import Asking, asked_of_cost, asked_of_plan, cost_of
from engine.dag.similarity import similarity
from engine.journal import Journal
from engine.planning import keeps, todo_calls
from engine.replanner.renumber import Renumbering
from engine.streams import Streams
from schemas.errors import EngineError, PlanError, ReplanLimitError
from schemas.events import (
    Answer,
    ApprovalRequested,
    LoggedEvent,
    PlanAccepted,
    PlanLookedUp,
    PlanRejected,
    PlanRepair,
    PlanStep,
)
from schemas.plan import Plan
from schemas.planning import CacheLookup, PlanDelta, PlanReady, PlanText, Repairing, StepDraft, TurnAnswer

_STREAM = "plan"


class Drafting:
    """Takes the items of one planning call after another.

    Args:
        journal: The run; what the planner wrote is a fact of it.
        max_similarity: From this likeness (0–1) to a failed plan on, a new one is not tried.
        streams: Takes the planner's text as it grows.
    """

    def __init__(self, journal: Journal, max_similarity: float, streams: Streams) -> None:
        self._journal = journal
        self._max_similarity = max_similarity
        self._streams = streams
        self._renumbering = Renumbering()

    def begin(self, given: Plan | None = None) -> None:
        """Expect a new reply: its numbers are counted anew.

        A plan that a person gave is taken at once: a decision like the event that asks for it, and dropped with it.
        """
        self._renumbering = Renumbering()
        self._streams.close(_STREAM)
        if given is not None:
            self._ready(PlanReady(plan=given), self._journal.emit)

    def take(self, item: PlanDelta | EngineError) -> None:
        """Fold one item in: a draft, a repair, the whole plan, an answer, or why there is none."""
        match item:
            case StepDraft():
                self._draft(item)
            case CacheLookup():
                self._looked_up(item)
            case PlanText():
                self._text(item)
            case Repairing():
                self._repairing(item)
            case PlanReady():
                self._ready(item, self._journal.fact)
            case TurnAnswer():
                self._turn_answer(item)
            case _:
                attempts = tuple(item.details.get("attempts", ())) if isinstance(item, PlanError) else ()
                error = item.to_info()
                self._journal.fact(PlanRejected(revision=self._journal.state.revision, error=error, attempts=attempts))

    def _text(self, item: PlanText) -> None:
        if item.restart:
            self._streams.reset(_STREAM, "the reply began anew")
        self._streams.text(_STREAM, item.text)

    def _draft(self, draft: StepDraft) -> None:
        step = self._renumbering.step(draft.step, self._journal.state)
        self._journal.fact(PlanStep(revision=self._journal.state.revision, step=step))

    def _looked_up(self, found: CacheLookup) -> None:
        self._journal.fact(
            PlanLookedUp(
                revision=self._journal.state.revision,
                plan=found.plan,
                reason=found.reason,
                saved=found.saved,
                saved_s=found.saved_s,
            )
        )

    def _repairing(self, item: Repairing) -> None:
        self._journal.fact(
            PlanRepair(revision=self._journal.state.revision, attempt=item.attempt, errors=item.errors, raw=item.raw)
        )
        self._renumbering = Renumbering()
        self._streams.reset(_STREAM, "; ".join(item.errors)[:200])

    def _ready(self, whole: PlanReady, write: Callable[[LoggedEvent], object]) -> None:
        state = self._journal.state
        ready = whole.model_copy(update={"plan": self._renumbering.plan(whole.plan, state)})
        alike = self._likeness(ready)
        if alike is not None and alike >= self._max_similarity:
            error = ReplanLimitError(
                f"the new plan is {alike:.2f} alike to one that failed; it was not tried",
                details={"similarity": round(alike, 4)},
            )
            write(PlanRejected(revision=state.revision, error=error.to_info()))
        elif (asking := self._asking(ready.plan)) is not None:
            write(
                ApprovalRequested(
                    approval_id=state.approvals.next_id,
                    subject="plan",
                    plan=ready.plan,
                    revision=state.revision,
                    reason=asking.reason,
                    expected_usd=cost_of(ready.plan, state.graph.tools) or None,
                    timeout_s=asking.timeout_s,
                    by_default=asking.by_default,
                )
            )
        else:
            write(self._accepted(state.revision, ready, alike))

    def _asking(self, plan: Plan) -> Asking | None:
        """Why somebody is asked about a plan before it is run; None: nobody is."""
        state = self._journal.state
        if not plan.steps or state.mode != "plan":
            return None
        if state.started.approve == "plan":
            return asked_of_plan(state.started)
        if state.started.approve != "ask":
            return None
        over = state.started.ask_over_usd
        return None if over is None else asked_of_cost(cost_of(plan, state.graph.tools), state.started)

    def accept_approved(self, revision: int, plan: Plan) -> None:
        """Decide that a plan which a person agreed to is the run's; unless something else is in the log first."""
        self._journal.emit(self._accepted(revision, PlanReady(plan=plan)))

    def _accepted(self, revision: int, ready: PlanReady, alike: float | None = None) -> PlanAccepted:
        kept = keeps(self._journal.state, ready.plan)
        return PlanAccepted(revision=revision, plan=ready.plan, keeps=kept, similarity=alike, warnings=ready.warnings)

    def _likeness(self, ready: PlanReady) -> float | None:
        """How alike the new plan is to the most alike of those that failed, or None where none did."""
        state = self._journal.state
        if state.mode != "plan" or not state.failed_plans or not ready.plan.steps:
            return None
        new = todo_calls(state, ready.plan)
        return max(similarity(new, todo_calls(state, failed)) for failed in state.failed_plans)

    def _turn_answer(self, answer: TurnAnswer) -> None:
        state = self._journal.state
        used = tuple(step.id for step in state.graph.plan_steps() if step.result and step.result.status == "done")
        missing = (answer.reason or "the answer is not complete",) if answer.partial else ()
        found = Answer(text=answer.text, source="react", steps_used=used, partial=answer.partial, missing=missing)
        self._journal.fact(with_lacks(state, found) if answer.partial else found)
