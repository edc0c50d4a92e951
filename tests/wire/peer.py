"""A server in the test's own event loop: what it does on each connection is a function of the test. asyncio only.

async def once(line):
    await line.request()
    line.say(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")

async with Peer(once) as peer:
    ...  peer.url, peer.requests, peer.connections
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)


class PeerLine:
    """One connection of a client.

    Attributes:
        number: 1 for the first.
    """

    def __init__(self, peer: Peer, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.reader = reader
        self.writer = writer
        self._peer = peer

    async def request(self) -> bytes:
        """Take the next request, whole. Raises EOFError, OSError: the client left."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(found[1]) if (found := _LENGTH.search(head)) else 0
        taken = head + await self.reader.readexactly(length)
        self._peer.requests.append(taken)
        return taken

    def say(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)

    async def gone(self) -> None:
        """Wait until the client left; what it sends meanwhile is passed over."""
        with suppress(OSError):
            while await self.reader.read(65_536):
                pass
        self._peer.left.set()

    def reset(self) -> None:
        """Break off."""
        self.writer.transport.abort()


class Peer:
    """The server.

    Args:
        serve: Called for each connection, which is closed when it returns.
        tls: Makes it one of TLS.

    Attributes:
        port: Where it listens.
        requests: As they came, heads and bodies.
        connections: How many were made.
        left: Set when a line heard its client leave.
    """

    def __init__(self, serve: Callable[[PeerLine], Awaitable[None]], tls: ssl.SSLContext | None = None) -> None:
        self._serve = serve
        self._tls = tls
        self._tasks = set[asyncio.Task[None]]()
        self.requests: list[bytes] = []
        self.connections = self.port = 0
        self.left = asyncio.Event()

    @property
    def url(self) -> str:
        """Base URL without a path."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Peer:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._run(PeerLine(self, self.connections, reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, line: PeerLine) -> None:
        try:
            with suppress(OSError, EOFError):
                await self._serve(line)
                line.writer.close()
                await line.writer.wait_closed()
        finally:
            line.writer.transport.abort()


def answering(*answers: bytes) -> Callable[[PeerLine], Awaitable[None]]:
    """Return what says these on each connection, one a request, and then waits for the client to leave."""

    async def serve(line: PeerLine) -> None:
        for said in answers:
            await line.request()
            line.say(said)
        await line.gone()

    return serve


def open_sockets() -> set[str]:
    """Return the sockets that this process has open."""
    found: set[str] = set()
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.add(str(path.readlink()))
    return {where for where in found if where.startswith("socket:")}
