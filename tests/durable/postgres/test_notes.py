"""What was learned, in the shared database."""

from __future__ import annotations

import pytest

from engine.durable.postgres.notes import PostgresNotes
from engine.durable.postgres.store import PostgresStore
from schemas.stores import Notes
from tests.durable.notes_contract import NotesContract


class TestPostgresNotes(NotesContract):
    """PostgresNotes keeps the contract of all notes."""

    @pytest.fixture
    def notes(self, store: PostgresStore) -> Notes:
        """An empty keeper."""
        return PostgresNotes(store.database)
