"""Runs for tests of the whole engine: plans in a few words, runs with all they left behind, a clock that jumps."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio
import trio.testing

from engine.api import Engine
from engine.durable.memory import MemoryLog
from engine.handle import RunHandle
from engine.testing import Calls, FakeTool, Reply, Script, ScriptedProvider, scripted_engine
from schemas.errors import ModelRequestError
from schemas.events import LoggedRecord, StepEnded
from schemas.model import ModelRequest
from schemas.plan import Plan, Step
from schemas.result import RunResult, StepResult
from schemas.stores import RunStore

__all__ = ["Calls", "FakeTool", "Run", "engine_of", "plan_of", "ran", "step", "virtually", "watching"]

T = TypeVar("T")


def no_model(request: ModelRequest) -> Reply:
    """Fail for good, whatever is asked."""
    del request
    return ModelRequestError("there is no model in this test")


def virtually(function: Callable[[], Awaitable[T]]) -> T:
    """Run an async function on a clock that jumps to the next time anything wakes."""

    async def call() -> T:
        return await function()

    clock = trio.testing.MockClock(autojump_threshold=0)
    return anyio.run(call, backend="trio", backend_options={"clock": clock})


def step(step_id: str, tool: str = "look", *needs: str, **fields: Any) -> Step:
    """Return a step whose input is complete."""
    return Step.model_validate({"id": step_id, "tool": tool, "depends_on": needs, "tool_input": {}, **fields})


def plan_of(*steps: Step, answer: str | None = "done", **fields: Any) -> Plan:
    """Return a plan whose answer needs no model."""
    return Plan(goal="test", steps=steps, answer=answer, **fields)


@dataclass(frozen=True, slots=True)
class Run:
    """A run that is over."""

    result: RunResult
    records: Sequence[LoggedRecord]
    seconds: float

    def kinds(self, *wanted: str) -> list[str]:
        """The kinds of its events in order, of these kinds if any are named."""
        return [record.event.kind for record in self.records if not wanted or record.event.kind in wanted]

    def events(self, kind: str) -> list[Any]:
        """Its events of a kind, in order."""
        return [record.event for record in self.records if record.event.kind == kind]

    def at(self, kind: str, step_id: str) -> float:
        """Seconds from the start of the run to an event of a step, on the log's clock."""
        found = (r.at for r in self.records if r.event.kind == kind and getattr(r.event, "step_id", None) == step_id)
        return next(found) - self.records[0].at

    def starts(self) -> list[str]:
        """The ids of the started steps in order."""
        return [event.step_id for event in self.events("step_started")]

    def ends(self) -> dict[str, StepResult]:
        """How each step ended, instances of a foreach included."""
        ended: list[StepEnded] = self.events("step_ended")
        return {event.step_id: event.result for event in ended}


def engine_of(
    *tools: Any,
    script: Script = no_model,
    provider: ScriptedProvider | None = None,
    store: RunStore | None = None,
    **settings: Any,
) -> Engine:
    """Return an engine whose models reply from a script and whose store tells the event loop's time."""
    store = store or MemoryLog(anyio.current_time)
    return scripted_engine(provider or ScriptedProvider(script), tools or (FakeTool("look"),), store=store, **settings)


async def ran(engine: Engine, task: str | Plan = "do 5 things", **options: Any) -> Run:
    """Run a task, or a plan, to its end."""
    async with watching(engine, task, **options) as (run, over):
        await run.done()
    return over[0]


@asynccontextmanager
async def watching(
    engine: Engine, task: str | Plan = "do 5 things", **options: Any
) -> AsyncGenerator[tuple[RunHandle, list[Run]]]:
    """Hold a run; when the block is left the run is waited for, and stands in the list."""
    over: list[Run] = []
    began = anyio.current_time()
    chosen: dict[str, Any] = {"plan": task} if isinstance(task, Plan) else {"task": task, "mode": "plan"}
    async with engine.start(**{**chosen, **options}) as run:
        yield run, over
        result = await run.result()
        took = anyio.current_time() - began
        over.append(Run(result, await engine.store.load(run.run_id), took))
