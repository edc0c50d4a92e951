"""Other frameworks as contenders: a process of each, in an environment of its own, that does several cases at once.

Cases, calls of tools and outcomes cross a pipe (``benchmarks.baselines.pipe``): the tools at work are ours, the very
same that every system has.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import anyio
from anyio.abc import Process, TaskGroup
from anyio.streams.buffered import BufferedByteReceiveStream

from benchmarks.baselines.environment import PINS, python_with
from benchmarks.baselines.pipe import LINE_BYTES
from benchmarks.orchestration.case import Case
from benchmarks.orchestration.outcome import Outcome
from benchmarks.orchestration.world import CallFailedError, World
from benchmarks.simulated.profile import Profile

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True)
class Kind:
    """A peer's way of working.

    Attributes:
        about: What it is.
        environment: The pins it is installed with (``benchmarks/baselines/NAME.txt``).
        module: What its process runs.
        packages: Those of them that it is made of.
        checkout: The environment variable that names the folder of its code, where that is on no package index.
        suites: The suites it does; empty: every one.
        why: Why it does no others.
    """

    about: str
    environment: str
    module: str
    packages: tuple[str, ...]
    checkout: str = ""
    suites: tuple[str, ...] = ()
    why: str = ""


_AGENTS = ("langgraph_agents", "benchmarks.baselines.langgraph_agents", ("langgraph", "langchain", "langchain-openai"))
KINDS: dict[str, Kind] = {
    "langgraph-react": Kind("LangChain's prebuilt agent on LangGraph, parallel tool calls", *_AGENTS),
    "langgraph-react-sequential": Kind("the same, one tool call a turn", *_AGENTS),
    "langgraph-plan": Kind(
        "the plan-and-execute graph of LangGraph's tutorial",
        "langgraph_agents",
        "benchmarks.baselines.langgraph_plan",
        _AGENTS[2],
    ),
    "llmcompiler": Kind(
        "LLMCompiler's own code and prompts, its plan streamed; parallelqa, hotpot and movie only",
        "llmcompiler",
        "benchmarks.baselines.llmcompiler",
        ("langchain", "openai"),
        checkout="ENGINE_BENCH_LLMCOMPILER",
        suites=("parallelqa", "hotpot", "movie"),
        why="it publishes prompts with examples for these alone, and none that would do for other tools",
    ),
}


def anywhere() -> list[str]:
    """Return the names of those that do every suite."""
    return [name for name, kind in KINDS.items() if not kind.suites]


def versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions that peers are pinned to, by package."""
    found: dict[str, str] = {}
    for kind in dict.fromkeys(KINDS[name] for name in names):
        pins = (line.partition("==") for line in (PINS / f"{kind.environment}.txt").read_text("utf-8").splitlines())
        pinned = {name: version for name, _, version in pins}
        beside = f" (of {kind.environment})" if kind.checkout else ""
        found |= {f"{package}{beside}": pinned[package] for package in kind.packages}
    return found


