"""The way to a server: addresses, proxies, certificates, and how long each part of it may take."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import pytest

from gateway.upstream import dialing
from gateway.upstream.base import Sent
from gateway.upstream.dialing import Origin
from gateway.upstream.http1 import Http1Upstream
from schemas.errors import ModelError, ModelTimeoutError, ModelUnavailableError
from tests.gateway.upstream.conftest import Certificates
from tests.wire.peer import Peer, PeerLine, answering, open_sockets

pytestmark = pytest.mark.anyio
KEY = "key-of-the-upstream"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
TUNNEL = b"HTTP/1.1 200 Connection established\r\nvia: x\r\n\r\n"


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """It knows asyncio only, by whatever event loop."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of this machine's own."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def mute() -> Iterator[int]:
    """The port of a server that answers no attempt to connect: its line of those who wait is full."""
    with contextlib.ExitStack() as opened:
        server = opened.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(3):
            filler = opened.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        yield server.getsockname()[1]


@contextlib.asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """No connection is left open, nor half open."""
    before = open_sockets()
    yield
    for _ in range(100):
        if open_sockets() <= before:
            break
        await anyio.sleep(0.01)
    assert open_sockets() <= before


async def ask(url: str, **limits: Any) -> bytes:
    """One request. Raises ModelError."""
    made = Http1Upstream()
    try:
        sent = Sent("p/m", f"{url}/v1", b"{}", {"authorization": KEY}, **{"timeout_s": 5.0, **limits})
        answer = await made.send(sent)
        try:
            return await answer.read()
        finally:
            await answer.close()
    finally:
        await made.aclose()


async def failed(url: str, kind: type[ModelError] = ModelUnavailableError, **limits: Any) -> str:
    """What one that fails says, in one line and without the key, behind whom it says it of."""
    with pytest.raises(kind) as caught:
        await ask(url, **limits)
    error = caught.value
    assert error.message.isprintable()
    assert KEY not in repr((error, error.details, error.hint, error.__cause__))
    assert error.message.startswith("p/m ")
    return error.message.removeprefix("p/m can't be reached or broke off: ")


@pytest.mark.parametrize(
    ("url", "name", "authority"),
    [
        ("http://h/v1?a=b", "http://h:80", "h"),
        ("https://H.Example:443", "https://h.example:443", "h.example"),
        ("https://h:80/", "https://h:80", "h:80"),
        ("http://user:pass@h:8080", "http://h:8080", "h:8080"),
        ("http://[::1]/v1", "http://[::1]:80", "[::1]"),
        ("https://[FE80::1]:8443/v1", "https://[fe80::1]:8443", "[fe80::1]:8443"),
        ("http://bücher.example", "http://xn--bcher-kva.example:80", "xn--bcher-kva.example"),
        ("http://model_server-1.internal.", "http://model_server-1.internal.:80", "model_server-1.internal."),
    ],
)
def test_an_address_says_whom_to_ask(url: str, name: str, authority: str) -> None:
    """Scheme, host and port tell servers apart; user and password are no part of it."""
    origin = Origin(url)
    assert (origin.name, origin.authority, origin.tls) == (name, authority, url.startswith("https"))


def test_a_zone_is_for_this_machine_alone() -> None:
    """The system needs it to find the way; no server is told."""
    origin = Origin("http://[fe80::1%eth0]:81")
    assert (origin.host, origin.authority) == ("fe80::1%eth0", "[fe80::1]:81")


