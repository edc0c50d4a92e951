"""What the killed runs are made of: tools whose work outlives their process, plans over them, and a person.

Every call of a tool is one line of a file, written and synced before the tool goes on: the world's own record of what
happened, which no crash of a driver can change.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from schemas.errors import ToolArgumentsError
from schemas.plan import Plan, Step
from schemas.planning import PastStep, PlanDelta, PlanReady, PlanRequest, StepDraft
from schemas.protocols import ModelClient, ToolContext
from schemas.tool import ToolSpec

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}, "of": {}}, "additionalProperties": False}
SPECS: dict[str, dict[str, Any]] = {
    "look": {"effects": "none"},
    "broken": {"effects": "none"},
    "keep": {"effects": "idempotent", "writes": ("kept:{n}",)},
    "put": {"effects": "effectful", "writes": ("box",)},
    "pay": {"effects": "effectful", "approval": "always"},
}
TASKS = ("fan", "hazard", "approve", "replan", "wide")


@dataclass(frozen=True, slots=True)
class Done:
    """One line of the world's record: a tool did its work."""

    run_id: str
    step_id: str
    tool: str
    pid: int
    key: str


def value_of(tool: str, tool_input: Mapping[str, Any]) -> dict[str, Any]:
    """What a call of a tool gives, whoever makes it and however often."""
    number = int(tool_input.get("n") or 0)
    return {"tool": tool, "n": number, "items": [{"n": number * 10 + each} for each in range(4)]}


def record(path: Path) -> list[Done]:
    """Read the world's record; a line cut short by a kill is no work done."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [Done(**json.loads(line)) for line in lines]


class Worldly:
    """A tool whose work is a synced line of a file (implements ``schemas.protocols.Tool``)."""

    def __init__(self, name: str, path: Path, chance: random.Random) -> None:
        self.spec = ToolSpec.model_validate({"name": name, "input_schema": SCHEMA, **SPECS[name]})
        self._path = path
        self._chance = chance

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        """Wait a little, do the work, wait a little: a kill may come at any of these."""
        await anyio.sleep(self._chance.uniform(0.0, 0.02))
        call = context.call
        line = {"run_id": call.run_id, "step_id": call.step_id, "tool": self.spec.name}
        self._write(json.dumps({**line, "pid": os.getpid(), "key": call.idempotency_key}) + "\n")
        await anyio.sleep(self._chance.uniform(0.0, 0.02))
        if self.spec.name == "broken":
            raise ToolArgumentsError("E-BROKEN: this source is gone")
        return value_of(self.spec.name, arguments)

    def _write(self, line: str) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, line.encode())
            os.fsync(file)
        finally:
            os.close(file)


def tools(path: Path, seed: int) -> list[Worldly]:
    """Return all tools."""
    chance = random.Random(seed)
    return [Worldly(name, path, chance) for name in SPECS]


class Planner:
    """Writes the plan a task names, step by step with pauses; knows nothing but what it is told.

    Implements ``schemas.protocols.Planner``. Asked again after a crash it writes the same plan under the next ids;
    told that a step broke, it writes the rest of the plan over what is done.
    """

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    async def plan(self, request: PlanRequest, model: ModelClient) -> AsyncIterator[PlanDelta]:
        """Stream one plan."""
        del model
        steps, answer = _wanted(request)
        for step in steps:
            await anyio.sleep(self._chance.uniform(0.0, 0.015))
            yield StepDraft(step=step)
        await anyio.sleep(self._chance.uniform(0.0, 0.015))
        yield PlanReady(plan=Plan(goal=request.task, answer=answer, steps=tuple(steps)))


def _wanted(request: PlanRequest) -> tuple[list[Step], str]:
    first = request.first_id
    past = request.history.steps if request.history is not None else ()
    if any(step.error is not None and "E-BROKEN" in step.error.message for step in past):
        return _way_round(first, past)
    return plan_of(request.task.split()[0], first)


def _way_round(first: int, past: tuple[PastStep, ...]) -> tuple[list[Step], str]:
    """The second plan of ``replan``: what was looked up stays, the broken source is left out."""
    looked = next((step.step.id for step in past if step.step.tool == "look" and step.status == "done"), None)
    steps = [] if looked is not None else [_step(first, "look", n=1)]
    source = looked if looked is not None else str(first)
    put = _step(first + len(steps), "put", n=5, of=f"{{{{{source}.n}}}}")
    return [*steps, put], f"looked {{{{{source}.n}}}}, put {{{{{put.id}.n}}}}"


def plan_of(task: str, first: int = 1) -> tuple[list[Step], str]:
    """Return the steps and the answer of a task's first plan, its ids from ``first`` on."""
    ids = [str(first + number) for number in range(12)]
    if task == "fan":
        each = Step(id=ids[1], tool="keep", tool_input={"n": "{{item.n}}"}, foreach=f"{{{{{ids[0]}.items}}}}")
        steps = [_step(first, "look", n=1), each, _step(first + 2, "put", n=3, of=f"{{{{{ids[1]}}}}}")]
        return steps, f"put {{{{{ids[2]}.n}}}} of {{{{{ids[1]}[3].n}}}}"
    if task == "hazard":
        steps = [_step(first + number, "put", n=number) for number in range(4)]
        return [*steps, _step(first + 4, "look", n=4)], f"{{{{{ids[3]}.n}}}} {{{{{ids[4]}.n}}}}"
    if task == "approve":
        steps = [
            _step(first, "look", n=7),
            _step(first + 1, "pay", n=f"{{{{{ids[0]}.n}}}}"),
            _step(first + 2, "keep", n=2),
        ]
        return steps, f"paid {{{{{ids[1]}.n}}}}, kept {{{{{ids[2]}.n}}}}"
    if task == "replan":
        return [_step(first, "look", n=1), _step(first + 1, "broken", n=2)], f"{{{{{ids[1]}}}}}"
    looks = [_step(first + number, "look", n=number) for number in range(8)]
    keeps = [_step(first + 8 + number, "keep", n=number, of=f"{{{{{ids[number]}.n}}}}") for number in range(4)]
    return [*looks, *keeps], " ".join(f"{{{{{step.id}.n}}}}" for step in keeps)


def _step(number: int, tool: str, **tool_input: Any) -> Step:
    return Step(id=str(number), tool=tool, tool_input=tool_input)
