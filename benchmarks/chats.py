"""Clients of ``engine serve`` under load: many at once on one event loop, reading nothing until all of it is there.

What comes is kept with its time and read afterwards, so that the clients take little of the CPU they share.
"""

from __future__ import annotations

import asyncio
import json
import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from time import monotonic
from typing import Any

_WORD = re.compile(rb'"content": ?"[^"]')
_END = b"\r\n0\r\n\r\n"


@dataclass(slots=True)
class Answered:
    """What one client got.

    Attributes:
        sent: When its request was sent, in seconds of the monotonic clock.
        pieces: What came, each with its time.
        lost: Whether the connection broke before the end.
    """

    sent: float = 0.0
    pieces: list[tuple[float, bytes]] = field(default_factory=list[tuple[float, bytes]])
    lost: bool = False

    @property
    def first_s(self) -> float:
        """Seconds until the first byte."""
        return self.pieces[0][0] - self.sent if self.pieces else float("inf")

    @property
    def last_at(self) -> float:
        """When the last byte came."""
        return self.pieces[-1][0] if self.pieces else float("inf")

    @property
    def word_s(self) -> float:
        """Seconds until the first word of the answer."""
        found = _WORD.search(b"".join(piece for _, piece in self.pieces))
        if found is None:
            return float("inf")
        ends = list(accumulate(len(piece) for _, piece in self.pieces))
        return self.pieces[bisect_left(ends, found.end())][0] - self.sent

    @property
    def body(self) -> bytes:
        """The body, unchunked."""
        rest = b"".join(piece for _, piece in self.pieces).partition(b"\r\n\r\n")[2]
        body: list[bytes] = []
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size or b"0", 16)
            if not length:
                break
            body.append(rest[:length])
            rest = rest[length + 2 :]
        return b"".join(body)

    def data(self) -> list[dict[str, Any]]:
        """Return the events of the body, without the last ``[DONE]``."""
        lines = (line.removeprefix(b"data: ") for line in self.body.split(b"\n") if line.startswith(b"data: {"))
        return [json.loads(line) for line in lines]


class _Client(asyncio.Protocol):
    """One connection with one request."""

    def __init__(self, over: Callable[[], None]) -> None:
        self.answered = Answered()
        self._over = over
        self._transport: asyncio.Transport | None = None
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self, request: bytes) -> None:
        """Send the request."""
        assert self._transport is not None
        self.answered.sent = monotonic()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.answered.pieces.append((monotonic(), data))
        if data.endswith(_END) or data == _END[2:]:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self._ended:
            self.answered.lost = True
            self._end()

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._over()
            if self._transport is not None:
                self._transport.close()


def all_at_once(
    port: int, requests: Sequence[bytes], *, within_s: float, then: Callable[[], None] | None = None
) -> list[Answered]:
    """Send every request on a connection of its own in the same moment, and wait for the end of every answer.

    Args:
        port: Of a server on this machine; it answers in chunks.
        requests: Head and body.
        within_s: For all of it; what has not ended by then counts as lost.
        then: Called when all are sent.
    """
    return asyncio.run(_all(port, requests, within_s, then))


async def _all(
    port: int, requests: Sequence[bytes], within_s: float, then: Callable[[], None] | None
) -> list[Answered]:
    loop, left, over = asyncio.get_running_loop(), len(requests), asyncio.Event()

    def ended() -> None:
        nonlocal left
        left -= 1
        if not left:
            over.set()

    clients: list[_Client] = []
    for _ in requests:
        _, client = await loop.create_connection(lambda: _Client(ended), "127.0.0.1", port)
        clients.append(client)
    await asyncio.sleep(0.5)  # the server has accepted them by then
    for client, request in zip(clients, requests, strict=True):
        client.send(request)
    if then is not None:
        then()
    try:
        async with asyncio.timeout(within_s):
            await over.wait()
    except TimeoutError:
        for client in clients:
            client.connection_lost(None)
    return [client.answered for client in clients]


def post(path: str, body: object) -> bytes:
    """Return a POST as bytes."""
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(content)}\r\n\r\n".encode() + content


def get(path: str) -> bytes:
    """Return a GET as bytes."""
    return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode()
