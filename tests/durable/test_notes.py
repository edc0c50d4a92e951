"""Notes in memory."""

from __future__ import annotations

import pytest

from engine.durable.notes import MemoryNotes
from tests.durable.notes_contract import NotesContract


class TestMemoryNotes(NotesContract):
    """MemoryNotes keeps the contract of all notes."""

    @pytest.fixture
    def notes(self) -> MemoryNotes:
        """An empty keeper."""
        return MemoryNotes()
