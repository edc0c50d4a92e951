"""What a run waits for as a form of MCP (elicitation), and a filled form as a decision.

Source: MCP 2025-11-25, Elicitation, "Requested Schema": a flat object of strings, numbers, booleans and choices.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from engine.serve.mcp.words import question_of
from schemas.approvals import ApprovalRequested

_SIMPLE = ("string", "number", "integer", "boolean")
_MOST_SHOWN = 4_000
_OPEN = ("question", "elicitation", "client_tool")


@dataclass(frozen=True, slots=True)
class Decided:
    """The arguments of ``RunHandle.answer``."""

    decision: Literal["approve", "reject", "done"]
    result: Any = None
    reason: str = ""


def message_of(asked: ApprovalRequested) -> str:
    """Return what a person reads: the question, and what it is about as it will be sent."""
    parts = [question_of(asked)]
    if asked.input is not None:
        parts.append(f"{asked.tool} {_shown(asked.input)}")
    if asked.plan is not None:
        parts += [f"{step.id}. {step.tool} {_shown(step.tool_input or {})}" for step in asked.plan.steps]
    if asked.dry_run is not None:
        parts.append(f"dry run: {_shown(asked.dry_run)}")
    return "\n".join(parts)[:_MOST_SHOWN]


def schema_of(asked: ApprovalRequested) -> dict[str, Any]:
    """Return the form's schema."""
    if asked.subject not in _OPEN:
        choices = ["approve", "reject"] if asked.subject != "in_doubt" else ["done", "approve", "reject"]
        fields: dict[str, Any] = {
            "decision": {"type": "string", "title": "Decision", "enum": choices},
            "reason": {"type": "string", "title": "Reason", "description": "Why; the planner sees it."},
        }
        return {"type": "object", "properties": fields, "required": ["decision"]}
    if _is_form(asked.answer_schema):
        return cast("dict[str, Any]", asked.answer_schema)
    return {"type": "object", "properties": {"answer": _field(asked.answer_schema)}, "required": ["answer"]}


def decided(asked: ApprovalRequested, action: str, content: Mapping[str, Any] | None) -> Decided | None:
    """Return what a filled form decides; None where the person left it open."""
    given = dict(content or {})
    if action == "cancel":
        return None
    if action == "decline":
        return Decided("reject", reason="declined")
    if asked.subject not in _OPEN:
        reason, decision = str(given.get("reason") or ""), given.get("decision")
        if decision not in ("approve", "reject", "done"):
            return None
        return Decided(decision, reason=reason)
    if _is_form(asked.answer_schema):
        return Decided("done", given)
    return Decided("done", _value(asked.answer_schema, given.get("answer")))


def _is_form(schema: Mapping[str, Any] | None) -> bool:
    """Whether a schema is a form as clients show them."""
    fields: Any = (schema or {}).get("properties")
    if not isinstance(fields, dict) or (schema or {}).get("type") != "object":
        return False
    found = cast("dict[str, Any]", fields).values()
    return all(
        isinstance(one, dict) and cast("dict[str, Any]", one).get("type") in (*_SIMPLE, "array") for one in found
    )


def _field(schema: Mapping[str, Any] | None) -> dict[str, Any]:
    if schema is None:
        return {"type": "string", "title": "Answer"}
    if schema.get("type") in _SIMPLE:
        return dict(schema)
    return {"type": "string", "title": "Answer", "description": f"JSON that fits {_shown(schema)}"}


def _value(schema: Mapping[str, Any] | None, answer: Any) -> Any:
    if schema is None or schema.get("type") in _SIMPLE or not isinstance(answer, str):
        return answer
    try:
        return json.loads(answer)
    except ValueError:
        return answer


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"
