"""``fetch_url``: against a real server, and against everything an address can be."""

from __future__ import annotations

import gzip
import json
import socket
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from engine.tools.builtin import builtin_tools
from schemas.errors import ToolArgumentsError, ToolError, ToolFailedError, ToolUnavailableError
from schemas.settings import FetchSettings, Settings
from tests.tools.context import Context
from tests.tools.webserver import Answer, Sent, Server, serving

pytestmark = pytest.mark.anyio

PAGE = """<html><head><title>Prices &amp;
 more</title><style>p {}</style></head><body><h1>Prices</h1><script>alert(1)</script>
<p>Tea is <b>3</b> euro, see <a href="/list?a=1">the list</a>.</p><img src="data:image/png;base64,AAAA" alt="x">
<table><tr><th>tea<th>price<tr><td>green<td>3</table></body></html>"""


def html(body: str | bytes, **headers: str) -> Answer:
    """An HTML answer."""
    content = body.encode() if isinstance(body, str) else body
    return Answer(content, headers={"Content-Type": "text/html", **headers})


def endless() -> Iterator[bytes]:
    """More than anybody wants."""
    while True:
        yield b"x" * 65_536


def dripping() -> Iterator[bytes]:
    """A byte now and then, so that no single read takes long."""
    while True:
        time.sleep(0.05)
        yield b"x"


def bomb() -> bytes:
    """A hundred megabytes of zeros, packed to as many kilobytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(1_000_000)) for _ in range(100)) + packer.flush()


def answer(sent: Sent) -> Answer:
    """What the server says to each path."""
    gzipped = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
    plain = {"Content-Type": "text/plain"}
    answers: dict[str, Answer] = {
        "/page": html(PAGE),
        "/json": Answer(b'{"rows": [1, 2.5, null]}', headers={"Content-Type": "application/problem+json; x=y"}),
        "/badjson": Answer(b"{", headers={"Content-Type": "application/json"}),
        "/bigjson": Answer(json.dumps(["x" * 1_000] * 200).encode(), headers={"Content-Type": "application/json"}),
        "/latin": Answer("Käse".encode("latin-1"), headers={"Content-Type": "text/plain; charset=ISO-8859-1"}),
        "/sjis": html('<meta charset="shift_jis"><p>値段</p>'.encode("shift_jis")),
        "/mark": Answer("\ufeffÜ".encode("utf-16-le"), headers=plain),
        "/unsaid": Answer(b"<!DOCTYPE html><p>hello"),
        "/oddset": Answer("ü".encode(), headers={"Content-Type": "text/plain; charset=rot13"}),
        "/empty": Answer(b"", headers=plain),
        "/pdf": Answer(b"%PDF-1.7", headers={"Content-Type": "application/pdf"}),
        "/gzip": Answer(gzip.compress(b"packed"), headers=gzipped),
        "/deflate": Answer(zlib.compress(b"packed")[2:-4], headers={**plain, "Content-Encoding": "deflate"}),
        "/brotli": Answer(b"xx", headers={**plain, "Content-Encoding": "br"}),
        "/broken": Answer(b"no gzip", headers=gzipped),
        "/short": Answer(b"abc", headers=plain, length=10),
        "/gone": Answer(b"no", status=404),
        "/busy": Answer(b"later", status=429, headers={"Retry-After": "7"}),
        "/down": Answer(b"", status=503),
        "/endless": Answer(endless(), headers=plain),
        "/drip": Answer(dripping(), headers=plain),
        "/loop": Answer(b"", status=302, headers={"Location": "/loop"}),
        "/moved": Answer(b"", status=301, headers={"Location": "page#top"}),
    }
    if sent.path.startswith("/to?"):
        return Answer(b"", status=307, headers={"Location": sent.path[4:]})
    if sent.path == "/bomb":
        return Answer(bomb(), headers=gzipped)
    return answers[sent.path]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The server."""
    with serving(answer) as running:
        yield running


async def fetch(url: str, settings: FetchSettings | None = None, **arguments: Any) -> Any:
    """Run the tool; the server's network is allowed unless settings say otherwise."""
    settings = settings or FetchSettings(allow=("127.0.0.0/8",), max_bytes=100_000)
    (tool,) = builtin_tools(["fetch_url"], Path(), Settings(fetch_url=settings))
    return await tool.call({"url": url, **arguments}, Context())


