"""How many tokens a request has, as its provider says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.filters import Filters
from gateway.gateway import Gateway
from gateway.server.metrics import Metrics
from schemas.settings import Settings
from tests.gateway.server.serving import config, message, served
from tests.wire.server import Reply, Script, WireServer


def counting(status: int = 200, tokens: int = 14) -> Script:
    """An Anthropic server that counts, or answers with an error."""
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": "messages: none"}}
    said = {"input_tokens": tokens} if status == 200 else error

    def script(_request: dict[str, Any], _path: str) -> Reply:
        return Reply(json.dumps(said).encode(), status)

    return script


def test_the_provider_counts() -> None:
    """What Anthropic's own endpoint says is the answer: the body goes there as it is, under the provider's key."""
    with WireServer(counting()) as upstream, served(config(upstream.url)) as gateway:
        body = message("hi", tools=[{"name": "t", "input_schema": {}}])
        told = gateway.post("/v1/messages/count_tokens", body, headers={"anthropic-beta": "b-1"})
        assert (told.json(), told.headers["x-engine-model"]) == ({"input_tokens": 14}, "a/m")
        assert "x-engine-estimate" not in told.headers
    (sent,) = upstream.requests
    assert (sent.path, sent.json) == ("/v1/messages/count_tokens", {**body, "model": "m"})
    assert (sent.headers["x-api-key"], sent.headers["anthropic-beta"]) == ("secret-a", "b-1")


@pytest.mark.parametrize("status", [404, 429, 500])
def test_else_it_is_estimated(status: int) -> None:
    """A server that cannot count, or is busy, leaves an estimate, and the answer says so."""
    with WireServer(counting(status)) as upstream, served(config(upstream.url)) as gateway:
        told = gateway.post("/v1/messages/count_tokens", message("hi"))
        assert (told.status_code, told.headers["x-engine-estimate"]) == (200, "true")


def test_a_request_that_is_none_is_refused() -> None:
    """What Anthropic says is wrong with a request reaches the client in its own envelope."""
    with WireServer(counting(400)) as upstream, served(config(upstream.url)) as gateway:
        told = gateway.post("/v1/messages/count_tokens", message("hi"))
        assert (told.status_code, told.json()["error"]["type"]) == (400, "invalid_request_error")


def test_filters_see_what_is_counted() -> None:
    """B73: what a filter takes out of requests does not leave to be counted either."""

    async def make(settings: Settings, metrics: Metrics) -> Gateway:
        return Gateway(settings, environ={}, observers=[metrics], filters=Filters(settings, {}), maker="http1")

    given = [{"name": "names", "kind": "pii"}]
    with WireServer(counting()) as upstream, served(config(upstream.url, filters=given), make=make) as gateway:
        gateway.post("/v1/messages/count_tokens", message("write to ann@example.com"))
    assert "ann@example" not in json.dumps(upstream.requests[0].json)
