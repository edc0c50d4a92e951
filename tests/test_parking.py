"""Waits: for a time or a person a run holds no slot, and where it may park no process; nothing said to it is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from engine.api import Engine
from engine.dag.state import RunState
from engine.durable.artifacts import Artifacts
from engine.durable.memory import MemoryLog
from engine.journal import Journal
from engine.parking import Parking
from engine.testing import FakeTool
from engine.tools.builtin.waiting import wait
from engine.tools.function import tool
from schemas.errors import RateLimitError, RunParkedError, ToolUnavailableError
from schemas.events import LoggedEvent, LoggedRecord, PlanStarted
from schemas.gateway import BudgetRule, GatewaySettings
from schemas.protocols import ToolContext
from schemas.settings import Limits
from tests.runs import engine_of, plan_of, ran, step, virtually

SEND = plan_of(step("1", "send"), step("2", "look", "1"), answer="{{2}}")


def sender() -> FakeTool:
    """A tool that is asked about."""
    return FakeTool("send", "sent", effects="effectful", approval="always")


def poller(keys: list[str], times: int = 2, seconds: float = 7_200.0) -> Any:
    """A tool that asks to be called later, so many times."""

    @tool(name="poll", effects="idempotent", max_parallel=1)
    async def poll(context: ToolContext) -> str:
        keys.append(context.call.idempotency_key)
        await anyio.lowlevel.checkpoint()
        if context.call.postponed < times:
            context.postpone(seconds=seconds, reason="not there yet")
        return "there"

    return poll


async def until_row(engine: Engine, run_id: str, *status: str) -> None:
    """Wait until a run's summary says so."""
    while (await engine.store.summary(run_id)).status not in status:
        await anyio.sleep(0.01)


@pytest.mark.anyio
async def test_a_run_whose_tool_asks_is_waiting() -> None:
    """While running tools ask, the run's summary says that it waits, until the last of them is answered."""

    @tool(name="seat", effects="none")
    async def seat(row: int, context: ToolContext) -> str:
        return f"{row}: {await context.ask(f'Which seat of row {row}?')}"

    plan = plan_of(step("1", "seat", tool_input={"row": 1}), step("2", "seat", tool_input={"row": 2}))
    engine = engine_of(seat)
    async with engine.start(plan=plan, park=True) as run:
        await until_row(engine, run.run_id, "waiting")
        assert (await engine.store.summary(run.run_id)).waits_for == "question"
        while len(asked := await run.pending()) < 2:
            await anyio.sleep(0.01)
        await run.answer(asked[0].approval_id, "done", result="A")
        await anyio.sleep(0.05)
        await until_row(engine, run.run_id, "waiting")
        await run.answer(asked[1].approval_id, "done", result="B")
        await until_row(engine, run.run_id, "running", "completed")
        assert (await run.result()).status == "completed"


@pytest.mark.anyio
async def test_the_stores_time_is_that_of_the_records() -> None:
    """A record is at most as old as its writing took: of several, the one written fastest tells the time."""
    log = MemoryLog()
    parking = Parking(Journal(log, "r", lambda: RunState("r", {}), Artifacts(log)), Limits(), log.now)
    here = anyio.current_time()
    for late_s, known in ((5.0, 1e6 - 5.0), (1.0, 1e6 - 1.0), (3.0, 1e6 - 1.0)):
        parking.see([LoggedRecord("r", 1, here + 1e6 - late_s, PlanStarted())])
        assert parking.now() - anyio.current_time() == pytest.approx(known, abs=0.5)


async def parked(engine: Engine, plan: Any, **options: Any) -> str:
    """Start a run that parks, and return its id."""
    async with engine.start(plan=plan, park=True, **options) as run:
        with pytest.raises(RunParkedError):
            await run.result()
        assert run.parked is not None
        return run.run_id


def kinds(records: Sequence[LoggedRecord], *wanted: str) -> list[str]:
    """The kinds of events in order, of these."""
    return [record.event.kind for record in records if record.event.kind in wanted]


async def replays(engine: Engine, run_id: str) -> None:
    """A run that changed hands plays again event for event."""
    records = await engine.store.load(run_id)
    assert [record async for record in engine.replay(records)] == records


