"""Work beside a block."""

from __future__ import annotations

import anyio
import pytest

from engine.beside import beside
from schemas.errors import ConfigError

pytestmark = pytest.mark.anyio


async def test_tasks_end_with_the_block() -> None:
    """What was begun beside a block is cancelled once that is over, and waited for."""
    ended = anyio.Event()

    async def work() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    async with beside() as group:
        group.start_soon(work)
        await anyio.lowlevel.checkpoint()
    assert ended.is_set()


@pytest.mark.parametrize("failure", [ConfigError("no"), KeyboardInterrupt()])
async def test_what_the_block_raises_is_raised_as_it_is(failure: BaseException) -> None:
    """Not in a group, whatever it is."""

    async def block() -> None:
        async with beside() as group:
            group.start_soon(anyio.sleep_forever)
            raise failure

    with pytest.raises(type(failure)) as raised:
        await block()
    assert raised.value is failure


async def test_a_block_that_is_cancelled_stays_so() -> None:
    """A deadline around it is met, and nothing goes on."""
    with anyio.move_on_after(0.01) as scope:
        async with beside() as group:
            group.start_soon(anyio.sleep_forever)
            await anyio.sleep_forever()
    assert scope.cancelled_caught


async def test_a_task_that_fails_ends_the_block() -> None:
    """Its error comes in a group."""

    async def fails() -> None:
        raise ConfigError("no")

    async def block() -> None:
        async with beside() as group:
            group.start_soon(fails)
            await anyio.sleep_forever()

    with pytest.raises(ExceptionGroup) as raised:
        await block()
    assert raised.group_contains(ConfigError)
