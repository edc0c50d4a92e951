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
        returns=_TEXT,
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
        returns=_TEXT,
    ),
)


def cases(folder: Path) -> list[Case]:
    """Return the questions of a data folder: ``parallelqa*.json`` with ``parallelqa*_plans.json`` beside it."""
    rows: list[dict[str, Any]] = json.loads((folder / "parallelqa_half.json").read_text(encoding="utf-8"))
    plans = parallelqa(folder)
    return [_case(row, plans[row["id"]]) for row in rows]


def _case(row: dict[str, Any], calls: Sequence[Call]) -> Case:
    answer = str(row["answer"])
    used = {number for call in calls for number in call.after}
    last = [call.number for call in calls if call.number not in used]
    steps = tuple(_step(call, answer if last == [call.number] else f"{_number(call.argument)}") for call in calls)
    return Case("parallelqa", row["id"], row["question"], TOOLS, steps, answer, expects=(answer,))


def _step(call: Call, value: str) -> CaseStep:
    """Return a step; what the only one gives whose result no other uses is the answer."""
    if call.tool == "search":
        return CaseStep(str(call.number), "search", {"entity": call.argument}, found(call.argument))
    arguments: dict[str, Any] = {"problem": call.argument}
    if call.after:
        arguments["context"] = [f"{{{{{number}}}}}" for number in call.after]
    return CaseStep(str(call.number), "math", arguments, value)


def found(entity: str) -> str:
    """Return a text about an entity: its words again and again, so many tokens of them."""
    facts = f"{entity} is known for {_number(entity)} units measured in the survey of record, "
    words = (facts * (OBSERVATION_TOKENS // 8)).split(" ")
    return " ".join(words[: OBSERVATION_TOKENS * 3 // 4]).rstrip(", ") + "."


def _number(of: str) -> int:
    return sum(map(ord, of)) % 9_000 + 1_000
