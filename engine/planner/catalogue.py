"""The tools as a planner's model reads them: one signature a tool, with what its arguments mean and what it returns.

Everything about a tool is said here and once; the grammar a reply is held to repeats none of it. A shape is written as
programmers write types (``{path: string, lines?: integer}[]``): a third of the tokens of its JSON Schema.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from engine.planner.arguments import Schema, portable, without_null
from schemas.tool import ToolSpec

__all__ = ["catalogue_line", "shape"]

_NOTED = ("format", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")
_LARGEST_NOTED = 1_000  # a length limit beyond this tells a model nothing
_DEPTH = 4
_RESULT_CHARS = 400
_MOST_OPTIONS = 40


def catalogue_line(tool: ToolSpec) -> str:
    """Return one tool as the planner reads it.

    >>> print(catalogue_line(ToolSpec(name="now", description="The time.", effects="none")))
    - now(): The time.
    """
    defs = cast("dict[str, Any]", tool.input_schema.get("$defs", {}))
    properties = cast("dict[str, Schema]", tool.input_schema.get("properties", {}))
    ordered = [*tool.required, *(name for name in properties if name not in tool.required)]
    signature = ", ".join(_argument(name, properties.get(name, {}), defs, name in tool.required) for name in ordered)
    returns = result_shape(tool.output_schema)
    gives = f" -> {returns}" if returns else ""
    effects = "" if tool.effects == "none" else " [effects]"
    head = f"- {tool.name}({signature}){gives}{effects}{approval_words(tool)}"
    lines = [f"{head}: {_indented(tool.description)}".rstrip(": ")]
    for name, schema in properties.items():
        meaning = _meaning(schema)
        lines += [f"  {name}: {_indented(meaning)}"] if meaning else []
    return "\n".join(lines)


def approval_words(tool: ToolSpec) -> str:
    """Say which calls of a tool a person is asked about; nothing where none is.

    >>> approval_words(ToolSpec.model_validate({"name": "pay", "approval": {"rule": "amount_usd > 500"}}))
    ' [a person approves calls with amount_usd > 500]'
    """
    policy = tool.approval
    if policy is None or policy.ask == "never":
        return ""
    return f" [a person approves {'each call' if policy.ask == 'always' else 'calls with ' + '; '.join(policy.rule)}]"


def result_shape(schema: Mapping[str, Any] | None) -> str:
    """Return what a tool gives, less deeply where it is large; empty when nothing is known."""
    defs = cast("dict[str, Any]", (schema or {}).get("$defs", {}))
    if not schema:
        return ""
    for depth in range(_DEPTH, 0, -1):
        text = shape(schema, defs, depth)
        if len(text) <= _RESULT_CHARS:
            return "" if text == "any" else text
    return "object" if schema.get("type") == "object" else ""


def shape(schema: Mapping[str, Any], defs: Mapping[str, Any], depth: int = _DEPTH) -> str:
    """Return a JSON Schema as a type.

    >>> shape({"type": "array", "items": {"anyOf": [{"type": "integer"}, {"enum": ["a"]}]}}, {})
    '(integer | "a")[]'
    """
    if "$ref" in schema:
        target = defs.get(str(schema["$ref"]).rpartition("/")[2])
        return shape(cast("Schema", target), defs, depth - 1) if isinstance(target, dict) and depth > 0 else "any"
    if "const" in schema or "enum" in schema:
        return _options(cast("list[Any]", schema.get("enum", [schema.get("const")])))
    choices, kind = _choices(schema), schema.get("type")
    if choices:
        return " | ".join(dict.fromkeys(shape(branch, defs, depth) for branch in choices))
    if kind == "array":
        return _array(schema.get("items"), defs, depth)
    return _object(schema, defs, depth) if kind == "object" or "properties" in schema else str(kind or "any")


def _choices(schema: Mapping[str, Any]) -> list[Schema]:
    kinds = schema.get("type")
    listed = [{**schema, "type": kind} for kind in cast("list[str]", kinds)] if isinstance(kinds, list) else []
    return cast("list[Schema]", schema.get("anyOf") or schema.get("oneOf") or listed)


def _options(options: Sequence[Any]) -> str:
    shown = [json.dumps(option, ensure_ascii=False) for option in options[:_MOST_OPTIONS]]
    return " | ".join([*shown, "…"] if len(options) > _MOST_OPTIONS else shown)


def _array(items: object, defs: Mapping[str, Any], depth: int) -> str:
    inner = shape(cast("Schema", items), defs, depth - 1) if isinstance(items, dict) and depth > 0 else "any"
    return f"({inner})[]" if " | " in inner and not inner.startswith("{") else f"{inner}[]"


def _object(schema: Mapping[str, Any], defs: Mapping[str, Any], depth: int) -> str:
    properties = cast("dict[str, Schema]", schema.get("properties") or {})
    if not properties or depth <= 0:
        return "object"
    required = cast("list[str]", schema.get("required", list(properties)))
    fields = [
        f"{name}{'' if name in required else '?'}: {shape(value, defs, depth - 1)}"
        for name, value in properties.items()
    ]
    return f"{{{', '.join(fields)}}}"


def _argument(name: str, schema: Mapping[str, Any], defs: Mapping[str, Any], required: bool) -> str:
    kind = shape(schema if required else without_null(schema), defs)
    if kind != "string" and portable(schema, defs) is None:
        kind = "JSON as text" if kind in ("any", "object") else f"{kind} (JSON as text)"
    default = schema.get("default")
    shown = f" = {json.dumps(default, ensure_ascii=False)}" if default is not None else ""
    return f"{name}{'' if required else '?'}: {kind}{shown}"


def _meaning(schema: Mapping[str, Any]) -> str:
    limits = [f"{key} {json.dumps(schema[key], ensure_ascii=False)}" for key in _NOTED if _tells(key, schema)]
    inner = schema.get("items")
    about = _meaning(cast("Schema", inner)) if isinstance(inner, dict) and not schema.get("description") else ""
    parts = (str(schema.get("description") or "").strip() or about, f"[{', '.join(limits)}]" if limits else "")
    return " ".join(part for part in parts if part)


def _tells(key: str, schema: Mapping[str, Any]) -> bool:
    """Whether a limit is worth a model's reading: not that a text must not be empty or may be a book."""
    value = schema.get(key)
    if value is None or (key == "minLength" and value == 1):
        return False
    return not (key in ("maxLength", "maxItems") and isinstance(value, int) and value > _LARGEST_NOTED)


def _indented(text: str) -> str:
    return "\n  ".join(line.strip() for line in text.strip().splitlines() if line.strip())
