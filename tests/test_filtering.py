"""Filters with what only the engine can give them: users' functions, MCP servers, somebody to post."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import anyio
import pytest

from engine.api import Engine
from engine.filtering import FilterTools
from schemas.errors import ToolFailedError, ToolUnavailableError
from tests.tools.mcp.remote import remote
from tests.tools.mcp.wild import SCRIPT

TASK = "What is 2 + 3?"
SERVER = f"{sys.executable} {SCRIPT} good"
ON_INPUT = {"on": ["input"]}


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, **one: Any) -> tuple[str, str]:
    """Run a task through one filter; return how it ended, and the error's code."""
    monkeypatch.chdir(folder)
    settings = {"filters": [{"name": "mine", **ON_INPUT, **one}]}
    result = anyio.run(lambda: Engine(settings, environ={}).run(TASK))
    return result.status, result.error.code if result.error else ""


class Poster(BaseHTTPRequestHandler):
    """A filter over HTTP that refuses every body, and keeps what it saw."""

    seen: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        """Answer."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self.seen.append(json.loads(body))
        self.send_response(403)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"no")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def poster() -> Iterator[str]:
    """The address of that filter."""
    Poster.seen = []
    server = HTTPServer(("127.0.0.1", 0), Poster)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_a_users_function_sees_the_engines_own_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """B73: a Python filter beside the configuration file sees every model call of a run, and may stop it."""
    source = "from gateway.filters import Block\ndef look(body, facts):\n    return Block('not today')\n"
    (tmp_path / "my_filters.py").write_text(source)
    assert run(tmp_path, monkeypatch, kind="python", python="my_filters:look") == ("failed", "model.blocked")


def test_filters_over_http_see_the_engines_own_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, poster: str
) -> None:
    """B73: a filter over HTTP is posted the request as chat completions, and its 4xx stops the call."""
    assert run(tmp_path, monkeypatch, kind="http", url=poster) == ("failed", "model.blocked")
    assert TASK in json.dumps(Poster.seen[0]["messages"])


def test_an_mcp_tool_filters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """B73: a tool of a real MCP server is asked, and one that fails stops the call."""
    assert run(tmp_path, monkeypatch, kind="mcp", mcp=SERVER, tool="fail") == ("failed", "model.blocked")


def test_an_mcp_server_by_its_address_filters(tmp_path: Path) -> None:
    """B73: a filter may name an MCP server by its address, too."""

    async def main(url: str) -> Any:
        return await FilterTools(tmp_path, {})(url, "echo", {"text": "x"}, timeout_s=30)

    with remote() as server:
        assert anyio.run(main, f"{server.server.url}/mcp") == "x"


@pytest.mark.parametrize("hosted", [True, False])
def test_servers_of_filters_end(hosted: bool, tmp_path: Path) -> None:
    """Servers end with what hosts them, or with the call; a tool that says no, or is late, is told as it is."""

    async def calls() -> None:
        tools = FilterTools(tmp_path, {})
        with pytest.raises(ToolFailedError):
            await tools(SERVER, "fail", {}, timeout_s=30)
        with pytest.raises(ToolUnavailableError, match="did not answer within"):
            await tools(SERVER, "hang", {}, timeout_s=0.5)

    async def main() -> None:
        tools = FilterTools(tmp_path, {})
        if not hosted:
            await calls()
            return
        async with tools.hosting():
            assert await tools(SERVER, "echo", {"text": "x"}, timeout_s=30) == "x"
            with pytest.raises(ToolFailedError):
                await tools(SERVER, "fail", {}, timeout_s=30)

    with anyio.from_thread.start_blocking_portal() as portal:
        portal.call(main)
