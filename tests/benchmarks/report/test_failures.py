"""The part of a report that tells the failure suite."""

from __future__ import annotations

from pathlib import Path

from benchmarks.__main__ import main
from benchmarks.manifest import Manifest
from benchmarks.orchestration.failure import Found, keep, row
from tests.benchmarks.report.outcomes import outcome

SCENARIOS = ("nothing", "calls-fail-10", "calls-fail-20", "dead-tool")


def told(folder: Path, *complaints: dict[str, str]) -> str:
    """The report of a small run of the suite."""
    Manifest.now(arguments=["run", "failure"], suite="failure", profile="plain", tokens="o200k", cases=1).write(folder)
    rows = [row(name, system, [outcome(system, "1x1", 5.0)]) for name in SCENARIOS for system in ("plan", "react")]
    keep(Found(rows, list(complaints)), folder)
    assert main(["report", str(folder)]) == 0
    return (folder / "report.md").read_text()


def test_what_goes_wrong_stands_beside_what_each_system_makes_of_it(tmp_path: Path) -> None:
    """A table by system, and a plot of what comes at several rates."""
    text = told(tmp_path)
    assert "| dead-tool | 100% | 100% |" in " ".join(text.split())
    assert "pictures/failure-plain-calls-fail-right.svg" in text
    assert "failure-plain-lasting" not in text
    assert "No run of ours ended without an answer or a stated reason" in text


def test_what_may_never_be_said_of_a_run_is_said(tmp_path: Path) -> None:
    """Of ours; what a peer does is no fault of ours."""
    ours = {"scenario": "cut", "system": "plan", "said": "1x1 by plan: it ended as 'lost'"}
    theirs = {"scenario": "cut", "system": "langgraph-plan", "said": "1x1 by langgraph-plan: it ended as 'lost'"}
    assert "1 times a run of ours did what none may: 1x1 by plan: it ended as 'lost'." in told(tmp_path, ours, theirs)