@dataclass(slots=True)
class _Run:
    """A case that the process is doing."""

    world: World
    over: anyio.Event = field(default_factory=anyio.Event)
    told: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Peer:
    """One peer; its process runs while the block is open.

    Args:
        name: As it is asked for.
        planner: The tier of the model that plans or takes turns; ``worker``: of the one that does the rest.
        module: What its process runs.
        python: The Python that has what it needs.
    """

    def __init__(
        self, name: str, *, module: str, planner: str = "big", worker: str = "big", python: str = sys.executable
    ) -> None:
        self.name = name
        self.planner = planner
        self.worker = worker
        self._command = [python, "-m", module]
        self._numbers = itertools.count()
        self._runs: dict[int, _Run] = {}
        self._sending = anyio.Lock()
        self._process: Process | None = None
        self._stack = AsyncExitStack()
        self._broke_off = False

    async def __aenter__(self) -> Peer:
        changes = {"no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1", "PYTHONWARNINGS": "ignore"}
        self._process = await self._stack.enter_async_context(
            await anyio.open_process(self._command, stderr=None, cwd=ROOT, env={**os.environ, **changes})
        )
        group = await self._stack.enter_async_context(anyio.create_task_group())
        self._broke_off = False
        group.start_soon(self._read, self._process, group)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            with anyio.CancelScope(shield=True):
                await process.stdin.aclose()  # it ends, and so does what reads it
            if kind is not None:
                with suppress(ProcessLookupError):
                    process.kill()
        return await self._stack.__aexit__(kind, error, trace)

    async def run(self, case: Case, world: World, base_url: str, profile: Profile) -> Outcome:
        """Do a case. A process that breaks off is an outcome of the cases it was doing; it is not started again."""
        del profile
        number, run = next(self._numbers), _Run(world)
        self._runs[number] = run
        tools = [
            {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
            for tool in case.tools
        ]
        told: dict[str, Any] = {"run": number, "system": self.name, "suite": case.suite}
        told |= {"question": case.question, "tools": tools}
        told |= {"base_url": base_url, "planner": self.planner, "worker": self.worker, "speed": world.speed}
        try:
            await self._send(told)
            if not self._broke_off:
                await run.over.wait()
        finally:
            del self._runs[number]
        if not run.told:
            return Outcome.failed(self.name, case, world, f"{self.name} broke off; why stands on stderr")
        return Outcome.of(
            self.name,
            case,
            world,
            seconds=run.told["seconds"],
            status=run.told["ended"],
            answer=run.told["answer"],
            reason=run.told["reason"],
            replans=run.told["replans"],
            plans=run.told["plans"],
        )

    async def _send(self, told: Mapping[str, Any]) -> None:
        if self._process is None or self._process.stdin is None:
            raise RuntimeError(f"{self.name} is not running")
        try:
            async with self._sending:
                await self._process.stdin.send(json.dumps(told, ensure_ascii=False).encode() + b"\n")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            self._broke_off = True

    async def _read(self, process: Process, group: TaskGroup) -> None:
        assert process.stdout is not None
        lines = BufferedByteReceiveStream(process.stdout)
        try:
            while True:
                told = json.loads(await lines.receive_until(b"\n", LINE_BYTES))
                run = self._runs.get(told["run"])
                if run is None:  # nobody waits for it any more
                    continue
                if "begin" in told:
                    run.world.begin()
                elif "call" in told:
                    group.start_soon(self._call, run.world, told)
                else:
                    run.told = {**told, "seconds": run.world.seconds}
                    run.over.set()
        except (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError):
            self._broke_off = True
            for run in self._runs.values():
                run.over.set()

    async def _call(self, world: World, told: Mapping[str, Any]) -> None:
        reply: dict[str, Any] = {"call": told["call"]}
        try:
            reply["value"] = await world.call(told["tool"], told["arguments"])
        except CallFailedError as exc:
            reply |= {"error": str(exc), "passing": exc.passing}
        await self._send(reply)


def peer_named(name: str, planner: str, worker: str, suite: str) -> Peer | None:
    """Return a peer; None, and why on stderr, when it does not do a suite or cannot be installed. Raises KeyError."""
    kind = KINDS[name]
    why = _missing(kind, suite)
    python = None if why else python_with(kind.environment)
    if python is None:
        print(f"LEFT OUT: {name}: {why or 'its environment cannot be made'}", file=sys.stderr)
        return None
    return Peer(name, module=kind.module, planner=planner, worker=worker, python=python)


def _missing(kind: Kind, suite: str) -> str:
    """Return why a peer cannot do a suite here; empty when nothing is known to be missing."""
    if kind.suites and suite not in kind.suites:
        return f"it does {', '.join(kind.suites)}, not {suite}: {kind.why}"
    if kind.checkout and not Path(os.environ.get(kind.checkout) or "/nowhere").is_dir():
        return f"{kind.checkout} must name a checkout of its repository"
    return ""
