"""API keys, usage and answers in the shared database."""

from __future__ import annotations

import pytest

from engine.durable.postgres.store import PostgresStore
from schemas.bookkeeping import AnswerCache, KeyStore, UsageBook
from tests.durable.bookkeeping_contract import AnswersContract, KeysContract, UsageContract


class TestPostgresKeys(KeysContract):
    """PostgresKeys keeps the contract of all key stores."""

    @pytest.fixture
    def keys(self, store: PostgresStore) -> KeyStore:
        """No keys."""
        return store.key_store


class TestPostgresUsage(UsageContract):
    """PostgresUsage keeps the contract of all usage books."""

    @pytest.fixture
    def book(self, store: PostgresStore) -> UsageBook:
        """An empty book."""
        return store.usage_book


class TestPostgresAnswers(AnswersContract):
    """PostgresAnswers keeps the contract of all caches."""

    @pytest.fixture
    def answers(self, store: PostgresStore) -> AnswerCache:
        """An empty cache."""
        return store.answer_cache


@pytest.mark.anyio
async def test_old_answers_make_room(store: PostgresStore) -> None:
    """Keeping an answer removes those whose time is over."""
    for number in range(3):
        await store.answer_cache.put(str(number), b"x", -1)
    await store.answer_cache.put("new", b"x", 60)
    assert await store.database.fetch("SELECT key FROM {s}.answers") == [("new",)]
