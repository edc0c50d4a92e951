"""The judge: which of two answers is better, asked in both orders so that the order cannot decide.

Source: the bias towards an answer's position, and asking in both orders against it, are measured in Zheng et al.,
Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena (NeurIPS 2023), sections 3.3 and 3.4.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.comparison.figures import Judgement, SystemReport
from schemas.errors import ModelOutputError
from schemas.fence import fence
from schemas.model import Message, ModelRequest, OutputSchema
from schemas.protocols import ModelClient

_PROMPT = Path(__file__).with_name("judge.md").read_text(encoding="utf-8")
_ROLE = "judge"
_DEADLINE_S = 120.0


class _Verdict(BaseModel):
    """What the judge writes."""

    model_config = ConfigDict(extra="forbid")

    reason: str
    better: Literal["one", "two", "tie"]


_OUTPUT = OutputSchema(
    name="verdict",
    json_schema={
        "type": "object",
        "properties": {"reason": {"type": "string"}, "better": {"type": "string", "enum": ["one", "two", "tie"]}},
        "required": ["reason", "better"],
        "additionalProperties": False,
    },
)


def pairs(reports: list[SystemReport]) -> list[tuple[SystemReport, SystemReport]]:
    """Return every two systems whose answers differ, those that completed no run left out."""
    able = [report for report in reports if report.completed]
    return [(one, two) for one, two in combinations(able, 2) if one.answer.strip() != two.answer.strip()]


async def judged(task: str, one: SystemReport, two: SystemReport, model: ModelClient) -> Judgement:
    """Ask which of two answers is better, in both orders.

    Cost: two model calls.

    Raises:
        ModelError: The judge could not be reached, refused, or gave no verdict.
        BudgetError: The budget does not cover it.
    """
    there = await _verdict(task, one.answer, two.answer, model)
    back = await _verdict(task, two.answer, one.answer, model)
    swapped = {"one": "two", "two": "one", "tie": "tie"}[back.better]
    agreed = there.better == swapped
    names = {"one": one.name, "two": two.name}
    return Judgement(
        first=one.name,
        second=two.name,
        winner=names.get(there.better) if agreed else None,
        agreed=agreed,
        reasons=(there.reason, back.reason),
    )


async def _verdict(task: str, one: str, two: str, model: ModelClient) -> _Verdict:
    told = "\n\n".join((fence("task", task), fence("answer_one", one), fence("answer_two", two)))
    request = ModelRequest(
        model=_ROLE,
        messages=(Message.system(_PROMPT), Message.user(told)),
        output=_OUTPUT,
        cache_prefix=1,
        deadline_s=_DEADLINE_S,
    )
    response = await model.complete(request, role=_ROLE)
    text = response.text
    try:
        return _Verdict.model_validate_json(text[text.find("{") : text.rfind("}") + 1])
    except ValidationError:
        raise ModelOutputError("the judge gave no verdict", details={"text": text[:500]}) from None
