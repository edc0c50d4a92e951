"""An MCP server that is reached by HTTP, as well or as badly behaved as a test says."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from schemas.settings import McpSettings, ToolSettings
from tests.tools.webserver import Answer, Sent, Server, serving

TEXT: dict[str, Any] = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
ECHO = {"name": "echo", "description": "Give the text back.", "inputSchema": TEXT}
Behaviour = Callable[[Sent, dict[str, Any]], Answer | None]


@dataclass
class Remote:
    """A running server.

    Attributes:
        behave: Answers what it is sent in place of the server's own way, where it returns an answer.
        sessions: The sessions it knows; it gives every new one a number.
    """

    server: Server
    behave: Behaviour | None = None
    sessions: list[str] = field(default_factory=list[str])

    def calls(self, method: str) -> list[dict[str, Any]]:
        """The messages of a method, as they came."""
        found = [json.loads(sent.body) for sent in self.server.requests if sent.method == "POST"]
        return [message for message in found if message.get("method") == method]

    def answer(self, sent: Sent) -> Answer:
        """Answer one request."""
        message = json.loads(sent.body) if sent.method == "POST" else {}
        given = self.behave(sent, message) if self.behave else None
        if given is not None:
            return given
        if sent.method == "DELETE":
            self.sessions.remove(sent.headers["mcp-session-id"])
        if sent.method != "POST":
            return Answer(status=405 if sent.method == "GET" else 204)
        known = sent.headers.get("mcp-session-id")
        if known is not None and known not in self.sessions:
            return Answer(b"Session not found", 404)
        return self.spoken(message)

    def spoken(self, message: dict[str, Any]) -> Answer:
        """Answer one message as an MCP server does."""
        method, params = message["method"], message.get("params", {})
        if "id" not in message:
            return Answer(status=202)
        if method == "initialize":
            self.sessions.append(str(len(self.sessions) + 1))
            info = {"serverInfo": {"name": "remote", "version": "1"}, "capabilities": {"tools": {}}}
            result = {"protocolVersion": params["protocolVersion"], **info}
            return reply(message, result, headers={"mcp-session-id": self.sessions[-1]})
        if method == "tools/list":
            return reply(message, {"tools": [ECHO]})
        if method == "tools/call":
            return reply(message, {"content": [{"type": "text", "text": params["arguments"]["text"]}]})
        return error(message, -32601, "Method not found")


def reply(message: dict[str, Any], result: Any, *, headers: dict[str, str] | None = None) -> Answer:
    """An answer of one JSON message."""
    body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()
    return Answer(body, headers={"content-type": "application/json", **(headers or {})})


def error(message: dict[str, Any], code: int, said: str, status: int = 200) -> Answer:
    """An error of the server's own."""
    body = {"jsonrpc": "2.0", "id": message["id"], "error": {"code": code, "message": said}}
    return Answer(json.dumps(body).encode(), status, {"content-type": "application/json"})


@contextmanager
def remote(behave: Behaviour | None = None) -> Generator[Remote]:
    """Serve until the block ends."""
    made: list[Remote] = []
    with serving(lambda sent: made[0].answer(sent)) as server:
        made.append(Remote(server, behave))
        yield made[0]


def at(remote: Remote, *, name: str = "far", mcp: dict[str, Any] | None = None, **entry: Any) -> ToolSettings:
    """Return an entry of ``tools:`` for a running server."""
    settings = McpSettings.model_validate({"url": f"{remote.server.url}/mcp", **(mcp or {})})
    return ToolSettings.model_validate({"mcp": settings, "name": name, **entry})
