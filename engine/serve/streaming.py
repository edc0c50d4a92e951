"""A response that goes on as long as a run does: notices a client that left, says it is still there, ends cleanly."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from engine.serve.frames import CONTENT_TYPES, KEEP_ALIVE, Form, failure_frame, farewell, frame
from engine.streams import Cursor
from schemas.errors import EngineError
from schemas.events import LoggedRecord
from schemas.live import LiveEvent

STILL_HERE_S = 15.0
STUCK_S = 60.0
"""A client that takes nothing for this long is let go; it may come back where it was."""
MOST_HELD = 65_536
"""Bytes for a client that is slow, beyond which no more is read for it."""
RETRY_MS = 1_000


@dataclass
class Leaving:
    """Tells everything that takes long that the server is about to stop."""

    event: anyio.Event

    @property
    def now(self) -> bool:
        """Whether it is."""
        return self.event.is_set()


class Streamed(Response):
    """Streams what is written while a run goes on.

    Args:
        pieces: What to send; raises no error of ours.
        form: As what.
        leaving: Ends the stream early.
        farewell: What is said then.
        on_left: Called when the client went away before the end.
    """

    def __init__(
        self,
        pieces: AsyncGenerator[bytes],
        form: Form,
        leaving: Leaving,
        *,
        farewell: bytes = b"",
        status: int = 200,
        headers: dict[str, str] | None = None,
        on_left: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__(status_code=status, headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        self.headers.update({**(headers or {}), "content-type": f"{CONTENT_TYPES[form]}; charset=utf-8"})
        del self.headers["content-length"]
        self._pieces = pieces
        self._form: Form = form
        self._leaving = leaving
        self._farewell = farewell
        self._on_left = on_left
        self._held: list[bytes] = []
        self._size = 0
        self._more = anyio.Event()
        self._taken = anyio.Event()
        self._read_all = False
        self._over = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI)
        """Send it until it ends, the client leaves, or the server does."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._until_left, receive, group.cancel_scope)
            group.start_soon(self._until_leaving, group.cancel_scope)
            group.start_soon(self._write, send, group.cancel_scope)
            await self._read()
        if not self._over and not self._leaving.now and self._on_left is not None:
            with anyio.CancelScope(shield=True):
                await self._on_left()
        with anyio.move_on_after(1):
            await self._end(send)

    async def _read(self) -> None:
        """Hold what is to be sent; wait where more than enough is held."""
        async with aclosing(self._pieces) as pieces:
            async for piece in pieces:
                self._held.append(piece)
                self._size += len(piece)
                self._more.set()
                if self._size > MOST_HELD:
                    self._taken = anyio.Event()
                    await self._taken.wait()
        self._read_all = True
        self._more.set()

    async def _write(self, send: Send, scope: anyio.CancelScope) -> None:
        """Send what is held, all of it in one piece; into every long silence, that the server is still here."""
        with suppress(OSError, TimeoutError):  # the client is gone, or stuck
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            while self._held or not self._read_all:
                if not self._held:
                    with anyio.move_on_after(STILL_HERE_S):
                        await self._more.wait()
                    if self._read_all and not self._held:
                        break
                body = b"".join(self._held) if self._held else KEEP_ALIVE[self._form]
                self._held, self._size, self._more = [], 0, anyio.Event()
                self._taken.set()
                with anyio.fail_after(STUCK_S):
                    await send({"type": "http.response.body", "body": body, "more_body": True})
            self._over = True
        scope.cancel()

    async def _until_left(self, receive: Receive, scope: anyio.CancelScope) -> None:
        await until_left(receive)
        scope.cancel()

    async def _until_leaving(self, scope: anyio.CancelScope) -> None:
        await self._leaving.event.wait()
        scope.cancel()

    async def _end(self, send: Send) -> None:
        last = b"" if self._over else self._farewell
        await send({"type": "http.response.body", "body": last, "more_body": False})


class RunStream(Streamed):
    """Streams a run's events; takes the arguments of ``Streamed``.

    Args:
        items: What to send.
        cursor: Where the client stands; the advice to come back there is given where the server leaves.
    """

    def __init__(
        self,
        items: AsyncGenerator[LoggedRecord | LiveEvent],
        cursor: Cursor,
        form: Form,
        leaving: Leaving,
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
        on_left: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        last = farewell(form, 2 * RETRY_MS)
        pieces = _framed(items, cursor, form)
        super().__init__(pieces, form, leaving, farewell=last, status=status, headers=headers, on_left=on_left)


async def _framed(items: AsyncGenerator[LoggedRecord | LiveEvent], cursor: Cursor, form: Form) -> AsyncGenerator[bytes]:
    """Yield a run's events as they are sent; why they end before the run has is the last of it."""
    yield b"retry: %d\n\n" % RETRY_MS if form == "sse" else b""
    try:
        async with aclosing(items) as found:
            async for item in found:
                cursor.advance(item)
                yield frame(item, cursor, form)
    except EngineError as exc:  # the run was deleted, or the store is away
        yield failure_frame(exc, form)


async def until_left(receive: Receive) -> None:
    """Return once a client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
