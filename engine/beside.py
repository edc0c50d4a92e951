"""Work beside a block, which is over when the block is."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup


@asynccontextmanager
async def beside() -> AsyncGenerator[TaskGroup]:
    """Give a group for tasks that end with the block.

    What the block raises is raised as it is, so that who asked meets a ``ConfigError`` and no group with one in it;
    what a task raises comes in a group, as from any task group.

    Cancellation: the tasks are cancelled with the block.
    """
    failure: BaseException | None = None
    async with anyio.create_task_group() as group:
        try:
            yield group
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as exc:
            failure = exc  # raised below: the task group would wrap it
        finally:
            group.cancel_scope.cancel()
    if failure is not None:
        raise failure
