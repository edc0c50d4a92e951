"""Budgets handed out by several processes: never overrun, used to the last cent, and a process may die at any time."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any, cast

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.durable.postgres.ledger import PostgresLedger
from engine.durable.postgres.store import PostgresStore
from engine.durable.sqlite.ledger import SqliteLedger
from engine.durable.sqlite.store import SqliteStore
from gateway.budget import MemoryLedger
from gateway.tranches import HELD_S, TrancheLedger
from schemas.accounts import Ask, Crossed, Part
from schemas.errors import BudgetError, CostBudgetError, StoreError, TokenBudgetError
from schemas.protocols import Ledger
from tests.durable.ledger_contract import LedgerContract, Settable, held, spent

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> Settable:
    """The store's clock, and the processes'."""
    return Settable()


class Unsteady:
    """A ledger whose exchanges fail when told to, before or after they were made."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.fails: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def exchange(self, asks: Sequence[Ask], *, lease_s: float) -> list[Part | None]:
        when = self.fails.pop() if self.fails else ""
        if when == "before":
            raise StoreError("away")
        parts = await self._ledger.exchange(asks, lease_s=lease_s)
        if when == "after":
            raise StoreError("away")
        return parts


class TestOverMemory(LedgerContract):
    """Over a ledger in memory it keeps the contract of all ledgers."""

    @pytest.fixture
    def ledger(self, clock: Settable) -> Ledger:
        """An empty ledger."""
        return TrancheLedger(MemoryLedger(clock), clock=clock)


class TestOverSqlite(LedgerContract):
    """Over a file it keeps the contract of all ledgers."""

    @pytest.fixture
    async def ledger(self, tmp_path: Path, clock: Settable) -> AsyncGenerator[Ledger]:
        """An empty ledger."""
        store = SqliteStore(tmp_path / "runs.db")
        yield TrancheLedger(SqliteLedger(store, clock=clock), clock=clock)
        await store.aclose()


class TestOverPostgres(LedgerContract):
    """Over a shared database it keeps the contract of all ledgers."""

    @pytest.fixture
    def anyio_backend(self) -> str:
        """The client of Postgres knows asyncio only."""
        return "asyncio"

    @pytest.fixture
    async def ledger(self, postgres_url: str, clock: Settable) -> AsyncGenerator[Ledger]:
        """An empty ledger."""
        store = await PostgresStore.open(postgres_url)
        yield TrancheLedger(PostgresLedger(store.database, clock=clock), clock=clock)
        await store.aclose()


def process(store: Ledger, clock: Settable, **more: Any) -> TrancheLedger:
    """One of several processes that share a store."""
    return TrancheLedger(store, clock=clock, **more)


async def test_a_budget_is_used_to_the_last_cent(clock: Settable) -> None:
    """B71: three processes with many calls at once: those are let through that fit, and nothing is left over."""
    store, done = MemoryLedger(clock), list[str]()
    await store.open("key:1", {"usd": 1.0})

    async def call(mine: TrancheLedger) -> None:
        with contextlib.suppress(CostBudgetError):
            name = await mine.reserve(["key:1"], {"usd": 0.05})
            await anyio.sleep(0)
            await mine.settle(name, {"usd": 0.01})
            done.append(name)

    async with process(store, clock) as a, process(store, clock) as b, process(store, clock) as c:
        for _ in range(60):
            async with anyio.create_task_group() as group:
                for mine in (a, b, c):
                    group.start_soon(call, mine)
    assert await held(store, "key:1") == {"usd": 0}
    assert (await spent(store, "key:1"))["usd"] == pytest.approx(0.01 * len(done))
    assert 0.95 < 0.01 * len(done) <= 1.0


async def test_what_one_holds_idle_is_given_to_another(clock: Settable) -> None:
    """B71: no call is refused while another process holds budget that it does not use."""
    store = MemoryLedger(clock)
    await store.open("all", {"tokens": 1_000})
    async with process(store, clock) as a, process(store, clock) as b:
        for _ in range(5):
            await a.settle(await a.reserve(["all"], {"tokens": 100}), {"tokens": 1})
        assert (await held(store, "all"))["tokens"] > 5
        name = await b.reserve(["all"], {"tokens": 995})
        await b.settle(name, {"tokens": 995})
        with pytest.raises(TokenBudgetError):
            await a.reserve(["all"], {"tokens": 1})
    assert await spent(store, "all") == {"tokens": 1_000}


async def test_a_process_holds_a_sixteenth_of_what_is_left_at_most(clock: Settable) -> None:
    """B71: however fast its calls come, a process keeps no more for itself."""
    store = MemoryLedger(clock)
    await store.open("all", {"usd": 16.0})
    mine = process(store, clock)
    for _ in range(500):
        await mine.settle(await mine.reserve(["all"], {"usd": 0.01}), {"usd": 0.0001})
        assert (await held(store, "all"))["usd"] <= 1.0


async def test_a_hot_budget_asks_the_store_now_and_then(clock: Settable) -> None:
    """B71: a thousand calls in a row are counted in memory; the store is asked a few times."""
    store, asked = MemoryLedger(clock), list[int]()
    await store.open("all", {"usd": 1_000.0, "tokens": 10**9})
    mine = process(store, clock)
    exchange = store.exchange

    async def counted(asks: Sequence[Ask], *, lease_s: float) -> list[Part | None]:
        asked.append(len(asks))
        return await exchange(asks, lease_s=lease_s)

    store.exchange = counted  # type: ignore[method-assign]
    for _ in range(1_000):
        name = await mine.reserve(["all"], {"usd": 0.01, "tokens": 1_000})
        await mine.settle(name, {"usd": 0.001, "tokens": 100})
    assert len(asked) < 20
    assert await spent(mine, "all") == {"usd": 1.0, "tokens": 100_000}


