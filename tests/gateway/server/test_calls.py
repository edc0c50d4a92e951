"""Calls of models: real clients, their own errors, and clients that leave."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import anthropic
import anyio
import openai
import pytest

from gateway.attempt import CallContext
from gateway.exchange import ClientCall, WireReply
from gateway.filters import Filters
from gateway.filters.base import Outside
from gateway.filters.posting import PooledPost
from gateway.gateway import Gateway
from gateway.providers.address import Address
from gateway.server.metrics import Metrics
from schemas.settings import Settings
from tests.gateway.server.serving import Keys, Served, chat, config, message, served
from tests.wire.replies import say, sse_reply
from tests.wire.server import Reply, WireServer

SOON_S = 10.0
"""Loaded machines are slow; what is told at once comes in a fraction of a second on a quiet one."""


def answer(request: dict[str, Any], path: str) -> Reply:
    """Answer as the last message asks: a text, an endless answer, an endless wait, a failure."""
    asked = str(request["messages"][-1]["content"])
    if "hang" in asked:
        return say(request, path, "too late", delay_s=60)
    if "endless" in asked:
        return say(request, path, "word " * 20_000, split=200, pause_s=0.02)
    if "overloaded" in asked:
        return Reply(b'{"error": {"message": "busy", "type": "server_error"}}', status=503)
    return say(request, path, "hello there", [("look", {"at": "it"})] if "tool" in asked else ())


@pytest.fixture(scope="module")
def upstream() -> Generator[WireServer]:
    with WireServer(answer) as server:
        yield server


@pytest.fixture(scope="module")
def gateway(upstream: WireServer) -> Generator[Served]:
    with served(config(upstream.url)) as found:
        yield found


def test_the_openai_sdk_is_answered(gateway: Served) -> None:
    """OpenAI's own client, its validation strict, reads whole answers, streams, tool calls and the list of models."""
    with openai.OpenAI(
        api_key="any", base_url=f"{gateway.url}/v1", max_retries=0, _strict_response_validation=True
    ) as client:
        asked: Any = chat()
        whole = client.chat.completions.create(**asked)
        assert whole.choices[0].message.content == "hello there"
        assert whole.usage is not None
        assert whole._request_id
        with client.chat.completions.create(**asked, stream=True) as stream:
            assert "".join(c.choices[0].delta.content or "" for c in stream if c.choices) == "hello there"
        calls = client.chat.completions.create(**chat("use a tool")).choices[0].message.tool_calls
        assert calls is not None
        assert calls[0].model_dump()["function"]["name"] == "look"
        assert "p/m" in [model.id for model in client.models.list()]
        assert client.models.retrieve("p/m").owned_by == "p"


def test_the_anthropic_sdk_is_answered(gateway: Served) -> None:
    """Anthropic's own client, its validation strict, reads whole messages, streams, models and counted tokens."""
    with anthropic.Anthropic(
        api_key="any", base_url=gateway.url, max_retries=0, _strict_response_validation=True
    ) as client:
        asked: Any = message()
        whole = client.messages.create(**asked)
        assert whole.content[0].model_dump()["text"] == "hello there"
        assert (whole._request_id or "").startswith("req_")
        with client.messages.stream(**asked) as stream:
            assert "".join(stream.text_stream) == "hello there"
        assert "a/m" in [model.id for model in client.models.list()]
        asked.pop("max_tokens")
        assert client.messages.count_tokens(**asked).input_tokens > 0


def test_either_client_reaches_either_provider(gateway: Served) -> None:
    """A message is answered by a provider of chat completions, and the other way round."""
    with anthropic.Anthropic(api_key="any", base_url=gateway.url, max_retries=0) as client:
        crossed: Any = message(model="p/m")
        assert client.messages.create(**crossed).content[0].model_dump()["text"] == "hello there"
    with openai.OpenAI(api_key="any", base_url=f"{gateway.url}/v1", max_retries=0) as client:
        assert client.chat.completions.create(**chat(model="a/m")).choices[0].message.content == "hello there"


@pytest.mark.parametrize("streamed", [False, True])
def test_a_model_of_the_responses_api_alone_answers_chat_clients(
    monkeypatch: pytest.MonkeyPatch, *, streamed: bool
) -> None:
    """B72: a chat client that asks for a model which only the Responses API serves is translated, not passed on."""
    monkeypatch.setattr(Address, "official", property(lambda _: True))
    words: dict[str, Any] = {"type": "output_text", "text": "hello", "annotations": []}
    item: dict[str, Any] = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [words],
    }
    usage = {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4}
    whole: dict[str, Any] = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "output": [item],
        "usage": usage,
    }

    def script(request: dict[str, Any], path: str) -> Reply:
        if not path.endswith("/responses"):
            return Reply(b'{"error": {"message": "this model is only supported in v1/responses"}}', status=404)
        body = whole | {"model": request["model"]}
        if not request.get("stream"):
            return Reply(json.dumps(body).encode())
        delta: dict[str, Any] = {
            "type": "response.output_text.delta",
            "item_id": "msg_1",
            "output_index": 0,
            "delta": "hello",
        }
        return sse_reply(
            [(delta["type"], delta), ("response.completed", {"type": "response.completed", "response": body})]
        )

    with WireServer(script) as server:
        given = config(server.url)
        given["model_providers"][0]["models"] = [{"name": "gpt-5-pro"}]
        with served(given) as gateway:
            told = gateway.post("/v1/chat/completions", chat(model="p/gpt-5-pro", stream=streamed))
        assert told.status_code == 200, told.text
        assert "hello" in told.text
        assert "chat.completion" in told.text
        assert [request.path for request in server.requests] == ["/v1/responses"]


