"""Answers over HTTP/1.1 on connections of our own: the gateway over HTTP reaches every provider this way. asyncio only.

``reading`` takes answers out of bytes; what is here keeps connections, times and cuts them. No cookies, no redirects.
What it saves: docs/gateway.md.

No retries but one: a server may let go of a kept connection in the moment it is used again. If it does so at once and
without a byte, the request goes out on a new connection. Whoever waited longer than ``RACE_S`` may have paid for the
answer that is lost, so that is left to the callers. (Go, nginx and urllib3 repeat no POST; the official SDKs, and our
own retries where there are any, do so whenever a connection is lost, after a pause.)

Source: RFC 9112, sections 9.3.1 and 9.5 of it for the retry.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from math import inf
from typing import Self, cast
from urllib.parse import quote, urlsplit

from gateway.upstream.base import Answer, Sent, Waits, unreachable, unreadable
from gateway.upstream.dialing import CONNECT_S, Origin, login
from gateway.upstream.reading import Reading
from gateway.upstream.unpacking import Unpacking
from schemas.errors import ModelError, ModelUnavailableError

KEEP_S = 30.0
"""How long a connection is kept for the next request."""
RACE_S = 1.0
"""A kept connection that is closed so soon after a request was written was let go before the server read it."""

_AHEAD_BYTES = 262_144  # what is read of a body before somebody wants it
_KNOWN_URLS = 256
_IN_PATHS = "/%:@!$&'()*+,;=~-._?"
_OURS = frozenset(  # they say how this one connection is used: RFC 9110 section 7.6.1
    {
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_CLOSED = "its connections were closed"


@dataclass(frozen=True, slots=True)
class _Target:
    """One address: whom to ask, and how a request to it begins.

    Attributes:
        line: The rest of its first line, behind the method.
        usual: Lines of its head, by name, for what a request does not say itself.
        start: All of these, for one that says none of it.
        special: Names of what is not simply written out.
    """

    way: _Way
    line: str
    usual: dict[str, str]
    start: str
    special: frozenset[str]


class Http1Upstream:
    """One provider's server, over connections that are kept; belongs to the event loop of its first request.

    Args:
        base_url: Where it is; requests say it again, and may go elsewhere.
    """

    def __init__(self, base_url: str = "") -> None:
        del base_url
        self._ways: dict[str, _Way] = {}
        self._targets: dict[str, _Target] = {}
        self._closed = False

    async def send(self, sent: Sent) -> Answer:
        """Send a request once. Contract, and what it raises: ``gateway.upstream.base.Upstream``."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        waits = Waits(sent, now)
        try:
            target = self._targets.get(sent.url) or self._target(sent.url)
            request = _written(sent, target)
        except (OSError, ValueError) as exc:
            raise unreachable(sent.where, exc) from None
        line = target.way.kept()
        if line is not None:
            answer = _Answer(sent.where, waits, line, loop)
            try:
                return await answer.asked(request)
            except ModelUnavailableError:
                if answer.heard or loop.time() > now + RACE_S:
                    raise
        try:
            line = await _opened(target.way, waits, loop)
        except (OSError, ValueError) as exc:
            raise unreachable(sent.where, exc) from None  # what it came of holds the key
        return await _Answer(sent.where, waits, line, loop).asked(request)

    async def aclose(self) -> None:
        """Close the connections; answers that are not whole end with an error."""
        self._closed = True
        self._targets.clear()
        for way in self._ways.values():
            way.close()
        await asyncio.sleep(0)  # the event loop closes them in its next turn

    def _target(self, url: str) -> _Target:
        """Take an address apart once: there are only as many as formats, or deployments.

        Raises:
            OSError: The connections were closed.
            ValueError: It is none.
        """
        if self._closed:
            raise ConnectionError(_CLOSED)
        if len(self._targets) >= _KNOWN_URLS:
            self._targets.clear()
        origin = Origin(url)
        way = self._ways.setdefault(origin.name, _Way(origin))
        parts = urlsplit(url)
        path = quote(f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/", safe=_IN_PATHS)
        usual = {
            "host": origin.authority,
            "accept": "*/*",
            "content-type": "application/json",
            "authorization": login(parts),
            "proxy-authorization": origin.login,
        }
        lines = {name: f"{name}: {value}\r\n" for name, value in usual.items() if value}
        line = f" {origin.prefix}{path} HTTP/1.1\r\n"
        known = self._targets[url] = _Target(way, line, lines, line + "".join(lines.values()), _OURS.union(lines))
        return known


class _Way:
    """The connections to one server.

    Attributes:
        dialing: The limits of those that are being made.
        closed: Whether no more are wanted.
    """

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self._open = set[_Line]()
        self._idle: list[_Line] = []
        self._sweeping: asyncio.TimerHandle | None = None
        self.dialing = set[asyncio.Timeout]()
        self.closed = False

    def kept(self) -> _Line | None:
        """Return the connection that was used last, or None."""
        while self._idle:
            line = self._idle.pop()
            if not line.transport.is_closing():
                return line
        return None

    def opened(self, line: _Line) -> None:
        """Note a new connection."""
        self._open.add(line)

    def give_back(self, line: _Line, loop: asyncio.AbstractEventLoop) -> None:
        """Keep a connection for the next request."""
        line.idle_since = loop.time()
        self._idle.append(line)
        if self._sweeping is None:
            self._sweeping = loop.call_later(KEEP_S, self._sweep, loop)

    def lost(self, line: _Line) -> None:
        """Forget a connection that is closed."""
        self._open.discard(line)
        if line in self._idle:
            self._idle.remove(line)

    def close(self) -> None:
        """Cut all."""
        self.closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        for limit in self.dialing:
            if not limit.expired():
                limit.reschedule(0.0)
        for line in list(self._open):
            if line.answer is not None:
                line.answer.lost(ConnectionError(_CLOSED))
            line.transport.abort()

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close what nobody needed for a while."""
        since = loop.time() - KEEP_S
        while self._idle and self._idle[0].idle_since <= since:
            self._idle.pop(0).transport.close()
        self._sweeping = loop.call_at(self._idle[0].idle_since + KEEP_S, self._sweep, loop) if self._idle else None


class _Line(asyncio.Protocol):
    """One connection; it carries one answer at a time, and one timer looks after all of them.

    To set a timer is dear, and hardly any fires: it is left as it is while it fires early enough, and set anew then.
    """

    transport: asyncio.Transport

    def __init__(self, way: _Way) -> None:
        self.way = way
        self.idle_since = 0.0
        self.answer: _Answer | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._fires = inf

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note what to write to."""
        self.transport = cast("asyncio.Transport", transport)
        self.way.opened(self)

    def write(self, request: bytes) -> None:
        """Send a request; while it is under way, the transport's buffer is not empty.

        TLS hands all of one write on, and forgets it; of a second one it keeps what has no room below.
        """
        if len(request) > _AHEAD_BYTES and self.way.origin.tls:
            self.transport.write(memoryview(request)[:-1])
            request = request[-1:]
        self.transport.write(request)

    def look_by(self, due: float, loop: asyncio.AbstractEventLoop) -> None:
        """Have the answer look at its waiting at a time, or before."""
        if due < self._fires:
            if self._timer is not None:
                self._timer.cancel()
            self._fires, self._timer = due, loop.call_at(due, self._look)

    def _look(self) -> None:
        self._fires, self._timer = inf, None
        if self.answer is not None:
            self.answer.look()

    def data_received(self, data: bytes) -> None:
        """Hand on; what nobody asked for ends the connection."""
        if self.answer is None:
            self.transport.abort()
        else:
            self.answer.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self.way.lost(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.answer is not None:
            self.answer.lost(exc)


class _Answer(Reading, Answer):
    """One answer, its reading and its waiting."""

    __slots__ = ("_error", "_line", "_loop", "_paused", "_waiter", "_waits", "_where")

    def __init__(self, where: str, waits: Waits, line: _Line, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._where = where
        self._waits = waits
        self._loop = loop
        self._line: _Line | None = line
        self._paused = False
        self._error: ModelError | None = None
        self._waiter: asyncio.Future[None] | None = None
        line.answer = self
        line.look_by(waits.due, loop)

    async def asked(self, request: bytes) -> Self:
        """Write the request, and wait until the head of its answer is there. Raises ModelError."""
        assert self._line is not None
        try:
            self._line.write(request)
            while not self.headed:
                await self._more()
        except BaseException:
            self.cut()
            raise
        return self

    async def chunk(self) -> bytes:
        """Return the next bytes. Raises ModelError."""
        while True:
            if self.unpacking is not None and (data := self._unpacked(self.unpacking)):
                return data
            if self.chunks:
                data = self.chunks[0] if len(self.chunks) == 1 else b"".join(self.chunks)
                self.chunks.clear()
                self.size = 0
                if self._paused:
                    self._pause(False)
                if self.unpacking is None:
                    return data
                self.unpacking.feed(data)
            elif self.ended:
                return b""
            else:
                await self._more()

    def began(self) -> None:
        """Note that content came."""
        if not self._waits.content:
            self._waits.began()
            if self._line is not None:
                self._line.look_by(self._waits.due, self._loop)

    async def finish(self) -> None:
        """Note that nothing more is wanted; most servers have ended the body with its last event already."""
        if not self.ended:
            await super().finish()

    async def close(self) -> None:
        """Give the connection back, or cut it."""
        self.cut()

    def cut(self) -> None:
        """Cut the connection, unless it was given back."""
        if self._line is not None:
            self._parted().transport.abort()
            self._wake()

    def feed(self, data: bytes) -> None:
        """Read what the connection brought."""
        try:
            self.parse(data)
        except ValueError as exc:
            self._fail(unreadable(self._where, exc))
            return
        if self.headed:
            self._waits.heard(self._loop.time())
            if self.ended:
                self._release()
            elif self.size > _AHEAD_BYTES and not self._paused:
                self._pause(True)
            self._wake()

    def lost(self, exc: Exception | None) -> None:
        """Note the connection's end: also the body's, if nothing said how long it is."""
        if self.headed and not self.sized and exc is None:
            self._parted()
            self.ended = True
            self._wake()
        else:
            self._fail(unreachable(self._where, exc or ConnectionError("the server closed the connection")))

    async def _more(self) -> None:
        """Wait until something changes. Raises ModelError: nothing will, as it failed or was closed."""
        if self._line is None:
            raise self._failed()
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _failed(self) -> ModelError:
        """Return the error, and let go of it: who raises it is held by it, and would be held on to."""
        error, self._error = self._error, None
        return error or unreachable(self._where, ConnectionError("its answer was closed"))

    def _unpacked(self, unpacking: Unpacking) -> bytes:
        try:
            data = unpacking.take()
            if not data and self.ended and not self.chunks:
                unpacking.end()
        except ValueError as exc:
            self.cut()
            raise unreadable(self._where, exc) from None
        return data

    def _release(self) -> None:
        """Give the connection back after the answer's last byte."""
        line = self._parted()
        if self._paused:
            line.transport.resume_reading()
        if self.keeps and not self.surplus and not line.transport.get_write_buffer_size():
            line.way.give_back(line, self._loop)
        else:
            line.transport.abort()

    def _pause(self, on: bool) -> None:
        self._paused = on
        self._waits.heard(self._loop.time())
        if self._line is not None and not self._line.transport.is_closing():
            (self._line.transport.pause_reading if on else self._line.transport.resume_reading)()

    def look(self) -> None:
        """Cut the connection if it is too late, else look again when it would be."""
        if self._paused:
            self._waits.heard(self._loop.time())  # the silence is ours
        due = self._waits.due
        if self._loop.time() < due and self._line is not None:
            self._line.look_by(due, self._loop)
        else:
            self._fail(self._waits.error())

    def _fail(self, error: ModelError) -> None:
        self._error = error
        self.cut()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _parted(self) -> _Line:
        """Let go of the connection and the parser, which hold on to this; return the connection."""
        line = self._line
        assert line is not None
        line.answer = self._line = self._parser = None
        return line


async def _opened(way: _Way, waits: Waits, loop: asyncio.AbstractEventLoop) -> _Line:
    """Return a new connection. Raises ModelTimeoutError, OSError, ValueError."""
    if way.closed:
        raise ConnectionError(_CLOSED)
    late = waits.due < loop.time() + CONNECT_S
    try:
        async with asyncio.timeout_at(waits.due) as limit:
            way.dialing.add(limit)
            try:
                line = await way.origin.dial(_Line(way))
            finally:
                way.dialing.discard(limit)
    except TimeoutError as exc:
        if way.closed:
            raise ConnectionError(_CLOSED) from None
        if late and exc.errno is None:  # else the system's own
            raise waits.error() from None
        raise TimeoutError(f"no connection within {CONNECT_S:g} s") from None
    if line.transport.is_closing():
        raise ConnectionError("the server closed the connection")
    return line


def _written(sent: Sent, target: _Target) -> bytes:
    """Return a request as it goes out. Raises ValueError: a line break stands where none may."""
    headers, start = sent.headers, target.start
    if not target.special.isdisjoint(headers):
        start = target.line + "".join(line for name, line in target.usual.items() if name not in headers)
        headers = {name: value for name, value in headers.items() if name not in _OURS}
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    head = f"{sent.method}{start}{''.join(lines)}content-length: {len(sent.body)}\r\n\r\n"
    breaks = start.count("\n") + len(lines) + 2
    if head.count("\n") != breaks or head.count("\r") != breaks or "\0" in head:
        raise ValueError("a header of the request holds a line break")
    return head.encode() + sent.body
