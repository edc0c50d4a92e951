"""How near a model's plans are to the right ones: TaskBench's metrics, over every task and every call.

Tools (TaskBench's nodes), edges from tool to tool, argument names, and argument names with their values, each as F1
over all tasks of a set together; and plans that are exact in all four.

TaskBench's script scores only tasks of which there is a prediction that it can read, drops tools that nobody declared
from both sides of its node F1, and takes a tool that is called twice for one. Here a task without a plan is one whose
calls are all missing, a tool that was made up counts against the plan, and every call counts.

Source: Shen et al., 2023, "TaskBench: Benchmarking Large Language Models for Task Automation" (metrics: section 4);
``taskbench/evaluate.py`` of microsoft/JARVIS for what its script does.
"""

from __future__ import annotations

import json
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import Any

from benchmarks.quality.attempts import Attempt
from benchmarks.quality.bfcl import right
from benchmarks.quality.plansets import ABSENT, GoldCall, PlanSet

PARTS = ("tools", "edges", "arguments", "values")
_REFERENCE = re.compile(r"\{\{(?P<id>\w+)(?:\.(?P<path>[^{}]+))?\}\}")
_MOST_ORDERS = 6
Counts = tuple[Counter[Any], ...]
Step = Mapping[str, Any]


@dataclass(slots=True)
class Score:
    """How near the plans of a set are to the right ones.

    Attributes:
        f1: Of tools, edges, argument names and argument values, over all tasks together; of what the set has.
        exact: Plans that are right in all four.
        kept_out: Tasks that no tool fits and that got no call, of ``unfit`` such tasks.
        refused: Tasks without a plan that the engine accepts.
        unknown: Calls of tools that nobody declared.
        calls, tokens, cost_usd: Of the model, means over the tasks; all tokens.
        cpu_ms: CPU time of planning one task, the engine's share with it.
        misses: Tasks whose plan is not exact, with what is wrong.
    """

    name: str
    model: str
    tasks: int
    f1: dict[str, float]
    exact: int
    kept_out: int
    unfit: int
    refused: int
    unknown: int
    calls: float
    tokens: float
    cost_usd: float
    cpu_ms: float
    misses: list[str] = field(default_factory=list[str])

    def cells(self) -> tuple[str, ...]:
        """Return the score as a row of the table."""
        unfit = f"{self.kept_out}/{self.unfit}" if self.unfit else ""
        parts = (f"{self.f1[part]:.3f}" if part in self.f1 else "" for part in PARTS)
        told = (f"{self.exact}/{self.tasks}", unfit, str(self.refused), str(self.unknown))
        return (self.name, str(self.tasks), *parts, *told, f"{self.tokens:,.0f}", f"{self.cpu_ms:.0f}")


HEADS = (
    "set", "tasks", "tool F1", "edge F1", "argument F1", "value F1", "exact", "no tool fits", "no plan", "made up",
    "tokens", "CPU ms",
)  # fmt: skip


def table(scores: Iterable[Score]) -> str:
    """Return the scores as a table in Markdown."""
    rows = [HEADS, ("---",) * len(HEADS), *(score.cells() for score in scores)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def score(plans: PlanSet, found: Sequence[Attempt]) -> Score:
    """Count what is right of the attempts at a set, one a task, in its order."""
    hits, sizes, exact, kept_out, misses = [0] * 4, [0] * 4, 0, 0, list[str]()
    for (task, gold), one in zip(plans.tasks, found, strict=True):
        ours, wanted = _planned(one, gold), _wanted(settled(gold, one.steps))
        exact += ours == wanted and not one.error
        kept_out += not gold and not one.steps
        if ours != wanted or one.error:
            misses.append(_miss(task, one, ours, wanted))
        for at, (mine, other) in enumerate(zip(ours, wanted, strict=True)):
            hits[at] += (mine & other).total()
            sizes[at] += mine.total() + other.total()
    return Score(
        plans.name,
        found[0].model if found else "",
        len(plans.tasks),
        {part: 2 * hit / size for part, hit, size in zip(PARTS, hits, sizes, strict=True) if size},
        exact,
        kept_out,
        sum(not gold for _, gold in plans.tasks),
        sum(bool(one.error) for one in found),
        sum(len(one.unknown) for one in found),
        _mean(one.calls for one in found),
        _mean(one.input_tokens + one.output_tokens for one in found),
        _mean(one.cost_usd for one in found),
        _mean(one.cpu_ms for one in found),
        misses,
    )


def _mean(of: Iterable[float]) -> float:
    listed = list(of)
    return statistics.fmean(listed) if listed else 0.0


def settled(gold: Sequence[GoldCall], steps: Sequence[Step]) -> list[GoldCall]:
    """Return the right calls, each with those of its accepted values that the plan chose.

    Of several calls of one tool it is what makes most arguments right that says which step is which.
    """
    chosen: dict[int, Step] = {}
    for tool in dict.fromkeys(call.tool for call in gold if call.accepts):
        places = [place for place, call in enumerate(gold) if call.tool == tool]
        made = [step for step in steps if step["tool"] == tool][:_MOST_ORDERS]
        orders = permutations([*made, *[None] * max(0, len(places) - len(made))], len(places))
        best = max(orders, key=lambda order: sum(map(_agreed, (gold[place] for place in places), order)))
        chosen |= {place: step for place, step in zip(places, best, strict=True) if step is not None}
    return [_chosen(call, chosen.get(place)) if call.accepts else call for place, call in enumerate(gold)]


def _agreed(call: GoldCall, step: Step | None) -> int:
    given: Mapping[str, Any] = {} if step is None else step["input"]
    return sum(name in given and right(given[name], accepted) for name, accepted in call.accepts.items())


def _chosen(call: GoldCall, step: Step | None) -> GoldCall:
    arguments = dict(call.arguments or {})
    given: Mapping[str, Any] = {} if step is None else step["input"]
    for name, accepted in call.accepts.items():
        if name in given and right(given[name], accepted):
            arguments[name] = given[name]
        elif name not in given and ABSENT in accepted:
            arguments.pop(name, None)
    return replace(call, arguments=arguments)


def _planned(one: Attempt, gold: Iterable[GoldCall]) -> Counts:
    """Count a plan; of tools whose right calls have no arguments told, only that they are called, and from what."""
    silent = {call.tool for call in gold if call.arguments is None}
    counts = _counts(
        (step["id"], step["tool"], {} if step["tool"] in silent else step["input"], _template(step))
        for step in one.steps
    )
    counts[0].update(one.unknown)
    return counts


def _template(step: Step) -> str:
    return json.dumps([step["input"], step["foreach"]], ensure_ascii=False)


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


def _miss(task: str, one: Attempt, ours: Counts, wanted: Counts) -> str:
    lines = [task, *([f"  no plan: {one.error}"] if one.error else [])]
    for part, mine, others in zip(PARTS, ours, wanted, strict=True):
        lines += [f"  + {part}: {_told(one)}" for one in mine - others]
        lines += [f"  - {part}: {_told(one)}" for one in others - mine]
    return "\n".join(lines)


def _told(one: str | tuple[str, ...]) -> str:
    return one if isinstance(one, str) else " ".join(one)
