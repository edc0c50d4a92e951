"""Runs that are begun by one driver and gone on with by another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from engine.api import Engine
from engine.durable.memory import MemoryLog
from engine.durable.opening import open_store
from engine.presence import Presence
from engine.testing import ScriptedProvider, scripted_engine
from schemas.driving import RunClaimed, RunParked
from schemas.errors import ConflictError, NotFoundError, StoreError, ToolArgumentsError
from schemas.events import LoggedEvent, LoggedRecord, PlanStarted, PlanStep, RunLimits, StepEnded, StepStarted
from schemas.plan import Plan
from schemas.result import StepResult
from tests.durable.test_patience import Away
from tests.properties.resuming import Past
from tests.runs import FakeTool, engine_of, plan_of, ran, step, virtually

PLAN = plan_of(step("1", "look"), step("2", "look", "1"), answer="{{2}}")
TEXT = {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}
PAY = plan_of(step("1", "pay", tool_input={"to": "ann"}), step("2", "look"), answer="{{1}}")


def two_engines(*tools: Any, **settings: Any) -> tuple[Engine, Engine]:
    """Two engines on one store."""
    store = MemoryLog(anyio.current_time)
    return engine_of(*tools, store=store, **settings), engine_of(*tools, store=store, **settings)


def pay(**spec: Any) -> FakeTool:
    """A tool whose effect must happen once."""
    return FakeTool("pay", "paid", effects="effectful", input_schema=TEXT, output_schema={"type": "string"}, **spec)


async def killed(plan: Plan, *events: LoggedEvent, **options: Any) -> Past:
    """A store with a run of a plan whose driver died after these events."""
    engine = engine_of(FakeTool("look"), pay(), store=MemoryLog())
    run_id = await engine.submit(plan=plan, run_id="r", **options)
    store, records = Past(engine.store), await engine.store.load(run_id)
    await store.fill(records)
    await store.append("r", len(records), [RunClaimed(driver="dead"), *events])
    return store


def kinds(records: Sequence[LoggedRecord]) -> list[str]:
    """What happened, in order."""
    return [record.event.kind for record in records]


async def doubtful() -> Past:
    """A run whose driver died while it paid."""
    whole = engine_of(FakeTool("look", "x"), pay(), store=MemoryLog())
    run = await ran(whole, PAY, run_id="r")
    store = Past(MemoryLog())
    await store.fill(run.records[: kinds(run.records).index("step_started") + 1])
    return store


@pytest.mark.anyio
async def test_a_submitted_run_waits_for_a_driver() -> None:
    """What is submitted is there, queued, and whoever drives it gives its answer."""
    one, other = two_engines(FakeTool("look", "x"))
    run_id = await one.submit(plan=PLAN)
    assert (await one.store.summary(run_id)).status == "queued"
    row = await other.drive(run_id)
    assert (row.status, row.claims, row.driver) == ("completed", 1, "")
    assert (await one.attach(run_id).result()).answer == "x"
    assert await one.store.drivers() == []


class Counted(MemoryLog):
    """A store that notes how often it is written to and read."""

    def __init__(self) -> None:
        super().__init__(anyio.current_time)
        self.written: list[list[str]] = []
        self.read_on = self.clock_read = 0

    async def append(self, run_id: str, expected_seq: int, events: Sequence[LoggedEvent]) -> list[LoggedRecord]:
        """Append, and note what."""
        self.written.append([event.kind for event in events])
        return await super().append(run_id, expected_seq, events)

    async def load(self, run_id: str, after: int = 0) -> list[LoggedRecord]:
        """Load, and note it where more is looked for."""
        self.read_on += after > 0
        return await super().load(run_id, after)

    async def now(self) -> float:
        """Return the time, and note it."""
        self.clock_read += 1
        return await super().now()


def test_a_driven_run_writes_at_once_and_reads_nothing_twice() -> None:
    """What waits for no model or tool is one append; what a driver wrote, and when, he asks nobody for."""
    store = Counted()
    engine = engine_of(FakeTool("look", "x", seconds=1.0), store=store)

    async def go() -> None:
        run_id = await engine.submit(plan=plan_of(step("1"), step("2", "look", "1"), answer="{{2}}"))
        await engine.drive(run_id)

    virtually(go)
    assert store.written == [
        ["run_started"],
        ["run_claimed"],
        ["plan_started", "plan_accepted", "step_started"],
        ["step_ended", "step_started"],
        ["step_ended", "answer", "run_ended"],
    ]
    assert (store.read_on, store.clock_read) == (0, 0)


@pytest.mark.anyio
async def test_what_tools_took_is_read_where_a_run_begins() -> None:
    """Who goes on with it has no use for it, and waits for it only once the run is over, and teaches."""
    done: list[str] = []

    async def look(arguments: dict[str, Any]) -> str:
        del arguments
        done.append("called")
        return "x"

    async def refresh() -> None:
        done.append("read")

    engine = engine_of(FakeTool("look", look))
    engine.statistics.refresh = refresh
    await engine.drive(await engine.submit(plan=plan_of(step("1"))))
    assert done == ["read", "called", "read"]


@pytest.mark.anyio
async def test_a_run_that_is_driven_is_refused() -> None:
    """A second driver is told who drives the run; one that is over, or is not there, is refused too."""
    one, other = two_engines(FakeTool("look", "x", seconds=0.1))
    async with one.start(plan=PLAN, run_id="r") as run:
        with pytest.raises(ConflictError, match="is driven by library"):
            await other.drive("r")
        with pytest.raises(ConflictError, match="this very process"):
            await one.drive("r")
        await run.result()
    with pytest.raises(ConflictError, match=r"over \(completed\)"):
        await other.drive("r")
    with pytest.raises(NotFoundError):
        await other.drive("none")


@pytest.mark.anyio
async def test_a_driver_that_is_replaced_starts_nothing_more() -> None:
    """B62: two live drivers do not alternate: the last claim wins; the first shows the run from the store."""
    look = FakeTool("look", "x", seconds=0.2)
    one, other = two_engines(look)
    async with one.start(plan=PLAN, run_id="r") as run:
        await anyio.sleep(0.1)
        async with other.resume("r", force=True) as taken:
            assert (await taken.result()).answer == "x"
        assert (await run.result()).answer == "x"
        assert "taken over" in run.taken_over
    records = await one.store.load("r")
    assert kinds(records).count("step_started") == len(look.calls) == 3
    assert kinds(records).count("run_claimed") == 1


@pytest.mark.anyio
async def test_a_replaced_worker_returns_quietly() -> None:
    """What a worker drives and another takes over is let go without an error."""
    one, other = two_engines(FakeTool("look", "x", seconds=0.2))
    await one.submit(plan=PLAN, run_id="r")
    rows: list[Any] = []

    async def work() -> None:
        rows.append(await one.drive("r"))

    async with anyio.create_task_group() as group:
        group.start_soon(work)
        await anyio.sleep(0.1)
        await other.drive("r", force=True)
    assert [row.status for row in rows] in (["running"], ["completed"])


@pytest.mark.anyio
async def test_a_drive_that_is_cancelled_can_be_gone_on_with() -> None:
    """A worker that is stopped writes no end for what it was doing; the next one goes on, and its row is gone."""
    one, other = two_engines(FakeTool("look", "x", seconds=0.2), FakeTool("quick", "y"))
    await one.submit(plan=plan_of(step("1", "quick"), step("2", "look"), answer="{{2}}"), run_id="r")
    with anyio.move_on_after(0.1):
        await one.drive("r")
    assert await one.store.drivers() == []
    row = await other.drive("r")
    assert (row.status, row.claims) == ("completed", 2)
    records = await other.store.load("r")
    assert [r.event.again for r in records if r.event.kind == "step_interrupted"] == [True]
    assert kinds(records).count("step_started") == 3


@pytest.mark.anyio
async def test_a_request_that_waited_is_the_same_after_a_restart() -> None:
    """B48: another process lists the request under its id; answered, the run goes on, and nothing done is repeated."""
    mail = {"effects": "effectful", "approval": "always", "input_schema": TEXT}
    plan = plan_of(step("1"), step("2", "mail", tool_input={"to": "{{1}}"}), answer="{{2}}")
    first = engine_of(FakeTool("look", "ann"), FakeTool("mail", "sent", **mail))
    async with first.start(plan=plan, run_id="r") as run:
        while not (asked := await run.pending()):
            await anyio.sleep(0.001)
        store = Past(MemoryLog())
        await store.fill(await first.store.load("r"))  # what a killed process leaves
        await run.reject()
    look, sent = FakeTool("look", "ann"), FakeTool("mail", "sent", **mail)
    second = engine_of(look, sent, store=store)
    assert await second.attach("r").pending() == asked
    async with second.resume("r") as again:
        assert await second.attach("r").pending() == asked
        await second.attach("r").approve(asked[0].approval_id)
        assert (await again.result()).answer == "sent"
    assert (look.calls, sent.calls) == ([], [{"to": "ann"}])


@pytest.mark.anyio
async def test_what_may_have_happened_is_asked_about() -> None:
    """B62: an effect in flight at the crash is not repeated; a person says it was done, and with what result."""
    tool = pay()
    engine = engine_of(FakeTool("look", "x"), tool, store=await doubtful())
    async with engine.resume("r") as run:
        while not (asked := await run.pending()):
            await anyio.sleep(0.001)
        assert [(one.subject, one.step_id, one.input) for one in asked] == [("in_doubt", "1", {"to": "ann"})]
        with pytest.raises(ToolArgumentsError, match="none of pay"):
            await run.answer(asked[0].approval_id, "done", result=7)
        await run.answer(asked[0].approval_id, "done", result="paid by hand", by="ann")
        result = await run.result()
    assert (result.answer, result.status, tool.calls) == ("paid by hand", "completed", [])
    assert result.steps["1"].reason == "declared done by ann"


@pytest.mark.anyio
async def test_what_did_not_happen_runs_under_the_same_key() -> None:
    """B62: told that it did not happen, the run calls the tool, with the same input and key."""
    tool, store = pay(), await doubtful()
    async with engine_of(FakeTool("look", "x"), tool, store=store).resume("r") as run:
        while not await run.pending():
            await anyio.sleep(0.001)
        await run.approve()
        assert (await run.result()).answer == "paid"
    started = [r.event for r in await store.load("r") if isinstance(r.event, StepStarted) and r.event.step_id == "1"]
    assert (len(started), started[0], tool.calls) == (2, started[1], [{"to": "ann"}])


@pytest.mark.anyio
async def test_a_run_in_doubt_can_be_aborted() -> None:
    """B62: told to abort, the run is cancelled with a partial answer, and the step stays in doubt."""
    tool = pay()
    async with engine_of(FakeTool("look", "x"), tool, store=await doubtful()).resume("r") as run:
        while not await run.pending():
            await anyio.sleep(0.001)
        await run.reject(reason="I shall look myself")
        result = await run.result()
    assert (result.status, result.partial, tool.calls) == ("cancelled", True, [])
    assert (result.steps["1"].in_doubt, result.steps["2"].status) == (True, "done")


@pytest.mark.anyio
async def test_done_is_no_answer_to_an_ordinary_request() -> None:
    """Only a step in doubt can be declared done."""
    plan = plan_of(step("1", "mail"))
    async with engine_of(FakeTool("mail", approval="always")).start(plan=plan) as run:
        while not await run.pending():
            await anyio.sleep(0.001)
        with pytest.raises(ConflictError, match="no step in doubt"):
            await run.answer(None, "done")
        await run.cancel()


@pytest.mark.anyio
async def test_a_run_that_kills_its_drivers_is_set_aside() -> None:
    """B62: after so many claims without progress nobody takes the run by itself; who insists may."""
    store = await killed(PLAN, *(RunClaimed(driver=f"d{n}") for n in range(4)))
    engine = engine_of(FakeTool("look", "x"), store=store)
    row = await engine.drive("r")
    assert (row.status, row.waits_for, row.driver) == ("waiting", "set_aside", "")
    with pytest.raises(ConflictError, match="claimed 5 times without getting any further"):
        async with engine.resume("r"):
            pass
    assert kinds(await store.load("r")).count("run_parked") == 1
    async with engine.resume("r", force=True) as run:
        assert (await run.result()).answer == "x"


@pytest.mark.anyio
async def test_a_run_that_was_set_aside_can_be_cancelled() -> None:
    """What a person says lets a driver take it again."""
    store = await killed(PLAN, *(RunClaimed(driver=f"d{n}") for n in range(4)), RunParked(reason="set_aside"))
    engine = engine_of(FakeTool("look", "x"), store=store)
    await engine.attach("r").cancel("enough")
    assert (await engine.drive("r")).status == "cancelled"


@pytest.mark.anyio
async def test_a_plan_that_was_being_written_is_asked_for_again() -> None:
    """B62: a finished read-only draft is adopted where the new reply names it; the replan counts against no cap."""

    def reply(request: Any) -> Any:
        del request
        return {"steps": [{"look": {}}, {"step": {"look": {}}, "depends_on": [2]}, {"answer": "{{3}}"}]}

    look = FakeTool("look", "x")
    engine = engine_of(look, script=reply, store=MemoryLog(), limits={"max_replans": 0})
    await engine.submit("look twice", mode="plan", run_id="r")
    written = await engine.store.load("r")
    draft = step("1", "look")
    ended = StepEnded(step_id="1", tool="look", result=StepResult(status="done", value="old", attempts=1))
    await engine.store.append(
        "r",
        len(written),
        [
            RunClaimed(driver="dead"),
            PlanStarted(),
            PlanStep(revision=1, step=draft),
            StepStarted(step_id="1", tool="look"),
            ended,
        ],
    )
    async with engine.resume("r") as run:
        result = await run.result()
    assert (result.status, result.replans, len(look.calls)) == ("completed", 0, 1)
    assert result.steps["1"].value == "old"
    triggers = [r.event.triggers for r in await engine.store.load("r") if r.event.kind == "replan_started"]
    assert [[trigger.kind for trigger in one] for one in triggers] == [["resumed"]]


def test_only_driven_seconds_count() -> None:
    """B62: the time limit leaves out the time between a crash and the next claim, and keeps what was used before."""

    async def go() -> None:
        engine = engine_of(FakeTool("look", "x", seconds=4.0))
        chain = plan_of(*(step(str(n), "look", *([str(n - 1)] if n > 1 else [])) for n in range(1, 4)))
        run = await ran(engine, chain, run_id="r", limits=RunLimits(time_limit_s=100.0))
        cut = [r.seq for r in run.records if r.event.kind == "step_ended"][1]
        results: list[Any] = []
        for limit_s in (11.0, 13.0):
            first = run.records[0]
            limited = first.event.model_copy(update={"limits": RunLimits(time_limit_s=limit_s)})  # pyright: ignore
            store = Past(MemoryLog())
            await store.fill([LoggedRecord("r", 1, first.at, limited), *run.records[1:cut]])
            await anyio.sleep(10_000)
            async with engine_of(FakeTool("look", "x", seconds=4.0), store=store).resume("r") as again:
                results.append(await again.result())
        assert [result.status for result in results] == ["failed", "completed"]
        assert results[0].error.code == "budget.time"
        assert results[1].duration_s == pytest.approx(12.0)

    virtually(go)


@pytest.mark.anyio
async def test_a_tool_that_is_gone_fails_its_step() -> None:
    """Forced, a run goes on where one of its tools is no longer declared: the step says which."""
    store = await killed(plan_of(step("1", "look"), step("2", "pay", tool_input={"to": "x"}), answer=None))
    async with engine_of(FakeTool("look", "x"), store=store).resume("r", force=True) as run:
        result = await run.result()
    error = result.steps["2"].error
    assert result.steps["1"].status == "done"
    assert (error.code if error else "", "pay" in str(error)) == ("tool.not_found", True)


class Newer(MemoryLog):
    """Holds a run that a newer release wrote."""

    async def summary(self, run_id: str) -> Any:
        """Return its row."""
        return (await super().summary(run_id)).model_copy(update={"format": 99})


@pytest.mark.anyio
async def test_a_run_of_a_newer_release_is_left_alone() -> None:
    """A driver never claims a run whose events it may misread."""
    engine = engine_of(store=Newer())
    await engine.submit(plan=PLAN, run_id="r")
    with pytest.raises(ConflictError, match="newer release"):
        await engine.drive("r")
    assert kinds(await engine.store.load("r")) == ["run_started"]


def test_a_store_that_is_away_for_a_while_ends_no_run() -> None:
    """Steps that end meanwhile wait; when the store is back they are written once and the run goes on."""

    async def go() -> None:
        look = FakeTool("look", "x", seconds=5.0)
        engine = engine_of(look, store=Away(20.0))
        result = await engine.apply(PLAN, run_id="r")
        assert (result.answer, len(look.calls)) == ("x", 2)
        assert kinds(await engine.store.load("r")).count("step_ended") == 2

    virtually(go)


def test_a_store_that_stays_away_leaves_a_run_to_go_on_with() -> None:
    """The drive ends with a clear error, nothing unlogged goes on, and once the store is back the run does."""

    async def go() -> None:
        look, store = FakeTool("look", "x"), Away(200.0)
        engine = engine_of(look, store=store)
        with pytest.raises(StoreError, match="could not be written"):
            await engine.apply(PLAN, run_id="r")
        assert look.calls == []
        await anyio.sleep(200)
        assert (await engine.drive("r")).status == "completed"
        assert len(look.calls) == 2

    virtually(go)


@pytest.mark.anyio
async def test_a_submitted_run_can_be_watched_and_steered_from_elsewhere() -> None:
    """Events follow the store from any number on; what is asked there reaches the driver."""
    one, other = two_engines(FakeTool("look", "x", seconds=60.0))
    await one.submit(plan=PLAN, run_id="r")
    watched = other.attach("r")
    seen: list[str] = []

    async def watch() -> None:
        seen.extend([item.event.kind async for item in watched.events(1) if isinstance(item, LoggedRecord)])

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        group.start_soon(one.drive, "r")
        await anyio.sleep(0.05)
        await watched.cancel("enough")
        result = await watched.result()
    assert (result.status, seen[0], seen[-1]) == ("cancelled", "run_claimed", "run_ended")
    with pytest.raises(NotFoundError):
        await other.attach("none").pending()


@pytest.mark.anyio
async def test_its_heartbeat_ends_with_the_run(tmp_path: Path) -> None:
    """A run in a store that other processes share ends when it is over: nothing goes on beating for it."""
    store = await open_store(str(tmp_path / "runs.db"))
    engine = engine_of(FakeTool("look", "x"), store=store)
    with anyio.fail_after(20):
        assert (await engine.apply(PLAN)).answer == "x"
        assert await store.drivers() == []
    await store.aclose()


@pytest.mark.anyio
async def test_a_driver_that_leaves_hands_its_runs_over() -> None:
    """What runs ends, nothing else starts, and the next driver goes on without doing anything again."""
    look = FakeTool("look", "x", seconds=0.2)
    one, other = two_engines(look)
    run_id = await one.submit(plan=PLAN)
    async with anyio.create_task_group() as group:
        group.start_soon(one.drive, run_id)
        await anyio.sleep(0.1)
        await one.drain()
        (driver,) = await one.store.drivers()
        assert driver.draining
    assert (await one.store.summary(run_id)).status == "queued"
    assert len(look.calls) == 1
    assert (await one.drive(run_id)).status == "queued"  # it takes nothing any more
    assert (await other.drive(run_id)).status == "completed"
    assert len(look.calls) == 2
    told = kinds(await one.store.load(run_id))
    assert told.count("run_parked") == 2
    assert "step_interrupted" not in told


@pytest.mark.anyio
async def test_a_plan_that_is_being_written_is_handed_over_when_it_is_written() -> None:
    """A driver that leaves waits for its planner, so that nobody pays for the plan twice."""
    provider = ScriptedProvider([{"steps": [{"look": {}}, {"answer": "{{1}}"}]}], first_token_s=1.0)
    store, look = MemoryLog(anyio.current_time), FakeTool("look", "x")
    one, other = (scripted_engine(provider, [look]) for _ in range(2))
    one.store = other.store = store
    one.presence, other.presence = (Presence(store, "library", 8.0) for _ in range(2))
    run_id = await one.submit("look", mode="plan")
    async with anyio.create_task_group() as group:
        group.start_soon(one.drive, run_id)
        await anyio.sleep(0.5)
        await one.drain()
    assert look.calls == []
    assert (await other.drive(run_id)).status == "completed"
    assert len(provider.requests) == 1
