"""Filters of somebody else's server and of MCP tools: what is sent, and what their answers mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.filters import Facts, Outside
from schemas.errors import FilterBlockedError, FilterFailedError, ToolFailedError
from tests.gateway.filters.streams import asked, chain, one, read, said, stream
from tests.gateway.filters.test_output import filtered

pytestmark = pytest.mark.anyio


@dataclass
class Server:
    """A filter's server: it answers one thing, and keeps what was sent."""

    status: int = 200
    answer: bytes | None = None
    sent: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list[tuple[str, Mapping[str, str], bytes]])

    async def __call__(
        self, url: str, headers: Mapping[str, str], body: bytes, *, timeout_s: float, most_bytes: int
    ) -> tuple[int, bytes]:
        self.sent.append((url, headers, body))
        return self.status, body if self.answer is None else self.answer


def http(server: Server, **fields: Any) -> Any:
    facts = Facts(asked="m", request_id="r1", headers={"authorization": "Bearer k", "traceparent": "t"})
    return chain(one("http", url="http://guard/check/", **fields), outside=Outside(post=server), facts=facts)


async def test_a_server_gets_the_body_as_plano_sends_it() -> None:
    """B73: the request is posted to the address with the API's path, with the client's headers but its secrets."""
    server, body = Server(), asked("messages", "a")
    assert await http(server).request("messages", body) is body
    [(url, headers, sent)] = server.sent
    assert url == "http://guard/check/v1/messages"
    assert json.loads(sent) == body
    assert (headers["x-request-id"], headers["traceparent"], headers["x-engine-side"]) == ("r1", "t", "input")
    assert "authorization" not in headers


async def test_what_is_of_the_clients_connection_stays_there() -> None:
    """B73: how its request was cut, or what its connection may become, is not said of ours, which is one alone."""
    of_it = ("transfer-encoding", "content-length", "connection", "keep-alive", "te", "trailer", "upgrade", "expect")
    server, facts = Server(), Facts(asked="m", headers={**dict.fromkeys(of_it, "chunked"), "traceparent": "t"})
    made = chain(one("http", url="http://guard/check/"), outside=Outside(post=server), facts=facts)
    await made.request("chat", asked("chat", "a"))
    assert {"traceparent", *of_it} & set(server.sent[0][1]) == {"traceparent"}


async def test_a_server_changes_the_body() -> None:
    """B73: 200 carries the body to go on with; an empty one means the body as it was."""
    new = await http(Server(answer=json.dumps(asked("chat", "b")).encode())).request("chat", asked("chat", "a"))
    assert said("chat", new) == "b"
    assert said("chat", await http(Server(204, b"")).request("chat", asked("chat", "a"))) == "a"


async def test_a_servers_4xx_blocks_with_its_message() -> None:
    """B73: 4xx stops the call with the server's text and status."""
    server = Server(422, b'{"error": {"message": "off topic"}}')
    with pytest.raises(FilterBlockedError, match="off topic") as caught:
        await http(server).request("chat", asked("chat", "a"))
    assert caught.value.details["status"] == 422


@pytest.mark.parametrize("server", [Server(500), Server(302), Server(200, b"<html>"), Server(200, b"[1]")])
async def test_what_a_broken_server_says_is_a_failure(server: Server) -> None:
    """B73: 5xx, redirects and answers that are no body are a failed filter, never a changed request."""
    with pytest.raises(FilterFailedError):
        await http(server).request("chat", asked("chat", "a"))


async def test_a_server_sees_whole_events_of_a_stream() -> None:
    """B73: of a streamed answer a server gets whole events, whatever the chunks; its 4xx ends the stream."""
    server = Server()
    data = stream("chat", ["日本", "語"])
    assert await filtered(http(server, on=["output"]), "chat", data, [5]) == data
    assert all(sent.endswith(b"\n\n") and sent.decode() for _, _, sent in server.sent)
    made = http(Server(403, b"no"), on=["output"])
    assert read("chat", await filtered(made, "chat", data))[2] == "content_filter"


def mcp(result: Any) -> tuple[Any, list[Mapping[str, Any]]]:
    called: list[Mapping[str, Any]] = []

    async def call(server: str, tool: str, arguments: Mapping[str, Any], *, timeout_s: float) -> Any:
        called.append(arguments)
        if isinstance(result, Exception):
            raise result
        return result

    return chain(one("mcp", mcp="guard-server", tool="check"), outside=Outside(call_tool=call)), called


async def test_a_tool_gets_body_and_path_and_gives_a_body_back() -> None:
    """B73: an MCP tool is called with ``body`` and ``path``; what it returns goes on, also wrapped or as text."""
    for result in (asked("chat", "b"), {"result": asked("chat", "b")}, json.dumps(asked("chat", "b"))):
        made, called = mcp(result)
        assert said("chat", await made.request("chat", asked("chat", "a"))) == "b"
        assert called == [{"body": asked("chat", "a"), "path": "/v1/chat/completions"}]


@pytest.mark.parametrize("result", [{"block": "no"}, ToolFailedError("no")])
async def test_a_tool_blocks(result: Any) -> None:
    """B73: a tool blocks by saying so, or by failing as tools say no."""
    with pytest.raises(FilterBlockedError, match="no"):
        await mcp(result)[0].request("chat", asked("chat", "a"))


async def test_a_tool_annotates() -> None:
    """B73: a tool's note is in the record, and the request goes on."""
    made, _ = mcp({"annotate": "odd"})
    body = asked("chat", "a")
    assert await made.request("chat", body) is body
    assert [line.reason for line in made.decided()] == ["odd"]
