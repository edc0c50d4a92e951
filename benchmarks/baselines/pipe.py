"""A peer's side of the pipe: cases come in on stdin, tools are called and outcomes told on stdout, a JSON line each.

A peer's process does several cases at once and pays for its imports once. Its tools are at work on the other side
(``benchmarks.orchestration.peers``), so that every system has the very same ones. Standard library only.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

LINE_BYTES = 2**26


class ToolError(Exception):
    """A call of a tool failed for good."""


class PassingToolError(ToolError):
    """A call of a tool failed; it may work when made again."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a case."""

    answer: str = ""
    status: str = "completed"
    reason: str = ""
    replans: int = 0
    plans: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


class Task:
    """One case to be done.

    Attributes:
        suite: What the case is one of.
        question: What the person asks.
        tools: ``name``, ``description`` and ``parameters`` (a JSON Schema) of each.
        base_url: Where its models are; ``planner`` and ``worker`` are the tiers of their names.
        speed: Everything takes this many times less.
    """

    def __init__(self, pipe: Pipe, told: Mapping[str, Any]) -> None:
        self._pipe = pipe
        self.run: int = told["run"]
        self.system: str = told["system"]
        self.suite: str = told["suite"]
        self.question: str = told["question"]
        self.tools: list[dict[str, Any]] = told["tools"]
        self.base_url: str = told["base_url"]
        self.planner: str = told["planner"]
        self.worker: str = told["worker"]
        self.speed: float = told["speed"]

    def begin(self) -> None:
        """Start the clock: what was made ready before is not measured."""
        self._pipe.write({"run": self.run, "begin": True})

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Any:
        """Call a tool. Raises ToolError."""
        return await self._pipe.call(self.run, tool, arguments)


Doer = Callable[[Task], Awaitable[Ended]]


class Pipe:
    """The two ends of a peer's process."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    def write(self, told: Mapping[str, Any]) -> None:
        """Tell the other side."""
        self._out.write(json.dumps(told, ensure_ascii=False) + "\n")
        self._out.flush()

    async def call(self, run: int, tool: str, arguments: Mapping[str, Any]) -> Any:
        """Call a tool of a run. Raises ToolError."""
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        self.write({"run": run, "call": number, "tool": tool, "arguments": arguments})
        try:
            return await self._waiting[number]
        finally:
            del self._waiting[number]

    def answered(self, told: Mapping[str, Any]) -> None:
        """Give a call what the other side says of it."""
        waiting = self._waiting.get(told["call"])
        if waiting is None or waiting.done():
            return
        if "error" in told:
            waiting.set_exception((PassingToolError if told["passing"] else ToolError)(told["error"]))
        else:
            waiting.set_result(told["value"])


def serve(doers: Mapping[str, Doer]) -> None:
    """Do the cases of stdin until it closes.

    Args:
        doers: How a case is done, by the system's name.
    """
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    sys.stdout = sys.stderr  # a library that prints must not be taken for an outcome
    asyncio.run(_serve(doers, Pipe(out)))


async def _serve(doers: Mapping[str, Doer], pipe: Pipe) -> None:
    reader = asyncio.StreamReader(LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    doing: set[asyncio.Task[None]] = set()
    async with asyncio.TaskGroup() as group:
        while line := await reader.readline():
            told = json.loads(line)
            if "call" in told:
                pipe.answered(told)
                continue
            task = Task(pipe, told)
            doing.add(made := group.create_task(_done(doers[task.system], task, pipe)))
            made.add_done_callback(doing.discard)
        for left in doing:  # nobody waits for them any more
            left.cancel()


async def _done(doer: Doer, task: Task, pipe: Pipe) -> None:
    try:
        ended = await doer(task)
    except Exception as exc:
        ended = Ended(status="failed", reason=f"{type(exc).__name__}: {exc}"[:500])
    pipe.write(
        {
            "run": task.run,
            "ended": ended.status,
            "answer": ended.answer,
            "reason": ended.reason,
            "replans": ended.replans,
            "plans": ended.plans,
        }
    )
