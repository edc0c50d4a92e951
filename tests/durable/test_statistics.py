"""What calls of tools took, kept over runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.durable.statistics import KEPT_CALLS, ToolStatistics, percentile
from schemas.events import LoggedEvent, LoggedRecord, ModelCalled, RunStarted, StepEnded, StepStarted
from schemas.result import StepResult, Usage
from schemas.tool import ToolSpec

SEARCH = ToolSpec(name="search", description="Search the web.")


def run_of(*seconds: float, status: str = "done", usd: float | None = None) -> list[LoggedRecord]:
    events: list[LoggedEvent] = [RunStarted(task="t", mode="plan", tools=(SEARCH,))]
    for number, one in enumerate(seconds):
        step_id = str(number)
        result = StepResult.model_validate({"status": status, "attempts": 1, "duration_s": one})
        events.append(ModelCalled(role="executor", model="m", step_id=step_id, usage=Usage(cost_usd=9.0)))
        events.append(StepStarted(step_id=step_id, tool="search", input={}, revision=1))
        if usd is not None:
            events.append(ModelCalled(role="executor", model="m", step_id=step_id, usage=Usage(cost_usd=usd)))
        events.append(StepEnded(step_id=step_id, tool="search", result=result))
    return [LoggedRecord("r", seq, 0.0, event) for seq, event in enumerate(events, 1)]


def test_median_and_p95() -> None:
    """Median and 95th percentile are those of the calls seen; a tool never called has none."""
    kept = ToolStatistics()
    assert kept.observed(SEARCH) is None
    kept.learn(run_of(1.0, 2.0, 9.0))
    found = kept.observed(SEARCH)
    assert found is not None
    assert (found.calls, found.median_s, found.p95_s, found.median_usd) == (3, 2.0, 9.0, 0.0)


def test_cost_is_the_calls_own() -> None:
    """A call costs what its own model calls did, not what completing its arguments before it did."""
    kept = ToolStatistics()
    kept.learn(run_of(1.0, usd=0.25))
    found = kept.observed(SEARCH)
    assert found is not None
    assert (found.median_usd, found.p95_usd) == (0.25, 0.25)


def test_failed_calls_do_not_count() -> None:
    """How long a call took to fail says nothing of what a good one takes."""
    kept = ToolStatistics()
    kept.learn(run_of(60.0, status="failed"))
    assert kept.observed(SEARCH) is None


def test_only_the_last_calls_count() -> None:
    """A tool that became slower is soon expected to be slow."""
    kept = ToolStatistics()
    kept.learn(run_of(*[1.0] * KEPT_CALLS, *[5.0] * KEPT_CALLS))
    found = kept.observed(SEARCH)
    assert found is not None
    assert (found.calls, found.median_s) == (KEPT_CALLS, 5.0)


def test_a_changed_tool_is_another() -> None:
    """What another tool of the same name took is not mixed in."""
    kept = ToolStatistics()
    kept.learn(run_of(1.0))
    assert kept.observed(SEARCH.model_copy(update={"description": "Search the archive."})) is None
    assert kept.observed(SEARCH.model_copy(update={"expected_s": 3.0})) is not None


def test_expected_seconds() -> None:
    """What was observed takes the place of what a tool declares; a declaration stands until then."""
    kept = ToolStatistics()
    declared = SEARCH.model_copy(update={"expected_s": 9.0})
    assert kept.expecting({"search": declared})["search"].expected_s == 9.0
    kept.learn(run_of(1.5))
    assert kept.expecting({"search": declared})["search"].expected_s == 1.5


def test_expected_cost() -> None:
    """What calls cost takes the place of what a tool declares."""
    kept = ToolStatistics()
    declared = SEARCH.model_copy(update={"expected_usd": 0.5})
    assert kept.expecting({"search": declared})["search"].expected_usd == 0.5
    kept.learn(run_of(1.0, usd=0.25))
    assert kept.expecting({"search": declared})["search"].expected_usd == 0.25


def test_a_file_serves_several_processes(tmp_path: Path) -> None:
    """Two that append to one file lose nothing of each other; a third reads both."""
    path = tmp_path / "state" / "tools.jsonl"
    first, second = ToolStatistics(path), ToolStatistics(path)
    first.learn(run_of(1.0))
    second.learn(run_of(3.0))
    first.save()
    second.save()
    found = ToolStatistics(path).observed(SEARCH)
    assert found is not None
    assert (found.calls, found.median_s) == (2, 2.0)


@pytest.mark.parametrize(
    "line", ["", "{", "[]", "null", '{"tool": "search"}', '{"tool":1,"seconds":[1],"usd":[]}', "\xff"]
)
def test_broken_lines_cost_only_themselves(tmp_path: Path, line: str) -> None:
    """A line cut short by a crash, or of somebody else, is left out; the others count."""
    path = tmp_path / "tools.jsonl"
    kept = ToolStatistics(path)
    kept.learn(run_of(1.0))
    kept.save()
    path.write_text(f"{line}\n{path.read_text()}{line}", encoding="latin-1")
    found = ToolStatistics(path).observed(SEARCH)
    assert found is not None
    assert found.calls == 1


def test_the_file_stays_small(tmp_path: Path) -> None:
    """A file that has grown is written anew with what is still used."""
    path = tmp_path / "tools.jsonl"
    line = json.dumps({"tool": "old:0", "seconds": [1.0] * 50_000, "usd": [0.0] * 50_000})
    path.write_text("\n".join([line] * 3) + "\n")
    kept = ToolStatistics(path)
    kept.learn(run_of(2.0))
    kept.save()
    assert path.stat().st_size < 20_000
    found = ToolStatistics(path).observed(SEARCH)
    assert found is not None
    assert found.median_s == 2.0
    assert [entry.name for entry in tmp_path.iterdir()] == ["tools.jsonl"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file that cannot be written is no fault of a run: the process goes on with what it knows."""
    (tmp_path / "file").write_text("")
    kept = ToolStatistics(tmp_path / "file" / "tools.jsonl")
    kept.learn(run_of(1.0))
    kept.save()
    assert kept.observed(SEARCH) is not None


def test_percentile_is_a_value_seen() -> None:
    """The 95th percentile of a hundred values is the 95th, of one that one."""
    assert percentile(range(1, 101), 0.95) == 95
    assert percentile([4.0], 0.95) == 4.0
