"""Spending limits on an argument: refused before the call, exact over runs and restarts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from engine.durable.sqlite.ledger import SqliteLedger
from engine.durable.sqlite.store import SqliteStore
from engine.executor.spending import Spending
from engine.testing import FakeTool, ScriptedProvider, scripted_engine
from gateway.budget import MemoryLedger
from schemas.errors import StepTimeoutError, StoreError, ToolFailedError
from schemas.planning import StepCall
from schemas.protocols import Ledger
from schemas.result import StepResult
from schemas.tool import RetryPolicy, SpendingLimits
from tests.durable.ledger_contract import Settable
from tests.executor.test_step import runner

pytestmark = pytest.mark.anyio
AMOUNT: dict[str, Any] = {"type": "object", "properties": {"amount": {}, "order": {}}}


def transfer(does: Any = "sent", **limits: Any) -> FakeTool:
    """A tool that moves an amount."""
    spending = SpendingLimits.model_validate({"argument": "amount", **limits})
    once = RetryPolicy(max_attempts=1)
    return FakeTool("transfer", does, input_schema=AMOUNT, effects="idempotent", spending=spending, retry=once)


async def pay(
    tool: FakeTool, ledger: Ledger, amount: Any, step: str = "1", *, run: str = "r", user: str = ""
) -> StepResult:
    """Make one call."""
    call = StepCall(
        run_id=run, step_id=step, tool="transfer", input={"amount": amount}, idempotency_key=f"{run}:{step}"
    )
    return await runner(tool, spending=Spending(ledger, user)).run(call)


async def test_a_call_beyond_its_limit_is_not_made() -> None:
    """B50: an amount above the limit of a call is refused before the call; the error says amount and limit."""
    tool = transfer(per_call=500)
    assert (await pay(tool, MemoryLedger(), 500)).status == "done"
    refused = await pay(tool, MemoryLedger(), 500.01)
    assert refused.error is not None
    assert (refused.error.code, refused.attempts, len(tool.calls)) == ("step.rejected", 0, 1)
    assert "amount 500.01 is more than its limit of 500 a call" in refused.error.message


async def test_a_day_has_a_limit() -> None:
    """B50: calls of any run add up to the limit of a day, exactly; the refusal says limit, spent and asked."""
    tool, ledger = transfer(per_day=2000), MemoryLedger()
    for number in range(4):
        assert (await pay(tool, ledger, 450, run=f"r{number}")).status == "done"
    refused = await pay(tool, ledger, 200.5, run="r9")
    assert refused.error is not None
    assert "what is left of its limit of 2000 a day: 1800 is spent" in refused.error.message
    assert refused.error.details.items() >= {"limit": 2000, "spent": 1800, "asked": 200.5}.items()
    assert (await pay(tool, ledger, 200, run="r10")).status == "done"


async def test_each_key_has_a_limit_of_its_own() -> None:
    """B50: what one key spent is not taken from another's, and all together stay below the limit of the day."""
    tool, ledger = transfer(per_key=100, per_day=150), MemoryLedger()
    assert (await pay(tool, ledger, 100, user="ann")).status == "done"
    refused = await pay(tool, ledger, 1, "2", user="ann")
    assert refused.error is not None
    assert "100 a day for ann" in refused.error.message
    assert (await pay(tool, ledger, 50, "3", user="bob")).status == "done"
    assert (await pay(tool, ledger, 1, "4", user="bob")).status == "failed"


async def test_a_new_day_begins_at_midnight_there() -> None:
    """B50: at midnight in the declared time zone there is a whole limit again."""
    clock = Settable()
    tool, ledger = transfer(per_day=100, time_zone="Asia/Tokyo"), MemoryLedger(clock)
    clock.at(2026, 7, 1, 23, 59, zone="Asia/Tokyo")
    assert (await pay(tool, ledger, 100)).status == "done"
    assert (await pay(tool, ledger, 100, "2")).status == "failed"
    clock.at(2026, 7, 2, 0, 0, zone="Asia/Tokyo")
    assert (await pay(tool, ledger, 100, "3")).status == "done"


async def test_the_limit_survives_a_restart(tmp_path: Path) -> None:
    """B50: what was spent before a restart is spent after it."""
    tool = transfer(per_day=100)
    for amount, status in ((60, "done"), (60, "failed"), (40, "done"), (1, "failed")):
        store = SqliteStore(tmp_path / "runs.db")
        assert (await pay(tool, SqliteLedger(store), amount, str(amount))).status == status
        await store.aclose()
    assert tool.calls == [{"amount": 60}, {"amount": 40}]


