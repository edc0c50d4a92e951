"""The official SDKs' clients as upstreams, on both event loops."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from gateway.upstream.anthropic import anthropic_upstream
from gateway.upstream.base import Answer, Sent
from gateway.upstream.openai import openai_upstream
from schemas.errors import ModelTimeoutError, ModelUnavailableError
from tests.wire.server import Reply, WireServer

pytestmark = pytest.mark.anyio
MAKERS = pytest.mark.parametrize("make", [anthropic_upstream, openai_upstream])


@contextlib.asynccontextmanager
async def asked(make: Any, *replies: Reply, **more: Any) -> AsyncIterator[tuple[Answer, WireServer]]:
    """The answer to one request, and who gave it."""
    with WireServer(list(replies)) as server:
        upstream = make(server.url)
        sent = Sent("p/m", f"{server.url}/v1/any", b'{"a": 1}', {"x-api-key": "k"}, **{"timeout_s": 5.0, **more})
        try:
            answer = await upstream.send(sent)
            yield answer, server
            await answer.close()
        finally:
            await upstream.aclose()


@MAKERS
@pytest.mark.parametrize("status", [200, 429, 500])
async def test_bytes_go_out_and_come_back_as_they_are(make: Any, status: int) -> None:
    """Any status is an answer; the body is what was sent; of the head only what we say is said of keys."""
    async with asked(make, Reply(b'{"b": 2}', status, headers={"x-request-id": "r1"})) as (answer, server):
        content = await answer.read()
    assert (answer.status, content, answer.headers["X-Request-Id"]) == (status, b'{"b": 2}', "r1")
    request = server.requests[0]
    assert (request.path, request.json, request.headers["x-api-key"]) == ("/v1/any", {"a": 1}, "k")
    assert "authorization" not in request.headers
    assert len(server.requests) == 1


@MAKERS
async def test_an_answer_that_does_not_begin_is_given_up(make: Any) -> None:
    """The limit on the first token holds before the head as well."""
    with pytest.raises(ModelTimeoutError, match=r"no first token within 0\.2 s"):
        async with asked(make, Reply(delay_s=30), first_token_s=0.2):
            pass


@MAKERS
async def test_a_stalled_answer_is_given_up(make: Any) -> None:
    """After content silence ends it, with the limit named."""
    async with asked(make, Reply(b"data: 1\n\n", hold=True), first_token_s=4.0, stall_s=0.2) as (answer, _):
        assert await answer.chunk()
        answer.began()
        with pytest.raises(ModelTimeoutError, match=r"fell silent in its reply for 0\.2 s"):
            await answer.chunk()


@MAKERS
async def test_a_cut_answer_is_unavailable(make: Any) -> None:
    """A connection that drops in the body is never its end."""
    async with asked(make, Reply(b"x" * 100, drop_after=50)) as (answer, _):
        with pytest.raises(ModelUnavailableError, match="broke off"):
            await answer.read()


@MAKERS
async def test_leaving_in_the_body_cuts_the_connection(make: Any) -> None:
    """A client that goes away ends the request at the server at once."""
    async with asked(make, Reply(b"data: 1\n\n", hold=True)) as (answer, server):
        await answer.chunk()
        await answer.close()
        assert await anyio.to_thread.run_sync(server.wait_left) is not None
