"""procrastinate's connection to Postgres, with patience: an outage makes it wait, and never ends a worker.

As it is, a side task that fails (the listener while the server restarts) goes unnoticed, and a failing fetch ends the
worker. Each query here is tried again until it was answered; all of them may be asked twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from itertools import count
from typing import Any, TypeVar

import anyio
import psycopg
import structlog
from procrastinate import PsycopgConnector
from procrastinate import sql as statements
from procrastinate.connector import Notify
from procrastinate.exceptions import ConnectorException
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

from schemas.errors import described

T = TypeVar("T")
_LOG = structlog.get_logger("engine.worker")
FIRST_WAIT_S = 0.05
LONGEST_WAIT_S = 1.0


class PatientConnector(PsycopgConnector):
    """Connections whose queries outlive an outage of the server.

    Args:
        url: The database.
        schema: Where procrastinate's tables are.
        size: Most connections, the listening one apart.
    """

    def __init__(self, url: str, schema: str, size: int) -> None:
        async def configure(connection: psycopg.AsyncConnection[Any]) -> None:
            await connection.set_autocommit(True)
            await connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(schema)))
            # Jobs are no truth: what a crash of the server forgets of them, reaping and sweeping find again.
            await connection.execute("SET synchronous_commit = off")

        super().__init__(
            conninfo=url,
            configure=configure,
            min_size=1,
            max_size=size,
            pool_factory=_without_check,
        )
        self._down = False
        self._heard = 0
        self._leaving = False

    def leave(self) -> None:
        """Let fetches find nothing from now on that they have not found yet."""
        self._leaving = True

    async def execute_query_async(self, query: Any, **arguments: Any) -> None:
        """Execute a query. An acknowledgement that finds its job handed on already is fine."""
        acknowledges = query == statements.queries["finish_job"]
        try:
            await self._patiently(super().execute_query_async, query, arguments)
        except ConnectorException as exc:
            if not (acknowledges and isinstance(exc.__cause__, psycopg.errors.RaiseException)):
                raise
            _LOG.info("job_was_handed_on", job_id=arguments.get("job_id"))

    async def execute_query_one_async(self, query: Any, **arguments: Any) -> dict[str, Any]:
        """Execute a query and return its first row.

        A fetch that found no job is repeated where one was announced while it ran: procrastinate forgets what it
        heard until then, and the job would wait for the next look. A worker whose row is gone finds no job: its
        heartbeat will say.
        """
        fetches = query == statements.queries["fetch_job"]
        while True:
            heard = self._heard
            try:
                row = await self._patiently(super().execute_query_one_async, query, arguments)
            except ConnectorException as exc:
                if fetches and isinstance(exc.__cause__, psycopg.errors.IntegrityError):
                    return {"id": None}
                raise
            if not fetches or row["id"] is not None or heard == self._heard or self._leaving:
                return row

    async def execute_query_all_async(self, query: Any, **arguments: Any) -> list[dict[str, Any]]:
        """Execute a query and return its rows."""
        return await self._patiently(super().execute_query_all_async, query, arguments)

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        """Listen for ever, over as many connections as that takes."""

        async def hear(*, channel: str, payload: str) -> None:
            self._heard += 1
            await on_notification(channel=channel, payload=payload)

        await self._patiently(super().listen_notify, hear, {"channels": list(channels)})

    async def _patiently(self, ask: Callable[..., Awaitable[T]], first: Any, arguments: dict[str, Any]) -> T:
        """Ask until the server answers."""
        waits = (min(FIRST_WAIT_S * 2**number, LONGEST_WAIT_S) for number in count())
        while True:
            try:
                answer = await ask(first, **arguments)
            except ConnectorException as exc:
                if not isinstance(exc.__cause__, (psycopg.OperationalError, psycopg.InterfaceError)):
                    raise
                self._say(down=True, why=described(exc.__cause__))
                await anyio.sleep(next(waits))
            else:
                self._say(down=False)
                return answer

    def _say(self, *, down: bool, why: str = "") -> None:
        """Log the beginning and the end of an outage, each once."""
        if down and not self._down:
            _LOG.warning("store_unreachable", error=why)
        elif self._down and not down:
            _LOG.warning("store_is_back")
        self._down = down


def _without_check(**options: Any) -> AsyncConnectionPool[Any]:
    """A pool that does not ask each connection whether it lives before each use: a query that fails is repeated."""
    options.pop("check", None)
    return AsyncConnectionPool(**options)
