"""A virtual clock: whatever sleeps wakes at exactly its time, and no time passes in between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
import trio.testing

T = TypeVar("T")


def virtually(function: Callable[[], Awaitable[T]]) -> tuple[T, float]:
    """Run an async function on a clock that jumps; return its result and the virtual seconds it took."""

    async def timed() -> tuple[T, float]:
        started = anyio.current_time()
        result = await function()
        return result, anyio.current_time() - started

    clock = trio.testing.MockClock(autojump_threshold=0)
    return anyio.run(timed, backend="trio", backend_options={"clock": clock})
