"""One request of a connection and its answer: what an application receives and sends, as ASGI has it.

Source: RFC 9112 (sections 6 and 7.1), https://asgi.readthedocs.io/en/latest/specs/www.html.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from gateway.server.connection import Connection

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

MOST_AHEAD = 65_536
"""Bytes of a body that are read before somebody wants them."""

_STATUS = {status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}
_BARE = (204, 304)
_CHUNKED = b"transfer-encoding: chunked\r\n"
_CLOSE = b"connection: close\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_log = structlog.get_logger("plan-execute-engine.gateway")


class Answering:
    """One request, from its head on.

    An answer's head goes out together with what follows it: to write is the dearest thing that is done for a small
    answer. Where it may be a while until something follows, it waits for the event loop's next turn at most.

    Args:
        scope: ASGI's.
        connection: Where it came from.
        keeps: Whether the connection may be used again.

    Attributes:
        whole: Whether the request is there to its last byte.
        started, complete: Whether the answer has begun, and whether it is whole.
        left: Whether the client is gone.
        task: What answers it; None before it is its turn.
    """

    __slots__ = (
        "_ahead",
        "_changed",
        "_chunked",
        "_connection",
        "_given",
        "_head",
        "_invited",
        "_length",
        "_pieces",
        "complete",
        "keeps",
        "left",
        "scope",
        "started",
        "task",
        "whole",
    )

    def __init__(self, scope: Message, connection: Connection, *, keeps: bool) -> None:
        self.scope = scope
        self.keeps = keeps
        self.whole = self.started = self.complete = self.left = False
        self.task: asyncio.Task[None] | None = None
        self._connection = connection
        self._pieces: list[bytes] = []
        self._ahead = 0
        self._given = self._invited = self._chunked = False
        self._head = b""
        self._length = 0
        self._changed: asyncio.Event | None = None

    async def run(self, application: Application) -> None:
        """Have an application answer. One that fails, or ends before its answer is whole, has the connection closed."""
        try:
            await application(self.scope, self.receive, self.send)
        except Exception:
            _log.exception("a request failed, and nothing could be said of it")
        finally:
            self._connection.over(self)

    def take(self, data: bytes) -> bool:
        """Take a piece of the body; return whether more may come before this was asked for."""
        if self.complete:
            return True
        self._pieces.append(data)
        self._ahead += len(data)
        self._wake()
        return self._ahead <= MOST_AHEAD

    def end(self) -> None:
        """Note that the request is whole."""
        self.whole = True
        self._wake()

    def leave(self) -> None:
        """Note that the client is gone."""
        self.left = True
        self._wake()

    async def receive(self) -> Message:
        """Return what came of the request: a piece of its body, or that the client, or the answer, is away."""
        while not (self.left or self.complete) and (self._given or not (self.whole or self._pieces)):
            self._invite()
            self._connection.read_on()
            if self._changed is None:
                self._changed = asyncio.Event()
            self._changed.clear()
            await self._changed.wait()
        if self.left or self.complete:
            return {"type": "http.disconnect"}
        pieces, self._pieces = self._pieces, []
        self._ahead, self._given = 0, self.whole
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return {"type": "http.request", "body": body, "more_body": not self.whole}

    async def send(self, message: Message) -> None:
        """Send a part of the answer; nothing to a client that is gone.

        Raises:
            RuntimeError: It has no place in an answer, or is none.
        """
        if self._connection.stuck:
            await self._connection.drained()
        if self.left:
            return
        if not self.started:
            self._begin(message)
        elif self.complete:
            raise RuntimeError("the answer is complete")
        else:
            self._go_on(message)

    def _begin(self, message: Message) -> None:
        if message["type"] != "http.response.start":
            raise RuntimeError(f"an answer does not begin with {message['type']}")
        status: int = message["status"]
        lines, length, closes = _lines(message.get("headers", ()))
        if status in _BARE or self.scope["method"] == "HEAD":
            length = 0
        elif length < 0:
            if self.scope["http_version"] == "1.1":  # else its end is the connection's
                self._chunked = True
                lines += _CHUNKED
            asyncio.get_running_loop().call_soon(self.flush)
        if closes:
            self.keeps = False
        elif not self.keeps:
            lines += _CLOSE
        self.started = True
        self._length = length
        self._head = b"%b%b%b\r\n" % (_STATUS.get(status) or b"HTTP/1.1 %d \r\n" % status, self._connection.date, lines)

    def _go_on(self, message: Message) -> None:
        if message["type"] != "http.response.body":
            raise RuntimeError(f"an answer does not go on with {message['type']}")
        data: bytes = message.get("body", b"")
        more: bool = message.get("more_body", False)
        data = b"" if self.scope["method"] == "HEAD" else self._framed(data, more)
        if data or not more:
            self._connection.transport.write(self._head + data)
            self._head = b""
        if not more:
            self.complete = True
            self._wake()
            self._connection.answered(self)

    def _framed(self, data: bytes, more: bool) -> bytes:
        """Return a piece as it is sent. Raises RuntimeError: there is more of the answer, or less, than was said."""
        if self._chunked:
            chunk = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            return chunk if more else chunk + b"0\r\n\r\n"
        if self._length >= 0:
            self._length -= len(data)
            if self._length < 0 or (self._length and not more):
                raise RuntimeError("the answer is not as long as its head says")
        return data

    def flush(self) -> None:
        """Send the head if nothing came that it could go out with."""
        if self._head and not self.left:
            head, self._head = self._head, b""
            self._connection.transport.write(head)

    def _invite(self) -> None:
        """Tell a client that waits for it that its body is wanted."""
        if self._invited or self.started or self.whole or self.scope["http_version"] != "1.1":
            return
        self._invited = True
        if any(name == b"expect" and value.lower() == b"100-continue" for name, value in self.scope["headers"]):
            self._connection.transport.write(_CONTINUE)

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()


def _lines(headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, int, bool]:
    """Return headers as they are sent, the length they say (below 0: none), and whether they close the connection.

    Raises:
        RuntimeError: One holds a line break: what stood behind it would be another header, or another answer.
    """
    length, closes = -1, False
    lines: list[bytes] = []
    for name, value in headers:
        lines.append(b"%b: %b\r\n" % (name, value))
        if name == b"content-length":
            length = int(value)
        elif name == b"connection":
            closes = closes or b"close" in value.lower()
    said = b"".join(lines)
    if said.count(b"\n") != len(lines) or said.count(b"\r") != len(lines) or b"\0" in said:
        raise RuntimeError("a header of the answer holds a line break")
    return said, length, closes
