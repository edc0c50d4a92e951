"""Blocking functions in daemon threads: a call that is given up on never holds up the exit.

anyio's own worker threads are joined when the event loop closes, so one stuck tool would delay it; these are not.
"""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar, cast

import anyio
from anyio import from_thread
from anyio.lowlevel import EventLoopToken, current_token

T = TypeVar("T")

IDLE_S = 10.0  # an idle thread ends after this


class _Job(Generic[T]):
    """One call: what to run, and how its end reaches the task that waits for it."""

    __slots__ = ("_context", "_function", "_token", "done", "error", "result")

    def __init__(self, function: Callable[[], T], token: EventLoopToken) -> None:
        self._function = function
        self._token = token
        self._context = contextvars.copy_context()
        self.done = anyio.Event()
        self.result: T | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self._context.run(self._function)
        except BaseException as exc:  # SystemExit in a tool must not end the thread unheard
            self.error = exc

    def report(self) -> None:
        with suppress(RuntimeError):  # the event loop ended before the call did: nobody waits any more
            from_thread.run_sync(self.done.set, token=self._token)


class _Worker:
    """One daemon thread that runs one job after another."""

    def __init__(self, idle: deque[_Worker]) -> None:
        self._idle = idle
        self._jobs: SimpleQueue[_Job[object]] = SimpleQueue()
        threading.Thread(target=self._loop, name="tool", daemon=True).start()

    def give(self, job: _Job[object]) -> None:
        self._jobs.put(job)

    def _loop(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=IDLE_S)
            except Empty:
                try:
                    self._idle.remove(self)
                except ValueError:
                    continue  # taken at this very moment: a job is on its way
                return
            job.run()
            job.report()  # first: should the loop have just ended, this thread is lost, and must not be given a job
            del job
            self._idle.append(self)


_idle: deque[_Worker] = deque()  # append, pop and remove are atomic


async def run_in_thread(function: Callable[[], T], *, abandoned: Callable[[anyio.Event], None] | None = None) -> T:
    """Run a blocking function in a daemon thread and return its result; context variables are carried over.

    Raises:
        BaseException: Whatever the function raised.

    Cancellation: takes effect at once. The thread runs on (Python cannot stop it) and its result is dropped;
    ``abandoned`` is called with an event that is set when the thread has ended, so that a cap can hold its slot
    until then.
    """
    job = _Job(function, current_token())
    try:
        worker = _idle.pop()
    except IndexError:
        worker = _Worker(_idle)
    worker.give(cast("_Job[object]", job))
    try:
        await job.done.wait()
    except BaseException:
        if abandoned is not None and not job.done.is_set():
            abandoned(job.done)
        raise
    if job.error is not None:
        try:
            raise job.error
        finally:
            job.error = None  # the traceback holds this frame: break the circle
    return cast("T", job.result)
