"""Catalogues of tools for the planner's tests: the built-in one, the public ones, and large made-up ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.quality.plansets import PlanSet
from engine.tools.builtin import BUILTIN_NAMES, builtin_tools
from schemas.tool import ToolSpec

_VERBS = ("create", "update", "delete", "archive", "export", "approve", "assign", "list")
_NOUNS = (
    "purchase_order", "support_ticket", "calendar_entry", "user_account", "shipment", "campaign", "contract",
    "expense_report", "meeting_room", "backup", "firewall_rule", "blog_post", "playlist", "recipe", "loan_application",
    "patient_record", "course", "warranty_claim", "parking_permit", "crash_report",
)  # fmt: skip


def builtin_catalogue() -> list[ToolSpec]:
    """The built-in tools as declared."""
    return [tool.spec for tool in builtin_tools(BUILTIN_NAMES, Path())]


def of_set(plans: PlanSet) -> list[ToolSpec]:
    """The tools of a set of tasks."""
    return [
        ToolSpec(
            name=tool.name,
            description=tool.description,
            effects="none",
            input_schema={
                "type": "object",
                "properties": dict(tool.parameters),
                "required": list(tool.required),
                "additionalProperties": False,
            },
            output_schema=None if tool.returns is None else {"type": "object", "properties": dict(tool.returns)},
        )
        for tool in plans.tools
    ]


def made_up(count: int) -> list[ToolSpec]:
    """Tools of an office nobody asks for, ``count`` of them."""
    names = [f"{verb}_{noun}" for noun in _NOUNS for verb in _VERBS]
    return [_office(name) for name in names[:count]]


def merged(catalogues: Sequence[Sequence[ToolSpec]]) -> list[ToolSpec]:
    """One catalogue of several; the first tool of a name counts."""
    return list({tool.name: tool for tools in reversed(catalogues) for tool in reversed(tools)}.values())


def _office(name: str) -> ToolSpec:
    verb, _, noun = name.partition("_")
    properties = {
        f"{noun}_id": {"type": "integer", "description": f"Which {noun.replace('_', ' ')}."},
        "note": {"type": "string", "description": "Why."},
    }
    return ToolSpec(
        name=name,
        description=f"{verb.capitalize()} a {noun.replace('_', ' ')} in the office system.",
        input_schema={"type": "object", "properties": properties, "required": [f"{noun}_id"]},
    )