def test_what_a_translation_leaves_out_is_told(gateway: Served) -> None:
    """B72: a field that only the client's format has is named in the head, or refused unless the client lets it go."""
    told = gateway.post("/v1/chat/completions", chat(model="a/m") | {"seed": 1, "store": True})
    assert (told.status_code, told.headers["x-engine-dropped"]) == (200, "store, seed")
    refused = gateway.post("/v1/chat/completions", chat(model="a/m") | {"logit_bias": {"1": 5}})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "logit_bias")
    biased = chat(model="a/m", stream=True) | {"logit_bias": {"1": 5}}
    dropped = gateway.post("/v1/chat/completions", biased, headers={"x-engine-drop": "logit_bias"})
    assert (dropped.status_code, dropped.headers["x-engine-dropped"]) == (200, "logit_bias")
    assert dropped.text.endswith("data: [DONE]\n\n")
    passed = gateway.post("/v1/chat/completions", chat(model="p/m") | {"logit_bias": {"1": 5}})
    assert "x-engine-dropped" not in passed.headers


def test_what_a_client_calls_a_field_is_no_header(gateway: Served) -> None:
    """A field whose name breaks the line is left out like any other, and named in one line."""
    odd = chat(model="a/m") | {"x\r\nset-cookie: a=b\u00e9": 1}
    told = gateway.post("/v1/chat/completions", odd, headers={"x-engine-drop": "*"})
    assert (told.status_code, "set-cookie" in told.headers) == (200, False)
    assert told.headers["x-engine-dropped"] == "x??set-cookie: a=b?"


def test_errors_come_as_the_sdks_know_them(gateway: Served) -> None:
    """An unknown model, a missing one and no JSON are the SDK's own exceptions, with a request id."""
    with openai.OpenAI(api_key="any", base_url=f"{gateway.url}/v1", max_retries=0) as client:
        with pytest.raises(openai.NotFoundError, match="nope") as missing:
            client.chat.completions.create(**chat(model="nope"))
        assert (missing.value.code, bool(missing.value.request_id)) == ("model_not_found", True)
        with pytest.raises(openai.BadRequestError, match="names no model"):
            client.post("/chat/completions", body={"messages": []}, cast_to=object)
    with anthropic.Anthropic(api_key="any", base_url=gateway.url, max_retries=0) as client:
        with pytest.raises(anthropic.NotFoundError) as absent:
            client.messages.create(**message(model="nope"))  # pyright: ignore[reportArgumentType]
        body: Any = absent.value.body
        assert (body["type"], body["error"]["type"]) == ("error", "not_found_error")
        assert body["request_id"] == absent.value.response.headers["request-id"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_body_that_is_no_json_is_said(gateway: Served, path: str) -> None:
    """Bytes that are no JSON object are a 400 in the envelope of the format."""
    for content in (b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000):
        response = gateway.client.post(path, content=content, headers={"content-type": "application/json"})
        assert response.status_code == 400, response.text
        assert response.json()["error"]["type"] == "invalid_request_error"


def test_the_listeners_default_stands_in(upstream: WireServer) -> None:
    """A call without a model, or with one that only an SDK knows, goes to the default model of its listener."""
    with served(config(upstream.url, listeners=[{"port": 0, "default_model": "p/m"}])) as gateway:
        for model in ({}, {"model": "gpt-99"}):
            body = {key: value for key, value in chat().items() if key != "model"} | model
            assert gateway.post("/v1/chat/completions", body).json()["choices"][0]["message"]["content"]


def test_a_request_id_of_the_client_is_kept(gateway: Served) -> None:
    """A sane x-request-id comes back; one that is not is replaced."""
    ids = [
        gateway.post("/v1/chat/completions", chat(), headers={"x-request-id": given}).headers["x-request-id"]
        for given in ("mine-1.2_3", "a b", "x" * 200, '{"')
    ]
    assert ids[0] == "mine-1.2_3"
    assert all(found.startswith("req_") for found in ids[1:])


def _open(gateway: Served, body: dict[str, Any], path: str = "/v1/chat/completions") -> socket.socket:
    """Send a request on a socket of its own."""
    address = urlsplit(gateway.url)
    line = socket.create_connection((address.hostname or "", address.port or 0), timeout=30)
    _send(line, body, path)
    return line


def _send(line: socket.socket, body: dict[str, Any], path: str = "/v1/chat/completions") -> None:
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(content)}\r\n\r\n"
    line.sendall(head.encode() + content)