@pytest.mark.parametrize(
    "url",
    [
        *("", "h", "ftp://h", "http://", "http://:80", "http://a b/", "http://a\x00b/", "http://h:99999", "http://h:x"),
        *("http://a%0d%0ab/", "http://[::1", "http://" + "a" * 70, "http://a\uff0fb/", "http://a<b>/"),
    ],
)
async def test_what_is_no_address_is_said(url: str) -> None:
    """Before anything is sent anywhere."""
    assert not (await failed(url)).startswith("p/m")


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        ({"http_proxy": "http://proxy:3128"}, "http://h", "proxy"),
        ({"HTTP_PROXY": "proxy:3128"}, "http://h", "proxy"),
        ({"http_proxy": "http://proxy:3128"}, "https://h", None),
        ({"https_proxy": "http://proxy:3128"}, "https://h", "proxy"),
        ({"ALL_PROXY": "http://proxy:3128"}, "https://h", "proxy"),
        ({"all_proxy": "http://proxy:1", "https_proxy": "http://other:1"}, "https://h", "other"),
        ({"all_proxy": "http://proxy:1", "no_proxy": "h"}, "https://h", None),
        ({"all_proxy": "http://proxy:1", "no_proxy": ".example"}, "https://a.example", None),
        ({"all_proxy": "http://proxy:1", "no_proxy": "h:8443"}, "https://h:8443", None),
        ({"all_proxy": "http://proxy:1", "no_proxy": "h:8443"}, "https://h", "proxy"),
        ({"all_proxy": "http://proxy:1", "no_proxy": "::1"}, "https://[::1]", None),
        ({"all_proxy": "http://proxy:1", "no_proxy": "*"}, "https://h", None),
        ({"no_proxy": "h"}, "https://h", None),
        ({"all_proxy": "socks5://proxy:1", "no_proxy": "h"}, "https://h", None),
    ],
)
def test_the_environment_names_the_proxy(
    environ: dict[str, str], url: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By scheme, or for all; but not for those that it leaves out."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    found = Origin(url).proxy
    assert (found.hostname if found else None) == proxy


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("socks5://me:secret@proxy:1080", "names a proxy that speaks socks5; only http:// is spoken"),
        ("https://me:secret@proxy", "names a proxy that speaks https; only http:// is spoken"),
        ("http://:3128", "names a proxy without a host"),
    ],
)
async def test_a_proxy_that_is_not_spoken_to_is_said(named: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing goes past it instead."""
    monkeypatch.setenv("all_proxy", named)
    assert await failed("http://127.0.0.1:9") == f"the environment {said}"


async def test_a_proxy_passes_plain_requests_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets the whole address, and who asks; the server's own host stands where it belongs."""
    async with Peer(answering(OK)) as proxy:
        monkeypatch.setenv("http_proxy", f"http://me:pass%3Aword@127.0.0.1:{proxy.port}")
        assert await ask("http://models.example:8080") == b"{}"
    lines = proxy.requests[0].decode().split("\r\n")
    assert lines[0] == "POST http://models.example:8080/v1 HTTP/1.1"
    known = base64.b64encode(b"me:pass:word").decode()
    assert {"host: models.example:8080", f"proxy-authorization: Basic {known}"} <= set(lines)


async def test_a_proxy_leads_to_a_server_of_tls(monkeypatch: pytest.MonkeyPatch, certificates: Certificates) -> None:
    """It learns the server's name and who asks, and nothing of the request."""

    async def lead(line: PeerLine) -> None:
        await line.request()
        line.say(TUNNEL)
        there, back = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(copy(line.reader, back), copy(there, line.writer))

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                seen.append(data)
                target.write(data)
        finally:
            target.transport.abort()

    seen: list[bytes] = []
    async with Peer(answering(OK), certificates.serving()) as server, Peer(lead) as proxy:
        monkeypatch.setenv("https_proxy", f"http://me:word@127.0.0.1:{proxy.port}")
        assert await ask(server.url) == b"{}"
    assert proxy.requests[0].decode() == (
        f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\nhost: 127.0.0.1:{server.port}\r\n"
        f"proxy-authorization: Basic {base64.b64encode(b'me:word').decode()}\r\n\r\n"
    )
    assert KEY.encode() not in b"".join(seen)
    assert b"proxy-authorization" not in server.requests[0]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 2\r\n\r\nno", "the proxy answered 407"),
        (b"HTTP/1.1 502 Bad\r\n\r\n", "the proxy answered 502"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "the proxy answered nothing that is HTTP"),
        (b"HTTP/1.1 2 OK\r\n\r\n", "the proxy answered nothing that is HTTP"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "the proxy answered nothing that is HTTP"),
        (TUNNEL + b"\x15\x03\x03", "the proxy sent more than its answer"),
        (TUNNEL + TUNNEL, "the proxy sent more than its answer"),
        (TUNNEL[:-2], "the proxy broke off"),
        (b"", "the proxy broke off"),
        (b"HTTP/1.1 200 " + b"x" * 70_000, "the proxy broke off"),
    ],
)
async def test_a_proxy_that_leads_nowhere_is_said(told: bytes, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And gets nothing of the request."""

    async def serve(line: PeerLine) -> None:
        await line.request()
        line.say(told)

    async with nothing_left(), Peer(serve) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        assert await failed("https://models.example") == said
    assert len(proxy.requests) == 1


async def hang(line: PeerLine) -> None:
    """Say nothing."""
    await line.gone()


@pytest.mark.parametrize("phase", ["connecting", "handshake", "tunnel"])
@pytest.mark.parametrize("limit", ["its own", "the request's", "cancelled"])
async def test_a_way_that_leads_nowhere_ends(
    phase: str, limit: str, mute: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever part of it hangs, by its own limit, the request's, or its caller's; nothing is left half open."""
    monkeypatch.setattr(dialing, "CONNECT_S", 0.1 if limit == "its own" else 30.0)
    monkeypatch.setattr("gateway.upstream.http1.CONNECT_S", 0.1 if limit == "its own" else 30.0)
    began = time.monotonic()
    async with nothing_left(), Peer(hang) as server:
        url = f"http://127.0.0.1:{mute}" if phase == "connecting" else f"https://127.0.0.1:{server.port}"
        if phase == "tunnel":
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.port}")
        if limit == "its own":
            assert await failed(url) == "no connection within 0.1 s"
        elif limit == "the request's":
            assert await failed(url, ModelTimeoutError, timeout_s=0.1) == "p/m did not finish within 0.1 s"
        else:
            with anyio.move_on_after(0.1) as scope:
                await ask(url)
            assert scope.cancelled_caught
    assert time.monotonic() - began < 1.0


