"""Budgets in the store's file."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given, settings

from engine.durable.sqlite.ledger import SqliteLedger
from engine.durable.sqlite.store import SqliteStore
from schemas.events import RunStarted
from schemas.protocols import Ledger
from tests.durable.ledger_contract import Settable, SharedLedgerContract
from tests.durable.ledger_model import MOVES, hold_to_model
from tests.durable.ledger_processes import LIMIT, SHARED, race


class TestSqliteLedger(SharedLedgerContract):
    """SqliteLedger keeps the contract of all ledgers that processes share."""

    @pytest.fixture
    async def stores(self, tmp_path: Path) -> AsyncGenerator[list[SqliteStore]]:
        """Two openings of one file, as two processes have it."""
        found = [SqliteStore(tmp_path / "runs.db") for _ in range(2)]
        yield found
        for store in found:
            await store.aclose()

    @pytest.fixture
    def clock(self) -> Settable:
        """Its clock."""
        return Settable()

    @pytest.fixture
    def ledger(self, stores: list[SqliteStore], clock: Settable) -> Ledger:
        """An empty ledger."""
        return SqliteLedger(stores[0], lambda: "one", clock)

    @pytest.fixture
    def other(self, stores: list[SqliteStore], clock: Settable) -> Ledger:
        """The same budgets, as another process has them."""
        return SqliteLedger(stores[1], lambda: "two", clock)

    async def test_a_deleted_run_leaves_no_account(self, ledger: Ledger, stores: list[SqliteStore]) -> None:
        """With a run its budget goes."""
        await stores[0].append("r", 0, [RunStarted(task="t", mode="plan")])
        await ledger.open("run:r", {"usd": 1})
        await stores[1].delete("r")
        assert await ledger.accounts() == []


@given(moves=MOVES)
@settings(max_examples=40)
def test_any_moves_of_three_clients(moves: list[tuple[Any, ...]]) -> None:
    """B71: whatever three processes reserve, settle, release and open in any order, the sums are those of a model."""

    async def main(folder: str) -> None:
        clock = Settable()
        stores = [SqliteStore(Path(folder, "runs.db")) for _ in range(3)]
        clients = [SqliteLedger(store, clock=clock) for store in stores]
        await hold_to_model(clients, moves, clock, "", leases=True)
        for store in stores:
            await store.aclose()

    with tempfile.TemporaryDirectory() as folder:
        anyio.run(main, folder)


def test_ten_processes_cannot_overrun_together(tmp_path: Path) -> None:
    """B71: ten real processes spend exactly the limit, one is warned, what the dead held is not forgotten."""
    reports, accounts = race(str(tmp_path / "runs.db"), 10, deaths=2)
    shared = accounts[f"{SHARED} tokens"]
    dead = sum(accounts[f"run:{number} tokens"].spent for number in (10, 11))
    assert sum(report.settled for report in reports) + dead == shared.spent == LIMIT
    assert dead > 0
    assert sum(report.warned for report in reports) == 1
    assert {account.reserved for account in accounts.values()} == {0}
