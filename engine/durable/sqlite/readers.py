"""A few threads that read, each by a connection of its own: a long read blocks neither writing nor the others."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from engine.durable.sqlite.calls import Call, finish
from engine.durable.sqlite.faults import store_error
from engine.durable.sqlite.file import StoreFile

T = TypeVar("T")

_THREADS = 4
_IDLE_S = 10.0


class Readers:
    """Reads off the event loop. Threads come as they are needed, and the idle ones go.

    Args:
        file: What to read.
    """

    def __init__(self, file: StoreFile) -> None:
        self._file = file
        self._waiting: deque[Call[Any]] = deque()
        self._changed = threading.Condition()
        self._threads = 0
        self._idle = 0
        self._closers: list[Call[None]] = []

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what the work read.

        Cancellation: takes effect at once; what a thread is reading is dropped.

        Raises:
            EngineError: As the work raised it.
            StoreError: The file cannot be read.
        """
        call = Call(work)
        with self._changed:
            self._waiting.append(call)
            if len(self._waiting) > self._idle and self._threads < _THREADS:
                self._threads += 1
                threading.Thread(target=self._loop, name="store-reader", daemon=True).start()
            self._changed.notify()
        try:
            await call.done.wait()
        except BaseException:
            with self._changed:
                if call in self._waiting:
                    self._waiting.remove(call)
            raise
        return call.outcome()

    async def aclose(self) -> None:
        """Let the threads read what waits and end."""
        call = Call[None](lambda _: None)
        with self._changed:
            if not self._threads:
                return
            self._closers.append(call)
            self._changed.notify_all()
        await call.done.wait()

    def _loop(self) -> None:
        db: sqlite3.Connection | None = None
        while (call := self._next()) is not None:
            try:
                self._file.require_same()
                db = db or self._file.connect(reads_only=True)
                call.result = call.work(db)
            except (sqlite3.Error, OSError) as exc:
                call.error = store_error(exc, self._file.path)
            except BaseException as exc:
                call.error = exc
            finish([call])
        if db is not None:
            db.close()
        self._end()

    def _next(self) -> Call[Any] | None:
        """Return the next read; None when this thread is to end."""
        with self._changed:
            self._idle += 1
            try:
                while not self._waiting:
                    if self._closers or not self._changed.wait(_IDLE_S):
                        return None
                return self._waiting.popleft()
            finally:
                self._idle -= 1

    def _end(self) -> None:
        with self._changed:
            self._threads -= 1
            closers: list[Call[None]] = []
            if not self._threads:
                closers, self._closers = self._closers, []
        finish(closers)
