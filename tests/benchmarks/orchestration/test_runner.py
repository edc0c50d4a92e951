"""Cases run by systems: what is counted does not depend on the machine, and what is there is not made again."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import anyio

from benchmarks.orchestration.ours import Ours
from benchmarks.orchestration.outcome import Outcome
from benchmarks.orchestration.runner import OUTCOMES, Plan, perform, read
from benchmarks.orchestration.systems import systems_named
from benchmarks.orchestration.world import Trouble
from benchmarks.simulated.profile import PROFILES
from tests.benchmarks.orchestration.trips import TRIP

FAST = replace(PROFILES["anchored"], speed=40)
SYSTEMS = (Ours("plan"), Ours("plan-no-stream"), Ours("sequential"), Ours("react"), Ours("react-parallel"))


def done(folder: Path, plan: Plan) -> list[Outcome]:
    """What came of a plan."""
    return anyio.run(perform, plan, folder, lambda *_: None)


def test_each_system_does_the_case_in_its_own_way(tmp_path: Path) -> None:
    """One plan and one answer; a turn a call and one for the answer; a turn for what can be called at once."""
    found = {outcome.system: outcome for outcome in done(tmp_path, Plan([TRIP], SYSTEMS, FAST))}
    assert all(outcome.right and outcome.tool_calls == 3 for outcome in found.values())
    calls = {name: Counter(call["part"] for call in outcome.calls) for name, outcome in found.items()}
    assert calls["plan"] == calls["plan-no-stream"] == calls["sequential"] == {"planner": 1, "synthesizer": 1}
    assert (calls["react"], calls["react-parallel"]) == ({"react": 4}, {"react": 3})
    assert [found[name].peak_parallel for name in ("plan", "sequential", "react", "react-parallel")] == [2, 1, 1, 2]


def test_what_was_run_is_not_run_again(tmp_path: Path) -> None:
    """A folder goes on where it was left, also after a line that was cut off."""
    first = done(tmp_path, Plan([TRIP], SYSTEMS[:1], FAST))
    with (tmp_path / OUTCOMES).open("a") as lines:
        lines.write('{"system": "pl')
    assert done(tmp_path, Plan([TRIP], SYSTEMS[:1], FAST)) == first == read(tmp_path)


def test_a_failing_tool_is_tried_again(tmp_path: Path) -> None:
    """A call that fails in passing is made again by the engine; by ReAct's model, in its next turn."""
    plan = Plan([TRIP], (Ours("plan"), Ours("react")), FAST, trouble=Trouble(rate=0.4, seed=3))
    planned, turns = done(tmp_path, plan)
    assert any(span["failed"] for span in planned.spans)
    assert planned.right
    assert len(planned.calls) == 2
    assert turns.tool_calls > 3


def test_both_wire_formats_give_the_same_counts(tmp_path: Path) -> None:
    """Calls, what is written and what tools are asked for do not depend on how models are spoken to."""
    systems = systems_named(["plan", "plan@messages", "react-parallel", "react-parallel@messages"], "trips")
    counts = [
        ([call["part"] for call in outcome.calls], outcome.tokens("completion"), outcome.tool_calls, outcome.right)
        for outcome in done(tmp_path, Plan([TRIP], systems, FAST))
    ]
    assert counts[0] == counts[1]
    assert counts[2] == counts[3]
