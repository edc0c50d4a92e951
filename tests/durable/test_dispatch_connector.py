"""The worker's connection: what was announced while it looked is looked for again."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from procrastinate import PsycopgConnector
from procrastinate import sql as statements

from engine.durable.dispatch_connector import PatientConnector

FETCH = statements.queries["fetch_job"]


@pytest.fixture
def anyio_backend() -> str:
    """Psycopg runs on asyncio."""
    return "asyncio"


@pytest.mark.anyio
@pytest.mark.parametrize(("announced", "leaving", "rows"), [(True, False, 2), (False, False, 1), (True, True, 1)])
async def test_a_job_announced_during_a_fetch_is_found(
    announced: bool, leaving: bool, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fetch that came too early for a job that was announced meanwhile is repeated, unless the worker leaves."""
    asked: list[Any] = []
    bell = anyio.Event()

    async def listen(_self: PsycopgConnector, on_notification: Any, channels: Any) -> None:
        await bell.wait()
        await on_notification(channel=channels[0], payload="{}")

    async def fetch(_self: PsycopgConnector, query: Any, **_arguments: Any) -> dict[str, Any]:
        asked.append(query)
        if announced:
            bell.set()
        await anyio.wait_all_tasks_blocked()
        return {"id": 7 if len(asked) > 1 else None}

    async def heard(*, channel: str, payload: str) -> None:
        del channel, payload

    monkeypatch.setattr(PsycopgConnector, "listen_notify", listen)
    monkeypatch.setattr(PsycopgConnector, "execute_query_one_async", fetch)
    connector = PatientConnector("postgresql://nowhere", "s", 1)
    if leaving:
        connector.leave()
    async with anyio.create_task_group() as group:
        group.start_soon(connector.listen_notify, heard, ["q"])
        found = await connector.execute_query_one_async(FETCH)
        group.cancel_scope.cancel()
    assert len(asked) == rows
    assert found == {"id": 7 if rows == 2 else None}
