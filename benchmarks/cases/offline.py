"""How well the offline model plans: its plans, as the engine accepts them, beside the right ones."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.plansets import Declared, GoldCall, PlanSet
from engine.api import Engine
from engine.testing import FakeTool
from schemas.errors import EngineError
from schemas.plan import Plan, Step
from schemas.settings import ModelProvider, Settings

PARTS = ("tools", "edges", "arguments", "values")
_REFERENCE = re.compile(r"\{\{(?P<id>\w+)(?:\.(?P<path>[^{}]+))?\}\}")
Counts = tuple[Counter[Any], ...]


@dataclass(slots=True)
class Score:
    """How near the plans of a set are to the right ones.

    Attributes:
        f1: Of tools, edges, argument names and argument values, over all tasks together.
        exact: Plans that are right in all four.
        kept_out: Tasks that no tool fits and that got no call, of ``unfit`` such tasks.
        cpu_ms: CPU time of planning one task, the engine's share with it.
        misses: Tasks whose plan is not exact, with what is wrong.
    """

    name: str
    tasks: int
    f1: dict[str, float]
    exact: int
    kept_out: int
    unfit: int
    cpu_ms: float
    misses: list[str] = field(default_factory=list[str])

    def cells(self) -> tuple[str, ...]:
        """Return the score as a row of the table."""
        unfit = f"{self.kept_out}/{self.unfit}" if self.unfit else ""
        parts = (f"{self.f1[part]:.3f}" if part in self.f1 else "" for part in PARTS)
        return (self.name, str(self.tasks), *parts, f"{self.exact}/{self.tasks}", unfit, f"{self.cpu_ms:.0f}")


HEADS = ("set", "tasks", "tool F1", "edge F1", "argument F1", "value F1", "exact", "no tool fits", "CPU ms")


def table(scores: Iterable[Score]) -> str:
    """Return the scores as a table in Markdown."""
    rows = [HEADS, ("---",) * len(HEADS), *(score.cells() for score in scores)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


async def score(plans: PlanSet) -> Score:
    """Plan every task of a set with the offline model, through the engine, and count what is right.

    A plan that the engine refuses counts as none.
    """
    engine = Engine(_settings(), tools=[_tool(one) for one in plans.tools], environ={})
    hits, sizes, exact, kept_out, misses = [0] * 4, [0] * 4, 0, 0, list[str]()
    await _found(engine, plans.tasks[0][0])  # the first plan pays for what is loaded once
    started = time.process_time()
    found = [await _found(engine, task) for task, _ in plans.tasks]
    taken = time.process_time() - started
    for (task, gold), plan in zip(plans.tasks, found, strict=True):
        silent = {call.tool for call in gold if call.arguments is None}
        ours, right = _planned(plan, silent), _wanted(gold)
        same = ours == right
        exact += same
        kept_out += not gold and not plan.steps
        if not same:
            misses.append(_miss(task, ours, right))
        for at, (mine, wanted) in enumerate(zip(ours, right, strict=True)):
            hits[at] += (mine & wanted).total()
            sizes[at] += mine.total() + wanted.total()
    f1 = {part: 2 * hit / size for part, hit, size in zip(PARTS, hits, sizes, strict=True) if size}
    unfit = sum(not gold for _, gold in plans.tasks)
    cpu_ms = taken * 1000 / len(plans.tasks)
    return Score(plans.name, len(plans.tasks), f1, exact, kept_out, unfit, cpu_ms, misses)


def _settings() -> Settings:
    return Settings(model_providers=(ModelProvider(name="offline", kind="offline", local=True),))


def _tool(one: Declared) -> FakeTool:
    schema = {"type": "object", "properties": dict(one.parameters), "required": list(one.required)}
    returned = {"type": "object", "properties": dict(one.returns)} if one.returns is not None else None
    return FakeTool(one.name, description=one.description, input_schema=schema, output_schema=returned)


async def _found(engine: Engine, task: str) -> Plan:
    try:
        return (await engine.plan(task)).plan
    except EngineError:
        return Plan(goal=task, answer="none")


def _planned(plan: Plan, silent: set[str]) -> Counts:
    """Count a plan; of ``silent`` tools only that they are called, and what they use."""
    return _counts(
        (step.id, step.tool, {} if step.tool in silent else step.tool_input or {}, _template(step))
        for step in plan.steps
    )


def _template(step: Step) -> str:
    return json.dumps([step.tool_input, step.foreach], ensure_ascii=False)


def _wanted(gold: Iterable[GoldCall]) -> Counts:
    calls = [
        (str(number), call.tool, call.arguments or {}, json.dumps(call.arguments) + _used(call.after))
        for number, call in enumerate(gold, 1)
    ]
    return _counts(calls)


def _used(after: Iterable[int]) -> str:
    return " ".join(f"{{{{{number}}}}}" for number in after)


def _counts(calls: Iterable[tuple[str, str, Mapping[str, Any], str]]) -> Counts:
    """Count tools, edges, argument names and values; ids are replaced by the names of their tools."""
    listed = list(calls)
    names = {label: name for label, name, _, _ in listed}
    tools, edges, arguments, values = Counter[Any](), Counter[Any](), Counter[Any](), Counter[Any]()
    for _, name, given, used in listed:
        tools[name] += 1
        edges.update((names.get(match["id"], ""), name) for match in _REFERENCE.finditer(used))
        for key, value in given.items():
            arguments[name, key] += 1
            values[name, key, _REFERENCE.sub(lambda m: f"<{names.get(m['id'])}.{m['path']}>", _plain(value))] += 1
    return tools, edges, arguments, values


def _plain(value: Any) -> str:
    """Return a value as text, 5 and 5.0 alike, without regard to case."""
    number = isinstance(value, int) and not isinstance(value, bool)
    return json.dumps(float(value) if number else value, sort_keys=True, ensure_ascii=False).lower()


def _miss(task: str, ours: Counts, right: Counts) -> str:
    lines = [task]
    for part, mine, wanted in zip(PARTS, ours, right, strict=True):
        lines += [f"  + {part}: {_told(one)}" for one in mine - wanted]
        lines += [f"  - {part}: {_told(one)}" for one in wanted - mine]
    return "\n".join(lines)


def _told(one: str | tuple[str, ...]) -> str:
    return one if isinstance(one, str) else " ".join(one)