def _asked(upstream: WireServer, before: int) -> None:
    """Wait until the provider has the request."""
    until = time.monotonic() + SOON_S
    while len(upstream.requests) <= before and time.monotonic() < until:
        time.sleep(0.01)
    assert len(upstream.requests) > before


@pytest.mark.parametrize(("asked", "streamed"), [("endless", True), ("hang", True), ("hang", False)])
def test_a_client_that_leaves_ends_the_providers_call(asked: str, streamed: bool) -> None:
    """B75: a client that goes away, in a stream, before its first word, or waiting for a whole answer, is gone for
    the provider too, at once.
    """
    with WireServer(answer) as upstream, served(config(upstream.url)) as gateway:
        line = _open(gateway, chat(asked, stream=streamed))
        _asked(upstream, 0)
        began = b""
        while asked == "endless" and b"data: " not in began:
            began += line.recv(65536)
        line.close()
        left = time.monotonic()
        gone = upstream.wait_left(SOON_S)
        assert gone is not None
        assert gone - left < SOON_S / 2
        assert gateway.metric("clients_left_total") == 1


def test_a_client_that_leaves_after_a_large_request_is_heard(upstream: WireServer) -> None:
    """B75: reading a large body does not make the server deaf to its client's leaving."""
    with served(config(upstream.url)) as gateway:
        before, left = len(upstream.requests), len(upstream.left_at)
        line = _open(gateway, chat("hang" + "x" * 400_000))
        _asked(upstream, before)
        line.close()
        until = time.monotonic() + SOON_S
        while len(upstream.left_at) == left and time.monotonic() < until:
            time.sleep(0.01)
        assert len(upstream.left_at) > left


class _LateGateway(Gateway):
    """Takes a while to end a call whose answer is sent."""

    @asynccontextmanager
    async def relay(self, call: ClientCall, context: CallContext) -> AsyncGenerator[WireReply]:
        async with super().relay(call, context) as reply:
            yield reply
        await anyio.sleep(0.3)


def test_a_client_that_leaves_its_second_call_is_heard() -> None:
    """B75: what is left to do for a call that is answered does not make the server deaf in the next one."""

    async def make(settings: Settings, metrics: Metrics) -> Gateway:
        return _LateGateway(settings, environ={}, observers=[metrics], maker="http1")

    with WireServer(answer) as upstream, served(config(upstream.url), make=make) as gateway:
        line = _open(gateway, chat())
        assert line.recv(65536).startswith(b"HTTP/1.1 200 OK")
        _send(line, chat("hang"))
        _asked(upstream, 1)
        time.sleep(0.6)
        line.close()
        assert upstream.wait_left(SOON_S) is not None


@pytest.mark.parametrize(("status", "told"), [(422, 422), (401, 401), (429, 429), (302, 502)])
def test_a_filters_own_status_reaches_the_client(status: int, told: int) -> None:
    """B73: a client gets the 4xx with which a filter's server refused its request; nothing else passes as one."""
    with WireServer(lambda _, __: Reply(b'{"message": "off topic"}', status=status)) as guard:
        given = config(filters=[{"name": "guard", "kind": "http", "url": guard.url}])
        given["listeners"] = [{"port": 0, "filters": ["guard"]}]

        async def make(settings: Settings, metrics: Metrics) -> Gateway:
            filters = Filters(settings, {}, Outside(post=PooledPost()))
            return Gateway(settings, environ={}, observers=[metrics], filters=filters, maker="http1")

        with served(given, make=make) as gateway:
            answered = gateway.post("/v1/chat/completions", chat())
            crossed = gateway.post("/v1/messages", message())
    assert (answered.status_code, crossed.status_code) == (told, told)
    assert ("off topic" in answered.text) is (told < 500)


def test_a_keys_agent_stands_above_the_header(upstream: WireServer) -> None:
    """B71: with a key that has its own agent the header says nothing; names made up in headers share one budget."""
    keys = Keys()
    own, free = keys.add("own", agent="writer"), keys.add("free")
    priced = {"name": "m", "input_usd_per_mtok": 1.0, "output_usd_per_mtok": 1.0}
    given = config(upstream.url, gateway={"budgets": [{"of": "agent:*", "tokens": 40}]})
    given["model_providers"][0]["models"] = [priced]
    with served(given, keys=keys) as gateway:

        def ask(key: str, agent: str) -> int:
            headers = {"authorization": f"Bearer {key}", "x-engine-agent": agent}
            asked = chat(max_tokens=5)
            return gateway.post("/v1/chat/completions", asked, headers=headers).status_code

        assert [ask(free, f"made up {at}") for at in range(4)] == [200, 200, 402, 402]
        assert [ask(own, f"made up {at}") for at in range(4)] == [200, 200, 402, 402]
