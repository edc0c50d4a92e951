"""A store on a new database of a real Postgres, for every test that asks for one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from engine.durable.postgres.store import PostgresStore


@pytest.fixture
def anyio_backend() -> str:
    """The client of Postgres knows asyncio only."""
    return "asyncio"


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[PostgresStore]:
    """A store on an empty database."""
    opened = await PostgresStore.open(postgres_url)
    yield opened
    await opened.aclose()
