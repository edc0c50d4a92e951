"""The audit trail in the store's file."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from engine.durable.sqlite.store import SqliteStore
from schemas.stores import RunStore
from tests.durable.audit_contract import KeptAuditContract
from tests.durable.sqlite.files import shell


class TestSqliteAudit(KeptAuditContract):
    """SqliteAudit keeps the contract of all trails."""

    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncGenerator[SqliteStore]:
        """An empty store."""
        store = SqliteStore(tmp_path / "runs.db")
        yield store
        await store.aclose()

    async def tamper(self, store: RunStore, sql: str) -> None:
        """Change the table behind the store's back."""
        assert isinstance(store, SqliteStore)
        shell(store.path, sql)
