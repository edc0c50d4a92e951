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
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast, get_args

from engine.planner.arguments import REFERENCE, REFERENCE_REF, Dialect, Schema, argument_schema, nullable
from engine.planner.features import Features, features
from engine.planner.items import Answer, Ask, compact, expand
from schemas.errors import ConfigError
from schemas.fence import terse
from schemas.plan import Operator
from schemas.tool import ToolSpec

__all__ = ["Answer", "Ask", "Dialect", "compact", "compile_grammar", "expand", "output_sketch"]

RESERVED = frozenset({"step", "answer", "ask"})
_SKETCH_DEPTH = 4
_SKETCH_LENGTH = 600
_MOST_UNIONS = 12  # of the 16 that Anthropic takes; the form of a plan itself has two or three
_SHARED_CHARS = 40  # what is shorter costs no more than a reference to it


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
    ordered = sorted(tools, key=lambda spec: spec.name)
    for tool in ordered:
        if tool.name in RESERVED:
            raise ConfigError(
                f"a tool cannot be named {tool.name!r}: plans keep that word for themselves",
                hint="give the tool another name (tools: - name: …)",
            )
    defs: dict[str, Any] = {}
    shown = _calls(ordered, dialect, defs)
    grammar: Schema = {
        "type": "object",
        "properties": {"steps": {"type": "array", "items": {"anyOf": [*shown, *_ENDS]}}},
        "required": ["steps"],
        "additionalProperties": False,
        "$defs": defs,
    }
    if not described:
        grammar = _undescribed(grammar)
        _share(grammar)
    return _with_reference(grammar)


def output_sketch(schema: Mapping[str, Any] | None) -> str:
    """Return a tool's result as a short JSON Schema: types and field names; empty when nothing is known."""
    if not schema:
        return ""
    for depth in range(_SKETCH_DEPTH, 0, -1):
        text = terse(_sketch(schema, depth))
        if len(text) <= _SKETCH_LENGTH:
            return "" if text == "{}" else text
    return '{"type":"object"}' if schema.get("type") == "object" else ""


def _calls(tools: Sequence[ToolSpec], dialect: Dialect, defs: dict[str, Any]) -> list[Schema]:
    """Return the items that call something; what stands in two places goes into ``defs``, once.

    In ``filled`` a call writes all its arguments; one that needs no more than the required ones has a form of its own.
    """
    used = features(tools)
    apart = [tool for tool in tools if dialect == "filled" and _optional(tool)]
    both = [tool for tool in tools if _optional(tool) and _bare(tool)]
    bare = dialect != "strings" or len(both) <= _MOST_UNIONS
    calls = [_call(tool, _bodies(tool, dialect, bare=bare)) for tool in tools if tool not in apart]
    if not tools or not (used.step or apart):
        return calls
    if not apart:
        defs["call"] = {"anyOf": calls}
        return [_ref("call"), _step(used, _ref("call"), dialect)]
    short = [_call(tool, _bodies(tool, dialect)) for tool in apart]
    defs["full"] = {"anyOf": [_call(tool, [_body(tool, dialect, _arguments(tool))]) for tool in apart]}
    if not calls:
        return [*short, _step(used, _ref("full"), dialect)]
    defs["call"] = {"anyOf": calls}
    return [_ref("call"), *short, _step(used, {"anyOf": [_ref("call"), _ref("full")]}, dialect)]


def _call(tool: ToolSpec, bodies: Sequence[Schema]) -> Schema:
    """Return a call: one property, the tool's name, with one of these bodies."""
    returns = output_sketch(tool.output_schema)
    text = "\n".join(part for part in (tool.description.strip(), f"Returns: {returns}" if returns else "") if part)
    return {
        "type": "object",
        **({"description": text} if text else {}),
        "properties": {tool.name: bodies[0] if len(bodies) == 1 else {"anyOf": [*bodies]}},
        "required": [tool.name],
        "additionalProperties": False,
    }


