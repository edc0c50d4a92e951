"""What each way of working makes of what goes wrong, and what may never be said of a run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.baselines.environment import python_with
from benchmarks.orchestration.complaints import complaints
from benchmarks.orchestration.failure import WAYS, Found, Trial, keep, measured, row, table, ways
from benchmarks.orchestration.outcome import Outcome
from benchmarks.orchestration.peers import KINDS, peer_named
from benchmarks.orchestration.scenarios import SCENARIOS
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
    found = complaints(replace(FINE, **changes), ways()[1].made, speed=1.0)  # pyright: ignore[reportArgumentType]
    assert len(found) == bool(said)
    assert said in " ".join(found)


def test_a_dead_tool_is_planned_around(tmp_path: Path) -> None:
    """Without a replan a dead tool ends the run; with one, with ReAct to follow, or in ReAct its stand-in is taken."""
    names = ("dead-tool", "always-malformed")
    found = measured(Trial([SCENARIOS[name] for name in names], PROFILES["anchored"], tmp_path, most=1))
    right = {(row.scenario, row.system): row.right for row in found.rows}
    assert found.complaints == []
    assert [right["dead-tool", name] for name in WAYS] == [0, 1, 1, 1, 1]
    assert [right["always-malformed", name] for name in WAYS] == [0, 0, 1, 1, 1]
    assert table(found.rows).count("\n") == 11


def test_what_is_run_later_stands_beside_what_was_run_before(tmp_path: Path) -> None:
    """Rows of the same scenario and system are replaced, others stay, in the order of the scenarios."""
    said = {"scenario": "cut", "system": "plan", "said": "1x1 by plan: it ended as 'lost'"}
    keep(Found([row("cut", "plan", [FINE]), row("nothing", "plan", [FINE])], [said]), tmp_path)
    keep(Found([row("cut", "plan", [FINE, FINE]), row("cut", "react", [FINE])], []), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "failure.jsonl").read_text().splitlines()]
    assert [(one["scenario"], one["system"], one["runs"]) for one in rows] == [
        ("nothing", "plan", 1),
        ("cut", "plan", 2),
        ("cut", "react", 1),
    ]
    assert (tmp_path / "complaints.jsonl").read_text() == ""


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--systems", "reakt"], "there is no system 'reakt'. did you mean react?"),
        (["--only", "cuts"], "there is no scenario 'cuts'. did you mean cut?"),
        (["--simulated", "plan"], "there is no profile 'plan'. did you mean plain?"),
        (["--systems", "llmcompiler"], "no system is left to run."),
    ],
)
def test_a_wrong_name_is_told_with_the_nearest(
    asked: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line; nothing is run, and no folder made."""
    assert main(["run", "failure", "--out", str(tmp_path / "out"), *asked]) != 0
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_peers_meet_the_same_failures(tmp_path: Path) -> None:
    """LangGraph's agent takes the stand-in of a dead tool; its tutorial's graph has no answer to a malformed plan."""
    if python_with(KINDS["langgraph-react"].environment) is None:
        pytest.skip("LangGraph's environment cannot be made")
    peers = [peer_named(name, "big", "big", "failure") for name in ("langgraph-react", "langgraph-plan")]
    profile = replace(PROFILES["anchored"], speed=40.0)
    scenarios = [SCENARIOS[name] for name in ("dead-tool", "always-malformed")]
    there = [peer for peer in peers if peer is not None]
    found = measured(Trial(scenarios, profile, tmp_path, names=("plan",), others=there, most=1))
    right = {(row.scenario, row.system): row.right for row in found.rows}
    assert (right["dead-tool", "langgraph-react"], right["dead-tool", "langgraph-plan"]) == (1, 1)
    assert (right["always-malformed", "langgraph-react"], right["always-malformed", "langgraph-plan"]) == (1, 0)
