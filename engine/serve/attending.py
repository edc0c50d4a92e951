"""Waiting on a client's behalf: for as long as it, and the server, stays."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import anyio
from starlette.types import Receive

from engine.beside import beside
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

    async def until(happens: Callable[[], Awaitable[object]], scope: anyio.CancelScope) -> None:
        await happens()
        scope.cancel()

    async with beside() as group:
        group.start_soon(until, partial(until_left, receive), group.cancel_scope)
        group.start_soon(until, leaving.event.wait, group.cancel_scope)
        await work()
        return True
    return False
