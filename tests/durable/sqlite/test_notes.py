"""What was learned, in the store's file."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from engine.durable.sqlite.store import SqliteStore
from schemas.stores import Notes
from tests.durable.notes_contract import NotesContract


class TestSqliteNotes(NotesContract):
    """SqliteNotes keeps the contract of all notes."""

    @pytest.fixture
    async def notes(self, tmp_path: Path) -> AsyncGenerator[Notes]:
        """An empty keeper."""
        store = SqliteStore(tmp_path / "runs.db")
        yield store.notes
        await store.aclose()
