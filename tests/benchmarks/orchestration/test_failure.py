"""What each way of working makes of what goes wrong, and what may never be said of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from benchmarks.orchestration.failure import SCENARIOS, complaints, measured, table, ways
from benchmarks.orchestration.outcome import Outcome
from benchmarks.simulated.profile import PROFILES

FINE = Outcome("plan", "failure", "1x1", status="completed", answer="Alder: Vapafa.", right=True)
TURN = {"part": "react", "status": 429, "cost_usd": 0.0}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"status": "failed", "answer": "", "right": False}, "without an answer and without a reason"),
        ({"answer": "It is Zug.", "right": False}, "its answer is wrong"),
        ({"calls": [TURN]}, "its last turn could not be had"),
        ({"replans": 4}, "4 replans of 3"),
        ({"peak_parallel": 5}, "5 calls at once of 4"),
        ({"seconds": 126.0}, "121.0 seconds of 120.0"),
        ({"calls": [{"part": "planner", "status": 200, "cost_usd": 1.0}]}, "1.0 USD of 0.12"),
    ],
)
def test_what_may_never_be_said_of_a_run(changes: dict[str, object], said: str) -> None:
    """A run that ends without an answer or a reason, claims too much or goes beyond a cap is complained about."""
    found = complaints(replace(FINE, **changes), ways()[1], speed=1.0)  # pyright: ignore[reportArgumentType]
    assert len(found) == bool(said)
    assert said in " ".join(found)


@pytest.mark.slow
def test_a_dead_tool_is_planned_around(tmp_path: Path) -> None:
    """Without a replan a dead tool ends the run; with one, with ReAct to follow, or in ReAct its stand-in is taken."""
    profile = replace(PROFILES["anchored"], speed=40.0)
    names = ("dead-tool", "always-malformed")
    rows, found = anyio.run(lambda: measured([SCENARIOS[name] for name in names], profile, tmp_path, most=1))
    right = {(row.scenario, row.system): row.right for row in rows}
    assert found == []
    assert [right["dead-tool", way.name] for way in ways()] == [0, 1, 1, 1, 1]
    assert [right["always-malformed", way.name] for way in ways()] == [0, 0, 1, 1, 1]
    assert table(rows).count("\n") == 11
