"""Waiting on a client's behalf: for as long as it, and the server, stays."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import anyio
from starlette.types import Receive

from engine.serve.streaming import Leaving, until_left


async def attended(work: Callable[[], Awaitable[object]], receive: Receive, leaving: Leaving) -> bool:
    """Await something; return False where the client left before, or the server began to leave.

    Args:
        work: What is waited for.
        receive: Says when the client leaves; its request has been read.
        leaving: Says when the server does.

    Raises:
        Exception: What the work raises, as it is and not in a group, so that it is answered by its own name.

    Cancellation: the work is cancelled, too.
    """
    failure: Exception | None = None
    done = False

    async def until(happens: Callable[[], Awaitable[object]]) -> None:
        await happens()
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(until, partial(until_left, receive))
        group.start_soon(until, leaving.event.wait)
        try:
            await work()
            done = True
        except Exception as exc:
            failure = exc  # raised below: the task group would wrap it
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return done
