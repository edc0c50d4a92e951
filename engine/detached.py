"""Work beside everything else, in the event loop that runs: for what its caller may drop without a word."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any

_KEPT: set[asyncio.Task[None]] = set()  # a loop itself holds its tasks only weakly

Ahead = Callable[[Callable[[], object]], object]


def detached(work: Callable[[], Coroutine[Any, Any, None]], name: str) -> Ahead:
    """Begin work that belongs to no task group, and return what calls a function in its loop, from any thread.

    Only for an iterator that ``async for`` may leave by ``break``: nothing tells it so, and a task group or cancel
    scope that is open in the caller's own task would then be closed by another one, and cancel the caller.

    Args:
        work: Raises nothing but its cancellation. It is cancelled where the loop ends before it.
        name: What it is called where tasks are listed.

    Source: PEP 789 (cancellation and asynchronous generators).
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        lowlevel = sys.modules["trio"].lowlevel
        lowlevel.spawn_system_task(work, name=name, context=copy_context())
        return lowlevel.current_trio_token().run_sync_soon
    task = loop.create_task(work(), name=name)
    _KEPT.add(task)
    task.add_done_callback(_KEPT.discard)
    return loop.call_soon_threadsafe
