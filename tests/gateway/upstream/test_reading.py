"""Answers out of bytes: however they are cut, wherever they break off, whatever is wrong with one of them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.base import Sent
from gateway.upstream.dialing import Origin
from gateway.upstream.http1 import Http1Upstream
from gateway.upstream.reading import HEAD_BYTES, Reading
from schemas.errors import ModelError

OK = b"HTTP/1.1 200 OK\r\n"
INTERIM = (
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 102 Processing\r\nx-a: interim\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\ncontent-length: 7\r\n\r\n",
)
WRONG = {
    "length and chunks": OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "chunks and length": OK + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "two lengths": OK + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello",
    "a list of lengths": OK + b"content-length: 5, 6\r\n\r\nhello",
    "a length below zero": OK + b"content-length: -5\r\n\r\nhello",
    "a length with a sign": OK + b"content-length: +5\r\n\r\nhello",
    "a length beyond all": OK + b"content-length: 99999999999999999999\r\n\r\nhello",
    "no length": OK + b"content-length: \r\n\r\nhello",
    "chunks in something": OK + b"transfer-encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "something in chunks": OK + b"transfer-encoding: chunked, gzip\r\n\r\nhello",
    "chunks twice": OK + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare line feeds": b"HTTP/1.1 200 OK\ncontent-length: 5\n\nhello",
    "a bare line feed": OK + b"a: b\ncontent-length: 5\r\n\r\nhello",
    "a bare carriage return": OK + b"a: b\rcontent-length: 5\r\n\r\nhello",
    "a folded line": OK + b"a: b\r\n c\r\ncontent-length: 5\r\n\r\nhello",
    "NUL in a value": OK + b"a: b\x00c\r\ncontent-length: 5\r\n\r\nhello",
    "NUL in a name": OK + b"a\x00b: c\r\ncontent-length: 5\r\n\r\nhello",
    "a space before the colon": OK + b"content-length : 5\r\n\r\nhello",
    "no colon": OK + b"content-length\r\n\r\nhello",
    "a chunk with a prefix": OK + b"transfer-encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "a chunk beyond all": OK + b"transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "a chunk that is longer": OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n",
    "chunks by line feeds": OK + b"transfer-encoding: chunked\r\n\r\n5\nhello\n0\n\n",
    "a length behind a body": OK + b"transfer-encoding: chunked\r\n\r\n0\r\ncontent-length: 5\r\n\r\nhello",
    "another protocol": b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nhello",
    "another protocol unsaid": b"HTTP/1.1 101 Switching\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    "no status": b"HTTP/1.1 099 OK\r\ncontent-length: 5\r\n\r\nhello",
    "another version": b"HTTP/1.2 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    "a request": b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
    "an encoding nobody knows": OK + b"content-encoding: br\r\ncontent-length: 5\r\n\r\nhello",
}
KEPT = {
    "HTTP/1.1": (OK + b"content-length: 0\r\n\r\n", True),
    "told to close": (OK + b"connection: close\r\ncontent-length: 0\r\n\r\n", False),
    "told so among other things": (OK + b"connection: x, Close\r\ncontent-length: 0\r\n\r\n", False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", False),
    "HTTP/1.0 that stays": (b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n", True),
    "HTTP/1.0 with chunks": (
        b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        False,
    ),
    "an answer without a body": (b"HTTP/1.1 204 No Content\r\n\r\n", True),
    "one that tells a body's length": (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", True),
}


@dataclass(frozen=True)
class Said:
    """An answer as it should be read, and its bytes."""

    status: int
    headers: dict[str, str]
    body: bytes
    sized: bool
    raw: bytes


def _chunked(draw: st.DrawFn, body: bytes) -> bytes:
    raw = b""
    while body:
        size = draw(st.integers(1, len(body)))
        raw += b"%x%s\r\n%s\r\n" % (size, draw(st.sampled_from([b"", b";a", b';a=b;c="d"'])), body[:size])
        body = body[size:]
    return raw + b"0\r\n" + draw(st.sampled_from([b"", b"x-a: behind\r\n", b"x-sum: 1\r\nx-b: 2\r\n"])) + b"\r\n"


@st.composite
def answers(draw: st.DrawFn) -> Said:
    """Any answer that is one."""
    status = draw(st.sampled_from([200, 201, 302, 400, 429, 500, 529]))
    values = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=8)
    lines = draw(st.lists(st.tuples(st.sampled_from(["x-a", "X-A", "x-b", "Retry-After"]), values), max_size=4))
    body = draw(st.binary(max_size=60))
    form = draw(st.sampled_from(["length", "chunks", "end"]))
    if form == "length":
        lines.append(("Content-Length", str(len(body))))
    elif form == "chunks":
        lines.append(("transfer-encoding", "Chunked"))
    headers: dict[str, str] = {}
    for name, value in lines:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    raw = b"".join(draw(st.lists(st.sampled_from(INTERIM), max_size=2)))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    raw += f"HTTP/1.1 {status} Any\r\n{head}\r\n".encode()
    raw += _chunked(draw, body) if form == "chunks" else body
    return Said(status, headers, body, form != "end", raw)


def cut(raw: bytes, cuts: list[int]) -> Iterator[bytes]:
    """The bytes in pieces."""
    places = sorted({min(place, len(raw)) for place in cuts} | {0, len(raw)})
    return (raw[start:end] for start, end in itertools.pairwise(places))


def parse(reading: Reading, pieces: Iterable[bytes]) -> None:
    """One after the other."""
    for piece in pieces:
        reading.parse(piece)


class Wire(asyncio.Transport):
    """A connection that goes nowhere."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        self.protocol = protocol
        self.lost = False

    def is_closing(self) -> bool:
        return self.lost

    def write(self, data: Any) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None:
        self.end()

    def end(self, exc: Exception | None = None) -> None:
        if not self.lost:
            self.lost = True
            self.protocol.connection_lost(exc)


