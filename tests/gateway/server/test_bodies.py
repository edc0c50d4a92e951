"""Bodies: in size, in time, as JSON, unpacked."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable

import pytest

from gateway.server.answering import Message, Receive
from gateway.server.bodies import ClientLeftError, read_body
from schemas.errors import RequestError, RequestMediaError, RequestTooLargeError

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """asyncio only: the server is."""
    return "asyncio"


def sending(*pieces: bytes, left: bool = False) -> Receive:
    """Return an ASGI receive that gives pieces, and then the end or a client that left."""
    messages: list[Message] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    if left:
        messages.append({"type": "http.disconnect"})
    else:
        messages[-1]["more_body"] = False
    following = iter(messages)

    async def receive() -> Message:
        return next(following)

    return receive


async def test_a_body_in_pieces() -> None:
    """Pieces are one body."""
    assert await read_body(sending(b"{", b'"a"', b": 1}"), {}, 100) == b'{"a": 1}'


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/vnd.api+json",
        'application/json;charset="utf-8"',
        "",
    ],
)
async def test_json_is_taken(kind: str) -> None:
    """JSON in UTF-8 is taken however that is written."""
    assert await read_body(sending(b"{}"), {"content-type": kind}, 100) == b"{}"


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
async def test_what_is_no_json_is_refused(kind: str) -> None:
    """Other types and charsets are a 415, twice the same."""
    for _ in range(2):
        with pytest.raises(RequestMediaError):
            await read_body(sending(b"{}"), {"content-type": kind}, 100)


async def test_packed_bodies_are_unpacked() -> None:
    """gzip and deflate are read; other packings are a 415, cut ones a 400."""
    for name, packed in (("gzip", gzip.compress(b"{}")), ("deflate", zlib.compress(b"{}")), ("identity", b"{}")):
        assert await read_body(sending(packed), {"content-encoding": name}, 100) == b"{}"
    with pytest.raises(RequestMediaError, match="br"):
        await read_body(sending(b"{}"), {"content-encoding": "br"}, 100)
    for broken in (b"{}", gzip.compress(b"{}")[:-9]):
        with pytest.raises(RequestError, match="unpacked"):
            await read_body(sending(broken), {"content-encoding": "gzip"}, 100)


@pytest.mark.parametrize(
    ("pieces", "headers"),
    [
        ([b"x" * 101], {}),
        ([b"x" * 60, b"x" * 60], {}),
        ([b"x"], {"content-length": "101"}),
        ([gzip.compress(b"x" * 1_000_000)], {"content-encoding": "gzip"}),
    ],
)
async def test_too_large(pieces: Iterable[bytes], headers: dict[str, str]) -> None:
    """A body that is too large is refused: whole, in pieces, by its head alone, and unpacked (a bomb)."""
    with pytest.raises(RequestTooLargeError):
        await read_body(sending(*pieces), headers, 2_000 if "content-encoding" in headers else 100)


async def test_what_is_too_large_already_is_not_waited_for() -> None:
    """A body whose first packet is too large is refused though it goes on, and nobody knows for how long."""
    with pytest.raises(RequestTooLargeError):
        await read_body(sending(b"x" * 101, left=True), {}, 100)


async def test_a_client_that_leaves() -> None:
    """A client that leaves in mid-body is told nothing."""
    with pytest.raises(ClientLeftError):
        await read_body(sending(b"{", left=True), {}, 100)
