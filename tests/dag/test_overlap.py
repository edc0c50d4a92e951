"""Steps that must not overlap, as they come, end and are replaced."""

from __future__ import annotations

from engine.dag.overlap import Overlaps
from engine.dag.step import StepState, by_order, traits
from tests.dag.graphs import TOOLS, step


def writers(*paths: str) -> dict[str, StepState]:
    """Steps that write files, in plan order."""
    return {
        str(n): StepState(str(n), step(n, "write", tool_input={"path": path}), traits(TOOLS["write"]), (1, n), 1)
        for n, path in enumerate(paths)
    }


def after(steps: dict[str, StepState]) -> dict[str, set[str]]:
    return {step_id: one.after for step_id, one in steps.items()}


def test_steps_of_one_file_form_a_line() -> None:
    """Each writer waits for the one before it; releasing one frees exactly the next."""
    steps = writers("a", "a", "b", "a")
    overlaps = Overlaps(steps)
    for one in steps.values():
        overlaps.add(one)
    assert after(steps) == {"0": set(), "1": {"0"}, "2": set(), "3": {"1"}}
    steps["0"].phase = "ended"
    assert [one.id for one in overlaps.release(steps["0"])] == ["1"]
    assert after(steps)["1"] == set()


def test_a_step_that_never_runs_hands_its_wait_on() -> None:
    """A follower of a blocked step waits for what that one waited for."""
    steps = writers("a", "a", "a")
    overlaps = Overlaps(steps)
    for one in steps.values():
        overlaps.add(one)
    steps["1"].blocked = True
    overlaps.release(steps["1"])
    assert after(steps)["2"] == {"0"}


def test_what_runs_stands_first() -> None:
    """Ordered anew, a running step comes before earlier ones of the plan, and void drafts do not count."""
    steps = writers("a", "a", "a")
    steps["2"].phase = "running"
    steps["0"].void = True
    Overlaps(steps).rebuild(sorted(steps.values(), key=by_order))
    assert after(steps) == {"0": set(), "1": {"2"}, "2": set()}