async def test_a_call_that_died_counts_and_is_counted_once(tmp_path: Path) -> None:
    """B50: the amount of a call whose process died stays held; made again for the same step it is the same amount."""
    tool, limits = transfer(per_day=100), {"amount": 100}
    store = SqliteStore(tmp_path / "runs.db")
    ledger = SqliteLedger(store)
    await ledger.open("tool:transfer", limits, period="day")
    await ledger.reserve(["tool:transfer"], {"amount": 70}, reservation="spending:r:1", lease_s=None)
    await store.aclose()  # here the process died
    again = SqliteLedger(SqliteStore(tmp_path / "runs.db"))
    refused = await pay(tool, again, 40, "2")
    assert refused.error is not None
    assert "70 is held by calls that run or are in doubt" in refused.error.message
    assert (await pay(tool, again, 70, "1")).status == "done"
    assert (await pay(tool, again, 30, "3")).status == "done"
    assert (await pay(tool, again, 1, "4")).status == "failed"


@pytest.mark.parametrize(
    ("failure", "left"), [(ToolFailedError("no funds"), "done"), (StepTimeoutError("no answer"), "failed")]
)
async def test_only_what_surely_did_not_happen_is_given_back(failure: Exception, left: str) -> None:
    """B50: a call that failed gives its amount back; one that may have happened is spent."""
    tool, ledger = transfer([failure, "sent"], per_day=100), MemoryLedger()
    assert (await pay(tool, ledger, 100)).status == "failed"
    assert (await pay(tool, ledger, 100, "2")).status == left


async def test_a_cancelled_call_is_spent() -> None:
    """B50: a call that was broken off may have happened."""
    started = anyio.Event()

    async def forever(_: Any) -> None:
        started.set()
        await anyio.sleep_forever()

    tool, ledger = transfer(forever, per_day=100), MemoryLedger()
    async with anyio.create_task_group() as group:
        group.start_soon(pay, tool, ledger, 100)
        await started.wait()
        group.cancel_scope.cancel()
    assert [(account.spent, account.reserved) for account in await ledger.accounts()] == [(100, 0)]


@pytest.mark.parametrize("amount", [-1, True, None, "many", float("nan"), [5], "-3", "Infinity"])
async def test_what_is_no_amount_is_refused(amount: Any) -> None:
    """B50: a negative amount would raise what is left, and what is no number cannot be held to a limit."""
    tool = transfer(per_day=100)
    result = await pay(tool, MemoryLedger(), amount)
    assert result.error is not None
    assert (result.error.code, tool.calls) == ("step.rejected", [])


async def test_amounts_may_be_texts_and_fields() -> None:
    """Exact amounts are often written as text, and often stand inside an object."""
    ledger = MemoryLedger()
    assert (await pay(transfer(per_day=1), ledger, "0.10")).status == "done"
    tool = transfer(per_day=1, argument="order.amount")
    call = StepCall(run_id="r", step_id="2", tool="transfer", input={"order": {"amount": 2}})
    assert (await runner(tool, spending=Spending(ledger)).run(call)).status == "failed"


async def test_the_dry_run_comes_first() -> None:
    """B50: the dry run is called before the amount is reserved; its failure blocks the real call and costs nothing."""
    dry = FakeTool("dry", [ToolFailedError("would fail"), "fine"], input_schema=AMOUNT, effects="none")
    tool, ledger = transfer(per_day=100), MemoryLedger()
    tool.spec = tool.spec.model_copy(update={"simulate": "dry"})
    made = runner(dry, tool, spending=Spending(ledger))
    call = StepCall(run_id="r", step_id="1", tool="transfer", input={"amount": 100})
    first, second = await made.run(call), await made.run(call)
    assert (first.status, second.status, len(dry.calls), len(tool.calls)) == ("failed", "done", 2, 1)


async def test_a_store_that_fails_afterwards_costs_no_result() -> None:
    """The call was made: its result stands, and its amount stays held."""

    class Gone(MemoryLedger):
        async def settle(self, reservation: str, used: Any) -> Any:
            raise StoreError("the store is away")

    ledger = Gone()
    assert (await pay(transfer(per_day=100), ledger, 60)).status == "done"
    assert [account.reserved for account in await ledger.accounts()] == [60]


async def test_limits_hold_over_the_runs_of_an_engine() -> None:
    """B50: declared on a tool, the limit holds for whole runs of any plan, and says so in the record."""
    tool = transfer(per_day=100)
    engine = scripted_engine(ScriptedProvider([]), tools=[tool])
    plan, _ = engine.load('{"goal": "pay", "steps": [{"id": "1", "tool": "transfer", "tool_input": {"amount": 60}}]}')
    first = await engine.apply(plan, approve="all")
    second = await engine.apply(plan, approve="all")
    assert (first.status, len(tool.calls)) == ("completed", 1)
    assert second.steps["1"].error is not None
    assert "limit of 100 a day: 60 is spent" in second.steps["1"].error.message
