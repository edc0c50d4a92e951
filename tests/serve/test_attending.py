"""Waiting on a client's behalf."""

from __future__ import annotations

import anyio
import pytest
from starlette.types import Message

from engine.serve.attending import attended
from engine.serve.streaming import Leaving
from schemas.errors import NotFoundError

pytestmark = pytest.mark.anyio


async def stays() -> Message:
    """A client that waits."""
    await anyio.sleep_forever()
    raise AssertionError


async def leaves() -> Message:
    """A client that leaves."""
    return {"type": "http.disconnect"}


async def test_what_is_waited_for_comes() -> None:
    """Once it is done the wait is over."""
    assert await attended(anyio.lowlevel.checkpoint, stays, Leaving(anyio.Event()))


@pytest.mark.parametrize("who", ["client", "server"])
async def test_nobody_is_waited_for_who_left(who: str) -> None:
    """A client that leaves, or a server, ends the wait; nothing of it is left behind."""
    event = anyio.Event()
    if who == "server":
        event.set()
    with anyio.fail_after(5):
        assert not await attended(anyio.sleep_forever, leaves if who == "client" else stays, Leaving(event))


async def test_why_it_fails_is_said_by_its_own_name() -> None:
    """A run that is deleted while a client waits for it is not found: no group of errors, which would be a 500."""

    async def fails() -> None:
        await anyio.lowlevel.checkpoint()
        raise NotFoundError("there is no run x")

    with pytest.raises(NotFoundError, match="no run x"):
        await attended(fails, stays, Leaving(anyio.Event()))
