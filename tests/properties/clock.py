"""Both event loops on a clock that jumps: as soon as nothing can run, the next time anything wakes is now."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio
import trio.testing

T = TypeVar("T")
_DEAD_S = 20.0


class _Jumping(selectors.DefaultSelector):
    """Waits for nothing but what other threads send."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Jump to the next timer; without one, wait for a thread for real.

        Raises:
            TimeoutError: Nothing will ever happen again.
        """
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is not None:
            self.now += timeout
            return []
        ready = super().select(_DEAD_S)
        if not ready:
            raise TimeoutError("every task waits, and no timer is set")
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop that tells the time of its clock that jumps."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the seconds since the loop began."""
        return self._jumping.now


def virtually(backend: str, function: Callable[[], Awaitable[T]]) -> T:
    """Run an async function to its end, in no time."""

    async def call() -> T:
        return await function()

    options: dict[str, Any] = {"loop_factory": VirtualLoop}
    if backend == "trio":
        options = {"clock": trio.testing.MockClock(autojump_threshold=0)}
    return anyio.run(call, backend=backend, backend_options=options)
