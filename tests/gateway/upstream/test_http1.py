"""HTTP/1.1 as upstream: what it must not do by itself, and what it must."""

from __future__ import annotations

import contextlib
import gc
import gzip
import os
import socket
import ssl
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import pytest

from gateway.upstream import http1
from gateway.upstream.base import Answer, Sent
from gateway.upstream.dialing import Origin
from gateway.upstream.http1 import Http1Upstream
from gateway.upstream.reading import Reading
from schemas.errors import ModelError, ModelOutputError, ModelTimeoutError, ModelUnavailableError
from tests.gateway.upstream.conftest import ELSEWHERE, STRANGE, Certificates
from tests.wire.peer import Peer, PeerLine, answering, open_sockets
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


async def test_each_request_on_a_kept_connection_has_its_own_limits() -> None:
    """What was waited for before neither prolongs nor cuts short what is waited for now."""
    replies = [Reply(b"{}"), Reply(b"{}"), Reply(b"{}", delay_s=0.8), Reply(delay_s=30)]
    async with upstream(*replies) as (made, server):
        for timeout_s in (60.0, 0.5, 5.0):  # the timer of the second fires while the third is waited for
            await read(await made.send(to(server.url, timeout_s=timeout_s)))
        began = anyio.current_time()
        with pytest.raises(ModelTimeoutError, match=r"did not finish within 0\.2 s"):
            await made.send(to(server.url, timeout_s=0.2))
        assert anyio.current_time() - began < 2.0
    assert server.connections == 1


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


@contextlib.asynccontextmanager
async def peer(
    serve: Callable[[PeerLine], Awaitable[None]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Http1Upstream, Peer]]:
    """A server of the test's own, and the way to it; afterwards no connection is left open."""
    await anyio.sleep(0)
    before = open_sockets()
    async with Peer(serve, tls) as server:
        made = Http1Upstream(server.url)
        try:
            yield made, server
        finally:
            await made.aclose()
    for _ in range(100):
        if open_sockets() <= before:
            break
        await anyio.sleep(0.01)
    assert open_sockets() <= before


