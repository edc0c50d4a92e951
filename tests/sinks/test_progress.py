"""The fold of a run's events for a watcher."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from engine.sinks import RunProgress
from schemas import events
from schemas.events import LoggedEvent
from schemas.plan import Plan, Step
from schemas.result import StepResult
from tests.sinks import story


def folded(timed: Iterable[tuple[float, LoggedEvent]]) -> RunProgress:
    """Fold events into what a watcher sees."""
    run = RunProgress()
    for record in story.records(timed):
        run.on_record(record)
    return run


def test_whole_run() -> None:
    """A run's rows, counts, usage and times come out of its events."""
    run = RunProgress()
    for record in story.comparison():
        run.on_record(record)
    assert [(row.id, row.state) for row in run.rows.values()] == [("1", "done"), ("2", "done"), ("3", "done")]
    assert (run.counts["done"], run.ended_steps, run.usage.calls) == (3, 3, 2)


def test_speed_up_is_over_the_time_anything_ran() -> None:
    """The speed-up compares the sum of step times with the time during which at least one ran."""
    run = folded([(0, story.started("1")), (0, story.started("2")), (2, story.ended("1", 2)), (2, story.ended("2", 2))])
    assert (run.busy_s, run.sequential_s, run.speed_up) == (2.0, 4.0, 2.0)


def test_a_run_that_changed_hands() -> None:
    """What was broken off runs no more, the time nobody drove it counts for nothing, and it runs again as new."""
    run = folded(
        [
            (0, story.started("1")),
            (0, story.started("2")),
            (100, events.RunClaimed(driver="d", by="box, process 7")),
            (100, events.StepInterrupted(step_id="1", again=True)),
            (100, events.StepInterrupted(step_id="2", again=False)),
        ]
    )
    assert [(row.state, row.started_at) for row in run.rows.values()] == [("planned", None), ("waiting", None)]
    assert (run.open, run.busy_s, list(run.notes)) == (set(), 0.0, ["goes on in box, process 7"])


def test_parked_and_postponed() -> None:
    """A parked run says what it waits for until somebody claims it; a postponed step is in a state of its own."""
    parked = events.RunParked(reason="rate_limit", until=2e9)
    run = folded([(0, story.started("1")), (1, events.StepPostponed(step_id="1", until=2e9)), (1, parked)])
    assert (run.rows["1"].state, run.parked) == ("postponed", parked)
    run.on_record(story.records([(2, events.RunClaimed(driver="d"))])[0])
    assert run.parked is None


def test_reused_steps() -> None:
    """A forked run's steps stand as they were, though nothing of them ran."""
    plan = Plan(steps=(Step(id="1", tool="a"),))
    result = StepResult(status="done", value=1)
    run = folded([(0, events.PlanAccepted(revision=1, plan=plan)), (0, events.StepReused(step_id="1", result=result))])
    assert (run.rows["1"].state, run.rows["1"].note, run.ended_steps) == ("done", "taken over", 1)


def test_repair_forgets_drafts() -> None:
    """A repair forgets planned steps of its revision; one that runs already stays."""
    run = folded(
        [
            (0, events.PlanStep(revision=1, step=Step(id="1", tool="a"))),
            (0, events.PlanStep(revision=1, step=Step(id="2", tool="b"))),
            (0, story.started("1", "a")),
            (1, events.PlanRepair(revision=1, attempt=1, errors=("bad",))),
        ]
    )
    assert (list(run.rows), run.counts["planned"]) == (["1"], 0)


def test_replan_drops_what_it_does_not_keep() -> None:
    """An accepted replan drops planned steps of the old plan, but those it keeps."""
    old = Plan(steps=(Step(id="1", tool="a"), Step(id="2", tool="b"), Step(id="3", tool="c")))
    new = Plan(steps=(Step(id="4", tool="d"),))
    run = folded(
        [
            (0, events.PlanAccepted(revision=1, plan=old)),
            (0, story.started("1")),
            (1, story.failed("1", "down")),
            (1, events.ReplanStarted(revision=2, triggers=(), asked_at=3)),
            (2, events.PlanAccepted(revision=2, plan=new, keeps=("3",))),
        ]
    )
    assert list(run.rows) == ["1", "3", "4"]
    assert (run.replans, list(run.failed)) == (1, ["1"])


def test_foreach_is_one_row() -> None:
    """Instances of a foreach are counted on the row of their step."""
    step = Step(id="1", tool="a", foreach=[1, 2])
    run = folded(
        [
            (0, events.PlanAccepted(revision=1, plan=Plan(steps=(step,)))),
            (0, events.StepExpanded(step_id="1", count=2)),
            (0, story.started("1[0]", "a")),
            (0, story.started("1[1]", "a")),
            (1, story.ended("1[0]", 1)),
        ]
    )
    row = run.rows["1"]
    assert (list(run.rows), row.state, row.ended, row.total, len(run.open)) == (["1"], "running", 1, 2, 1)


def test_approval_waits_for_a_person() -> None:
    """A step that waits for a person is in that state until the answer."""
    asked = events.ApprovalRequested(approval_id="a1", subject="step", step_id="1", tool="a")
    timed: list[tuple[float, LoggedEvent]] = [(0, events.PlanStep(revision=1, step=Step(id="1", tool="a"))), (0, asked)]
    assert list(folded(timed).waiting) == ["1"]
    assert not folded([*timed, (1, events.ApprovalAnswered(approval_id="a1", decision="approve"))]).waiting


def test_cancelled_before_any_call_is_no_longer_open() -> None:
    """A step cancelled after its start and before its first attempt counts as running no longer."""
    over = events.StepEnded(step_id="1", result=StepResult(status="cancelled", reason="stop"))
    run = folded([(0, story.started("1")), (1, over), (9, events.CancelRequested())])
    assert (run.busy_s, run.open) == (1.0, set())


@given(st.lists(st.tuples(st.sampled_from(["1", "2", "1[0]", "9"]), st.sampled_from("sefrxaw")), max_size=25))
def test_counts_always_agree_with_rows(moves: list[tuple[str, str]]) -> None:
    """Whatever order events come in, the counts are those of the rows and nothing raises."""
    run = folded([(float(n), _event(step, move)) for n, (step, move) in enumerate(moves)])
    states = [row.state for row in run.rows.values()]
    assert {state: run.counts[state] for state in set(states)} == {state: states.count(state) for state in set(states)}
    assert set(run.active) == {row.id for row in run.rows.values() if row.state in ("running", "retrying")}


def _event(step: str, move: str) -> LoggedEvent:
    plan = Plan(steps=(Step(id=step, tool="a"),))
    return {
        "s": story.started(step),
        "e": story.ended(step),
        "f": story.failed(step, "no"),
        "r": events.PlanRepair(revision=0, attempt=1, errors=()),
        "x": events.StepExpanded(step_id=step, count=2),
        "a": events.PlanAccepted(revision=1, plan=plan),
        "w": events.ApprovalRequested(approval_id=step, subject="step", step_id=step),
    }[move]
