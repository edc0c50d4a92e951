"""One connection of a client: its requests are answered one after the other; one that leaves ends its call.

``parsing`` reads the bytes, ``answering`` writes the answers. What is no HTTP is told so in JSON but never into an
answer that is under way, heads and pauses have a limit, and a client is heard to leave at any time: while it is
answered, after a large body, behind rubbish; behind a request that it sent ahead, once it is that one's turn.

Source: RFC 9112; https://github.com/encode/uvicorn, on which this stood before.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections import deque
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from gateway.server.answering import Answering, Application
from gateway.server.failures import envelope
from gateway.server.parsing import Parsing
from schemas.errors import EngineError, RequestSlowError

HEAD_S = 10.0
"""A connection on which no whole request head came within this time is closed."""
STUCK_S = 60.0
"""A client that takes nothing of its answer for this long is let go."""
LINGER_S = 5.0
"""How long the rest of a refused body is read, so that the client gets to read why."""
IDLE_S = 75.0
"""How long a connection is kept for its next request: longer than clients and proxies keep theirs."""
GONE_S = (0.02, 0.1, 0.4)
"""When a client that ended its side is looked for after it was written to; later, about once a second."""
EXTENSION = "engine.connection"
_STILL = b"HTTP/1.1 102 Processing\r\n\r\n"


class Accepted:
    """What the connections of a port share.

    Attributes:
        application: Answers their requests.
        connections: Those that are open.
        tasks: What answers requests.
        date: The line of an answer's head that says the time.
        closed: Whether nobody is let in any more, also who was on the way in.
    """

    def __init__(self, application: Application) -> None:
        self.application = application
        self.connections = set[Connection]()
        self.tasks = set[asyncio.Task[None]]()
        self.date = b""
        self.closed = False


class _Flow(asyncio.Protocol):
    """When a connection stands still, in either direction.

    Attributes:
        transport: What is written to.
    """

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._paused = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._held = 0
        self._taken = self._loop.time()

    @property
    def stuck(self) -> bool:
        """Whether the client takes nothing for now."""
        return not self._writable.is_set()

    def pause_writing(self) -> None:
        """Have answers wait: the client does not take them as fast as they come."""
        self._taken = self._loop.time()
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let answers go on."""
        self._taken = self._loop.time()
        self._writable.set()

    def takes_nothing(self, now: float) -> bool:
        """Whether it has stood still for too long while there was something to take; asked about once a second.

        Args:
            now: The loop's time.
        """
        held = self.transport.get_write_buffer_size()
        if held < self._held or not held or not (self.stuck or self.transport.is_closing()):
            self._taken = now
        self._held = held
        return now - self._taken > STUCK_S

    async def drained(self) -> None:
        """Wait until the client takes more, or is gone."""
        await self._writable.wait()

    def read_on(self) -> None:
        """Read, if that was paused."""
        if self._paused and not self.transport.is_closing():
            self._paused = False
            self.transport.resume_reading()

    def pause(self) -> None:
        """Read nothing for now."""
        if not self._paused:
            self._paused = True
            self.transport.pause_reading()