async def refusal(url: str, settings: FetchSettings | None = None) -> ToolError:
    """The error an address gives."""
    with pytest.raises(ToolError) as caught:
        await fetch(url, settings)
    return caught.value


async def test_a_page_becomes_text(server: Server) -> None:
    """A page comes as Markdown with its title, absolute links and tables, without scripts and styles."""
    page = await fetch(f"{server.url}/page")
    assert (page["status"], page["title"], page["truncated"]) == (200, "Prices & more", False)
    assert f"see [the list]({server.url}/list?a=1)" in page["text"].replace("/127.0.0.1:", "/127.0.0.1:")
    assert "# Prices" in page["text"]
    assert "| green |" in page["text"]
    assert not any(word in page["text"] for word in ("alert", "base64", "{}"))


async def test_json_becomes_a_value(server: Server) -> None:
    """A JSON document, of any JSON kind, is a value that references can walk."""
    page = await fetch(f"{server.url}/json")
    assert (page["data"], page["text"]) == ({"rows": [1, 2.5, None]}, None)
    assert "not: Expecting" in (await refusal(f"{server.url}/badjson")).message
    assert "larger than 100,000 bytes" in (await refusal(f"{server.url}/bigjson")).message


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/latin", "Käse"),
        ("/sjis", "値段"),
        ("/mark", "Ü"),
        ("/unsaid", "hello"),
        ("/oddset", "ü"),
        ("/empty", ""),
        ("/gzip", "packed"),
        ("/deflate", "packed"),
    ],
)
async def test_bytes_become_text(server: Server, path: str, text: str) -> None:
    """Character set and compression are found by mark, header and the document's own word."""
    assert (await fetch(server.url + path))["text"] == text


async def test_other_kinds_are_named(server: Server) -> None:
    """What is no text is refused with its kind, not returned as rubbish."""
    assert "application/pdf (8 bytes), not text" in (await refusal(f"{server.url}/pdf")).message
    assert "compressed by br" in (await refusal(f"{server.url}/brotli")).message
    assert "cannot be decompressed" in (await refusal(f"{server.url}/broken")).message


async def test_text_is_cut_and_said_to_be(server: Server) -> None:
    """More characters than asked for, and more bytes than allowed, are left out and said to be."""
    assert (await fetch(f"{server.url}/gzip", max_chars=3)) | {"url": ""} == {
        "url": "",
        "status": 200,
        "content_type": "text/plain",
        "title": None,
        "text": "pac",
        "data": None,
        "truncated": True,
    }
    page = await fetch(f"{server.url}/endless", max_chars=1_000_000)
    assert (len(page["text"]), page["truncated"]) == (100_000, True)


