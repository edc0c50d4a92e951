"""ParallelQA (LLMCompiler, Kim et al., 2023): questions over a search and a math tool, with a right plan each.

Times as in LLMCompiler's setting: search 0.61 s, math 1.5 s, log-normal. What a search finds is a text of our own of
``OBSERVATION_TOKENS`` tokens, about the length of the abstract that the published setting cuts articles to.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.data import Call, parallelqa
from benchmarks.orchestration.case import Case, CaseStep, CaseTool

OBSERVATION_TOKENS = 60
_TEXT = {"type": "string"}
TOOLS = (
    CaseTool(
        "search",
        "Search for an entity and get what is known of it.",
        {"type": "object", "properties": {"entity": _TEXT}, "required": ["entity"], "additionalProperties": False},
        mean_s=0.61,
    ),
    CaseTool(
        "math",
        "Answer a math problem asked in words, using the numbers in its context.",
        {
            "type": "object",
            "properties": {"problem": _TEXT, "context": {"type": "array", "items": _TEXT}},
            "required": ["problem"],
            "additionalProperties": False,
        },
        mean_s=1.5,
    ),
)


def cases(folder: Path) -> list[Case]:
    """Return the questions of a data folder: ``parallelqa*.json`` with ``parallelqa*_plans.json`` beside it."""
    rows: list[dict[str, Any]] = json.loads((folder / "parallelqa_half.json").read_text(encoding="utf-8"))
    plans = parallelqa(folder)
    return [_case(row, plans[row["id"]]) for row in rows]


def _case(row: dict[str, Any], calls: Sequence[Call]) -> Case:
    steps = tuple(map(_step, calls))
    return Case(
        "parallelqa", row["id"], row["question"], TOOLS, steps, str(row["answer"]), expects=(str(row["answer"]),)
    )


def _step(call: Call) -> CaseStep:
    if call.tool == "search":
        return CaseStep(str(call.number), "search", {"entity": call.argument}, found(call.argument))
    arguments: dict[str, Any] = {"problem": call.argument}
    if call.after:
        arguments["context"] = [f"{{{{{number}}}}}" for number in call.after]
    return CaseStep(str(call.number), "math", arguments, f"{_number(call.argument)}")


def found(entity: str) -> str:
    """Return a text about an entity: its words again and again, so many tokens of them."""
    facts = f"{entity} is known for {_number(entity)} units measured in the survey of record, "
    words = (facts * (OBSERVATION_TOKENS // 8)).split(" ")
    return " ".join(words[: OBSERVATION_TOKENS * 3 // 4]).rstrip(", ") + "."


def _number(of: str) -> int:
    return sum(map(ord, of)) % 9_000 + 1_000
