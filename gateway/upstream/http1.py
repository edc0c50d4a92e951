"""Answers over HTTP/1.1 on connections of our own: the gateway over HTTP reaches every provider this way. asyncio only.

llhttp, in httptools, reads the bytes; what is here keeps connections, times and cuts them. No cookies, no redirects, no
retries. What it saves: docs/gateway.md.

Source: RFC 9112.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote, urlsplit

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from gateway.upstream.base import Answer, Sent, Waits, unreachable, unreadable
from gateway.upstream.dialing import CONNECT_S, Origin
from gateway.upstream.unpacking import Unpacking
from schemas.errors import ModelError

KEEP_S = 30.0
"""How long a connection is kept for the next request."""
HEAD_BYTES = 65_536

_AHEAD_BYTES = 262_144  # what is read of a body before somebody wants it
_KNOWN_URLS = 256
_IN_PATHS = "/%:@!$&'()*+,;=~-._?"


@dataclass(frozen=True, slots=True)
class _Target:
    """One address: whom to ask, and how a request to it ends its first line and begins its head."""

    way: _Way
    start: str


class Http1Upstream:
    """One provider's server, over connections that are kept; belongs to the event loop of its first request.

    Args:
        base_url: Where it is; requests say it again, and may go elsewhere.
    """

    def __init__(self, base_url: str = "") -> None:
        del base_url
        self._ways: dict[str, _Way] = {}
        self._targets: dict[str, _Target] = {}

    async def send(self, sent: Sent) -> Answer:
        """Send a request once. Contract, and what it raises: ``gateway.upstream.base.Upstream``."""
        loop = asyncio.get_running_loop()
        waits = Waits(sent, loop.time())
        try:
            target = self._targets.get(sent.url) or self._target(sent.url)
            request = _written(sent, target.start)
            line = target.way.kept() or await _opened(target.way, waits, loop)
        except (OSError, ValueError) as exc:
            raise unreachable(sent.where, exc) from None  # what it came of holds the key
        answer = _Answer(sent.where, waits, line, loop)
        try:
            await answer.ask(request)
        except BaseException:
            answer.cut()
            raise
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        for way in self._ways.values():
            way.close()
        await asyncio.sleep(0)  # the event loop closes them in its next turn

    def _target(self, url: str) -> _Target:
        """Take an address apart once: there are only as many as formats, or deployments. Raises ValueError."""
        if len(self._targets) >= _KNOWN_URLS:
            self._targets.clear()
        origin = Origin(url)
        way = self._ways.setdefault(origin.name, _Way(origin))
        parts = urlsplit(url)
        path = quote(f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/", safe=_IN_PATHS)
        start = f" {origin.prefix}{path} HTTP/1.1\r\nhost: {origin.authority}\r\naccept: */*\r\n{origin.fields}"
        known = self._targets[url] = _Target(way, start)
        return known


class _Way:
    """The connections to one server."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self._open = set[_Line]()
        self._idle: list[_Line] = []
        self._sweeping: asyncio.TimerHandle | None = None
        self._closed = False

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
        if self._closed:
            line.transport.abort()

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
        self._closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        for line in list(self._open):
            line.transport.abort()

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close what nobody needed for a while."""
        since = loop.time() - KEEP_S
        while self._idle and self._idle[0].idle_since <= since:
            self._idle.pop(0).transport.close()
        self._sweeping = loop.call_at(self._idle[0].idle_since + KEEP_S, self._sweep, loop) if self._idle else None


class _Line(asyncio.Protocol):
    """One connection; it carries one answer at a time."""

    transport: asyncio.Transport

    def __init__(self, way: _Way) -> None:
        self.way = way
        self.idle_since = 0.0
        self.answer: _Answer | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note what to write to."""
        self.transport = cast("asyncio.Transport", transport)
        self.way.opened(self)

    def data_received(self, data: bytes) -> None:
        """Hand on; what nobody asked for ends the connection."""
        if self.answer is None:
            self.transport.abort()
        else:
            self.answer.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self.way.lost(self)
        if self.answer is not None:
            self.answer.lost(exc)


