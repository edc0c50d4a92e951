"""Connections to one Postgres: a few that are shared, made when needed, thrown away when they break."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import anyio
import psycopg
from psycopg.pq import TransactionStatus

from engine.durable.postgres.address import Address
from engine.durable.postgres.faults import fault, passing
from schemas.errors import ConfigError

Connection = psycopg.AsyncConnection[tuple[Any, ...]]
T = TypeVar("T")

MOST_CONNECTIONS = 4
PATIENCE_S = 5.0
logging.getLogger("psycopg").addHandler(logging.NullHandler())  # a cancelled wait is no news on anybody's stderr
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 0.5
# An administrator's own limits stand; a commit that does not reach the disk never does.
SESSION = """
SELECT set_config(name, wanted, false)
FROM (VALUES ('statement_timeout', '0', '30s'), ('lock_timeout', '0', '2s'), ('synchronous_commit', 'off', 'on'),
             ('idle_in_transaction_session_timeout', '0', '60s'), ('jit', 'on', 'off'),
             ('default_transaction_isolation', 'serializable', 'read committed'),
             ('default_transaction_isolation', 'repeatable read', 'read committed')) AS given (name, found, wanted)
WHERE current_setting(name) = found
"""


class Database:
    """One Postgres as the parts of a store see it.

    A pool of our own, of some 40 lines: after an outage the first call goes through at once, and a call that fails
    names the cause, where a pool's timeout would hide it.

    Args:
        address: Where it is.
        patience_s: How long a call tries again while the server is away, before it raises.
        most: Connections at once, but the listening one.
    """

    def __init__(self, address: Address, *, patience_s: float = PATIENCE_S, most: int = MOST_CONNECTIONS) -> None:
        self.address = address
        self.patience_s = patience_s
        self._slots = asyncio.Semaphore(most)
        self._idle: list[Connection] = []
        self._texts: dict[str, bytes] = {}

    def sql(self, text: str) -> bytes:
        """Return a statement whose ``{s}`` is the store's schema."""
        found = self._texts.get(text)
        if found is None:
            found = self._texts[text] = text.replace("{s}", self.address.quoted).encode()
        return found

    async def fetch(self, text: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        """Execute one statement that may be executed twice, and return its rows.

        Raises:
            StoreError: The server refuses it, or stays away for longer than the patience.
        """

        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            cursor = await connection.execute(self.sql(text), values, prepare=True)
            return await cursor.fetchall() if cursor.description else []

        return await self.run(work)

    async def run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do work that may be done twice; again on another connection when one breaks.

        Raises:
            StoreError: The server refuses it, or stays away for longer than the patience.
        """
        until, pause = time.monotonic() + self.patience_s, FIRST_PAUSE_S
        while True:
            try:
                async with self.hold() as connection:
                    return await work(connection)
            except psycopg.Error as exc:
                if not passing(exc) or time.monotonic() + pause > until:
                    raise fault(exc, self.address) from exc
            await anyio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    @asynccontextmanager
    async def hold(self) -> AsyncGenerator[Connection]:
        """Lend a connection in autocommit; one that is left in the midst of something is closed.

        Raises:
            psycopg.Error: None can be made, or what is done with it fails.
        """
        async with self._slots:
            connection = self._idle.pop() if self._idle else await self.connect()
            try:
                yield connection
            except psycopg.Error:
                if connection.closed:
                    self.forget()  # the others are most likely dead too
                raise
            finally:
                if connection.pgconn.transaction_status == TransactionStatus.IDLE:
                    self._idle.append(connection)
                else:
                    connection.pgconn.finish()

    async def connect(self) -> Connection:
        """Open a connection of one's own.

        Raises:
            psycopg.Error: It is refused.
        """
        connection = await psycopg.AsyncConnection.connect(self.address.conninfo, autocommit=True)
        try:
            await connection.execute(SESSION)
        except BaseException:
            connection.pgconn.finish()
            raise
        return connection

    def forget(self) -> None:
        """Close the connections that nobody holds."""
        for connection in self._idle:
            connection.pgconn.finish()
        self._idle.clear()


def require_asyncio() -> None:
    """Refuse other event loops: the client of Postgres knows asyncio only.

    Raises:
        ConfigError: This program runs on trio.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise ConfigError(
            "a Postgres store runs on asyncio only, and this program runs on trio",
            hint="run it with asyncio (anyio.run(…, backend='asyncio')), or use a SQLite store",
        ) from None
