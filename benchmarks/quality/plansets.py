"""Tasks with the calls they should come to: sets of our own, and public ones from the folder of the data sets.

Public: NESTFUL, Glaive part (IBM, Apache-2.0); ParallelQA (LLMCompiler, Kim et al., 2023); BFCL's parallel calls
(``benchmarks.quality.bfcl``). The sets of our own are the JSON files of ``tasks/``.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.data import parallelqa

ABSENT = ""
"""Among the values that are right, stands for leaving the argument out (as BFCL writes it)."""
OWN = Path(__file__).parent.parent / "tasks"
_LABEL = re.compile(r"\$var_?(?P<number>\d+)(?:\.(?P<path>[^$]+))?\$")
_WORDS = ("river", "lamp", "stone", "tulip", "violet", "marble", "ladder", "basket", "garden", "meadow", "pillow")


@dataclass(frozen=True, slots=True)
class Declared:
    """One tool of a catalogue; ``returns`` are the fields of its result, None when nobody knows them."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    required: tuple[str, ...]
    returns: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class GoldCall:
    """One call of a right plan.

    Attributes:
        arguments: With ``{{1.field}}`` for the result of the first call; None where only the tool and ``after`` count.
        after: Numbers of the calls it uses, where ``arguments`` does not say.
        accepts: By argument, every value that is right, where there may be several; ``ABSENT`` among them: none.
    """

    tool: str
    arguments: Mapping[str, Any] | None
    after: tuple[int, ...] = ()
    accepts: Mapping[str, tuple[Any, ...]] = field(default_factory=dict[str, tuple[Any, ...]])


@dataclass(frozen=True, slots=True)
class PlanSet:
    """Tasks over one catalogue, each with the calls of its right plan; no calls where no tool fits.

    Attributes:
        catalogues: Where each task has tools of its own, those of each; ``tools`` are none then.
    """

    name: str
    tools: tuple[Declared, ...]
    tasks: tuple[tuple[str, tuple[GoldCall, ...]], ...]
    catalogues: tuple[tuple[Declared, ...], ...] = ()

    def offered(self, number: int) -> tuple[Declared, ...]:
        """Return the tools of a task, by its place."""
        return self.catalogues[number] if self.catalogues else self.tools

    def part(self, most: int | None) -> PlanSet:
        """Return at most so many tasks, evenly spread."""
        if most is None or most >= len(self.tasks):
            return self
        chosen = [at * len(self.tasks) // most for at in range(most)]
        tasks = tuple(self.tasks[at] for at in chosen)
        return replace(self, tasks=tasks, catalogues=tuple(self.catalogues[at] for at in chosen if self.catalogues))

    def renamed(self) -> PlanSet:
        """Return the set with every tool named by random words, the same ones each time; descriptions stay."""
        pairs = [f"{one}_{two}" for one, two in product(_WORDS, _WORDS) if one != two]
        names = dict(
            zip((tool.name for tool in self.tools), random.Random(7).sample(pairs, len(self.tools)), strict=True)
        )
        tools = tuple(replace(tool, name=names[tool.name]) for tool in self.tools)
        tasks = tuple(
            (text, tuple(replace(call, tool=names.get(call.tool, call.tool)) for call in calls))
            for text, calls in self.tasks
        )
        return PlanSet(f"{self.name}, random tool names", tools, tasks)


def own_sets() -> list[PlanSet]:
    """Return the sets of our own, by name."""
    return [_own(path) for path in sorted(OWN.glob("*.json"))]


def public_sets(folder: Path) -> list[PlanSet]:
    """Return the sets of the data folder: NESTFUL, the same under random names, and ParallelQA."""
    nestful = _nestful(folder)
    return [nestful, nestful.renamed(), _parallelqa(folder)]


def _own(path: Path) -> PlanSet:
    told = json.loads(path.read_text(encoding="utf-8"))
    tools = [
        Declared(tool["name"], tool["description"], tool["parameters"], tuple(tool["required"]), tool.get("returns"))
        for tool in told["tools"]
    ]
    tasks = [
        (row["task"], tuple(GoldCall(name, given) for call in row["calls"] for name, given in call.items()))
        for row in told["tasks"]
    ]
    return PlanSet(path.stem.replace("_", " "), tuple(tools), tuple(tasks))


def _nestful(folder: Path) -> PlanSet:
    tasks = tuple((row["input"], gold(row["output"][:-1])) for row in nestful_rows(folder))  # the last: the answer
    return PlanSet("NESTFUL (Glaive part)", tuple(nestful_tools(folder).values()), tasks)


def nestful_rows(folder: Path) -> list[dict[str, Any]]:
    """Return NESTFUL's requests as published: ``input``, and the ``output`` calls, the last one the answer's parts."""
    return json.loads((folder / "nestful_glaive_plans.json").read_text(encoding="utf-8"))


def nestful_tools(folder: Path) -> dict[str, Declared]:
    """Return NESTFUL's tools by name."""
    tools = json.loads((folder / "nestful_glaive_tools.json").read_text(encoding="utf-8"))
    return {tool["name"]: _declared(tool) for tool in tools}


def _declared(tool: Mapping[str, Any]) -> Declared:
    arguments: Mapping[str, Any] = tool.get("query_parameters") or tool.get("parameters") or {}
    plain = {name: {k: v for k, v in schema.items() if k != "required"} for name, schema in arguments.items()}
    required = tuple(name for name, schema in arguments.items() if schema.get("required"))
    return Declared(tool["name"], tool["description"], plain, required, tool["output_parameters"])


def gold(calls: Sequence[Mapping[str, Any]]) -> tuple[GoldCall, ...]:
    """Return NESTFUL's calls with its labels (``$var1.field$``) as references."""
    return tuple(GoldCall(call["name"], _templates(call["arguments"])) for call in calls)


def _templates(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    text = _LABEL.sub(lambda m: f"{{{{{m['number']}{'.' + m['path'] if m['path'] else ''}}}}}", json.dumps(arguments))
    return json.loads(text)


def _parallelqa(folder: Path) -> PlanSet:
    rows = json.loads((folder / "parallelqa_half.json").read_text(encoding="utf-8"))
    plans = parallelqa(folder)
    tools = (
        Declared("search", "Search for an entity and get what is known of it.", {"entity": _TEXT}, ("entity",)),
        Declared(
            "math",
            "Answer a math problem asked in words, using the numbers in its context.",
            {"problem": _TEXT, "context": {"type": "array", "items": {"type": "string"}}},
            ("problem",),
        ),
    )
    tasks = tuple(
        (
            row["question"],
            tuple(
                GoldCall(call.tool, {"entity": call.argument} if call.tool == "search" else None, call.after)
                for call in plans[row["id"]]
            ),
        )
        for row in rows
    )
    return PlanSet("ParallelQA", tools, tasks)


_TEXT: dict[str, Any] = {"type": "string"}
