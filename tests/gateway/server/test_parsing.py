"""Requests out of bytes: what is ambiguous is refused, what asks for an upgrade is a request, however it is cut."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.server.answering import Message, Receive, Send
from gateway.server.connection import Connection
from gateway.server.parsing import HEAD_BYTES, MOST_AHEAD
from tests.gateway.server.lines import GET, POST, Line, asked, on, says, turns

CHUNKED = b"transfer-encoding: chunked\r\n"
HIDDEN = b"0\r\n\r\nGET /hidden HTTP/1.1\r\n\r\n"
REQUESTS = (
    GET,
    POST + b"5\r\nhello\r\n3;a=b\r\nyou\r\n0\r\nx-trailer: a\r\n\r\n",
    b"POST /h2c HTTP/1.1\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\ncontent-length: 5\r\n\r\nhello",
    b"HEAD http://a.b/c?d HTTP/1.1\r\nhost: x\r\n\r\n",
)


async def echo(scope: Message, receive: Receive, send: Send) -> None:
    """Answer with what was asked, once all of it is there."""
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            said = f"{scope['method']} {scope['path']} ".encode() + body
            await says(said, headers=[(b"content-length", b"%d" % len(said))])(scope, receive, send)
            return


def statuses(line: Line) -> list[bytes]:
    """Return the statuses of what was written."""
    return [answer[:3] for answer in b"".join(line.written).split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: 5\r\n" + CHUNKED,
        CHUNKED + b"content-length: 5\r\n",
        b"content-length: 5\r\ncontent-length: 6\r\n",
        b"content-length: +5\r\n",
        b"content-length: 5, 5\r\n",
        b"transfer-encoding : chunked\r\n",
        b"transfer-encoding: xchunked\r\n",
        b"transfer-encoding: chunked, identity\r\n",
        b"transfer-encoding:\r\n chunked\r\n",
        b"x-a: b\n" + CHUNKED,
        b"x-a: b\0\r\n" + CHUNKED,
    ],
)
def test_a_body_that_could_end_in_two_places_is_refused(head: bytes) -> None:
    """A head that others may read in another way is a 400, and nothing behind it is a request."""
    line = asked(echo, b"POST / HTTP/1.1\r\n%b\r\n" % head + HIDDEN)
    assert statuses(line) == [b"400"]
    assert b"hidden" not in b"".join(line.written)


@pytest.mark.parametrize("rest", [b"zz\r\n", b"1\r\nab", b"1\na", b"fffffffffffffffff1\r\n", b"0\r\nx\0: a\r\n\r\n"])
def test_a_broken_body_is_refused_at_once(rest: bytes) -> None:
    """A body that cannot be read on is a 400, and its application hears that nothing more comes."""
    heard: list[str] = []

    async def answer(_scope: Message, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] == "http.request":
            pass
        heard.append(message["type"])
        await send({"type": "http.response.start", "status": 200})

    async def act(made: Connection, line: Line) -> None:
        made.data_received(POST)
        await turns()
        made.data_received(rest + HIDDEN)
        await turns()
        assert (statuses(line), heard, line.ended) == ([b"400"], ["http.disconnect"], True)

    on(answer, act)


def test_a_broken_body_spoils_no_other_answer() -> None:
    """What was asked before it is answered, itself it is not, and nothing is said behind an answer that it had."""
    assert statuses(asked(echo, GET + POST + b"zz\r\n" + GET)) == [b"200"]
    assert statuses(asked(says(b"", headers=[(b"content-length", b"0")], status=403), POST, b"zz\r\n")) == [b"403"]


def test_endless_trailers_are_not_read() -> None:
    """Trailers have the limit of heads."""
    line = asked(echo, POST + b"1\r\na\r\n0\r\nx-a: ", *[b"a" * 30_000] * 3)
    assert statuses(line) == [b"431"]


def test_a_long_path_is_a_large_head() -> None:
    """The limit of a head holds for all of it, and also where it came in one packet."""
    assert statuses(asked(echo, GET.replace(b"/a", b"/" + b"a" * HEAD_BYTES))) == [b"431"]


def test_an_upgrade_is_not_made() -> None:
    """A request that asks for an upgrade is answered as if it did not, in whatever pieces its body comes."""
    hidden = b"GET /hidden HTTP/1.1\r\n\r\n"
    head = b"POST / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: %d\r\n\r\n" % len(hidden)
    for pieces in ((head, hidden, GET), (head + hidden + GET,)):
        line = asked(echo, *pieces)
        assert line.written[0].endswith(b"\r\n\r\nPOST / " + hidden)
        assert (statuses(line), line.closed) == ([b"200", b"200"], False)


def test_no_tunnel_is_made() -> None:
    """CONNECT is for proxies."""
    for target in (b"a.b:443", b"/"):
        assert statuses(asked(echo, b"CONNECT %b HTTP/1.1\r\nhost: a.b\r\n\r\n" % target + GET)) == [b"400"]


def test_so_many_requests_may_wait() -> None:
    """A packet full of requests is answered up to a number of them; the connection ends behind these."""

    async def act(made: Connection, line: Line) -> None:
        made.data_received(b"GET / HTTP/1.1\r\n\r\n" * 2 * MOST_AHEAD)
        most = made.ahead
        while made.ahead:
            await turns()
        assert (len(line.written), line.ended) == (most, True)
        assert most <= MOST_AHEAD + 1

    on(says(b"", headers=[(b"content-length", b"0")]), act)


@settings(max_examples=60, deadline=None)
@given(which=st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=5), data=st.data())
def test_requests_are_the_same_however_they_are_cut(which: list[bytes], data: st.DataObject) -> None:
    """Requests that are sent ahead get the same answers in whatever packets they come."""
    raw = b"".join(which)
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=8))
    pieces = [raw[start:end] for start, end in pairwise([0, *sorted(cuts), len(raw)])]
    assert b"".join(asked(echo, *pieces).written) == b"".join(asked(echo, *which).written)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(st.binary(max_size=60), st.sampled_from((*REQUESTS, POST, HIDDEN, CHUNKED, b"\r\n"))), max_size=6
    )
)
def test_whatever_comes_is_answered_or_closed(pieces: list[bytes]) -> None:
    """No bytes raise, and none leave a connection open for good once its client falls silent."""

    async def act(made: Connection, line: Line) -> None:
        for piece in pieces:
            made.data_received(piece)
            await turns()
        now = asyncio.get_running_loop().time()
        for later_s in (100.0, 200.0, 300.0):
            made.look(now + later_s)
            await turns()
        assert line.closed or made.ahead  # an application still waits for a body; its time is its own

    on(echo, act)