async def failed(made: Http1Upstream, sent: Sent) -> ModelError:
    """The error of a request, which holds no key and is one line."""
    with pytest.raises(ModelError) as caught:
        await read(await made.send(sent))
    error = caught.value
    assert error.message.startswith("p/m ")
    assert error.message.isprintable()
    assert KEY not in repr((error, error.message, error.hint, error.details, error.__cause__))
    return error


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
HALF = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}"
ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n{}"
NO_BODY = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.mark.parametrize("behind", [b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret", b"garbage", b"H"])
async def test_what_comes_behind_an_answer_is_never_the_next_ones(behind: bytes) -> None:
    """B76: the answer is whole, its connection is cut, and the next request gets its own answer."""
    async with peer(answering(OK + behind)) as (made, server):
        for _ in range(3):
            assert await read(await made.send(to(server.url))) == b"{}"
        assert server.connections == 3


async def test_an_answer_that_nobody_asked_for_ends_its_connection() -> None:
    """It comes while the connection is kept: nobody gets it."""

    async def serve(line: PeerLine) -> None:
        await line.request()
        line.say(OK)
        if line.number == 1:
            await anyio.sleep(0.05)
            line.say(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret")
        await line.gone()

    async with peer(serve) as (made, server):
        assert await read(await made.send(to(server.url))) == b"{}"
        with anyio.fail_after(2):
            await server.left.wait()
        assert await read(await made.send(to(server.url))) == b"{}"
        assert server.connections == 2


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    ],
)
async def test_a_connection_that_is_to_be_closed_is_not_used_again(said: bytes) -> None:
    """Though its server leaves it open."""
    async with peer(answering(said, said)) as (made, server):
        for _ in range(2):
            assert await read(await made.send(to(server.url))) == b"{}"
        assert server.connections == 2


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_an_answer_before_the_request_is_written_ends_the_connection(
    tls: bool, certificates: Certificates
) -> None:
    """It is an answer, but what is left of the request must not stand before the next one."""

    async def serve(line: PeerLine) -> None:
        await line.reader.readuntil(b"\r\n\r\n")
        line.say(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\n{}")
        await anyio.sleep(0.2)
        await line.gone()

    async with peer(serve, certificates.serving() if tls else None) as (made, server):
        for _ in range(2):
            answer = await made.send(to(server.url, bytes(20_000_000)))
            assert (answer.status, await read(answer)) == (413, b"{}")
        assert server.connections == 2


@pytest.mark.parametrize("said", [NO_BODY, b"HTTP/1.1 304 Not Modified\r\ncontent-length: 2\r\n\r\n"])
async def test_an_answer_without_a_body_is_whole_at_once(said: bytes) -> None:
    """To whatever method; its connection is kept."""
    async with peer(answering(said, said)) as (made, server):
        for method in ("POST", "GET"):
            assert await read(await made.send(to(server.url, method=method))) == b""
        assert server.connections == 1


async def test_a_kept_connection_that_its_server_lets_go_of_costs_no_error() -> None:
    """B76: closed in the moment it is used again, without a byte, it is replaced, and the request goes out anew."""

    async def serve(line: PeerLine) -> None:
        for count in range(3):
            await line.request()
            if line.number == 1 and count == 1:
                line.reset()
                return
            line.say(OK)

    async with peer(serve) as (made, server):
        for _ in range(3):
            assert await read(await made.send(to(server.url))) == b"{}"
        assert (server.connections, len(server.requests)) == (2, 4)


async def test_a_connection_that_was_closed_while_it_was_kept_is_not_used() -> None:
    """Nothing is written to it."""

    async def serve(line: PeerLine) -> None:
        await line.request()
        line.say(OK)
        await anyio.sleep(0.02)

    async with peer(serve) as (made, server):
        for _ in range(2):
            assert await read(await made.send(to(server.url))) == b"{}"
            await anyio.sleep(0.05)
        assert (server.connections, len(server.requests)) == (2, 2)


async def test_a_request_is_written_twice_at_most() -> None:
    """A server that closes every connection is not asked on and on; a new connection is given no second chance."""

    async def serve(line: PeerLine) -> None:
        await line.request()
        if len(server.requests) == 1:
            line.say(OK)
            await line.request()

    async with peer(serve) as (made, server):
        assert await read(await made.send(to(server.url))) == b"{}"
        assert isinstance(await failed(made, to(server.url)), ModelUnavailableError)
        assert len(server.requests) == 3
        assert isinstance(await failed(made, to(server.url)), ModelUnavailableError)
        assert len(server.requests) == 4


@pytest.mark.parametrize("case", ["late", "a byte", "an interim answer", "half an answer"])
async def test_what_may_have_been_worked_on_is_not_asked_again(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection lost after a while, or after a byte, is an error: whether to pay again is for others to decide."""
    said = {"a byte": b"H", "an interim answer": b"HTTP/1.1 103 Hm\r\n\r\n", "half an answer": HALF}

    async def serve(line: PeerLine) -> None:
        await line.request()
        line.say(OK)
        await line.request()
        line.say(said.get(case, b""))
        await anyio.sleep(0.1)

    monkeypatch.setattr(http1, "RACE_S", 0.05 if case == "late" else 5.0)
    async with peer(serve) as (made, server):
        assert await read(await made.send(to(server.url))) == b"{}"
        assert isinstance(await failed(made, to(server.url)), ModelUnavailableError)
        assert len(server.requests) == 2


async def test_a_slow_reader_is_no_silence() -> None:
    """Nothing is read for somebody who takes nothing, so that time is not counted against the server."""

    async def serve(line: PeerLine) -> None:
        await line.request()
        line.say(b"HTTP/1.1 200 OK\r\ncontent-length: 8000002\r\n\r\n" + bytes(8_000_000))
        await line.writer.drain()
        await anyio.sleep(0.1)
        line.say(b"{}")
        await line.gone()

    async with peer(serve) as (made, server):
        answer = await made.send(to(server.url, stall_s=0.2))
        size = len(await answer.chunk())
        answer.began()
        await anyio.sleep(0.35)
        assert size + len(await read(answer)) == 8_000_002


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_a_body_that_nobody_reads_is_not_taken_in(tls: bool, certificates: Certificates) -> None:
    """B76: hundreds of megabytes wait at their server; they come once somebody reads."""
    piece, count = bytes(2**20), 200
    written = 0

    async def serve(line: PeerLine) -> None:
        nonlocal written
        await line.request()
        line.say(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (count * len(piece)))
        for written in range(count):  # noqa: B007 the test looks at it
            line.say(piece)
            await line.writer.drain()
        await line.gone()

    async with peer(serve, certificates.serving() if tls else None) as (made, server):
        answer = await made.send(to(server.url))
        await anyio.sleep(0.1)
        assert written < 20
        size = 0
        async for chunk in answer:
            assert len(chunk) < 2_000_000
            size += len(chunk)
        assert size == count * len(piece)
        await answer.close()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("case", ["before the head", "in the body", "while it is large"])
async def test_cancelling_cuts_the_connection(case: str, tls: bool, certificates: Certificates) -> None:
    """In every phase, at once; the next request has another one."""
    said = {"before the head": b"", "in the body": HALF}.get(case, HALF.replace(b"9", b"9" * 9) + bytes(3_000_000))

    async def serve(line: PeerLine) -> None:
        await line.request()
        line.say(said if line.number == 1 else OK)
        await line.gone()

    async with peer(serve, certificates.serving() if tls else None) as (made, server):
        with anyio.move_on_after(0.1) as scope:
            answer = await made.send(to(server.url))
            try:
                if case == "while it is large":
                    await anyio.sleep_forever()
                await answer.read()
            finally:
                await answer.close()
        assert scope.cancelled_caught
        with anyio.fail_after(2):
            await server.left.wait()
        assert await read(await made.send(to(server.url))) == b"{}"
        assert server.connections == 2


@pytest.mark.parametrize("said", [OK, HALF, b"garbage\r\n\r\n", ENDLESS], ids=["whole", "half", "none", "endless"])
async def test_an_answer_leaves_no_cycle_behind(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a request made is gone with it, whether it was answered or failed: nothing waits for the collector."""
    alive = weakref.WeakSet[Reading]()
    make = Reading.__init__

    def noted(reading: Reading) -> None:
        alive.add(reading)
        make(reading)

    async def serve(line: PeerLine) -> None:
        await line.request()
        line.say(said)

    monkeypatch.setattr(Reading, "__init__", noted)
    async with peer(serve) as (made, server):
        gc.disable()
        try:
            with contextlib.suppress(ModelError):
                await read(await made.send(to(server.url)))
            await anyio.sleep(0.02)
            assert len(alive) == 0
        finally:
            gc.enable()


@pytest.mark.parametrize("bad", ["\r\nx-evil: 1", "\n", "\r", "\x00", "a\r\n\r\nGET / HTTP/1.1\r\n"])
@pytest.mark.parametrize("place", ["name", "value", "method"])
async def test_no_header_begins_another(bad: str, place: str) -> None:
    """A line break or a NUL in what goes out is refused before a byte of it does."""
    async with peer(answering(OK)) as (made, server):
        sent = to(server.url)
        match place:
            case "name":
                sent.headers = {**sent.headers, f"x{bad}": "1"}
            case "value":
                sent.headers = {**sent.headers, "x": f"1{bad}"}
            case _:
                sent.method = f"POST{bad}"
        assert "a header of the request holds a line break" in (await failed(made, sent)).message
        assert server.connections == 0


async def test_an_address_goes_out_as_it_is_written() -> None:
    """Path and query keep their escapes; what may not stand there is escaped; a line break in it is none."""
    asked = {
        "/v1/a%2Fb/c%20d?api-version=1&x=%2B": "/v1/a%2Fb/c%20d?api-version=1&x=%2B",
        "": "/",
        "?a=b": "/?a=b",
        "/a b/ü?q=ö|": "/a%20b/%C3%BC?q=%C3%B6%7C",
        "/a\r\nx-evil: 1\x00": "/ax-evil:%201%00",
        "//b/../c#part": "//b/../c",
    }
    async with peer(answering(*[OK] * len(asked))) as (made, server):
        for path in asked:
            sent = to(server.url)
            sent.url = server.url + path
            await read(await made.send(sent))
        assert [request.split(b"\r\n")[0] for request in server.requests] == [
            f"POST {path} HTTP/1.1".encode() for path in asked.values()
        ]


async def test_what_a_head_says_it_says_once() -> None:
    """Ours may be said otherwise, but not what tells where a request ends, or what its connection is for."""
    async with peer(answering(OK, OK)) as (made, server):
        sent = to(server.url)
        sent.url = sent.url.replace("http://", "http://me:pass%20word@")
        sent.headers = {"accept": "a/b", "content-type": "c/d", "host": "there", "x": "grün"}
        framing = ("transfer-encoding", "content-length", "connection", "te", "trailer", "upgrade", "expect")
        sent.headers |= dict.fromkeys(framing, "chunked")
        await read(await made.send(sent))
        await read(await made.send(Sent("p/m", sent.url, b"", {"authorization": KEY}, timeout_s=5.0)))
    heads = [sorted(request.decode().split("\r\n\r\n")[0].split("\r\n")[1:]) for request in server.requests]
    ours, others = heads
    assert ours == [
        *("accept: a/b", "authorization: Basic bWU6cGFzcyB3b3Jk", "content-length: 2", "content-type: c/d"),
        *("host: there", "x: grün"),
    ]
    assert others == [
        *("accept: */*", f"authorization: {KEY}", "content-length: 0", "content-type: application/json"),
        f"host: 127.0.0.1:{server.port}",
    ]


async def test_tls_is_for_this_server_alone(certificates: Certificates) -> None:
    """A large body goes there and back over one connection, by HTTP/1.1."""
    protocols: list[str | None] = []

    async def serve(line: PeerLine) -> None:
        protocols.append(line.writer.get_extra_info("ssl_object").selected_alpn_protocol())
        for _ in range(2):
            body = (await line.request()).partition(b"\r\n\r\n")[2]
            line.say(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        await line.gone()

    body = os.urandom(3_000_000)
    async with peer(serve, certificates.serving()) as (made, server):
        for _ in range(2):
            assert await read(await made.send(to(server.url, body))) == body
        assert (server.connections, protocols) == (1, ["http/1.1"])


@pytest.mark.parametrize("name", [ELSEWHERE, STRANGE])
async def test_a_certificate_of_somebody_else_is_refused(name: str, certificates: Certificates) -> None:
    """One for another name, and one that nobody vouches for: no byte of the request is sent."""
    async with peer(answering(OK), certificates.serving(name)) as (made, server):
        error = await failed(made, to(server.url))
        assert "certificate verify failed" in error.message
        assert server.requests == []


@pytest.mark.parametrize("said", [OK, HALF, ENDLESS], ids=["whole", "half", "endless"])
async def test_a_connection_that_just_ends(said: bytes, certificates: Certificates) -> None:
    """Without TLS saying goodbye: what is whole is whole, and half an answer is none."""

    async def serve(line: PeerLine) -> None:
        await line.request()
        line.say(said)
        await anyio.sleep(0.05)
        line.reset()

    async with peer(serve, certificates.serving()) as (made, server):
        if said is HALF:
            assert isinstance(await failed(made, to(server.url)), ModelUnavailableError)
        else:
            assert await read(await made.send(to(server.url))) == b"{}"


async def test_many_at_once_get_their_own_answers() -> None:
    """No connection carries two answers at a time, and the one used last is used first."""

    async def serve(line: PeerLine) -> None:
        while True:
            body = (await line.request()).partition(b"\r\n\r\n")[2]
            assert len(line.reader._buffer) == 0  # type: ignore[attr-defined]
            await anyio.sleep(0)
            line.say(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

    async def ask(body: bytes) -> None:
        assert await read(await made.send(to(server.url, body, timeout_s=60.0))) == body

    async with peer(serve) as (made, server):
        for _ in range(2):
            async with anyio.create_task_group() as tasks:
                for number in range(250):
                    tasks.start_soon(ask, b"%d" % number)
        connections = server.connections
        assert connections <= 250
        for _ in range(20):
            await ask(b"one after the other")
        assert server.connections == connections


async def test_a_connection_nobody_needs_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while; those that were used meanwhile stay."""
    monkeypatch.setattr(http1, "KEEP_S", 0.4)
    gone: list[int] = []

    async def serve(line: PeerLine) -> None:
        with contextlib.suppress(EOFError):
            while True:
                await line.request()
                await anyio.sleep(0.01)
                line.say(OK)
        gone.append(line.number)

    async def ask() -> None:
        await read(await made.send(to(server.url)))

    async with peer(serve) as (made, server):
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(ask)
        for _ in range(8):
            await anyio.sleep(0.07)
            await ask()
        assert (server.connections, len(gone)) == (3, 2)
        await anyio.sleep(0.9)
        assert len(gone) == 3


@pytest.mark.parametrize("said", [b"", HALF, ENDLESS], ids=["no head", "half", "endless"])
async def test_closing_ends_what_is_under_way(said: bytes) -> None:
    """B76: with an error, also where the end of a connection would be the end of a body; and for good."""

    async def serve(line: PeerLine) -> None:
        await line.request()
        line.say(said)
        await line.gone()

    async def ask() -> None:
        errors.append(await failed(made, to(server.url)))

    errors: list[ModelError] = []
    async with peer(serve) as (made, server):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await anyio.sleep(0.1)
            await made.aclose()
        for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
            errors.append(await failed(made, to(url)))
        assert {error.message for error in errors} == {"p/m can't be reached or broke off: its connections were closed"}
        assert server.connections == 1


async def test_a_new_connection_that_is_lost_before_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits on it: whoever wanted it is told at once."""
    dial = Origin.dial

    async def lost(origin: Origin, protocol: Any) -> Any:
        (await dial(origin, protocol)).transport.abort()
        await anyio.sleep(0.01)
        return protocol

    monkeypatch.setattr(Origin, "dial", lost)
    async with peer(answering(OK)) as (made, server):
        with anyio.fail_after(1):
            assert "the server closed the connection" in (await failed(made, to(server.url))).message


async def test_an_answer_that_was_closed_is_not_waited_for() -> None:
    """Neither by who waits already nor by who comes later."""

    async def serve(line: PeerLine) -> None:
        await line.request()
        line.say(HALF)
        await line.gone()

    async def wait() -> None:
        with pytest.raises(ModelUnavailableError, match="its answer was closed"):
            await answer.chunk()

    async with peer(serve) as (made, server):
        answer = await made.send(to(server.url))
        assert await answer.chunk() == b"{}"
        with anyio.fail_after(1):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wait)
                await anyio.sleep(0.05)
                await answer.close()
            await wait()


async def test_what_is_packed_is_whole_or_an_error() -> None:
    """B76: gzip that breaks off in a body of the length that was told is not taken for the whole."""
    packed = gzip.compress(b"x" * 3_000_000)
    said = [
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % (len(packed) - less) + body
        for less, body in ((0, packed), (9, packed[:-9]))
    ]
    async with peer(answering(*said)) as (made, server):
        assert await read(await made.send(to(server.url))) == b"x" * 3_000_000
        error = await failed(made, to(server.url))
        assert isinstance(error, ModelOutputError)
        assert "its encoding breaks off" in error.message


async def test_a_connection_is_looked_after_by_the_system() -> None:
    """A model may think for minutes: keep-alive shows that somebody still waits; small requests go out at once."""
    async with peer(answering(OK)) as (made, server):
        await read(await made.send(to(server.url)))
        (way,) = made._ways.values()
        (line,) = way._open
        opened = line.transport.get_extra_info("socket")
        assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