async def test_the_warning_comes_once_over_all_processes(clock: Settable) -> None:
    """B71: whoever settles beyond 90 % first is told, by its call or by the background; nobody else is."""
    store, told = MemoryLedger(clock), list[Crossed]()
    await store.open("all", {"tokens": 1_000})
    async with process(store, clock, crossed=told.append) as a, process(store, clock, crossed=told.append) as b:
        for _ in range(12):
            for mine in (a, b):
                told += await mine.settle(await mine.reserve(["all"], {"tokens": 40}), {})
    assert [(scope, measure, limit) for scope, measure, _, limit in told] == [("all", "tokens", 1_000)]
    assert 900 <= told[0][2] <= 960


async def test_a_dead_process_costs_what_it_held(clock: Settable) -> None:
    """B71: what a process that died held counts as reserved, and when its lease is over as spent: it may be billed."""
    store = MemoryLedger(clock)
    await store.open("all", {"tokens": 1_000})
    dead, alive = process(store, clock), process(store, clock)
    for _ in range(5):
        await dead.settle(await dead.reserve(["all"], {"tokens": 10}), {"tokens": 10})
    lost = (await spent(store, "all"))["tokens"] + (await held(store, "all"))["tokens"]
    assert 50 <= lost <= 50 + 1_000 / 16
    del dead
    clock.now += HELD_S + 1
    assert await alive.reserve(["all"], {"tokens": int(1_000 - lost)})
    with pytest.raises(TokenBudgetError):
        await alive.reserve(["all"], {"tokens": 1})


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_exchange_of_which_nobody_knows_counts_once(clock: Settable, when: str) -> None:
    """B71: a store that breaks off is asked the same again: what was used is neither lost nor counted twice."""
    unsteady = Unsteady(MemoryLedger(clock))
    store = cast("Ledger", unsteady)
    await store.open("all", {"tokens": 1_000})
    mine = process(store, clock)
    await mine.settle(await mine.reserve(["all"], {"tokens": 100}), {"tokens": 70})
    unsteady.fails.append(when)
    with pytest.raises(StoreError):
        await mine.flush()
    await mine.settle(await mine.reserve(["all"], {"tokens": 100}), {"tokens": 30})
    await mine.flush()
    await mine.flush()
    assert (await spent(store, "all"), await held(store, "all")) == ({"tokens": 100}, {"tokens": 0})


async def test_nothing_is_handed_out_beyond_the_lease(clock: Settable) -> None:
    """B71: a machine that slept asks again before it hands anything out, and what it used is counted exactly."""
    store = MemoryLedger(clock)
    await store.open("all", {"tokens": 1_000})
    mine = process(store, clock)
    name = await mine.reserve(["all"], {"tokens": 60})
    clock.now += HELD_S + 1
    await store.settle(await store.reserve(["all"], {"tokens": 900}), {})
    with pytest.raises(TokenBudgetError):
        await mine.reserve(["all"], {"tokens": 60})
    await mine.settle(name, {"tokens": 5})
    await mine.flush()
    assert await spent(store, "all") == {"tokens": 905}


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_any_processes_any_deaths(seed: int) -> None:
    """B71: processes come, call, fail, die: never is more spent and held than the limit, and nothing used is lost."""

    async def main() -> None:
        chance, clock = random.Random(seed), Settable()
        patient.setattr("gateway.tranches.GIVEN_BACK_S", 0.0)  # nobody gives back by itself here
        store, limit = MemoryLedger(clock), 2_000
        await store.open("a", {"tokens": limit})
        await store.open("b", {"tokens": limit // 2}, period="day")
        living, used = [process(store, clock) for _ in range(3)], 0
        calls: list[tuple[TrancheLedger, str, int]] = []
        for _ in range(120):
            move, mine = chance.random(), chance.choice(living)
            if move < 0.6:
                with contextlib.suppress(BudgetError):
                    scopes = chance.choice([["a"], ["a", "b"], ["b", "a"]])
                    asked = chance.randint(1, 60)
                    calls.append((mine, await mine.reserve(scopes, {"tokens": asked}), asked))
            elif move < 0.85 and calls:
                owner, name, asked = calls.pop(chance.randrange(len(calls)))
                amount = chance.randint(0, asked)
                await owner.settle(name, {"tokens": amount})
                used += amount
            elif move < 0.95:
                await mine.flush()
            else:
                dead = living.index(mine)
                calls = [call for call in calls if call[0] is not mine]
                living[dead] = process(store, clock)
                clock.now += chance.choice([0, HELD_S + 1])
            for account in await store.accounts():
                assert account.spent + account.reserved <= (account.limit or 0)
                assert min(account.spent, account.reserved) >= 0
        for owner, name, _ in calls:
            await owner.release(name)
        for mine in living:
            await mine.flush()
        account = (await store.accounts("a"))[0]
        assert account.spent + account.reserved >= used

    with pytest.MonkeyPatch.context() as patient:
        anyio.run(main)
