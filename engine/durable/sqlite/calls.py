"""Calls from event loops into threads and back: any loop, closed ones included."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar, cast

import anyio
from anyio.lowlevel import EventLoopToken, current_token

T = TypeVar("T")


class _Asyncio(Protocol):
    def call_soon_threadsafe(self, callback: Callable[[], object], /) -> object: ...


class _Trio(Protocol):
    def run_sync_soon(self, callback: Callable[[], object], /) -> object: ...


class Call(Generic[T]):
    """One piece of work for a thread, and how its end reaches the task that waits for it."""

    __slots__ = ("done", "durable", "error", "result", "token", "work")

    def __init__(self, work: Callable[[Any], T], *, durable: bool = True) -> None:
        self.work = work
        self.durable = durable
        self.token = current_token()
        self.done = anyio.Event()
        self.result: T | None = None
        self.error: BaseException | None = None

    def outcome(self) -> T:
        """Return what the work gave, or raise what it raised. Raises BaseException."""
        if self.error is not None:
            try:
                raise self.error
            finally:
                self.error = None  # the traceback holds this frame: break the circle
        return cast("T", self.result)


def finish(calls: Iterable[Call[Any]]) -> None:
    """Wake the tasks that wait for these calls: one message to each event loop."""
    notify((call.token, call.done) for call in calls)


def notify(events: Iterable[tuple[EventLoopToken, anyio.Event]]) -> None:
    """Set events of any event loops from any thread, and wait for none."""
    by_loop: dict[int, tuple[object, list[anyio.Event]]] = {}
    for token, event in events:
        native = token.native_token
        by_loop.setdefault(id(native), (native, []))[1].append(event)
    for native, some in by_loop.values():
        _soon(native, some)


def _soon(native: object, events: list[anyio.Event]) -> None:
    def tell() -> None:
        for event in events:
            event.set()

    with suppress(RuntimeError):  # that loop is closed: nobody waits there any more
        if hasattr(native, "call_soon_threadsafe"):
            cast("_Asyncio", native).call_soon_threadsafe(tell)
        else:
            cast("_Trio", native).run_sync_soon(tell)
