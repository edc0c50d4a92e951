"""Limits of one model: simultaneous calls, requests a minute, tokens a minute.

Whoever doesn't fit waits in line, first come, first served, up to a deadline. Time is anyio's, so trio's virtual clock
moves it. Only for one event loop.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import anyio

from gateway.retry import PATIENCE_S
from schemas.errors import ModelTimeoutError, RateLimitError
from schemas.settings import ModelSettings

WINDOW_S = 60.0


@dataclass(slots=True, eq=False)
class Lease:
    """A place among the running calls; ``tokens`` is what it counts for in its minute."""

    started: float
    tokens: int
    counted: bool
    ended: bool = False


@dataclass(slots=True, eq=False)
class _Waiter:
    turn: anyio.Event = field(default_factory=anyio.Event)


class ModelLimiter:
    """Keeps one model within its limits; in any 60 s no more is started than they say.

    Args:
        ref: ``provider/model``, for errors.
        settings: The limits; a limit of None is none.
    """

    def __init__(self, ref: str, settings: ModelSettings) -> None:
        self._ref = ref
        self._parallel = settings.max_parallel
        self._requests = settings.requests_per_minute
        self._tokens = settings.tokens_per_minute
        self._counts = self._requests is not None or self._tokens is not None
        self._running = 0
        self._started: deque[Lease] = deque()
        self._used = 0
        self._line: deque[_Waiter] = deque()
        self._paused_until = 0.0
        self._freed = anyio.Event()

    async def acquire(self, tokens: int, deadline: float | None) -> Lease:
        """Wait for a place and take it; give it back with ``release``.

        Args:
            tokens: Estimate of what the call will read and write.
            deadline: Latest time to wait until, on anyio's clock; None for no limit (but the patience of a retry).

        Raises:
            RateLimitError: The limits a minute (or the provider's Retry-After) can't be met before the deadline;
                ``retry_after_s`` says when they could. Said at once, without waiting.
            ModelTimeoutError: No place became free before the deadline.

        Cancellation: the place in line is given up, nothing is taken.
        """
        if not self._line and self._free() and self._wait_s(tokens) <= 0:
            return self._take(tokens)
        waiter = _Waiter()
        self._line.append(waiter)
        try:
            with anyio.CancelScope(deadline=float("inf") if deadline is None else deadline):
                return await self._stand(waiter, tokens, deadline)
        finally:
            self._leave(waiter)
        raise ModelTimeoutError(
            f"the line for {self._ref} did not move on before the deadline",
            hint="raise max_parallel or the limits a minute of the model, or the time limit",
            details={"model": self._ref},
        )

    def release(self, lease: Lease, tokens: int | None = None) -> None:
        """Give a place back, once; ``tokens`` corrects the estimate by what was used."""
        if lease.ended:
            return
        lease.ended = True
        if tokens is not None:
            self._used += tokens - lease.tokens if lease.counted else 0
            lease.tokens = tokens
        self._running -= 1
        self._freed.set()

    def pause(self, seconds: float) -> None:
        """Start nothing more for so many seconds: the provider asked for it."""
        self._paused_until = max(self._paused_until, anyio.current_time() + seconds)

    async def _stand(self, waiter: _Waiter, tokens: int, deadline: float | None) -> Lease:
        while self._line[0] is not waiter:
            await waiter.turn.wait()
        while True:
            while not self._free():
                self._freed = anyio.Event()
                await self._freed.wait()
            wait = self._wait_s(tokens)
            if wait <= 0:
                return self._take(tokens)
            if wait > (PATIENCE_S if deadline is None else deadline - anyio.current_time()):
                raise RateLimitError(
                    f"the limits a minute of {self._ref} leave no room before the deadline",
                    hint="raise requests_per_minute or tokens_per_minute of the model, or the time limit",
                    details={"model": self._ref, "retry_after_s": wait},
                )
            await anyio.sleep(wait)

    def _leave(self, waiter: _Waiter) -> None:
        first = self._line[0] is waiter
        self._line.remove(waiter)
        if first and self._line:
            self._line[0].turn.set()

    def _free(self) -> bool:
        return self._parallel is None or self._running < self._parallel

    def _take(self, tokens: int) -> Lease:
        self._running += 1
        lease = Lease(anyio.current_time() if self._counts else 0.0, tokens, self._counts)
        if self._counts:
            self._started.append(lease)
            self._used += tokens
        return lease

    def _wait_s(self, tokens: int) -> float:
        """Seconds until the minute has room and no pause holds; 0 or less for now."""
        if not self._counts and not self._paused_until:
            return 0.0
        now = anyio.current_time()
        while self._started and self._started[0].started <= now - WINDOW_S:
            gone = self._started.popleft()
            gone.counted = False
            self._used -= gone.tokens
        return max(self._paused_until - now, self._window_wait_s(tokens, now))

    def _window_wait_s(self, tokens: int, now: float) -> float:
        """Seconds until enough of the last minute's calls have left it; a call over the whole limit waits for all."""
        count, used = len(self._started), self._used
        wait = 0.0
        for lease in self._started:
            crowded = self._requests is not None and count >= self._requests
            if not crowded and (self._tokens is None or used + tokens <= self._tokens):
                break
            count, used = count - 1, used - lease.tokens
            wait = lease.started + WINDOW_S - now
        return wait
