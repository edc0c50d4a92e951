"""Kept answers in memory."""

from __future__ import annotations

import pytest

from engine.durable.answers import MemoryAnswers
from tests.durable.bookkeeping_contract import AnswersContract


class TestMemoryAnswers(AnswersContract):
    """MemoryAnswers keeps the contract of all caches."""

    @pytest.fixture
    def answers(self) -> MemoryAnswers:
        """An empty cache."""
        return MemoryAnswers()


@pytest.mark.anyio
async def test_the_oldest_make_room() -> None:
    """Beyond its size the answers that were kept first go."""
    answers = MemoryAnswers(most_bytes=10)
    for name in "abc":
        await answers.put(name, b"1234", 60)
    assert [await answers.get(name) for name in "abc"] == [None, b"1234", b"1234"]