def _bodies(tool: ToolSpec, dialect: Dialect, *, bare: bool = True) -> list[Schema]:
    """Return what may stand behind a tool's name, the shortest first.

    Where every property has to be written, what may be left out is written as null, so a call that needs none of it has
    a body of its own; the other one then begins with what may be left out, for no two may share a first key.

    Args:
        bare: Whether a bare text may stand beside the arguments by name: a union, of which some take a few only.
    """
    names, optional = _arguments(tool), _optional(tool)
    text = _bare(tool)
    short = text or _body(tool, dialect, [name for name in names if name not in optional])
    if not optional or dialect == "filled":
        return [short]
    if dialect == "strings":
        whole = _body(tool, dialect, names)
        return [text, whole] if text and bare else [whole]
    first = [] if text else optional[:1]
    return [short, _body(tool, dialect, [*first, *(name for name in names if name not in first)])]


def _arguments(tool: ToolSpec) -> list[str]:
    return list(tool.input_schema.get("properties", {}))


def _optional(tool: ToolSpec) -> list[str]:
    return [name for name in _arguments(tool) if name not in tool.required]


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


def _body(tool: ToolSpec, dialect: Dialect, names: Sequence[str]) -> Schema:
    defs = cast("dict[str, Any]", tool.input_schema.get("$defs", {}))
    properties = cast("dict[str, Schema]", tool.input_schema.get("properties", {}))
    shown = {name: argument_schema(properties[name], dialect, defs) for name in names}
    return _closed(shown, [name for name in names if name in tool.required], dialect)


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


def _step(used: Features, call: Schema, dialect: Dialect) -> Schema:
    """Return the form of a call that needs more than arguments, with what these tools can use of it."""
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
    depends_on: Schema = {
        "type": "array",
        "items": {"type": "integer"},
        "description": "Steps that must be done first although no {{reference}} says so.",
    }
    foreach: Schema = {"type": "string", "description": "A reference to a list: one call an item, {{item}} in it."}
    more: dict[str, tuple[bool, Schema]] = {
        "depends_on": (used.order, depends_on),
        "when": (used.when, {"type": "array", "items": condition, "description": "All must hold, else it is skipped."}),
        "foreach": (used.foreach, REFERENCE_REF if dialect == "unions" else foreach),
        "rationale": (used.why, {"type": "string", "description": "What the call is for, in a few words."}),
    }
    shown = {name: schema for name, (wanted, schema) in more.items() if wanted}
    return {
        **_closed({"step": call, **shown}, ["step"], dialect),
        "description": "A call that needs more than its arguments.",
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


_ENDS = (
    _text("answer", "The answer, as text with {{id.path}} where results belong. The last item."),
    _text("ask", "A question to the person, and the only item: no plan is possible without its answer."),
)


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


def _share(grammar: Schema) -> None:
    """Put what several arguments are alike into ``$defs``, once; an argument is told by what it is, not by its name."""
    bodies = list(_bodies_in(grammar))
    counted = Counter(json.dumps(value) for body in bodies for value in body["properties"].values())
    names: dict[str, str] = {}
    for text, count in counted.items():
        if count > 1 and len(text) >= _SHARED_CHARS:
            names[text] = f"type_{len(names) + 1}"
            grammar["$defs"][names[text]] = json.loads(text)
    for body in bodies:
        body["properties"] = {
            key: _ref(names[text]) if (text := json.dumps(value)) in names else value
            for key, value in body["properties"].items()
        }


def _with_reference(grammar: Schema) -> Schema:
    """Say what a reference is: in its place where there is but one, else once for all; no empty ``$defs`` are left."""
    text, ref = json.dumps(grammar), json.dumps(REFERENCE_REF)
    reference = {"type": "string", "pattern": REFERENCE}
    if text.count(ref) == 1:
        grammar = json.loads(text.replace(ref, json.dumps(reference)))
    elif ref in text:
        grammar["$defs"]["reference"] = reference
    return grammar if grammar["$defs"] else {key: value for key, value in grammar.items() if key != "$defs"}


def _bodies_in(grammar: Schema) -> Iterator[Schema]:
    """Yield the objects of arguments in a grammar."""
    items = grammar["properties"]["steps"]["items"]["anyOf"]
    for call in [*items, *(one for name in grammar["$defs"] for one in grammar["$defs"][name].get("anyOf", ()))]:
        for value in call.get("properties", {}).values():
            yield from (body for body in value.get("anyOf", [value]) if "properties" in body)
