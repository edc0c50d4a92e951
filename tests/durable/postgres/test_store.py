"""The shared store keeps the contract of all stores, and what only a database can get wrong."""

from __future__ import annotations

import pytest

from engine.durable.postgres.store import PostgresStore
from tests.durable.contract import RunStoreContract


class TestPostgresStore(RunStoreContract):
    """PostgresStore keeps the contract of all stores."""

    @pytest.fixture
    def log(self, store: PostgresStore) -> PostgresStore:
        """An empty store."""
        return store
