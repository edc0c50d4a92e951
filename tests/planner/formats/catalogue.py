"""Tools that the plans of these tests call."""

from __future__ import annotations

from typing import Any

from schemas.tool import ToolSpec


def declared(name: str, *required: str, optional: dict[str, str] | None = None, **spec: Any) -> ToolSpec:
    """Return a tool whose required arguments are texts and whose optional ones have the types given."""
    properties = {key: {"type": "string"} for key in required}
    properties |= {key: {"type": kind} for key, kind in (optional or {}).items()}
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    return ToolSpec(name=name, input_schema=schema, effects="none", **spec)


TOOLS = (
    declared("search", "query"),
    declared("math", "problem", optional={"context": "array"}),
    declared("ask_model", "prompt"),
    declared("Calculator", "expression"),
    declared("image-to-text", "image"),
    declared("pair", "first", "second", optional={"times": "integer"}),
    declared("fetch"),
    declared(
        "validate",
        output_schema={
            "type": "object",
            "properties": {"score": {"type": "number"}, "status": {"type": "string"}, "valid": {"type": "boolean"}},
        },
    ),
    declared("save"),
    declared("log"),
)
