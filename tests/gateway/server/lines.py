"""A connection without a network: what it writes, and an application that answers on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.server.answering import Application, Message, Receive, Send
from gateway.server.connection import Accepted, Connection

GET = b"GET /a%20b?c=d HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
SAYS_5 = [(b"content-length", b"5")]


class Line(asyncio.Transport):
    """What a connection writes to; ``written`` has it, a write at a time."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 1234), "sockname": ("192.0.2.2", 80)})
        self.written: list[bytes] = []
        self.closed = self.aborted = self.paused = self.ended = False
        self.held = 0

    def write(self, data: Any) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        return self.closed

    def write_eof(self) -> None:
        self.ended = True

    def get_write_buffer_size(self) -> int:
        return self.held

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


async def turns() -> None:
    """Let everything happen that can."""
    for _ in range(10):
        await asyncio.sleep(0)


def on(application: Application, act: Callable[[Connection, Line], Awaitable[None]]) -> Line:
    """Return what was written to a connection on which something happened."""

    async def main() -> Line:
        accepted, line = Accepted(application), Line()
        accepted.date = b"date: now\r\n"
        made = Connection(accepted)
        made.connection_made(line)
        await act(made, line)
        await turns()
        assert not accepted.tasks or not line.closed
        made.connection_lost(None)
        await turns()
        assert not accepted.tasks
        assert not accepted.connections
        return line

    return asyncio.run(main())


def asked(application: Application, *pieces: bytes) -> Line:
    """Return what came of bytes that were sent, each in a packet of its own."""

    async def act(made: Connection, line: Line) -> None:
        for piece in pieces:
            if not line.closed:
                made.data_received(piece)
                await turns()

    return on(application, act)


def says(*bodies: bytes, headers: list[tuple[bytes, bytes]] | None = None, status: int = 200) -> Application:
    """Return an application that answers with these pieces."""

    async def answer(_scope: Message, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers or []})
        for index, body in enumerate(bodies):
            await send({"type": "http.response.body", "body": body, "more_body": index + 1 < len(bodies)})

    return answer