class _Answer(Answer):
    """One answer; llhttp calls it. One timer looks after all its waiting, and is set anew only when it fires."""

    __slots__ = (
        "_chunks",
        "_ended",
        "_error",
        "_fed",
        "_head_size",
        "_headed",
        "_keeps",
        "_line",
        "_loop",
        "_parser",
        "_paused",
        "_size",
        "_sized",
        "_surplus",
        "_timer",
        "_unpacking",
        "_waiter",
        "_waits",
        "_where",
        "headers",
        "status",
    )

    def __init__(self, where: str, waits: Waits, line: _Line, loop: asyncio.AbstractEventLoop) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self._where = where
        self._waits = waits
        self._loop = loop
        self._line: _Line | None = line
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._chunks: list[bytes] = []
        self._size = self._head_size = self._fed = 0
        self._headed = self._sized = self._keeps = self._ended = self._surplus = self._paused = False
        self._unpacking: Unpacking | None = None
        self._error: ModelError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = loop.call_at(waits.due, self._look)
        line.answer = self

    async def ask(self, request: bytes) -> None:
        """Write the request, and wait until the head of its answer is there. Raises ModelError."""
        assert self._line is not None
        self._line.transport.write(request)
        while not self._headed:
            await self._more()

    async def chunk(self) -> bytes:
        """Return the next bytes. Raises ModelError."""
        while True:
            if self._chunks:
                data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
                self._chunks.clear()
                self._size = 0
                if self._paused:
                    self._pause(False)
                if self._unpacking is None:
                    return data
                self._unpacking.feed(data)
            if self._unpacking is not None and (data := self._unpacked(self._unpacking)):
                return data
            if self._ended:
                return b""
            await self._more()

    def began(self) -> None:
        """Note that content came."""
        if not self._waits.content:
            self._waits.began()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = self._loop.call_at(self._waits.due, self._look)

    async def finish(self) -> None:
        """Note that nothing more is wanted; most servers have ended the body with its last event already."""
        if not self._ended:
            await super().finish()

    async def close(self) -> None:
        """Give the connection back, or cut it."""
        self.cut()

    def cut(self) -> None:
        """Cut the connection, unless it was given back."""
        line = self._parted()
        if line is not None:
            line.transport.abort()

    def feed(self, data: bytes) -> None:
        """Read what the connection brought."""
        assert self._parser is not None
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._fail(unreadable(self._where, ValueError("it changed to another protocol")))
        except HttpParserError as exc:
            self._fail(unreadable(self._where, exc.__context__ if isinstance(exc.__context__, ValueError) else exc))
        else:
            if not self._headed:
                self._fed += len(data)
                if self._fed > HEAD_BYTES:
                    self._fail(unreadable(self._where, _too_large()))
                return
            self._waits.heard(self._loop.time())
            if self._ended:
                self._release()
            elif self._size > _AHEAD_BYTES and not self._paused:
                self._pause(True)
            self._wake()

    def lost(self, exc: Exception | None) -> None:
        """Note the connection's end: also the body's, if nothing said how long it is."""
        self._parted()
        if self._headed and not self._sized and exc is None:
            self._ended = True
            self._wake()
        else:
            self._fail(unreachable(self._where, exc or ConnectionError("the server closed the connection")))

    def on_message_begin(self) -> None:
        """An answer begins; after one that counts, nothing may come."""
        self._surplus = self._headed

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a line of the head; what follows a body is left out. Raises ValueError: there are too many."""
        if self._headed:
            return
        self._head_size += len(name) + len(value) + 4  # and what stands between and after
        if self._head_size > HEAD_BYTES:
            raise _too_large()
        key, said = name.decode("latin-1").lower(), value.decode("latin-1")
        headers = self.headers
        assert isinstance(headers, dict)
        headers[key] = f"{headers[key]}, {said}" if key in headers else said

    def on_headers_complete(self) -> None:
        """Look at the head; that of an interim answer is forgotten. Raises ValueError: the body can't be unpacked."""
        if self._headed or self._parser is None:
            return
        self.status = self._parser.get_status_code()
        if self.status < 200:
            self.headers = {}
            return
        self._headed = True
        headers = self.headers
        coded = headers.get("transfer-encoding", "").lower()
        self._sized = "content-length" in headers or "chunked" in coded or self.status in (204, 304)
        self._keeps = self._parser.should_keep_alive()
        packed = headers.get("content-encoding", "").strip().lower()
        if packed and packed != "identity":
            self._unpacking = Unpacking(packed)

    def on_body(self, data: bytes) -> None:
        """Keep a part of the body until somebody wants it."""
        if not self._surplus:
            self._chunks.append(data)
            self._size += len(data)

    def on_message_complete(self) -> None:
        """Note the end of an answer that is not an interim one."""
        self._ended = self._headed

    async def _more(self) -> None:
        """Wait until something changes. Raises ModelError: it failed."""
        if self._error is not None:
            raise self._error
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _unpacked(self, unpacking: Unpacking) -> bytes:
        try:
            return unpacking.take()
        except ValueError as exc:
            self.cut()
            raise unreadable(self._where, exc) from None

    def _release(self) -> None:
        """Give the connection back after the answer's last byte."""
        line = self._parted()
        if line is None:
            return
        if self._paused:
            line.transport.resume_reading()
        if self._keeps and not self._surplus and not line.transport.get_write_buffer_size():
            line.way.give_back(line, self._loop)
        else:
            line.transport.abort()

    def _pause(self, on: bool) -> None:
        self._paused = on
        if self._line is not None and not self._line.transport.is_closing():
            (self._line.transport.pause_reading if on else self._line.transport.resume_reading)()

    def _look(self) -> None:
        """Cut the connection if it is too late, else look again when it would be."""
        due = self._waits.due
        if self._loop.time() < due:
            self._timer = self._loop.call_at(due, self._look)
        else:
            self._fail(self._waits.error())

    def _fail(self, error: ModelError) -> None:
        self._error = error
        self.cut()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _parted(self) -> _Line | None:
        """Let go of the connection, the parser (which holds on to this) and the timer; return the connection."""
        line, self._line, self._parser = self._line, None, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if line is not None:
            line.answer = None
        return line


async def _opened(way: _Way, waits: Waits, loop: asyncio.AbstractEventLoop) -> _Line:
    """Return a new connection. Raises ModelTimeoutError, OSError."""
    late = waits.due < loop.time() + CONNECT_S
    try:
        async with asyncio.timeout_at(waits.due):
            return await way.origin.dial(_Line(way))
    except TimeoutError:
        if late:
            raise waits.error() from None
        raise TimeoutError(f"no connection within {CONNECT_S:g} s") from None


def _written(sent: Sent, start: str) -> bytes:
    """Return a request as it goes out. Raises ValueError: a line break stands where none may."""
    lines = [f"{name}: {value}\r\n" for name, value in sent.headers.items()]
    if "content-type" not in sent.headers:
        lines.append("content-type: application/json\r\n")
    head = f"{sent.method}{start}{''.join(lines)}content-length: {len(sent.body)}\r\n\r\n"
    if head.count("\n") != start.count("\n") + len(lines) + 2 or head.count("\r") != head.count("\n") or "\0" in head:
        raise ValueError("a header of the request holds a line break")
    return head.encode() + sent.body


def _too_large() -> ValueError:
    return ValueError(f"its headers are larger than {HEAD_BYTES:,} bytes")
