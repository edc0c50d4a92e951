"""Counted usage in memory."""

from __future__ import annotations

import pytest

from engine.durable.usage import MemoryUsage
from tests.durable.bookkeeping_contract import UsageContract


class TestMemoryUsage(UsageContract):
    """MemoryUsage keeps the contract of all usage books."""

    @pytest.fixture
    def book(self) -> MemoryUsage:
        """An empty book."""
        return MemoryUsage()