def test_a_run_that_waits_for_a_person_is_let_go() -> None:
    """B48: a run that may park ends its drive at an approval; the answer queues it, and it goes on where it was."""

    async def main() -> None:
        send = sender()
        engine = engine_of(send, FakeTool("look", "seen"))
        run_id = await parked(engine, SEND)
        row = await engine.store.summary(run_id)
        assert (row.status, row.waits_for, row.until, row.driver) == ("waiting", "approval", None, "")
        assert (await engine.drive(run_id)).status == "waiting"
        await engine.attach(run_id).approve()
        assert (await engine.store.summary(run_id)).status == "queued"
        assert (await engine.drive(run_id)).status == "completed"
        assert len(send.calls) == 1
        await replays(engine, run_id)

    virtually(main)


def test_a_step_that_waits_holds_no_slot() -> None:
    """A step that asks to be called later gives its slot to others, and is called again with the same key."""

    async def main() -> None:
        keys: list[str] = []
        engine = engine_of(poller(keys), FakeTool("look", "seen"))
        plan = plan_of(step("1", "poll"), step("2", "look"), step("3", "look", "2"), answer="{{1}}")
        run = await ran(engine, plan, run_id="r", limits=engine.limits(max_parallel=1))
        assert (run.result.answer, keys, run.seconds) == ("there", ["r:1"] * 3, 14_400.0)
        assert run.at("step_ended", "3") < 1.0
        assert run.ends()["1"].attempts == 3
        assert run.kinds("step_postponed", "time_came") == ["step_postponed", "time_came"] * 2

    virtually(main)


def test_a_timer_parks_the_run() -> None:
    """Two hours to wait: the row says until when; who claims it then notes that the time came, and goes on."""

    async def main() -> None:
        keys: list[str] = []
        engine = engine_of(poller(keys, times=1))
        run_id = await parked(engine, plan_of(step("1", "poll"), answer="{{1}}"))
        row = await engine.store.summary(run_id)
        assert (row.waits_for, row.until) == ("timer", 7_200.0)
        await anyio.sleep(3_600)
        assert (await engine.drive(run_id)).status == "waiting"
        assert len(keys) == 1
        await anyio.sleep(3_601)
        assert (await engine.drive(run_id)).status == "completed"
        assert keys == [f"{run_id}:1"] * 2
        records = await engine.store.load(run_id)
        await replays(engine, run_id)
        handed = ["run_parked", "run_claimed"]
        assert kinds(records, *handed, "time_came") == [*handed, *handed, "time_came"]

    virtually(main)


def test_a_short_wait_is_waited_for() -> None:
    """A run that may park is not let go for a time that is about to come."""

    async def main() -> None:
        engine = engine_of(poller([], times=1, seconds=0.5))
        async with engine.start(plan=plan_of(step("1", "poll"), answer="{{1}}"), park=True) as run:
            assert (await run.result()).answer == "there"

    virtually(main)


class Crossing(MemoryLog):
    """A store in which somebody answers in the very instant in which a run is to be parked."""

    answer: Any = None

    async def append(self, run_id: str, expected_seq: int, events: Sequence[LoggedEvent]) -> list[LoggedRecord]:
        """Let the answer be first."""
        if self.answer is not None and events[-1].kind == "run_parked":
            answer, self.answer = self.answer, None
            await answer()
        return await super().append(run_id, expected_seq, events)


def test_an_answer_in_the_instant_of_parking_is_not_lost() -> None:
    """B48: an answer that is written while the run is being parked is read, and the run goes on at once."""

    async def main() -> None:
        store = Crossing(anyio.current_time)
        engine = engine_of(sender(), FakeTool("look", "seen", seconds=1.0), store=store)
        plan = plan_of(step("1", "send"), step("2", "look"), answer="{{1}}")
        async with engine.start(plan=plan, park=True) as run:
            store.answer = run.approve
            assert (await run.result()).answer == "sent"
        assert kinds(await store.load(run.run_id), "run_parked", "approval_answered") == ["approval_answered"]

    virtually(main)


def test_a_cancel_ends_what_waits() -> None:
    """A step that waits for a time ends with its run, at once."""

    async def main() -> None:
        engine = engine_of(poller([]))
        run_id = await parked(engine, plan_of(step("1", "poll"), answer="{{1}}"))
        await engine.attach(run_id).cancel()
        assert (await engine.drive(run_id)).status == "cancelled"
        assert anyio.current_time() < 1.0

    virtually(main)