async def outcome(pieces: Iterator[bytes], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, ...] | ModelError:
    """What a caller gets of a connection that brings these bytes and then ends: status, headers, body; or the error."""
    wires: list[Wire] = []

    async def dial(_origin: Origin, protocol: Any) -> Any:
        wires.append(Wire(protocol))
        protocol.connection_made(wires[0])
        return protocol

    async def asked() -> tuple[Any, ...]:
        upstream = Http1Upstream()
        answer = await upstream.send(Sent("p/m", "http://h/v1", b"{}", {}, timeout_s=60))
        try:
            return answer.status, answer.headers, await answer.read()
        finally:
            await answer.close()
            await upstream.aclose()

    monkeypatch.setattr(Origin, "dial", dial)
    task = asyncio.get_running_loop().create_task(asked())
    await asyncio.sleep(0)
    for piece in pieces:
        if not wires[0].lost:
            wires[0].protocol.data_received(piece)
    wires[0].end()
    try:
        return await asyncio.wait_for(task, 2)
    except ModelError as exc:
        return exc


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One event loop for all examples."""
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="module")
def patch() -> Iterator[pytest.MonkeyPatch]:
    """For all examples as well."""
    with pytest.MonkeyPatch.context() as made:
        yield made


@given(said=answers(), cuts=st.lists(st.integers(0, 400), max_size=12))
def test_an_answer_is_the_same_however_it_is_cut(
    runner: asyncio.Runner, patch: pytest.MonkeyPatch, said: Said, cuts: list[int]
) -> None:
    """Status, headers and body depend on the bytes alone; interim answers and trailers leave nothing behind."""
    assert runner.run(outcome(cut(said.raw, cuts), patch)) == (said.status, said.headers, said.body)


@given(said=answers(), at=st.integers(0, 10_000), cuts=st.lists(st.integers(0, 400), max_size=4))
def test_half_an_answer_is_none(
    runner: asyncio.Runner, patch: pytest.MonkeyPatch, said: Said, at: int, cuts: list[int]
) -> None:
    """B76: an answer that breaks off anywhere is an error, unless nothing but its connection's end ends its body."""
    raw = said.raw[: at % len(said.raw)]
    got = runner.run(outcome(cut(raw, cuts), patch))
    if isinstance(got, tuple):
        assert not said.sized
        assert (got[0], got[1]) == (said.status, said.headers)
        assert said.body.startswith(got[2])
    else:
        assert got.retryable


