"""One connection, on uvicorn's: heads and bodies come in size and in time, and a client that leaves ends its call.

What uvicorn leaves open, and this closes: it has no limit for a head's size or time, answers in plain text what is no
HTTP, writes that into an answer that is under way, tells a pipelined request that its client left but not the one
before it, and does not hear a client leave after a large body.

Source: RFC 9112, https://github.com/encode/uvicorn (``protocols/http/httptools_impl.py``).
"""

from __future__ import annotations

import asyncio
import json
import socket
from http import HTTPStatus
from typing import Any, cast

from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.server.failures import envelope
from schemas.errors import EngineError, RequestError, RequestHeadError, RequestSlowError

HEAD_S = 10.0
"""A connection on which no whole request head came within this time is closed."""
STUCK_S = 60.0
"""A client that takes nothing of its answer for this long is let go."""
LINGER_S = 5.0
"""How long the rest of a refused body is read, so that the client gets to read why."""
IDLE_S = 75
"""How long a connection is kept for its next request: longer than clients and proxies keep theirs."""
HEAD_BYTES = 64 * 1024
GONE_S = (0.02, 0.1, 0.4)
"""When a client that ended its side is looked for after it was written to; later, about once a second."""
EXTENSION = "engine.connection"
_STILL = b"HTTP/1.1 102 Processing\r\n\r\n"


class _Joining:
    """A transport that sends an answer's head together with what follows it in the same turn of the event loop.

    uvicorn writes the two apart; to write is the dearest thing that is done for a small answer.
    """

    __slots__ = ("_held", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""

    def write(self, data: bytes) -> None:
        """Write, or hold a head back until the next write or the next turn."""
        if self._held:
            data, self._held = self._held + data, b""
        elif data.startswith(b"HTTP/1.1 2") and data.endswith(b"\r\n\r\n"):
            self._held = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def close(self) -> None:
        """Close behind what is held."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Connection(HttpToolsProtocol):
    """One connection; its ``scope["extensions"]`` hold it, so that a call can be ended when its client leaves.

    Attributes:
        running: The task of the request that is being answered, if it wants to be cancelled when the client leaves.
        lost: Whether the client is gone.
    """

    running: asyncio.Task[Any] | None = None
    lost = False
    _head_since: float | None = None
    _stuck_since: float | None = None
    _linger_since: float | None = None
    _head_bytes = 0
    _refusal: EngineError | None = None
    _half_closed = False

    def connection_made(self, transport: Any) -> None:
        """Give it its time."""
        super().connection_made(transport)
        self.transport = cast("Any", _Joining(transport, self.loop))
        self._extensions = {EXTENSION: self}
        self._head_since = self.loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        """End what runs for it, at once."""
        self.lost = True
        self._head_since = self._stuck_since = self._linger_since = None
        for cycle, _ in self.pipeline:
            cycle.disconnected = True
        super().connection_lost(exc)
        if self.running is not None:
            self.running.cancel()

    def data_received(self, data: bytes) -> None:
        """Read; a head that grows too large is refused."""
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_since is None:
            self._head_bytes = 0
        elif self._head_bytes > HEAD_BYTES:
            self._refuse(RequestHeadError(f"the request's head is larger than {HEAD_BYTES:,} bytes"))

    def eof_received(self) -> Any:
        """Stay open for a client that only said it sends no more and waits for its answer; close for any other.

        The two look alike until something is written: an interim answer, which every client of HTTP/1.1 passes over,
        is met by a reset where nobody is there any more.

        Source: RFC 9112 section 9.6, RFC 9110 section 15.2, RFC 2518 section 10.1 (102 Processing).
        """
        cycle = cast("Any", self.cycle)
        if cycle is None or cycle.more_body or cycle.response_started or cycle.response_complete:
            return None
        if self.pipeline or self.scope["http_version"] != "1.1":
            return None
        cycle.keep_alive = False
        self._half_closed = True
        self.transport.write(_STILL)
        for after_s in GONE_S:
            self.loop.call_later(after_s, self._look_for_reset)
        return True

    def _look_for_reset(self) -> None:
        """Let a client go that was found to be gone; nothing is read any more that would say so."""
        line: Any = self.transport.get_extra_info("socket")
        if self.lost or line is None or self.transport.is_closing():
            return
        if line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.transport.abort()

    def on_message_begin(self) -> None:
        """Begin the time of a head."""
        super().on_message_begin()
        cast("Any", self.scope)["extensions"] = self._extensions
        self._head_since = self.loop.time()

    def on_headers_complete(self) -> None:
        """End it. Raises HttpParserError: the head is too large."""
        self._head_since = None
        if self._head_bytes > HEAD_BYTES and sum(len(n) + len(v) for n, v in self.headers) > HEAD_BYTES:
            self._refusal = RequestHeadError(f"the request's head is larger than {HEAD_BYTES:,} bytes")
            raise HttpParserError(self._refusal.message)
        self._head_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Go on reading after a large body: only who reads hears a client leave."""
        super().on_message_complete()
        self._linger_since = None
        if not self.pipeline:
            self.flow.resume_reading()

    def on_response_complete(self) -> None:
        """Let the rest of a body that nobody wanted come, for a while."""
        super().on_response_complete()
        if self.cycle.more_body and not self.transport.is_closing():
            self._linger_since = self.loop.time()

    def pause_writing(self) -> None:
        """Note since when the client takes nothing."""
        super().pause_writing()
        self._stuck_since = self.loop.time()

    def resume_writing(self) -> None:
        """Forget it."""
        super().resume_writing()
        self._stuck_since = None

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
            if self._head_bytes:
                self._refuse(RequestSlowError(f"the request's head did not come within {HEAD_S:g} s"))
            else:
                self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Say what is wrong with bytes that are no request, in JSON; never into an answer that is under way."""
        self._refuse(self._refusal or RequestError(msg.rstrip(".").lower(), hint="this port speaks HTTP/1.1"))

    def _refuse(self, error: EngineError) -> None:
        self._head_since = None
        # uvicorn sets the cycle with the first request
        if cast("Any", self.cycle) is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
            self.flow.pause_reading()
            return
        body = json.dumps(envelope(error, "chat", "")).encode()
        status = error.http_status
        lines = [b"HTTP/1.1 %d %b" % (status, HTTPStatus(status).phrase.encode())]
        lines += [b"%b: %b" % header for header in self.server_state.default_headers]
        lines += [b"content-type: application/json", b"content-length: %d" % len(body), b"connection: close", b"", body]
        self.transport.write(b"\r\n".join(lines))
        self.transport.close()
