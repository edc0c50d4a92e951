"""HTTP/1.1 as upstream: what it must not do by itself, and what it must."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from gateway.upstream.base import Answer, Sent
from gateway.upstream.dialing import Origin
from gateway.upstream.http1 import Http1Upstream
from schemas.errors import ModelOutputError, ModelTimeoutError, ModelUnavailableError
from tests.wire.server import Reply, WireServer

pytestmark = pytest.mark.anyio
KEY = "key-of-the-upstream"


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """It knows asyncio only, by whatever event loop."""
    return "asyncio", {"use_uvloop": request.param}


def to(url: str, body: bytes = b"{}", **more: Any) -> Sent:
    """A request to a server."""
    headers = {"authorization": f"Bearer {KEY}", "accept-encoding": "identity"}
    return Sent("p/m", f"{url}/v1/any", body, headers, **{"timeout_s": 5.0, **more})


@contextlib.asynccontextmanager
async def upstream(*replies: Reply) -> AsyncIterator[tuple[Http1Upstream, WireServer]]:
    """A server, and the way to it."""
    with WireServer(list(replies)) as server:
        made = Http1Upstream(server.url)
        try:
            yield made, server
        finally:
            await made.aclose()


async def read(answer: Answer) -> bytes:
    """The whole body, and the connection given back."""
    content = await answer.read()
    await answer.close()
    return content


async def test_bytes_go_out_and_come_back_as_they_are() -> None:
    """Any status is an answer; header names are found in any case."""
    async with upstream(Reply(b'{"b": 2}', 429, headers={"Retry-After": "7"})) as (made, server):
        answer = await made.send(to(server.url, b'{"a": 1}'))
        assert (answer.status, await read(answer), answer.headers["retry-after"]) == (429, b'{"b": 2}', "7")
    assert (server.requests[0].json, server.requests[0].headers["content-type"]) == ({"a": 1}, "application/json")


async def test_a_cookie_is_never_kept() -> None:
    """What one answer sets, the next request does not tell."""
    async with upstream(Reply(b"{}", headers={"set-cookie": "a=b"}), Reply(b"{}")) as (made, server):
        for _ in range(2):
            await read(await made.send(to(server.url)))
    assert "cookie" not in server.requests[1].headers


async def test_a_body_of_megabytes_is_sent_whole() -> None:
    """Images and files go out without a warning."""
    body = b'{"a": "' + b"x" * 3_000_000 + b'"}'
    async with upstream(Reply(b"{}")) as (made, server):
        await read(await made.send(to(server.url, body)))
    assert len(server.requests[0].json["a"]) == 3_000_000


async def test_the_first_token_is_waited_for_so_long() -> None:
    """The limit holds before the head and after it, whatever comes that is no content."""
    replies = [Reply(delay_s=30), Reply(b": hm\n\n" * 500, split=6, pause_s=0.02)]
    async with upstream(*replies) as (made, server):
        with pytest.raises(ModelTimeoutError, match=r"no first token within 0\.2 s"):
            await made.send(to(server.url, first_token_s=0.2))
        answer = await made.send(to(server.url, first_token_s=0.3))
        with pytest.raises(ModelTimeoutError, match=r"no first token within 0\.3 s"):
            await answer.read()
        await answer.close()


async def test_silence_in_an_answer_ends_it() -> None:
    """After content every byte counts, and their lack; a trickle that goes on meets the limit of the whole."""
    replies = [Reply(b"data: 1\n\n", hold=True), Reply(b"x" * 900, split=1, pause_s=0.02)]
    async with upstream(*replies) as (made, server):
        for limits, said in (
            ({"stall_s": 0.2}, r"fell silent in its reply for 0\.2 s"),
            ({"stall_s": 3.0, "timeout_s": 0.4}, r"did not finish within 0\.4 s"),
        ):
            answer = await made.send(to(server.url, **limits))
            await answer.chunk()
            answer.began()
            with pytest.raises(ModelTimeoutError, match=said):
                await answer.read()
            await answer.close()


async def test_a_connection_is_kept_after_an_answer_and_cut_in_one() -> None:
    """Two answers read whole share a connection; one left in its middle is cut at once."""
    async with upstream(Reply(b"{}"), Reply(b"{}"), Reply(b"data: 1\n\n", hold=True)) as (made, server):
        for _ in range(2):
            await read(await made.send(to(server.url)))
        answer = await made.send(to(server.url))
        await answer.chunk()
        await answer.close()
        assert await anyio.to_thread.run_sync(server.wait_left) is not None


async def test_cancelling_before_the_head_cuts_the_connection() -> None:
    """Nothing goes on at the server for somebody who left."""
    async with upstream(Reply(delay_s=30)) as (made, server):
        with anyio.move_on_after(0.2):
            await made.send(to(server.url))
        assert await anyio.to_thread.run_sync(server.wait_left) is not None


async def test_no_error_holds_the_key() -> None:
    """Neither what is said nor what stands behind it."""
    made = Http1Upstream("http://127.0.0.1:9")
    with pytest.raises(ModelUnavailableError) as caught:
        await made.send(to("http://127.0.0.1:9"))
    await made.aclose()
    assert KEY not in repr((caught.value, caught.value.details, caught.value.__cause__))


async def test_a_proxy_of_the_environment_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY leads the request there, NO_PROXY past it."""
    with WireServer([Reply(b"{}")]) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        made = Http1Upstream("http://models.example")
        await read(await made.send(to("http://models.example")))
        await made.aclose()
    assert proxy.requests[0].path == "http://models.example/v1/any"
    monkeypatch.setenv("no_proxy", "models.example")
    assert Origin("http://models.example").proxy is None


async def test_a_server_that_cannot_prove_itself_gets_nothing() -> None:
    """TLS is kept to: without its handshake no request is sent."""
    async with upstream(Reply(b"{}")) as (made, server):
        with pytest.raises(ModelUnavailableError, match="can't be reached"):
            await made.send(to(server.url.replace("http:", "https:")))
    assert server.requests == []


async def test_what_cannot_be_read_is_said_without_the_servers_address() -> None:
    """A head that goes on and on is said to whoever asked; where the server is, is not his business."""
    async with upstream(Reply(headers={f"x-{number}": "y" for number in range(8000)})) as (made, server):
        with pytest.raises(ModelOutputError, match=r"p/m sent what can't be read: .*headers") as caught:
            await made.send(to(server.url))
    assert "127.0.0.1" not in caught.value.message
