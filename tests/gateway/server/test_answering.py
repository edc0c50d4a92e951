"""Requests and answers on one connection, byte by byte, without a network: what ASGI leaves to a server."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest

from gateway.server import connection
from gateway.server.answering import MOST_AHEAD, Application, Message, Receive, Send
from gateway.server.connection import Accepted, Connection
from tests.gateway.server.lines import GET, POST, SAYS_5, Line, asked, on, says, turns


def test_an_application_hears_what_was_asked() -> None:
    """The scope of a request says its method, path, query, headers and sides; its body comes whole."""
    heard: list[Any] = []

    async def answer(scope: Message, receive: Receive, send: Send) -> None:
        heard.extend([scope, await receive()])
        await says(b"hello", headers=SAYS_5)(scope, receive, send)

    asked(answer, GET.replace(b"GET", b"PUT").replace(b"host: x", b"Host: x\r\ncontent-length: 2") + b"hi")
    scope, message = heard
    known = {name: scope[name] for name in ("method", "path", "raw_path", "query_string", "http_version", "scheme")}
    assert known == {
        "method": "PUT", "path": "/a b", "raw_path": b"/a%20b", "query_string": b"c=d", "http_version": "1.1",
        "scheme": "http",
    }  # fmt: skip
    assert scope["headers"] == [(b"host", b"x"), (b"content-length", b"2")]
    assert (scope["client"], scope["server"]) == (("192.0.2.1", 1234), ("192.0.2.2", 80))
    assert message == {"type": "http.request", "body": b"hi", "more_body": False}


def test_an_answer_of_a_known_length_is_one_write() -> None:
    """Head and body of a small answer go out together."""
    line = asked(says(b"hello", headers=[*SAYS_5, (b"x-a", b"b")]), GET)
    assert line.written == [b"HTTP/1.1 200 OK\r\ndate: now\r\ncontent-length: 5\r\nx-a: b\r\n\r\nhello"]
    assert not line.closed


def test_a_stream_is_sent_in_chunks() -> None:
    """An answer of no known length is chunked, its head with the first piece."""
    line = asked(says(b"a", b"", b"bc", b""), GET)
    head = b"HTTP/1.1 200 OK\r\ndate: now\r\ntransfer-encoding: chunked\r\n\r\n"
    assert line.written == [head + b"1\r\na\r\n", b"2\r\nbc\r\n", b"0\r\n\r\n"]


def test_a_head_does_not_wait_for_a_stream() -> None:
    """Where nothing follows at once, the head of a stream is sent without it."""

    async def answer(_scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await receive()

    async def act(made: Connection, line: Line) -> None:
        made.data_received(GET)
        await turns()
        assert line.written[0].endswith(b"chunked\r\n\r\n")

    on(answer, act)


def test_http_1_0_gets_a_stream_until_the_connection_ends() -> None:
    """HTTP/1.0 knows no chunks: what has no length ends with the connection."""
    line = asked(says(b"a", b"b"), GET.replace(b"1.1", b"1.0"))
    assert b"".join(line.written) == b"HTTP/1.1 200 OK\r\ndate: now\r\nconnection: close\r\n\r\nab"
    assert line.closed


@pytest.mark.parametrize("status", [204, 304, 599])
def test_every_status_is_said(status: int) -> None:
    """Statuses without a body have none, not even an empty chunk; one without a name is a number."""
    line = asked(says(b"", headers=[] if status < 599 else [(b"content-length", b"0")], status=status), GET)
    assert line.written[0].startswith(b"HTTP/1.1 %d " % status)
    assert line.written[0].endswith(b"\r\n\r\n")
    assert b"transfer-encoding" not in line.written[0]


@pytest.mark.parametrize("value", [b"a\r\nx-evil: b", b"a\nb", b"a\rb", b"a\0b"])
def test_a_header_cannot_hold_a_line_break(value: bytes) -> None:
    """Nothing is sent of an answer whose header holds a line break; the connection is closed."""
    line = asked(says(b"hello", headers=[*SAYS_5, (b"x-a", value)]), GET)
    assert (line.written, line.closed) == ([], True)


@pytest.mark.parametrize("body", [b"hell", b"hello!"])
def test_an_answer_is_as_long_as_it_says(body: bytes) -> None:
    """An answer of another length than its head's is broken off, so that nobody takes it for whole."""
    line = asked(says(body, headers=SAYS_5), GET)
    assert (line.written, line.closed) == ([], True)


def test_an_application_that_does_not_answer_loses_the_connection() -> None:
    """Where nothing was answered, or not all of it, the connection is closed."""

    async def answer(_scope: Message, _receive: Receive, _send: Send) -> None:
        """Answer nothing."""

    assert asked(answer, GET).closed


