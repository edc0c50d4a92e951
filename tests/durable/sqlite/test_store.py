"""The store in one SQLite file."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from engine.durable.sqlite.store import SqliteStore
from tests.durable.contract import RunStoreContract


@pytest.fixture
async def log(tmp_path: Path) -> AsyncGenerator[SqliteStore]:
    """An empty store."""
    store = SqliteStore(tmp_path / "runs.db")
    yield store
    await store.aclose()


class TestSqliteStore(RunStoreContract):
    """SqliteStore keeps the contract of all stores."""
