"""What a model planned for each task of a set: asked for once through the engine, kept one a line, read again."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import anyio
from pydantic import TypeAdapter, ValidationError

from benchmarks.orchestration.real import user_settings
from benchmarks.quality.plansets import Declared, PlanSet
from engine.api import Engine
from engine.testing import FakeTool
from gateway.budget import MemoryLedger
from gateway.gateway import Gateway
from gateway.record import CallRecord
from schemas.errors import EngineError, ModelOutputError, ModelRefusalError, PlanError
from schemas.settings import ModelProvider, Roles, Settings

_NAMED = re.compile("['\"](.+)['\"]")
ATTEMPTS = "attempts.jsonl"
OFFLINE = "offline"
_CALLS: ContextVar[list[CallRecord]] = ContextVar("calls of the attempt being made")
_ITS_OWN = (PlanError, ModelOutputError, ModelRefusalError)
"""What is the model's doing; any other error says nothing of it, and breaks the run off."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One task planned.

    Attributes:
        plans: The name of its set; ``number``: its place there, from 0.
        steps: Of the plan as the engine accepts it: ``id``, ``tool``, ``input``, ``foreach``; none where it refuses it.
        unknown: Tools that nobody declared, and that a refused plan calls.
        error: Why there is no plan.
        calls: Model calls, those that asked for repair among them.
        cpu_ms: CPU time, the engine's share with it; where several are asked for at once, all of theirs.
    """

    plans: str
    number: int
    task: str
    model: str
    steps: tuple[dict[str, Any], ...] = ()
    unknown: tuple[str, ...] = ()
    error: str = ""
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    seconds: float = 0.0
    cpu_ms: float = 0.0


class Pupil:
    """A model that plans: the offline one, or one of the user's configuration.

    Args:
        model: ``offline``, or ``provider/model``.

    Raises:
        ConfigError: The user's configuration does not know the model's provider.
    """

    def __init__(self, model: str = OFFLINE) -> None:
        self.model = model
        self._settings = _offline() if model == OFFLINE else _users(model)
        self._ledger = MemoryLedger()
        self._environ: Mapping[str, str] = {} if model == OFFLINE else os.environ
        self._gateway = Gateway(
            self._settings,
            ledger=self._ledger,
            environ=self._environ,
            observers=[_note],
        )

    def engine(self, tools: Sequence[Declared]) -> Engine:
        """Return an engine of this model that is offered some tools; all share the model's connections."""
        offered = [_tool(one) for one in tools]
        return Engine(self._settings, tools=offered, environ=self._environ, ledger=self._ledger, gateway=self._gateway)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._gateway.aclose()


def _note(call: CallRecord) -> None:
    _CALLS.get().append(call)


_ATTEMPT = TypeAdapter(Attempt)


def _offline() -> Settings:
    return Settings(model_providers=(ModelProvider(name="offline", kind="offline", local=True),), statistics=False)


def _users(model: str) -> Settings:
    roles = Roles(planner=model, executor=model, synthesizer=model)
    return user_settings(model).model_copy(update={"roles": roles, "statistics": False, "tools": ()})


def _tool(one: Declared) -> FakeTool:
    schema = {"type": "object", "properties": dict(one.parameters), "required": list(one.required)}
    returned = {"type": "object", "properties": dict(one.returns)} if one.returns is not None else None
    return FakeTool(one.name, description=one.description, input_schema=schema, output_schema=returned)


async def attempts(
    plans: PlanSet,
    pupil: Pupil,
    known: Iterable[Attempt] = (),
    *,
    at_once: int = 1,
    made: Callable[[Attempt], None] = lambda _: None,
) -> list[Attempt]:
    """Return what is planned for every task of a set, in its order; those that are known are not asked for again.

    Args:
        plans: The set.
        pupil: Who plans.
        known: What was planned before.
        at_once: Tasks asked for at the same time.
        made: Called with each new one.

    Raises:
        EngineError: The model cannot be asked; what was made until then was told.
    """
    there = {one.number: one for one in known if belongs(one, plans, pupil.model)}
    left = [number for number in range(len(plans.tasks)) if number not in there]
    shared = None if plans.catalogues else pupil.engine(plans.tools)
    gate, failed = anyio.CapacityLimiter(at_once), list[EngineError]()

    async def one(number: int) -> None:
        async with gate:
            try:
                there[number] = await _attempt(
                    shared or pupil.engine(plans.offered(number)), plans, number, pupil.model
                )
            except EngineError as exc:
                failed.append(exc)
                group.cancel_scope.cancel()
                return
        made(there[number])

    if left and pupil.model == OFFLINE:  # what is loaded once is paid for before the first task
        await _attempt(pupil.engine(plans.offered(left[0])), plans, left[0], pupil.model)
    async with anyio.create_task_group() as group:
        for number in left:
            group.start_soon(one, number)
    if failed:
        raise failed[0]
    return [there[number] for number in range(len(plans.tasks))]


def belongs(one: Attempt, plans: PlanSet, model: str) -> bool:
    """Whether an attempt is this model's at a task of a set as it is now."""
    if one.plans != plans.name or one.model != model or one.number >= len(plans.tasks):
        return False
    return one.task == plans.tasks[one.number][0]


async def _attempt(engine: Engine, plans: PlanSet, number: int, model: str) -> Attempt:
    task = plans.tasks[number][0]
    calls: list[CallRecord] = []
    _CALLS.set(calls)
    began, cpu = time.monotonic(), time.process_time()
    found = Attempt(plans.name, number, task, model)
    try:
        preview = await engine.plan(task)
    except _ITS_OWN as exc:
        found = replace(found, unknown=_unknown(exc), error=f"{exc.code}: {exc.message}")
    else:
        found = replace(
            found,
            steps=tuple(
                {"id": one.id, "tool": one.tool, "input": one.tool_input or {}, "foreach": one.foreach}
                for one in preview.plan.steps
            ),
        )
    seconds, taken = time.monotonic() - began, time.process_time() - cpu
    return replace(
        found,
        calls=len(calls),
        input_tokens=sum(call.usage.input_tokens for call in calls),
        output_tokens=sum(call.usage.output_tokens for call in calls),
        cost_usd=sum(call.cost_usd or 0.0 for call in calls),
        seconds=round(seconds, 3),
        cpu_ms=round(taken * 1_000, 1),
    )


def _unknown(exc: EngineError) -> tuple[str, ...]:
    """Return the tools that a refused plan calls and that nobody declared, as its problems name them."""
    problems: Sequence[Mapping[str, Any]] = exc.details.get("problems") or ()
    named = (_NAMED.search(one["message"]) for one in problems if one.get("code") == "tool")
    return tuple(found[1] for found in named if found is not None)


def keep(one: Attempt, folder: Path) -> None:
    """Add an attempt to those of a folder."""
    with (folder / ATTEMPTS).open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(asdict(one), ensure_ascii=False) + "\n")


def read(folder: Path) -> list[Attempt]:
    """Return the attempts of a folder; a line that was being written when a run was broken off is left out."""
    path = folder / ATTEMPTS
    found: list[Attempt] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        with suppress(ValidationError):
            found.append(_ATTEMPT.validate_json(line))
    return found