async def test_a_zip_bomb_stays_small(server: Server) -> None:
    """B39: an answer that unpacks to 100 MB is read no further than the cap."""
    tracemalloc.start()
    page = await fetch(f"{server.url}/bomb", max_chars=10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert page["truncated"]
    assert peak < 20_000_000  # the server's packing included


async def test_slow_answers_end(server: Server) -> None:
    """B38: given up at its deadline, a fetch whose bytes drip in ends at once and closes its connection."""
    with anyio.move_on_after(0.3) as scope:
        await fetch(f"{server.url}/drip")
    assert scope.cancelled_caught


@pytest.mark.parametrize(
    ("path", "kind", "details"),
    [
        ("/gone", ToolFailedError, {"status": 404}),
        ("/busy", ToolUnavailableError, {"status": 429, "retry_after_s": 7.0}),
        ("/down", ToolUnavailableError, {"status": 503}),
        ("/short", ToolUnavailableError, {}),
    ],
)
async def test_what_may_be_tried_again(server: Server, path: str, kind: type[ToolError], details: Any) -> None:
    """B37: a 4xx fails for good; 429, 5xx and broken connections may be tried again, after Retry-After where said."""
    error = await refusal(server.url + path)
    assert (type(error), error.details) == (kind, details)


async def test_redirects_are_followed_to_their_cap(server: Server) -> None:
    """Redirects are followed, the last address is told, and a circle ends."""
    assert (await fetch(f"{server.url}/moved"))["url"] == f"{server.url}/page"
    assert "more than 5 redirects" in (await refusal(f"{server.url}/loop")).message


HERE = "127.0.0.1 localhost 0.0.0.0 2130706433 0x7f000001 0177.0.0.1 127.1 localhost. 127。0。0。1"
ELSEWHERE = "169.254.169.254 10.0.0.1 192.168.1.1 100.100.100.200 224.0.0.1 255.255.255.255 0xa9fea9fe"
IN_V6 = (
    "[::1] [::] [::ffff:127.0.0.1] [fe80::1] [fd00:ec2::254] [64:ff9b::a9fe:a9fe] [2002:7f00:1::] [::ffff:a9fe:a9fe]"
)


@pytest.mark.parametrize("host", f"{HERE} {ELSEWHERE} {IN_V6}".split())
async def test_addresses_that_are_not_public_are_refused(server: Server, host: str) -> None:
    """An address that is not public is refused however it is written, before anything is sent."""
    before = len(server.requests)
    error = await refusal(f"http://{host}:{server.port}/page", FetchSettings())
    assert isinstance(error, (ToolFailedError, ToolArgumentsError))
    assert "address" in error.message or "there is no host" in error.message
    assert len(server.requests) == before


@pytest.mark.parametrize(
    "target",
    ["http://169.254.169.254/latest/meta-data", "http://[::1]/", "file:///etc/passwd", "//10.0.0.1/", "ftp://x/"],
)
async def test_a_redirect_is_checked_as_well(server: Server, target: str) -> None:
    """A redirect to an address that is not public, or to another scheme, is refused."""
    error = await refusal(f"{server.url}/to?{target}")
    assert "address" in error.message


async def test_the_address_checked_is_the_one_connected_to(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolves to a public address for the check and to loopback after it reaches nothing (rebinding)."""
    asked: list[str] = []
    connected: list[Any] = []

    async def rebinding(host: Any, port: Any, **_: Any) -> list[Any]:
        asked.append(host)
        address = "192.0.2.1" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    async def connect(remote_host: str, remote_port: int, **_: Any) -> Any:
        connected.append(remote_host)
        raise OSError("no route")

    monkeypatch.setattr(anyio, "getaddrinfo", rebinding)
    monkeypatch.setattr(anyio, "connect_tcp", connect)
    settings = FetchSettings(allow=("192.0.2.0/24",))
    assert isinstance(await refusal(f"http://rebind.example:{server.port}/page", settings), ToolUnavailableError)
    assert (asked, connected) == (["rebind.example"], ["192.0.2.1"])


async def test_one_bad_address_of_several_refuses_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with a public address beside a private one is refused."""

    async def both(host: Any, port: Any, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("1.1.1.1", "10.0.0.1")]

    monkeypatch.setattr(anyio, "getaddrinfo", both)
    error = await refusal("https://both.example/")
    assert "both.example resolves to a private address" in error.message
    assert "allow: [both.example]" in error.hint


async def test_the_name_is_kept_for_the_server(server: Server) -> None:
    """The request names the host as it was written, though the connection goes to an address."""
    await fetch(f"http://localhost:{server.port}/gzip", FetchSettings(allow=("localhost",)))
    assert server.requests[-1].headers["host"] == f"localhost:{server.port}"
    assert "authorization" not in server.requests[-1].headers


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("example.com", "is no web address"),
        ("file:///etc/passwd", "is no web address"),
        ("gopher://x", "is no web address"),
        ("http://user:secret@example.com/", "user name or password"),
        ("http://example.com:22/", "port 22"),
        ("http://example.com:6667/", "port 6667"),
        ("http://exa mple.com/", "is no address"),
        ("http://[::1/", "is no address"),
        ("http://example.com:99999/", "is no address"),
        ("http://a\r\nb/", "is no address"),
    ],
)
async def test_what_is_no_web_address_is_said(url: str, said: str) -> None:
    """Wrong addresses are refused with the reason, and a password in one is not repeated."""
    error = await refusal(url)
    assert isinstance(error, ToolArgumentsError)
    assert said in error.message
    assert "secret" not in error.message


async def test_a_host_that_is_not_there(server: Server) -> None:
    """A name without an address fails for good; a port where nobody listens may be tried again, as nothing was sent."""
    assert isinstance(await refusal("http://nobody.invalid/"), ToolError)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        error = await refusal(f"http://127.0.0.1:{free.getsockname()[1]}/")
    assert (type(error), error.details) == (ToolUnavailableError, {"ambiguous": False})
