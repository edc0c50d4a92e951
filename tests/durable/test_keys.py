"""API keys in memory."""

from __future__ import annotations

import pytest

from engine.durable.keys import MemoryKeys
from tests.durable.bookkeeping_contract import KeysContract


class TestMemoryKeys(KeysContract):
    """MemoryKeys keeps the contract of all key stores."""

    @pytest.fixture
    def keys(self) -> MemoryKeys:
        """No keys."""
        return MemoryKeys()