class Connection(_Flow):
    """One connection; its ``scope["extensions"]`` hold it, so that a call can be ended when its client leaves.

    Attributes:
        running: The task of the request that is being answered, if it wants to be cancelled when the client leaves.
        lost: Whether the client is gone.
        client, server: Its two sides, as ASGI has them.
        extensions: ASGI's.
    """

    def __init__(self, accepted: Accepted) -> None:
        super().__init__()
        self.running: asyncio.Task[Any] | None = None
        self.lost = False
        self.client: tuple[str, int] | None = None
        self.server: tuple[str, int] | None = None
        self.extensions = {EXTENSION: self}
        self._accepted = accepted
        self._parsing: Parsing | None = Parsing(self)
        self._queue = deque[Answering]()
        self._half_closed = False
        self._head_since: float | None = self._loop.time()
        self._idle_since: float | None = None
        self._linger_since: float | None = None

    @property
    def date(self) -> bytes:
        """The line of an answer's head that says the time."""
        return self._accepted.date

    @property
    def ahead(self) -> int:
        """How many requests are here that are not answered."""
        return len(self._queue)

    def connection_made(self, transport: Any) -> None:
        """Note who it is."""
        self.transport = transport
        self.client, self.server = _place(transport, "peername"), _place(transport, "sockname")
        self._accepted.connections.add(self)
        if self._accepted.closed:
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's
        """End what runs for it, at once."""
        self.lost = True
        self._accepted.connections.discard(self)
        for answering in self._queue:
            answering.leave()
        self._queue.clear()
        self.extensions = {}
        self._stop_parsing()
        self._writable.set()
        if self.running is not None:
            self.running.cancel()

    def data_received(self, data: bytes) -> None:
        """Read; what comes behind the last request that will be answered is thrown away."""
        error = None if self._parsing is None else self._parsing.read(data)
        if error is not None:
            self._refuse(error)

    def eof_received(self) -> Any:
        """Stay open for a client that only said it sends no more and waits for its answer; close for any other.

        The two look alike until something is written: an interim answer, which every client of HTTP/1.1 passes over,
        is met by a reset where nobody is there any more.

        Source: RFC 9112 section 9.6, RFC 9110 section 15.2, RFC 2518 section 10.1 (102 Processing).
        """
        if not self._queue:
            return None
        first, last = self._queue[0], self._queue[-1]
        if not last.whole or first.started or first.scope["http_version"] != "1.1":
            return None
        last.keeps = False
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

    def head_begins(self) -> None:
        """Begin the time of a head."""
        self._head_since, self._idle_since = self._loop.time(), None

    def asked(self, answering: Answering) -> None:
        """Have a request answered when it is its turn; meanwhile no further one is read."""
        self._head_since = self._idle_since = None
        self._queue.append(answering)
        if len(self._queue) == 1:
            self._answer(answering)
        else:
            self.pause()

    def whole(self) -> None:
        """Go on behind a whole request: only who reads hears a client leave."""
        if self._linger_since is not None:
            self._linger_since, self._idle_since = None, self._loop.time()
        self._hear()

    def answered(self, answering: Answering) -> None:
        """Go on behind a whole answer; let the rest of a request that nobody wanted come, for a while."""
        self._queue.popleft()
        following = self._queue[0] if self._queue else None
        if not answering.keeps or (following is not None and following.left):
            sends = not answering.whole or self._paused or self._parsing is None
            self._end(at_once=self._half_closed or not sends)
            return
        self._hear()
        now = self._loop.time()
        if following is not None:
            self._answer(following)
        elif not answering.whole:
            self._linger_since = now
        elif self._head_since is None:
            self._idle_since = now
        else:
            self._head_since = now  # until now it had time

    def over(self, answering: Answering) -> None:
        """Note that nothing answers a request any more; one without a whole answer leaves no way to go on."""
        if answering.task is not None:
            self._accepted.tasks.discard(answering.task)
            answering.task = None
        if not answering.complete and not answering.left:
            self.transport.close()

    def look(self, now: float) -> None:
        """Close it if it takes too long; called about once a second.

        Args:
            now: The loop's time.
        """
        if self._half_closed:
            self._look_for_reset()
        if self.takes_nothing(now):
            self.transport.abort()
        elif self._linger_since is not None and now - self._linger_since > LINGER_S:
            self.transport.close()
        elif self._head_since is not None and not self._queue and now - self._head_since > HEAD_S:
            if self._parsing is not None and self._parsing.bare:
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

    def _hear(self) -> None:
        if len(self._queue) < 2:
            self.read_on()

    def _answer(self, answering: Answering) -> None:
        task = answering.task = self._loop.create_task(answering.run(self._accepted.application))
        self._accepted.tasks.add(task)

    def _refuse(self, error: EngineError) -> None:
        """Say what is wrong with bytes that are no request, in JSON; never into, or behind, the answer of another."""
        cut = self._parsing.unfinished if self._parsing is not None else None
        self._stop_parsing()
        if cut is not None:
            cut.leave()
        if self._queue and self._queue[0] is not cut:
            self._queue[-1].keeps = False
            return
        if cut is None or not cut.started:
            self._tell(error)
        self._end()

    def _tell(self, error: EngineError) -> None:
        body = json.dumps(envelope(error, "chat", "")).encode()
        status = error.http_status
        head = b"HTTP/1.1 %d %b\r\n%bcontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(head % (status, HTTPStatus(status).phrase.encode(), self.date, len(body)) + body)

    def _end(self, *, at_once: bool = False) -> None:
        """Close behind what was written. Who still sends is heard for a while: a reset would take its answer away."""
        self._queue.clear()
        self._stop_parsing()
        if at_once or self.transport.is_closing():
            self.transport.close()
            return
        self._linger_since = self._loop.time()
        with suppress(OSError):  # it is gone already
            self.transport.write_eof()
        self.read_on()

    def _stop_parsing(self) -> None:
        self._head_since = self._idle_since = self._linger_since = None
        if self._parsing is not None:
            self._parsing.stop()
            self._parsing = None


def _place(transport: Any, name: str) -> tuple[str, int] | None:
    found = transport.get_extra_info(name)
    return found[:2] if found else None
