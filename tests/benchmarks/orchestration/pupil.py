"""A peer of the tests' own, with nothing but the pipe: it makes the calls its question names, all at once."""

from __future__ import annotations

import asyncio
import os
import sys

from benchmarks.baselines.pipe import Ended, PassingToolError, Task, ToolError, serve


async def _call(task: Task, what: str) -> str:
    try:
        return str(await task.call("look", {"what": what}))
    except PassingToolError as exc:
        return f"passing: {exc}"
    except ToolError as exc:
        return f"for good: {exc}"


async def look(task: Task) -> Ended:
    """Look up every word of the question."""
    print("a library that prints")  # must not be taken for an outcome
    task.begin()
    return Ended(", ".join(await asyncio.gather(*(_call(task, what) for what in task.question.split()))))


async def err(task: Task) -> Ended:
    """Fail."""
    raise ValueError(task.question)


async def leave(task: Task) -> Ended:
    """Break off, in the middle of everything."""
    sys.stderr.flush()
    os._exit(3)


if __name__ == "__main__":
    serve({"look": look, "err": err, "leave": leave})
