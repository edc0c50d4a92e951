"""Agents behind MCP servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.tools.agents.base import Place
from engine.tools.agents.mcp import McpAgent, made
from schemas.agents import AgentSettings
from schemas.errors import ConfigError, ToolFailedError, ToolUnavailableError
from tests.tools.context import Context
from tests.tools.mcp.remote import Remote, error, remote, reply
from tests.tools.webserver import Answer, Sent

pytestmark = pytest.mark.anyio
TEXT = {"type": "string"}


def agent(server: Remote | str, tool: str = "", **more: Any) -> McpAgent:
    """An agent at a server."""
    where = server if isinstance(server, str) else f"{server.server.url}/mcp{tool}"
    settings = AgentSettings.model_validate({"name": "far", "mcp": where, **more})
    return made(settings, Place(Path(), {"KEY": "k-7"}))


def listing(*tools: dict[str, Any]) -> Any:
    """A server that lists these tools."""

    def behave(_: Sent, message: dict[str, Any]) -> Answer | None:
        if message.get("method") == "tools/call" and message["params"]["name"] != "echo":
            return reply(message, {"content": [], "structuredContent": {"result": message["params"]}})
        return reply(message, {"tools": list(tools)}) if message.get("method") == "tools/list" else None

    return behave


def tool(name: str, *required: str, **fields: Any) -> dict[str, Any]:
    """A tool with these arguments."""
    return {"name": name, "inputSchema": {"type": "object", "properties": fields, "required": list(required)}}


async def test_a_query_goes_to_its_tool() -> None:
    """The query is the tool's one text, the key goes along, and the result is the answer."""
    with remote() as server:
        asked = agent(server, "#echo", api_key="$KEY")
        async with asked.hosting(""):
            card = await asked.look()
            answer = await asked.call({"query": "hello"}, Context())
        sent = server.server.requests[-1]
    assert (card.description, answer) == ("Give the text back.", "hello")
    assert sent.headers["authorization"] == "Bearer k-7"
    assert len(server.calls("initialize")) == 1


async def test_the_only_tool_need_not_be_named() -> None:
    """A server with one tool is the agent; without a host each call has a server of its own."""
    with remote() as server:
        assert await agent(server).call({"query": "hello"}, Context()) == "hello"


async def test_other_arguments_are_on_the_card() -> None:
    """What the tool takes beside the query may be given with it; a text that was wrapped is taken out."""
    with remote(listing(tool("ask", "prompt", prompt=TEXT, style=TEXT))) as server:
        asked = agent(server, "#ask")
        assert (await asked.look()).arguments == {"style": TEXT}
        answer = await asked.call({"query": "q", "style": "short"}, Context())
    assert answer["arguments"] == {"prompt": "q", "style": "short"}


@pytest.mark.parametrize(
    ("tools", "which", "said"),
    [
        ((tool("a", q=TEXT), tool("b", q=TEXT)), "", "which tool of its server is meant?"),
        ((tool("a", q=TEXT),), "#b", "has no tool 'b'"),
        ((tool("a", "x", "y", x=TEXT, y=TEXT),), "", "takes x, y"),
        ((tool("a", n={"type": "integer"}),), "", "takes no text"),
    ],
)
async def test_a_server_that_is_no_agent(tools: tuple[Any, ...], which: str, said: str) -> None:
    """A tool that is not there, not named, or takes no query, is said in one line."""
    with remote(listing(*tools)) as server, pytest.raises(ToolFailedError) as caught:
        await agent(server, which).look()
    assert said in caught.value.message


async def test_a_server_that_is_down() -> None:
    """B56: an agent whose server cannot be reached is unavailable, with the reason."""
    with remote(lambda _, message: error(message, -32603, "no") if "id" in message else None) as server:
        asked = agent(server)
    with pytest.raises(ToolUnavailableError, match="cannot be reached"):
        await asked.look()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"mcp": "servers.json"}, "is no MCP server"),
        ({"mcp": "#ask"}, "is no MCP server"),
        ({"mcp": "uvx my-agent#ask", "api_key": "$KEY"}, "only for an address"),
    ],
)
def test_wrong_entries(entry: dict[str, Any], said: str) -> None:
    """What is no server is refused when the configuration is read."""
    with pytest.raises(ConfigError, match=said):
        agent(entry.pop("mcp"), **entry)
