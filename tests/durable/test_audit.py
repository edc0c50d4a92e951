"""The audit trail in memory, and how an act is told."""

from __future__ import annotations

import pytest

from engine.durable.audit import MemoryAudit, accounted
from engine.durable.memory import MemoryLog
from schemas.errors import ConflictError
from tests.durable.audit_contract import AuditContract, act, told


class TestMemoryAudit(AuditContract):
    """MemoryAudit keeps the contract of all trails."""

    @pytest.fixture
    def store(self) -> MemoryLog:
        """An empty store."""
        return MemoryLog()


@pytest.mark.anyio
async def test_an_act_is_told_before_it_is_done() -> None:
    """While an act is done it stands in the trail already, with the hash of what it sets; one that fails is told so."""
    book = MemoryAudit()
    async with accounted(book, act(input={"usd": 5})):
        (before,) = await told(book)
    with pytest.raises(ConflictError):
        async with accounted(book, act("two")):
            raise ConflictError("the name is taken")
    _, begun, failed = await told(book)
    assert (before.outcome, len(before.input_sha256)) == ("", 64)
    assert (begun.outcome, failed.outcome, failed.reason) == ("", "failed", "the name is taken")