def test_a_connection_is_closed_where_somebody_wants_it() -> None:
    """``Connection: close``, of the client or of the answer, closes it behind the answer, and is said once."""
    theirs = asked(says(b"hello", headers=SAYS_5), GET.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
    ours = asked(says(b"hello", headers=[*SAYS_5, (b"connection", b"close")]), GET)
    assert (theirs.closed, ours.closed) == (True, True)
    assert [b"".join(line.written).count(b"connection: close") for line in (theirs, ours)] == [1, 1]


def test_requests_sent_ahead_wait_for_their_turn() -> None:
    """A second request is begun when the first is answered, and meanwhile no more is read."""
    begun: list[str] = []
    goes_on = asyncio.Event()

    async def answer(scope: Message, receive: Receive, send: Send) -> None:
        begun.append(scope["path"])
        await goes_on.wait()
        await says(b"hello", headers=SAYS_5)(scope, receive, send)

    async def act(made: Connection, line: Line) -> None:
        made.data_received(GET + GET.replace(b"/a%20b", b"/second"))
        await turns()
        assert (begun, line.paused) == (["/a b"], True)
        goes_on.set()
        await turns()
        assert (begun, line.paused, len(line.written)) == (["/a b", "/second"], False, 2)

    on(answer, act)


def test_who_leaves_is_heard_in_every_request() -> None:
    """B75: an application that waits for more is told that its client left."""
    heard: list[str] = []

    async def answer(_scope: Message, receive: Receive, send: Send) -> None:
        heard.append((await receive())["type"])
        heard.append((await receive())["type"])
        await send({"type": "http.response.start", "status": 200})

    line = asked(answer, GET)
    assert heard == ["http.request", "http.disconnect"]
    assert line.written == []


def test_trailers_are_no_headers() -> None:
    """What follows a chunked body does not change what its head said."""
    heard: list[Any] = []

    async def answer(scope: Message, receive: Receive, send: Send) -> None:
        while (await receive())["more_body"]:
            pass
        heard.extend(scope["headers"])
        await says(b"hello", headers=SAYS_5)(scope, receive, send)

    line = asked(answer, POST + b"1\r\na\r\n0\r\nx-api-key: b\r\n\r\n", GET)
    assert heard[0] == (b"transfer-encoding", b"chunked")
    assert b"x-api-key" not in dict(heard)
    assert len(line.written) == 2


def test_a_body_nobody_wants_yet_is_not_read() -> None:
    """Of a body so much is read ahead, the rest when it is asked for."""
    wanted = asyncio.Event()
    sizes: list[int] = []

    async def answer(_scope: Message, receive: Receive, _send: Send) -> None:
        await wanted.wait()
        while (message := await receive())["type"] == "http.request":
            sizes.append(len(message["body"]))

    async def act(made: Connection, line: Line) -> None:
        made.data_received(b"POST / HTTP/1.1\r\ncontent-length: 900000\r\n\r\n" + b"a" * MOST_AHEAD)
        assert not line.paused
        made.data_received(b"a")
        assert line.paused
        wanted.set()
        await turns()
        assert (sizes, line.paused) == ([MOST_AHEAD + 1], False)

    on(answer, act)


def test_who_takes_nothing_is_waited_for() -> None:
    """While a client takes nothing, nothing more is written."""

    async def act(made: Connection, line: Line) -> None:
        made.pause_writing()
        made.data_received(GET)
        await turns()
        assert line.written == []
        made.resume_writing()
        await turns()
        assert len(line.written) == 1

    on(says(b"hello", headers=SAYS_5), act)


def test_an_idle_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection without a request is kept for a while, however many empty lines come."""

    async def act(made: Connection, line: Line) -> None:
        made.data_received(GET)
        await turns()
        made.data_received(b"\r\n")
        now = asyncio.get_running_loop().time()
        made.look(now + connection.IDLE_S - 1)
        assert not line.closed
        made.look(now + connection.IDLE_S + 1)
        assert line.closed

    on(says(b"hello", headers=SAYS_5), act)


def says_when(goes_on: asyncio.Event) -> Application:
    """An application that answers each request when it is let go on."""

    async def answer(scope: Message, receive: Receive, send: Send) -> None:
        await goes_on.wait()
        goes_on.clear()
        await says(b"hello", headers=SAYS_5)(scope, receive, send)

    return answer


def test_nothing_is_timed_behind_an_answer_under_way() -> None:
    """A head that is sent ahead has its time when the answer is there, and none ends an answer that comes later."""
    goes_on = asyncio.Event()

    async def act(made: Connection, line: Line) -> None:
        made.data_received(GET + GET[:9])
        await turns()
        now = asyncio.get_running_loop().time()
        made.look(now + connection.HEAD_S + 1)
        goes_on.set()
        await turns()
        made.data_received(GET[9:])
        await turns()
        made.look(now + connection.IDLE_S + 1)
        assert (len(line.written), line.closed) == (1, False)
        goes_on.set()
        await turns()
        assert (len(line.written), line.closed) == (2, False)

    on(says_when(goes_on), act)


def test_who_leaves_is_heard_behind_what_it_sent_ahead() -> None:
    """When it is the last request's turn it is read on, and behind rubbish at once."""
    goes_on = asyncio.Event()

    async def act(made: Connection, line: Line) -> None:
        made.data_received(GET + GET)
        goes_on.set()
        await turns()
        assert (len(line.written), line.paused) == (1, False)
        made.data_received(b"\0 rubbish")
        assert not line.paused
        goes_on.set()

    on(says_when(goes_on), act)


def test_who_takes_nothing_is_let_go() -> None:
    """A client that takes nothing for long is let go, also behind its last answer; one that takes slowly is not."""

    async def act(made: Connection, line: Line) -> None:
        now = asyncio.get_running_loop().time()
        made.pause_writing()
        for line.held, later_s in ((90_000, 1), (80_000, connection.STUCK_S), (70_000, 2 * connection.STUCK_S)):
            made.look(now + later_s)
        assert not line.aborted
        made.look(now + 3 * connection.STUCK_S + 1)
        assert line.aborted

    on(says(b"hello", headers=SAYS_5), act)

    async def closing(made: Connection, line: Line) -> None:
        line.held = 1000
        now = asyncio.get_running_loop().time()
        made.shut()
        made.look(now + 1)
        assert not line.aborted
        made.look(now + connection.STUCK_S + 1)
        assert line.aborted

    on(says(b"hello", headers=SAYS_5), closing)


def test_who_still_sends_is_heard_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind an answer that ends the connection the rest of a body is thrown away, as long as for any other."""
    monkeypatch.setattr(connection, "LINGER_S", 1.0)
    post = b"POST / HTTP/1.1\r\nconnection: close\r\ncontent-length: 900000\r\n\r\n"

    async def act(made: Connection, line: Line) -> None:
        made.data_received(post)
        await turns()
        made.data_received(b"a" * 100_000)
        assert (len(line.written), line.ended, line.closed, line.paused) == (1, True, False, False)
        made.look(asyncio.get_running_loop().time() + 1.1)
        assert line.closed

    on(says(b"hello", headers=SAYS_5, status=413), act)


def test_shutting_waits_for_the_answer() -> None:
    """A connection that is to be closed is closed behind the answer under way, and at once without one."""
    goes_on = asyncio.Event()

    async def answer(scope: Message, receive: Receive, send: Send) -> None:
        await goes_on.wait()
        await says(b"hello", headers=SAYS_5)(scope, receive, send)

    async def act(made: Connection, line: Line) -> None:
        made.data_received(GET)
        await turns()
        made.shut()
        assert not line.closed
        goes_on.set()
        await turns()
        assert (len(line.written), line.closed) == (1, True)

    on(answer, act)

    async def idle(made: Connection, line: Line) -> None:
        made.shut()
        assert line.closed

    on(answer, idle)


def test_a_connection_that_is_over_is_let_go() -> None:
    """Nothing of a connection waits for a garbage collection, whether its requests were answered or not."""
    gone: list[weakref.ref[Connection]] = []

    async def hang(_scope: Message, receive: Receive, _send: Send) -> None:
        while (await receive())["type"] == "http.request":
            pass

    async def act(made: Connection, _line: Line) -> None:
        gone.append(weakref.ref(made))
        made.data_received(GET + GET)
        await turns()

    async def rubbish(made: Connection, _line: Line) -> None:
        gone.append(weakref.ref(made))
        made.data_received(b"\0 rubbish")

    async def broken(made: Connection, _line: Line) -> None:
        gone.append(weakref.ref(made))
        made.data_received(POST + b"zz")

    gc.collect()
    gc.disable()
    try:
        on(says(b"hello", headers=SAYS_5), act)
        for happens in (act, rubbish, broken):
            on(hang, happens)
        assert [each() for each in gone] == [None] * 4
    finally:
        gc.enable()


def test_who_was_on_the_way_in_is_let_go() -> None:
    """A connection that was accepted as its port closed is closed: nothing would end it else."""

    async def late() -> Line:
        accepted, line = Accepted(says(b"hello")), Line()
        accepted.closed = True
        Connection(accepted).connection_made(line)
        return line

    assert asyncio.run(late()).closed
