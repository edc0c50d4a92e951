"""What a planner writes becomes events as it writes; ids, drafts and text are as they must be."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from engine.dag.state import RunState
from engine.drafting import Drafting
from engine.durable.artifacts import Artifacts
from engine.durable.memory import MemoryLog
from engine.journal import Journal
from engine.streams import Streams
from schemas.errors import PlanParseError
from schemas.events import PlanStarted, ReplanStarted, RunStarted, StepEnded
from schemas.live import LiveEvent, LiveReset, LiveText
from schemas.planning import PlanReady, PlanText, Repairing, StepDraft, TurnAnswer
from schemas.trigger import Trigger
from tests.dag.graphs import FAILED, TOOLS, plan, step


def drafting(
    mode: Any = "plan", similarity: float = 0.9, approve: Any = "ask"
) -> tuple[Drafting, Journal, list[LiveEvent]]:
    """A run whose planner was just asked."""
    log, seen = MemoryLog(), list[LiveEvent]()
    journal = Journal(log, "r", lambda: RunState("r", TOOLS), Artifacts(log))
    journal.emit(RunStarted(task="t", mode=mode, approve=approve))
    journal.emit(PlanStarted(mode=mode))
    return Drafting(journal, 0.9, Streams(lambda: journal.head, seen.append)), journal, seen


def kinds(journal: Journal) -> list[str]:
    """The kinds of the events beyond the first two."""
    records = anyio.run(journal.flush) or []
    return [record.event.kind for record in records][2:]


def test_text_offsets_add_up_and_begin_anew_after_a_repair() -> None:
    """B60: live text carries where it begins; after a repair, or a reply that began anew, it begins at 0."""
    draft, _, seen = drafting()
    for item in (
        PlanText(text="ab"),
        PlanText(text="cd"),
        Repairing(attempt=1, errors=("no",)),
        PlanText(text="ef"),
        PlanText(text="", restart=True),
        PlanText(text="gh"),
    ):
        draft.take(item)
    assert [item.offset for item in seen if isinstance(item, LiveText)] == [0, 2, 0, 0]
    assert sum(isinstance(item, LiveReset) for item in seen) == 2


def test_colliding_ids_of_drafts_are_told_apart() -> None:
    """B18: after a repair the planner counts from one again; its steps get ids the run has not used."""
    draft, journal, _ = drafting()
    draft.take(StepDraft(step=step(1, "search", tool_input={"query": "a"})))
    draft.take(Repairing(attempt=1, errors=("no",)))
    draft.take(StepDraft(step=step(1, "search", tool_input={"query": "b"})))
    again = step(2, "search", 1, tool_input={"query": "{{1}}"})
    draft.take(PlanReady(plan=plan(step(1, "search", tool_input={"query": "b"}), again)))
    accepted = journal.state.accepted[1]
    assert [planned.id for planned in accepted.steps] == ["2", "3"]
    assert accepted.steps[1].tool_input == {"query": "{{2}}"}


def test_a_plan_like_one_that_failed_is_refused() -> None:
    """B44: a plan as alike to a failed one as the cap is not accepted, and its likeness is told."""
    draft, journal, _ = drafting()
    same = step(1, "search", tool_input={"query": "a"})
    draft.take(PlanReady(plan=plan(same)))
    journal.emit(StepEnded(step_id="1", result=FAILED))
    journal.emit(ReplanStarted(revision=2, triggers=(Trigger(kind="step_failed", step_id="1"),), asked_at=4))
    draft.begin()
    draft.take(PlanReady(plan=plan(same.model_copy(update={"id": "2"}))))
    assert kinds(journal)[-1] == "plan_rejected"
    assert journal.state.plan_error is not None
    assert journal.state.plan_error.details["similarity"] >= 0.9


def test_a_plan_to_be_approved_is_asked_for_and_not_yet_accepted() -> None:
    """B49: where plans are approved, a ready plan is a question; nothing of it is the run's yet."""
    draft, journal, _ = drafting(approve="plan")
    draft.take(PlanReady(plan=plan(step(1))))
    assert kinds(journal) == ["approval_requested"]
    assert journal.state.accepted == {}


@pytest.mark.parametrize("partial", [True, False])
def test_an_answer_of_a_turn_says_what_it_lacks(partial: bool) -> None:
    """B57: the answer of the last turn is the run's; a partial one names the reason, also when none was given."""
    draft, journal, _ = drafting(mode="react")
    draft.take(TurnAnswer(text="so", partial=partial))
    answer = journal.state.answer
    assert answer is not None
    assert (answer.partial, bool(answer.missing)) == (partial, partial)


def test_why_there_is_no_plan_is_kept_with_each_attempt() -> None:
    """B8: the refusal of a planning call holds every reply with its errors."""
    draft, journal, _ = drafting()
    draft.take(PlanParseError("no plan", details={"attempts": [{"raw": "x", "errors": ["no"]}]}))
    (record,) = (anyio.run(journal.flush) or [])[2:]
    assert record.event.kind == "plan_rejected"
    assert record.event.attempts == ({"raw": "x", "errors": ["no"]},)
