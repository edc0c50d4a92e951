"""/mcp of a server: the same over HTTP, behind its keys."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.gateway.server.serving import Keys
from tests.serve.mcp.talking import ONE_LOOP, answering, engine, mail
from tests.serve.serving import Served, served

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ONE_LOOP)]
KEYS = Keys()
ANN, BEN = ({"authorization": f"Bearer {KEYS.add(name)}"} for name in ("ann", "ben"))
FEW = {"authorization": f"Bearer {KEYS.add('few', models=('other',))}"}
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    },
}
ACCEPTS = {"accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def here() -> Generator[Served]:
    with served(lambda: engine(mail(), calls=("mail",)), keys=KEYS) as found:
        yield found


@asynccontextmanager
async def client(here: Served, key: dict[str, str], mode: str = "legacy", **more: object) -> AsyncGenerator[Client]:
    """A client with a key."""
    async with httpx2.AsyncClient(headers=key) as http:
        way = streamable_http_client(f"{here.url}/mcp", http_client=http)
        async with Client(way, mode=mode, **more) as found:  # type: ignore[arg-type]
            yield found


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_task_over_http_asks_and_answers(here: Served, mode: str) -> None:
    """Over HTTP a client runs a task, is asked on the way, and gets the answer, by the older protocol and the newer."""
    person = answering("accept", {"decision": "approve"})
    async with client(here, ANN, mode, elicitation_callback=person) as found:
        result = await found.call_tool("run_task", {"task": "mail it"})
    assert result.content[0].text == "done"  # type: ignore[union-attr]
    assert len(person.asked) == 1  # type: ignore[attr-defined]


async def test_a_key_sees_its_own_runs_only(here: Served) -> None:
    """Another key's run is not listed, shown, answered, cancelled or read."""
    async with client(here, ANN) as found:
        mine = await found.call_tool("run_task", {"task": "mail it"})
        assert mine.structured_content is not None
        run = {"run_id": mine.structured_content["run_id"]}
    async with client(here, BEN) as found:
        listed = await found.call_tool("list_runs", {})
        said = [
            (await found.call_tool(tool, {**run, **more})).content[0].text  # type: ignore[union-attr]
            for tool, more in (("get_run", {}), ("cancel_run", {}), ("answer_run", {"decision": "approve"}))
        ]
        resources = (await found.list_resources()).resources
    assert (listed.structured_content, resources) == ({"runs": []}, [])
    assert all(f"there is no run {run['run_id']}" in text for text in said)


async def test_a_key_that_may_not_ask_is_not_offered_it(here: Served) -> None:
    """A key for other models sees no task tool, and cannot call it."""
    async with client(here, FEW) as found:
        names = [tool.name for tool in (await found.list_tools()).tools]
        result = await found.call_tool("run_task", {"task": "mail it"})
    assert "run_task" not in names
    assert result.is_error


async def test_without_a_key_there_is_nothing(here: Served) -> None:
    """No key: 401, before anything of MCP is read."""
    assert httpx2.post(f"{here.url}/mcp", json=HELLO, headers=ACCEPTS).status_code == 401


async def test_a_session_is_for_the_key_that_opened_it(here: Served) -> None:
    """Another key that knows a session's id gets the answer of one that never was."""
    opened = httpx2.post(f"{here.url}/mcp", json=HELLO, headers={**ACCEPTS, **ANN})
    session = {"mcp-session-id": opened.headers["mcp-session-id"], **ACCEPTS}
    ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
    status = [httpx2.post(f"{here.url}/mcp", json=ping, headers={**session, **key}).status_code for key in (ANN, BEN)]
    assert status == [200, 404]