def test_waiting_without_end_fails_the_step() -> None:
    """A tool that asks to be called later more often than allowed fails its step, and says so."""

    async def main() -> None:
        engine = engine_of(poller([], times=99), limits={"max_postponements": 3})
        run = await ran(engine, plan_of(step("1", "poll"), answer="{{1}}"))
        error = run.ends()["1"].error
        assert error is not None
        assert "was postponed 3 times" in error.message

    virtually(main)


def test_a_tool_that_asks_for_patience_is_not_slept_for() -> None:
    """A Retry-After beyond limits.park_after_s puts the step off; a shorter one is slept in its slot."""

    async def main() -> None:
        busy = [ToolUnavailableError("later", details={"retry_after_s": seconds}) for seconds in (600.0, 20.0)]
        engine = engine_of(FakeTool("look", [*busy, "seen"]))
        run_id = await parked(engine, plan_of(step("1", "look"), answer="{{1}}"))
        row = await engine.store.summary(run_id)
        assert (row.waits_for, row.until) == ("rate_limit", 600.0)
        await anyio.sleep(600)
        assert (await engine.drive(run_id)).status == "completed"
        assert anyio.current_time() == pytest.approx(620.0, abs=1)

    virtually(main)


def test_the_built_in_wait() -> None:
    """``wait`` lets what needs it go on after so many seconds."""

    async def main() -> None:
        engine = engine_of(wait, FakeTool("look", "seen"))
        plan = plan_of(step("1", "wait", tool_input={"seconds": 7_200}), step("2", "look", "1"), answer="{{2}}")
        assert (await ran(engine, plan)).seconds == 7_200.0
        late = plan_of(step("1", "wait", tool_input={"until": "2001-01-01"}), answer="{{1}}")
        assert (await ran(engine, late)).seconds == 0.0
        both = plan_of(step("1", "wait", tool_input={"until": "2001-01-01", "seconds": 1}), answer="{{1}}")
        assert (await ran(engine, both)).result.status == "failed"

    virtually(main)


def test_models_that_ask_for_patience_park_the_run() -> None:
    """A planner and a synthesizer that are told to come back in ten minutes are asked again then."""

    async def main() -> None:
        later = RateLimitError("slow down", details={"retry_after_s": 600.0})
        script: list[Any] = [later, {"steps": [{"look": {}}]}, later, "seen it"]
        engine = engine_of(FakeTool("look", "seen"), script=script)
        async with engine.start("do 5 things", mode="plan", park=True) as run:
            await run.done()
            assert run.parked is not None
            assert (run.parked.reason, run.parked.until) == ("rate_limit", 600.0)
        await anyio.sleep(600)
        assert (await engine.drive(run.run_id)).until == 1_200.0
        await anyio.sleep(600)
        assert (await engine.drive(run.run_id)).status == "completed"
        records = await engine.store.load(run.run_id)
        await replays(engine, run.run_id)
        assert kinds(records, "planning_postponed", "step_started", "answer") == [
            "planning_postponed",
            "step_started",
            "planning_postponed",
            "answer",
        ]

    virtually(main)


def test_a_budget_that_is_used_up_parks_the_run() -> None:
    """B80: a run whose agents' budget is paused waits for its next period, and goes on when it is resumed by hand."""

    async def main() -> None:
        rule = BudgetRule(of="all", tokens=1_000_000, per="month")
        script: list[Any] = [{"steps": [{"look": {}}]}, "seen it"]
        engine = engine_of(FakeTool("look", "seen"), script=script, gateway=GatewaySettings(budgets=(rule,)))
        ledger = engine.gateway.ledger
        await ledger.open("all@month", {"tokens": 1_000_000}, period="month")
        await ledger.settle(await ledger.reserve(["all@month"], {"tokens": 999_999}), {})
        async with engine.start("do 5 things", mode="plan", park=True) as run:
            await run.done()
            assert run.parked is not None
            assert run.parked.until is not None
        records = await engine.store.load(run.run_id)
        (put_off,) = [one.event for one in records if one.event.kind == "planning_postponed"]
        assert "all is paused" in put_off.reason
        await ledger.resume("all@month")
        await anyio.sleep(run.parked.until)
        assert (await engine.drive(run.run_id)).status == "completed"

    virtually(main)