@given(said=answers(), at=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_wrong_byte_is_an_error_of_ours_at_most(
    runner: asyncio.Runner, patch: pytest.MonkeyPatch, said: Said, at: int, byte: int
) -> None:
    """Whatever a byte becomes, the caller gets an answer or a ModelError in one line, and never waits for nothing."""
    raw = bytearray(said.raw)
    raw[at % len(raw)] = byte
    got = runner.run(outcome(cut(bytes(raw), []), patch))
    if isinstance(got, ModelError):
        assert got.message.startswith("p/m ")
        assert got.message.isprintable()


@pytest.mark.parametrize("step", [1, 1000], ids=["bytewise", "at once"])
@pytest.mark.parametrize("case", WRONG)
def test_what_could_be_read_in_two_ways_is_not_read(case: str, step: int) -> None:
    """B76: whatever another reader might see another end in, or another answer, is refused."""
    reading = Reading()
    with pytest.raises(ValueError, match=r"\w"):
        parse(reading, cut(WRONG[case], list(range(0, 1000, step))))
    assert not reading.ended


@pytest.mark.parametrize("case", KEPT)
def test_a_connection_is_kept_as_the_head_says(case: str) -> None:
    """And an answer that has no body ends with its head, whatever it tells."""
    raw, keeps = KEPT[case]
    reading = Reading()
    reading.parse(raw)
    assert (reading.ended, reading.keeps, reading.surplus, reading.chunks) == (True, keeps, False, [])


@pytest.mark.parametrize("behind", [b"!", b"H", OK, OK + b"content-length: 3\r\n\r\nabc", b"\x00" * 9, INTERIM[0]])
@pytest.mark.parametrize("more", [b"", b"connection: close\r\n"])
def test_what_stands_behind_an_answer_is_nobodys(behind: bytes, more: bytes) -> None:
    """The answer is whole all the same, and nothing of what follows gets into it."""
    reading = Reading()
    reading.parse(OK + more + b"content-length: 5\r\n\r\nhello" + behind)
    assert (reading.ended, reading.surplus, reading.status, b"".join(reading.chunks)) == (True, True, 200, b"hello")


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (b"", INTERIM[1]),
        (OK + b"x-much: ", b"x" * 1000),
        (b"HTTP/1.1 200 ", b"x" * 1000),
        (OK + b"transfer-encoding: chunked\r\n\r\n1;a=", b"x" * 1000),
        (OK + b"transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nx-much: ", b"x" * 1000),
        (OK + b"transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", b"x-a: b\r\n" * 100),
    ],
    ids=["interim answers", "a header", "a reason", "an extension", "a trailer", "trailers"],
)
def test_what_is_no_body_does_not_go_on_for_ever(first: bytes, again: bytes) -> None:
    """B76: a head, trailers, and whatever stands between are refused before they fill the memory."""
    reading = Reading()
    reading.parse(first)
    with pytest.raises(ValueError, match="its headers are larger than 65,536 bytes"):
        parse(reading, itertools.repeat(again, 2 * HEAD_BYTES // len(again)))


def test_small_chunks_are_no_large_head() -> None:
    """What stands between chunks counts only while no body comes."""
    reading = Reading()
    reading.parse(OK + b"transfer-encoding: chunked\r\n\r\n")
    parse(reading, [b"1;", b"a=b\r\n", b"x\r\n"] * (HEAD_BYTES // 4))
    reading.parse(b"0\r\n\r\n")
    assert (reading.ended, len(cast("list[bytes]", reading.chunks))) == (True, HEAD_BYTES // 4)