@pytest.mark.parametrize("phase", ["connecting", "handshake", "tunnel"])
async def test_closing_ends_a_way_that_is_being_made(phase: str, mute: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for it is told at once."""
    async with nothing_left(), Peer(hang) as server:
        url = f"http://127.0.0.1:{mute}" if phase == "connecting" else f"https://127.0.0.1:{server.port}"
        if phase == "tunnel":
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.port}")
        made = Http1Upstream()

        async def wait() -> None:
            with pytest.raises(ModelUnavailableError, match="its connections were closed"):
                await made.send(Sent("p/m", url, b"{}", {}, timeout_s=5.0))

        with anyio.fail_after(1):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wait)
                await anyio.sleep(0.05)
                await made.aclose()


async def test_an_address_that_does_not_answer_costs_a_moment(mute: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one is tried beside it; what was begun is closed."""
    async with nothing_left(), Peer(answering(OK)) as server:

        async def both(_host: str, _port: int) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in (mute, server.port)]

        monkeypatch.setattr(dialing, "_looked_up", both)
        began = time.monotonic()
        assert await ask("http://models.example") == b"{}"
        assert 0.2 < time.monotonic() - began < 0.6


async def test_nobody_there_is_said_without_the_address() -> None:
    """Where the server is, is not everybody's business; the reason is."""
    assert await failed("http://127.0.0.1:9") == "Connection refused"


async def test_a_name_that_is_not_known_is_said_and_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure is not kept: it may be mended by the next request."""
    asked = 0

    async def unknown(_host: str, _port: int) -> list[Any]:
        nonlocal asked
        asked += 1
        raise OSError("the name of its server can't be looked up: Name or service not known")

    monkeypatch.setattr(dialing, "_looked_up", unknown)
    origin = Origin("http://models.example")
    for _ in range(2):
        with pytest.raises(OSError, match="can't be looked up"):
            await origin.dial(asyncio.Protocol())
    assert asked == 2


async def test_many_who_ask_at_once_look_a_name_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the first of them leaves; a while later it is looked up again."""
    asked = 0

    async def slowly(_host: str, _port: int) -> list[Any]:
        nonlocal asked
        asked += 1
        await anyio.sleep(0.1)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]

    async def dial() -> None:
        (await origin.dial(Kept())).transport.abort()

    monkeypatch.setattr(dialing, "_looked_up", slowly)
    async with Peer(hang) as server:
        origin = Origin("http://models.example")
        with anyio.move_on_after(0.02):
            await dial()
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(dial)
        await dial()
        assert asked == 1
        monkeypatch.setattr(origin, "_found_until", 0.0)
        await dial()
        assert asked == 2


class Kept(asyncio.Protocol):
    """A protocol that knows its transport."""

    transport: asyncio.Transport

    def connection_made(self, transport: Any) -> None:
        self.transport = transport


def test_what_the_resolver_says_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """In its words, without the name."""

    def unknown(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    said = asyncio.run(failed("http://models.example"))
    assert said == "the name of its server can't be looked up: Name or service not known"


@pytest.mark.parametrize("said", [b"220 mail.example ESMTP\r\n", b""], ids=["speaks first", "leaves"])
async def test_a_server_that_is_of_another_kind(said: bytes, certificates: Certificates) -> None:
    """It speaks before it is asked, or leaves at once: an error, whenever it is seen."""

    async def serve(line: PeerLine) -> None:
        line.say(said)

    for tls in (None, certificates.serving()):
        async with nothing_left(), Peer(serve, tls) as server:
            for _ in range(3):
                await failed(server.url, ModelError)
