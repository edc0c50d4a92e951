"""Budgets in the shared database."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings

from engine.durable.postgres.ledger import PostgresLedger
from engine.durable.postgres.store import PostgresStore
from engine.testing import ScriptedProvider, scripted_engine
from schemas.events import RunStarted
from schemas.protocols import Ledger
from tests.durable.ledger_contract import Settable, SharedLedgerContract
from tests.durable.ledger_model import MOVES, hold_to_model
from tests.durable.ledger_processes import LIMIT, SHARED, race


class TestPostgresLedger(SharedLedgerContract):
    """PostgresLedger keeps the contract of all ledgers that processes share."""

    @pytest.fixture
    def clock(self) -> Settable:
        """Its clock."""
        return Settable()

    @pytest.fixture
    def ledger(self, store: PostgresStore, clock: Settable) -> Ledger:
        """An empty ledger."""
        return PostgresLedger(store.database, lambda: "one", clock)

    @pytest.fixture
    async def other(self, ledger: Ledger, postgres_url: str, clock: Settable) -> AsyncGenerator[Ledger]:
        """The same budgets, as another machine has them."""
        del ledger  # opened first
        store = await PostgresStore.open(postgres_url)
        yield PostgresLedger(store.database, lambda: "two", clock)
        await store.aclose()

    async def test_a_deleted_run_leaves_no_account(self, ledger: Ledger, store: PostgresStore) -> None:
        """With a run its budget goes."""
        await store.append("r", 0, [RunStarted(task="t", mode="plan")])
        await ledger.open("run:r", {"usd": 1})
        await store.delete("r")
        assert await ledger.accounts() == []


@given(moves=MOVES)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_moves_of_three_clients(moves: list[tuple[Any, ...]], postgres_url: str) -> None:
    """B71: whatever three machines reserve, settle, release and open in any order, the sums are those of a model."""

    async def main() -> None:
        clock = Settable()
        stores = [await PostgresStore.open(postgres_url) for _ in range(3)]
        clients = [PostgresLedger(store.database, clock=clock) for store in stores]
        for account in await clients[0].accounts():
            await clients[0].close(account.scope)
        await hold_to_model(clients, moves, clock, "", leases=True)
        for store in stores:
            await store.aclose()

    anyio.run(main)


def test_ten_processes_cannot_overrun_together(postgres_url: str) -> None:
    """B71: ten real processes spend exactly the limit, one is warned, what the dead held is not forgotten."""
    reports, accounts = race(postgres_url, 10, deaths=2)
    shared = accounts[f"{SHARED} tokens"]
    dead = sum(accounts[f"run:{number} tokens"].spent for number in (10, 11))
    assert sum(report.settled for report in reports) + dead == shared.spent == LIMIT
    assert dead > 0
    assert sum(report.warned for report in reports) == 1
    assert {account.reserved for account in accounts.values()} == {0}


@pytest.mark.anyio
async def test_an_engine_counts_its_runs_there(store: PostgresStore, postgres_url: str) -> None:
    """B71: a run with a limit, of an engine that names the store, is counted there to the token."""
    engine = scripted_engine(ScriptedProvider(["hello"]), store=postgres_url)
    result = await engine.run("say hello", mode="direct", limits=engine.limits(max_tokens=50_000))
    await engine.aclose()
    (account,) = await store.ledger().accounts("run:")
    assert (account.spent, account.reserved) == (result.usage.total_tokens, 0)
