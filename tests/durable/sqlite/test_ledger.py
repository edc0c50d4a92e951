"""Budgets in the store's file."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from engine.durable.sqlite.ledger import SqliteLedger
from engine.durable.sqlite.store import SqliteStore
from schemas.protocols import Ledger
from tests.durable.ledger_contract import Settable, SharedLedgerContract


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
        return SqliteLedger(stores[0], "one", clock)

    @pytest.fixture
    def other(self, stores: list[SqliteStore], clock: Settable) -> Ledger:
        """The same budgets, as another process has them."""
        return SqliteLedger(stores[1], "two", clock)
