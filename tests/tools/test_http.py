"""One HTTP exchange, read piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.tools.http import Order, opened
from schemas.errors import ToolUnavailableError
from tests.tools.webserver import Answer, Sent, serving

pytestmark = pytest.mark.anyio


def _cut(sent: Sent) -> Answer:
    def pieces() -> Iterator[bytes]:
        yield b"one"
        raise OSError("the server dies here")

    return Answer(pieces())


async def test_pieces_come_as_they_were_sent() -> None:
    """An answer is read while it is still on its way, with its status and headers before it."""
    with serving(lambda sent: Answer(iter([b"one", b"two"]), headers={"X-Kind": "small"})) as server:
        async with opened(Order("GET", f"{server.url}/a?b=c")) as answer:
            assert (answer.status, answer.headers["x-kind"]) == (200, "small")
            assert b"".join([piece async for piece in answer.chunks]) == b"onetwo"


async def test_what_breaks_off_is_told_as_such() -> None:
    """A connection that ends in the middle of an answer is unavailable, after what had come was given."""
    with serving(_cut) as server:
        async with opened(Order("GET", server.url)) as answer:
            assert await anext(answer.chunks) == b"one"
            with pytest.raises(ToolUnavailableError, match="broke off"):
                await anext(answer.chunks)


async def test_nobody_listening_is_told_before_the_block() -> None:
    """Where nobody listens, nothing was certainly sent."""
    with pytest.raises(ToolUnavailableError) as failure:
        async with opened(Order("GET", "http://127.0.0.1:9")):
            raise AssertionError
    assert failure.value.details["ambiguous"] is False
