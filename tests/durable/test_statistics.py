"""What calls of tools took, kept over runs."""

from __future__ import annotations

import sys

import pytest

from engine.durable.notes import MemoryNotes
from engine.durable.statistics import KEPT_CALLS, KIND, ToolStatistics, percentile, tool_key
from schemas.errors import StoreError
from schemas.events import LoggedEvent, LoggedRecord, ModelCalled, RunStarted, StepEnded, StepStarted
from schemas.result import StepResult, Usage
from schemas.runs import Note
from schemas.tool import ToolSpec

pytestmark = pytest.mark.anyio

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


async def test_median_and_p95() -> None:
    """Median and 95th percentile are those of the calls seen; a tool never called has none."""
    kept = ToolStatistics()
    assert kept.observed(SEARCH) is None
    await kept.learn(run_of(1.0, 2.0, 9.0))
    found = kept.observed(SEARCH)
    assert found is not None
    assert (found.calls, found.median_s, found.p95_s, found.median_usd) == (3, 2.0, 9.0, 0.0)


async def test_cost_is_the_calls_own() -> None:
    """A call costs what its own model calls did, not what completing its arguments before it did."""
    kept = ToolStatistics()
    await kept.learn(run_of(1.0, usd=0.25))
    found = kept.observed(SEARCH)
    assert found is not None
    assert (found.median_usd, found.p95_usd) == (0.25, 0.25)


async def test_who_learns_knows_what_others_read() -> None:
    """What a run taught is the same to the process it ran in, which does not read its own lines, as to any other."""
    notes = MemoryNotes()
    own, other = ToolStatistics(notes), ToolStatistics(notes)
    await own.learn(run_of(1 / 3, 2 / 3, usd=0.1))
    await other.refresh()
    assert own.observed(SEARCH) == other.observed(SEARCH) is not None


async def test_failed_calls_do_not_count() -> None:
    """How long a call took to fail says nothing of what a good one takes."""
    kept = ToolStatistics()
    await kept.learn(run_of(60.0, status="failed"))
    assert kept.observed(SEARCH) is None


async def test_only_the_last_calls_count() -> None:
    """A tool that became slower is soon expected to be slow."""
    kept = ToolStatistics()
    await kept.learn(run_of(*[1.0] * KEPT_CALLS, *[5.0] * KEPT_CALLS))
    found = kept.observed(SEARCH)
    assert found is not None
    assert (found.calls, found.median_s) == (KEPT_CALLS, 5.0)


async def test_a_changed_tool_is_another() -> None:
    """What another tool of the same name took is not mixed in."""
    kept = ToolStatistics()
    await kept.learn(run_of(1.0))
    assert kept.observed(SEARCH.model_copy(update={"description": "Search the archive."})) is None
    assert kept.observed(SEARCH.model_copy(update={"expected_s": 3.0})) is not None


async def test_expected_seconds() -> None:
    """What was observed takes the place of what a tool declares; a declaration stands until then."""
    kept = ToolStatistics()
    declared = SEARCH.model_copy(update={"expected_s": 9.0})
    assert kept.expecting({"search": declared})["search"].expected_s == 9.0
    await kept.learn(run_of(1.5))
    assert kept.expecting({"search": declared})["search"].expected_s == 1.5


async def test_expected_cost() -> None:
    """What calls cost takes the place of what a tool declares."""
    kept = ToolStatistics()
    declared = SEARCH.model_copy(update={"expected_usd": 0.5})
    assert kept.expecting({"search": declared})["search"].expected_usd == 0.5
    await kept.learn(run_of(1.0, usd=0.25))
    assert kept.expecting({"search": declared})["search"].expected_usd == 0.25


async def test_what_one_learns_all_know() -> None:
    """Two processes that share a store lose nothing of each other, and a third reads both; each counts once."""
    notes = MemoryNotes()
    first, second = ToolStatistics(notes), ToolStatistics(notes)
    await first.learn(run_of(1.0))
    await second.learn(run_of(3.0))
    for kept in (first, second, ToolStatistics(notes)):
        await kept.refresh()
        await kept.refresh()
        found = kept.observed(SEARCH)
        assert found is not None
        assert (found.calls, found.median_s) == (2, 2.0)


@pytest.mark.parametrize("line", ["", "{", "[]", "null", "{}", '{"seconds":[1],"usd":[]}', '{"seconds":"x","usd":"y"}'])
async def test_lines_of_another_release_are_left_out(line: str) -> None:
    """A line that cannot be read costs only itself; the others count."""
    notes = MemoryNotes()
    kept = ToolStatistics(notes)
    await notes.add(KIND, [(tool_key(SEARCH), line)], keep=9)
    await kept.learn(run_of(1.0))
    found = kept.observed(SEARCH)
    assert found is not None
    assert found.calls == 1


async def test_little_is_kept() -> None:
    """However many runs there were, no more lines stay than are used, and a line holds no more calls than count."""
    notes = MemoryNotes()
    kept = ToolStatistics(notes)
    await kept.learn(run_of(*[1.0] * (KEPT_CALLS + 9)))
    for _ in range(KEPT_CALLS + 9):
        await kept.learn(run_of(2.0))
    found = await notes.load(KIND)
    assert (len(found), max(len(note.line) for note in found) < 40) == (KEPT_CALLS, True)


async def test_a_store_that_fails_teaches_nothing() -> None:
    """Statistics that cannot be read are no fault of a run: it goes on with what is known."""

    class Gone(MemoryNotes):
        async def load(self, kind: str, key: str | None = None, after: int = 0) -> list[Note]:
            raise StoreError("the store is away")

    kept = ToolStatistics(Gone())
    await kept.refresh()
    assert kept.observed(SEARCH) is None


def test_percentile_is_a_value_seen() -> None:
    """The 95th percentile of a hundred values is the 95th, of one that one."""
    assert percentile(range(1, 101), 0.95) == 95
    assert percentile([4.0], 0.95) == 4.0


async def test_a_run_that_ended_is_let_go() -> None:
    """What its log said of its tools is not held on to: every run's is read anew, in a server that runs for months."""
    kept, records = ToolStatistics(), run_of(1.0)
    started = records[0].event
    assert isinstance(started, RunStarted)
    schema = started.tools[0].input_schema
    before = sys.getrefcount(schema)
    await kept.learn(records)
    assert sys.getrefcount(schema) == before


async def test_clients_tools_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of tools without end the latest are remembered, and nothing is held of the others."""
    monkeypatch.setattr("engine.durable.statistics.KEPT_TOOLS", 3)
    kept = ToolStatistics()
    specs = [ToolSpec(name="search", description=f"Search {number}.") for number in range(5)]
    schema = specs[0].input_schema
    before = sys.getrefcount(schema)
    for spec in specs:
        await kept.learn([_with(spec, record) for record in run_of(1.0)])
        assert kept.observed(spec) is not None
    assert sys.getrefcount(schema) == before
    assert [kept.observed(spec) is not None for spec in specs] == [False, False, True, True, True]


def _with(spec: ToolSpec, record: LoggedRecord) -> LoggedRecord:
    """Return a record of a run that had this one tool."""
    if not isinstance(record.event, RunStarted):
        return record
    return LoggedRecord(record.run_id, record.seq, record.at, record.event.model_copy(update={"tools": (spec,)}))
