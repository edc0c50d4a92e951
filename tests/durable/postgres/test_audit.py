"""The audit trail in the shared database."""

from __future__ import annotations

import anyio
import pytest

from engine.durable.postgres.store import PostgresStore
from schemas.stores import RunStore
from tests.durable.audit_contract import ENDED, KeptAuditContract, act, told


class TestPostgresAudit(KeptAuditContract):
    """PostgresAudit keeps the contract of all trails."""

    async def tamper(self, store: RunStore, sql: str) -> None:
        """Change the table behind the store's back."""
        assert isinstance(store, PostgresStore)
        await store.database.fetch(sql.replace("audit", "{s}.audit", 1))


@pytest.mark.anyio
async def test_many_write_at_once(store: PostgresStore, postgres_url: str) -> None:
    """Acts and removals of two processes make one chain without a gap."""
    other = await PostgresStore.open(postgres_url)
    for number in range(5):
        await store.append(f"r{number}", 0, ENDED)
    async with anyio.create_task_group() as group:
        for number in range(5):
            group.start_soon(store.audit_book.add, [act(f"a{number}")])
            group.start_soon(other.audit_book.add, [act(f"b{number}")])
            group.start_soon(other.delete, f"r{number}")
    await other.aclose()
    assert len(await told(store.audit_book)) == 25
    assert await store.audit_book.faults() == []
