"""One connection of a client: requests out of its bytes, in size and in time; one that leaves ends its call.

llhttp (httptools) reads the bytes, ``answering`` writes the answers. A head has a limit for its size and its time, what
is no HTTP is told so in JSON but never into an answer that is under way, and a client is heard to leave at any time:
while it is answered, after a large body, behind a request that it sent ahead.

Source: RFC 9112; https://github.com/encode/uvicorn, on which this stood before.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections import deque
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, parse_url

from gateway.server.answering import Answering, Application, Message
from gateway.server.failures import envelope
from schemas.errors import EngineError, RequestError, RequestHeadError, RequestSlowError

HEAD_S = 10.0
"""A connection on which no whole request head came within this time is closed."""
STUCK_S = 60.0
"""A client that takes nothing of its answer for this long is let go."""
LINGER_S = 5.0
"""How long the rest of a refused body is read, so that the client gets to read why."""
IDLE_S = 75.0
"""How long a connection is kept for its next request: longer than clients and proxies keep theirs."""
HEAD_BYTES = 64 * 1024
GONE_S = (0.02, 0.1, 0.4)
"""When a client that ended its side is looked for after it was written to; later, about once a second."""
EXTENSION = "engine.connection"
_ASGI = {"version": "3.0", "spec_version": "2.3"}
_STILL = b"HTTP/1.1 102 Processing\r\n\r\n"


class Accepted:
    """What the connections of a port share.

    Attributes:
        application: Answers their requests.
        connections: Those that are open.
        tasks: What answers requests.
        date: The line of an answer's head that says the time.
    """

    def __init__(self, application: Application) -> None:
        self.application = application
        self.connections = set[Connection]()
        self.tasks = set[asyncio.Task[None]]()
        self.date = b""


class _Flow(asyncio.Protocol):
    """When a connection stands still, in either direction.

    Attributes:
        transport: What is written to.
    """

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._paused = False
        self._stuck_since: float | None = None
        self._writable = asyncio.Event()

    @property
    def stuck(self) -> bool:
        """Whether the client takes nothing for now."""
        return self._stuck_since is not None

    def pause_writing(self) -> None:
        """Note since when the client takes nothing."""
        self._stuck_since = self._loop.time()
        self._writable.clear()

    def resume_writing(self) -> None:
        """Forget it."""
        self._stuck_since = None
        self._writable.set()

    async def drained(self) -> None:
        """Wait until the client takes more, or is gone."""
        await self._writable.wait()

    def read_on(self) -> None:
        """Read, if that was paused."""
        if self._paused and not self.transport.is_closing():
            self._paused = False
            self.transport.resume_reading()

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self.transport.pause_reading()


class Connection(_Flow):
    """One connection; its ``scope["extensions"]`` hold it, so that a call can be ended when its client leaves.

    Attributes:
        running: The task of the request that is being answered, if it wants to be cancelled when the client leaves.
        lost: Whether the client is gone.
    """

    def __init__(self, accepted: Accepted) -> None:
        super().__init__()
        self.running: asyncio.Task[Any] | None = None
        self.lost = False
        self._accepted = accepted
        self._parser: Any = HttpRequestParser(self)
        # what comes behind a last request is left unread, and does not spoil its answer
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._newest: Answering | None = None
        self._queue = deque[Answering]()
        self._extensions = {EXTENSION: self}
        self._refusal: EngineError | None = None
        self._bare = 0
        self._moved = self._half_closed = False
        self._head_since: float | None = self._loop.time()
        self._idle_since: float | None = None
        self._linger_since: float | None = None
        self._client: tuple[str, int] | None = None
        self._server: tuple[str, int] | None = None

    @property
    def date(self) -> bytes:
        """The line of an answer's head that says the time."""
        return self._accepted.date

    def connection_made(self, transport: Any) -> None:
        """Note who it is."""
        self.transport = transport
        self._client, self._server = _place(transport, "peername"), _place(transport, "sockname")
        self._accepted.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's
        """End what runs for it, at once."""
        self.lost = True
        self._accepted.connections.discard(self)
        self._head_since = self._idle_since = self._stuck_since = self._linger_since = None
        for answering in self._queue:
            answering.leave()
        self._queue.clear()
        self._extensions = {}
        self._newest = self._parser = None  # they hold on to this
        self._writable.set()
        if self.running is not None:
            self.running.cancel()

    def data_received(self, data: bytes) -> None:
        """Read; a head that grows too large is refused, and so are trailers."""
        self._moved = False
        self._bare += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as exc:  # it is answered as the request it is, and what follows it is no HTTP
            if self._newest is not None and exc.args[0] < len(data):
                self._newest.keeps = False
        except HttpParserError:
            self._refuse(self._refusal or RequestError("what came is no request", hint="this port speaks HTTP/1.1"))
            return
        if self._moved:
            self._bare = 0
        elif self._bare > HEAD_BYTES:
            self._refuse(_too_large())

    def eof_received(self) -> Any:
        """Stay open for a client that only said it sends no more and waits for its answer; close for any other.

        The two look alike until something is written: an interim answer, which every client of HTTP/1.1 passes over,
        is met by a reset where nobody is there any more.

        Source: RFC 9112 section 9.6, RFC 9110 section 15.2, RFC 2518 section 10.1 (102 Processing).
        """
        if len(self._queue) != 1:
            return None
        answering = self._queue[0]
        if not answering.whole or answering.started or answering.scope["http_version"] != "1.1":
            return None
        answering.keeps = False
        self._half_closed = True
        self.transport.write(_STILL)
        for after_s in GONE_S:
            self._loop.call_later(after_s, self._look_for_reset)
        return True

    def _look_for_reset(self) -> None:
        """Let a client go that was found to be gone; nothing is read any more that would say so."""
        line: Any = self.transport.get_extra_info("socket")
        if self.lost or line is None or self.transport.is_closing():
            return
        if line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.transport.abort()

    def on_message_begin(self) -> None:
        """Begin a head, and its time."""
        self._head_since, self._idle_since = self._loop.time(), None
        self._url, self._headers, self._newest = b"", [], None

    def on_url(self, url: bytes) -> None:
        """Keep what is asked for."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a line of the head; what follows a body is left out."""
        if self._newest is None:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Have the request answered. Raises HttpParserError: its head is too large, or asks for no path."""
        self._head_since, self._moved = None, True
        if self._bare > HEAD_BYTES and sum(len(n) + len(v) for n, v in self._headers) > HEAD_BYTES:
            self._refusal = _too_large()
            raise HttpParserError(self._refusal.message)
        version = self._parser.get_http_version()
        path, raw_path, query = _target(self._url)
        scope: Message = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "method": self._parser.get_method().decode(),
            "scheme": "http",
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": self._headers,
            "client": self._client,
            "server": self._server,
            "extensions": self._extensions,
        }
        keeps = version == "1.1" and self._parser.should_keep_alive()
        answering = self._newest = Answering(scope, self, keeps=keeps)
        self._queue.append(answering)
        if len(self._queue) == 1:
            self._answer(answering)
        else:
            self._pause()

    def on_body(self, body: bytes) -> None:
        """Keep a piece of a body; of a large one no more than is wanted."""
        self._moved = True
        if self._newest is not None and not self._newest.take(body):
            self._pause()

    def on_message_complete(self) -> None:
        """Go on reading after a large body: only who reads hears a client leave."""
        if self._newest is not None:
            self._newest.end()
        if self._linger_since is not None:
            self._linger_since, self._idle_since = None, self._loop.time()
        if len(self._queue) < 2:
            self.read_on()

    def answered(self, answering: Answering) -> None:
        """Go on behind a whole answer; let the rest of a request that nobody wanted come, for a while."""
        self._queue.popleft()
        if not answering.keeps:
            self.transport.close()
            return
        if self._queue:
            self._answer(self._queue[0])
            return
        self.read_on()
        now = self._loop.time()
        if answering.whole:
            self._idle_since = now
        else:
            self._linger_since = now

    def over(self, answering: Answering) -> None:
        """Note that nothing answers a request any more; one without a whole answer leaves no way to go on."""
        if answering.task is not None:
            self._accepted.tasks.discard(answering.task)
            answering.task = None
        if not answering.complete:
            self.transport.close()

    def look(self, now: float) -> None:
        """Close it if it takes too long; called about once a second.

        Args:
            now: The loop's time.
        """
        if self._half_closed:
            self._look_for_reset()
        if self._stuck_since is not None and now - self._stuck_since > STUCK_S:
            self.transport.abort()
        elif self._linger_since is not None and now - self._linger_since > LINGER_S:
            self.transport.close()
        elif self._head_since is not None and now - self._head_since > HEAD_S:
            if self._bare:
                self._refuse(RequestSlowError(f"the request's head did not come within {HEAD_S:g} s"))
            else:
                self.transport.close()
        elif self._idle_since is not None and now - self._idle_since > IDLE_S:
            self.transport.close()

    def shut(self) -> None:
        """Close it, or have it closed behind the answer that is under way."""
        if not self._queue:
            self.transport.close()
        else:
            self._queue[-1].keeps = False

    def _answer(self, answering: Answering) -> None:
        task = answering.task = self._loop.create_task(answering.run(self._accepted.application))
        self._accepted.tasks.add(task)

    def _refuse(self, error: EngineError) -> None:
        """Say what is wrong with bytes that are no request, in JSON; never into an answer that is under way."""
        self._head_since = None
        if self._queue:
            self._queue[-1].keeps = False
            self._pause()
            return
        body = json.dumps(envelope(error, "chat", "")).encode()
        status = error.http_status
        head = b"HTTP/1.1 %d %b\r\n%bcontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(head % (status, HTTPStatus(status).phrase.encode(), self.date, len(body)) + body)
        self.transport.close()


def _target(url: bytes) -> tuple[str, bytes, bytes]:
    """Return (path, the same as it was written, query) of what a request asks for. Raises HttpParserError: of none."""
    raw, _, query = url.partition(b"?")
    if not raw.startswith(b"/") or b"#" in url:
        parsed = parse_url(url)
        raw, query = parsed.path or b"/", parsed.query or b""
    path = raw.decode("ascii")
    return unquote(path) if "%" in path else path, raw, query


def _place(transport: Any, name: str) -> tuple[str, int] | None:
    found = transport.get_extra_info(name)
    return found[:2] if found else None


def _too_large() -> RequestHeadError:
    return RequestHeadError(f"the request's head is larger than {HEAD_BYTES:,} bytes")
