"""One open port: its connections, and the application that answers on it."""

from __future__ import annotations

import asyncio
import socket
import time
from email.utils import formatdate

from gateway.server.connection import Accepted, Connection
from gateway.server.front import Front
from gateway.server.ports import address

_POLL_S = 0.02


class Port:
    """Accepts connections on a socket and answers their requests.

    Attributes:
        front: The application.
        url: As clients of this machine reach it.
    """

    def __init__(self, listening: socket.socket, front: Front) -> None:
        self.front = front
        self.url = address(listening)
        self._listening = listening
        self._accepted = Accepted(front)
        self._accepting: asyncio.Server | None = None

    @property
    def connections(self) -> list[Connection]:
        """Those that are open."""
        return list(self._accepted.connections)

    async def open(self) -> None:
        """Begin to accept."""
        self.tick()
        loop = asyncio.get_running_loop()
        self._accepting = await loop.create_server(lambda: Connection(self._accepted), sock=self._listening)

    def tick(self) -> None:
        """Do what is done about once a second: the date in answers, and a look at connections that take too long."""
        self._accepted.date = f"date: {formatdate(time.time(), usegmt=True)}\r\n".encode()
        now = asyncio.get_running_loop().time()
        for connection in self.connections:
            connection.look(now)

    def close(self) -> None:
        """Stop accepting; connections that answer nothing are closed, the others when they have answered."""
        if self._accepting is not None:
            self._accepting.close()
        self._listening.close()
        self._accepted.closed = True
        for connection in self.connections:
            connection.shut()

    def break_off(self) -> None:
        """End the calls that still run; each says so to its client."""
        for connection in self.connections:
            if connection.running is not None:
                connection.running.cancel()

    def abort(self) -> None:
        """Close every connection at once."""
        for connection in self.connections:
            connection.transport.abort()

    async def drained(self, within_s: float) -> bool:
        """Wait until nothing is under way, at most so long; return whether it is so."""
        until = time.monotonic() + within_s
        while self._accepted.tasks or self._accepted.connections:
            if time.monotonic() >= until:
                return False
            self.tick()
            await asyncio.sleep(_POLL_S)
        return True
