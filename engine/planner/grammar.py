"""The compact grammar a planner model writes in, compiled from the declared tools.

    {"steps": [{"search": "Mount Everest"},
               {"step": {"convert": {"value": "{{1.height}}", "to": "ft"}}, "when": [...]},
               {"answer": "It is {{2}} ft high."}]}

Every token a model writes is 20-40 ms: ids are positions, a call is one property named after its tool, and one
required string stands bare. The schema keeps to what constrained decoding takes: no two branches of an ``anyOf`` share
a first key, calls stand once in ``$defs``, nothing is recursive. Dialect ``unions`` lets an argument be a value or a
reference; ``strings`` is for providers that cap union types: there such arguments are strings, read back by us.
``filled`` is ``strings`` for those that cap optional properties as well: all are written, "" stands for "left out".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

from engine.planner.arguments import REFERENCE, REFERENCE_REF, Dialect, Schema, argument_schema, nullable
from engine.planner.items import Answer, Ask, compact, expand
from schemas.errors import ConfigError
from schemas.plan import Operator
from schemas.tool import ToolSpec

__all__ = ["Answer", "Ask", "Dialect", "compact", "compile_grammar", "expand", "output_sketch"]

RESERVED = frozenset({"step", "answer", "ask"})
_SKETCH_DEPTH = 4
_SKETCH_LENGTH = 600


def compile_grammar(tools: Sequence[ToolSpec], dialect: Dialect, *, described: bool = False) -> Schema:
    """Return the JSON Schema of the plans over these tools; the same tools give the same bytes.

    Args:
        tools: What the planner may call; their order does not matter.
        dialect: What the provider's constrained decoding can take.
        described: Whether it also says what everything means, for a reader that has nothing but the grammar. A model
            is told by the catalogue (``catalogue.py``); twice would cost it another 2,000 tokens.

    Raises:
        ConfigError: A tool has one of the names the grammar keeps for itself.
    """
    defs: dict[str, Any] = {}
    for tool in sorted(tools, key=lambda spec: spec.name):
        if tool.name in RESERVED:
            raise ConfigError(
                f"a tool cannot be named {tool.name!r}: plans keep that word for themselves",
                hint="give the tool another name (tools: - name: …)",
            )
        defs[f"call_{tool.name}"] = _call(tool, dialect, _bare(tool) or _body(tool, dialect, optional=False))
    names = [key.removeprefix("call_") for key in defs]
    whole = {tool.name: f"call_{tool.name}" for tool in tools}
    for tool in sorted(tools, key=lambda spec: spec.name):
        if not tool.input_schema.get("properties", {}).keys() <= set(tool.required):
            whole[tool.name] = f"full_{tool.name}"
            defs[whole[tool.name]] = _call(tool, dialect, _body(tool, dialect, optional=True), full=True)
    if names and dialect == "unions":
        defs["reference"] = {"type": "string", "pattern": REFERENCE}
    if names:
        defs["step"] = _step([whole[name] for name in names], dialect)
    defs["answer"] = _text("answer", "The answer, as text with {{id.path}} where results belong. The last item.")
    defs["ask"] = _text("ask", "A question to the person, and the only item: no plan is possible without its answer.")
    branches = [*(f"call_{name}" for name in names), *(["step"] if names else []), "answer", "ask"]
    grammar: Schema = {
        "type": "object",
        "properties": {"steps": {"type": "array", "items": {"anyOf": [_ref(name) for name in branches]}}},
        "required": ["steps"],
        "additionalProperties": False,
        "$defs": defs,
    }
    return grammar if described else _undescribed(grammar)


def output_sketch(schema: Mapping[str, Any] | None) -> str:
    """Return a tool's result as a short JSON Schema: types and field names; empty when nothing is known."""
    if not schema:
        return ""
    for depth in range(_SKETCH_DEPTH, 0, -1):
        text = json.dumps(_sketch(schema, depth), ensure_ascii=False, separators=(",", ":"))
        if len(text) <= _SKETCH_LENGTH:
            return "" if text == "{}" else text
    return '{"type":"object"}' if schema.get("type") == "object" else ""


