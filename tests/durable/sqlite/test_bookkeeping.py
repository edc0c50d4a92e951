"""API keys, usage and answers in the store's file."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from engine.durable.sqlite.store import SqliteStore
from schemas.bookkeeping import AnswerCache, KeyStore, UsageBook
from tests.durable.bookkeeping_contract import AnswersContract, KeysContract, UsageContract
from tests.durable.sqlite.files import shell


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[SqliteStore]:
    """An empty store."""
    store = SqliteStore(tmp_path / "runs.db")
    yield store
    await store.aclose()


class TestSqliteKeys(KeysContract):
    """SqliteKeys keeps the contract of all key stores."""

    @pytest.fixture
    def keys(self, store: SqliteStore) -> KeyStore:
        """No keys."""
        return store.key_store


class TestSqliteUsage(UsageContract):
    """SqliteUsage keeps the contract of all usage books."""

    @pytest.fixture
    def book(self, store: SqliteStore) -> UsageBook:
        """An empty book."""
        return store.usage_book


class TestSqliteAnswers(AnswersContract):
    """SqliteAnswers keeps the contract of all caches."""

    @pytest.fixture
    def answers(self, store: SqliteStore) -> AnswerCache:
        """An empty cache."""
        return store.answer_cache


@pytest.mark.anyio
async def test_old_answers_make_room(store: SqliteStore) -> None:
    """Keeping an answer removes those whose time is over."""
    for number in range(3):
        await store.answer_cache.put(str(number), b"x", -1)
    await store.answer_cache.put("new", b"x", 60)
    assert shell(store.path, "SELECT key FROM answers") == [("new",)]
