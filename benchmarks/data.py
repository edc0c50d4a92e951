"""The public data sets a benchmark reads, from the folder that ENGINE_BENCH_DATA names.

Workflows: WfCommons WfInstances. Questions: the ParallelQA set of LLMCompiler (Kim et al., 2023), with a plan each.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.graphs import Graph, TimedStep, in_order
from benchmarks.simulated.oracle import as_written
from schemas.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an oracle plan; ``after`` are the numbers of the calls whose results it uses."""

    number: int
    tool: str
    argument: str
    after: tuple[int, ...]

    @property
    def text(self) -> str:
        """The argument with a reference to each result it uses."""
        return " ".join([self.argument, *(f"{{{{{number}}}}}" for number in self.after)])


def folder() -> Path | None:
    """Return the data folder, or None when ENGINE_BENCH_DATA is not set.

    Raises:
        ConfigError: It is set, but names no folder.
    """
    name = os.environ.get("ENGINE_BENCH_DATA")
    if not name:
        return None
    if not Path(name).is_dir():
        raise ConfigError(f"ENGINE_BENCH_DATA names {name}, which is no folder", hint="point it at the data sets")
    return Path(name)


def offer_vocabulary() -> None:
    """Let tokens be counted with the vocabulary of the data folder, where it has one. Raises ConfigError."""
    found = folder()
    if found is not None and (found / "tiktoken").is_dir():
        os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(found / "tiktoken"))


def workflows(data: Path) -> dict[str, Graph]:
    """Return the scientific workflows by name, parents before children; a dot in an id becomes an underscore."""
    found: dict[str, Graph] = {}
    for path in sorted((data / "workflows").glob("*.json")):
        tasks: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["tasks"]
        steps = [TimedStep(_id(one["id"]), tuple(map(_id, one["parents"])), float(one["runtime_s"])) for one in tasks]
        found[path.stem] = in_order(steps)
    return found


def _id(written: str) -> str:
    return written.replace(".", "_")


def parallelqa(data: Path) -> dict[str, tuple[Call, ...]]:
    """Return the oracle plan of each ParallelQA question by the question's id."""
    plans: list[dict[str, Any]] = json.loads((data / "parallelqa_half_plans.json").read_text(encoding="utf-8"))
    return {
        plan["id"]: tuple(Call(node["id"], node["tool"], node["arg"], tuple(node["deps"])) for node in plan["nodes"])
        for plan in plans
    }


def compact(calls: tuple[Call, ...]) -> str:
    """Return an oracle plan as a model writes it: each call bare, the answer a template over the last results."""
    used = {number for call in calls for number in call.after}
    last = [call.number for call in calls if call.number not in used]
    answer = " ".join(f"{{{{{number}}}}}" for number in last)
    items = [{call.tool: call.text} for call in calls]
    return as_written({"steps": [*items, {"answer": answer}]})