def _call(tool: ToolSpec, dialect: Dialect, body: Schema, *, full: bool = False) -> Schema:
    returns = output_sketch(tool.output_schema)
    text = "\n".join(part for part in (tool.description.strip(), f"Returns: {returns}" if returns else "") if part)
    if _bare(tool) and not full and dialect == "unions":
        body = {"anyOf": [body, _body(tool, dialect, optional=False)]}
    return {
        "type": "object",
        **({"description": text} if text and not full else {}),
        "properties": {tool.name: body},
        "required": [tool.name],
        "additionalProperties": False,
    }


def _bare(tool: ToolSpec) -> Schema | None:
    """Return the schema of the one required string that may stand for all arguments."""
    properties = cast("dict[str, Schema]", tool.input_schema.get("properties", {}))
    if len(tool.required) != 1 or properties.get(tool.required[0], {}).get("type") != "string":
        return None
    schema = argument_schema(properties[tool.required[0]], "unions", {})
    if schema.get("type") != "string":
        return None
    text = f"{tool.required[0]}: {schema.get('description', '')}".rstrip(": ")
    return {"type": "string", "description": text}


def _body(tool: ToolSpec, dialect: Dialect, *, optional: bool) -> Schema:
    defs = cast("dict[str, Any]", tool.input_schema.get("$defs", {}))
    properties = cast("dict[str, Schema]", tool.input_schema.get("properties", {}))
    required = [name for name in tool.required if name in properties]
    shown = {name: argument_schema(properties[name], dialect, defs) for name in (properties if optional else required)}
    return _closed(shown, required, dialect)


def _closed(properties: Schema, required: Sequence[str], dialect: Dialect) -> Schema:
    """Return an object schema; where every property is required, null or an empty text says "left out"."""
    if dialect == "unions":
        properties = {name: value if name in required else nullable(value) for name, value in properties.items()}
    if dialect != "strings":
        required = list(properties)
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _step(calls: Sequence[str], dialect: Dialect) -> Schema:
    to: Schema = {"type": "string", "description": "What to compare with: a number, true, false, text or a reference."}
    if dialect == "unions":
        to = {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}
    condition: Schema = {
        "type": "object",
        "properties": {
            "value": {"type": "string", "description": "A reference, {{id.path}}."},
            "op": {"type": "string", "enum": list(get_args(Operator))},
            "to": to,
        },
        "required": ["value", "op", "to"],
        "additionalProperties": False,
    }
    properties: Schema = {
        "step": {"anyOf": [_ref(name) for name in calls]},
        "depends_on": {
            "type": "array",
            "items": {"type": "integer"},
            "description": "Steps that must be done first although no {{reference}} says so.",
        },
        "when": {"type": "array", "items": condition, "description": "All must hold, else the step is skipped."},
        "foreach": REFERENCE_REF
        if dialect == "unions"
        else {"type": "string", "description": "A reference to a list: one call an item, {{item}} in the arguments."},
        "rationale": {"type": "string", "description": "Why, in a few words; only where it is not plain."},
    }
    return {
        **_closed(properties, ["step"], dialect),
        "description": "A call that needs more than its required arguments.",
    }


def _text(name: str, description: str) -> Schema:
    return {
        "type": "object",
        "properties": {name: {"type": "string", "description": description}},
        "required": [name],
        "additionalProperties": False,
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _undescribed(schema: Schema) -> Schema:
    """Return a schema without its descriptions; a property may be called so."""
    kept: Schema = {key: value for key, value in schema.items() if key != "description"}
    for key in ("properties", "$defs"):
        if key in kept:
            kept[key] = {name: _undescribed(inner) for name, inner in kept[key].items()}
    if "anyOf" in kept:
        kept["anyOf"] = [_undescribed(branch) for branch in kept["anyOf"]]
    if "items" in kept:
        kept["items"] = _undescribed(kept["items"])
    return kept


def _sketch(schema: Mapping[str, Any], depth: int) -> Schema:
    kept: Schema = {key: schema[key] for key in ("type", "enum") if key in schema}
    properties = cast("dict[str, Schema]", schema.get("properties", {}))
    if properties and depth:
        kept["properties"] = {name: _sketch(value, depth - 1) for name, value in properties.items()}
    items = schema.get("items")
    if isinstance(items, dict) and depth:
        kept["items"] = _sketch(cast("Schema", items), depth - 1)
    return kept
