"""How one tool's arguments look in the grammar a model writes in, and how what it wrote is read back.

Constrained decoding takes a small part of JSON Schema only, so an argument's schema is reduced to that part; what it
loses (ranges, formats, defaults) goes into the description and is checked by us. An argument that the part cannot
express, such as a free-form map, is written as JSON in a string.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal, cast

from engine.planner.jsontext import loads
from schemas.errors import PlanParseError
from schemas.fence import terse

Schema = dict[str, Any]
Dialect = Literal["unions", "strings", "filled"]

REFERENCE = r"^\{\{.+\}\}$"
REFERENCE_REF: Schema = {"$ref": "#/$defs/reference"}
_SCALARS = frozenset({"string", "integer", "number", "boolean", "null"})
_NOTED = ("format", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "default")
_DEPTH = 6
_BARE_REFERENCE = re.compile(r'"(?:[^"\\]|\\.)*"|(\{\{[^{}]*\}\})')


def nullable(schema: Schema) -> Schema:
    """Return a schema that takes null too: where every property has to be written, null stands for "left out"."""
    described = {"description": schema["description"]} if "description" in schema else {}
    plain = {key: value for key, value in schema.items() if key != "description"}
    if plain.keys() == {"type"} and isinstance(plain["type"], str):
        return {**described, "type": [plain["type"], "null"]}
    branches = cast("list[Schema]", plain["anyOf"]) if "anyOf" in plain else [plain]
    return {**described, "anyOf": [*branches, {"type": "null"}]}


def without_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema without its branch for null: an argument that may be left out needs none."""
    kind = cast("str | list[str] | None", schema.get("type"))
    if isinstance(kind, list):
        left = [one for one in kind if one != "null"]
        return {**schema, "type": left[0] if len(left) == 1 else left}
    for key in ("anyOf", "oneOf"):
        branches = cast("list[Schema]", schema.get(key) or [])
        left = [branch for branch in branches if branch.get("type") != "null"]
        if left and len(left) < len(branches):
            rest = {name: value for name, value in schema.items() if name != key}
            return {**rest, **left[0]} if len(left) == 1 else {**rest, key: left}
    return schema


def without_nulls(value: object, schema: Mapping[str, Any], defs: Mapping[str, Any]) -> object:
    """Take the nulls that stand for "left out" from an object and the objects inside it."""
    schema = _target(schema, defs)
    if isinstance(value, list):
        items = cast("Schema", schema.get("items") if isinstance(schema.get("items"), dict) else {})
        return [without_nulls(item, items, defs) for item in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    fields = cast("dict[str, Any]", value)
    properties = cast("dict[str, Schema]", schema.get("properties", {}))
    required = cast("list[str]", schema.get("required", []))
    return {
        name: without_nulls(inner, properties.get(name, {}), defs)
        for name, inner in fields.items()
        if inner is not None or name in required or _takes_null(properties.get(name, {}))
    }


def argument_schema(schema: Mapping[str, Any], dialect: Dialect, defs: Mapping[str, Any]) -> Schema:
    """Return how an argument of this schema is written.

    Args:
        schema: The argument's own schema.
        dialect: ``unions`` writes a value or a reference; ``strings`` and ``filled`` write all but strings as text.
        defs: The ``$defs`` of the tool's input schema.
    """
    described = _described(schema)
    plain = portable(schema, defs)
    if plain is None:
        return {**_as_text(described, "JSON"), "type": "string"}
    if plain.get("type") == "string" and "enum" not in plain:
        return {**described, "type": "string"}
    if dialect != "unions":
        return {**_as_text(described, _named(plain)), "type": "string"}
    plain.pop("description", None)
    branches = cast("list[Schema]", plain["anyOf"]) if "anyOf" in plain else [plain]
    free = any(branch.get("type") == "string" and "enum" not in branch for branch in branches)
    return {**described, "anyOf": [*branches, *([] if free else [REFERENCE_REF])]}


def written_as_text(schema: Mapping[str, Any], dialect: Dialect, defs: Mapping[str, Any]) -> bool:
    """Whether a model writes this argument as JSON inside a string, so that it has to be read out of it."""
    plain = portable(schema, defs)
    if plain is None:
        return True
    return dialect != "unions" and not _accepts_text(plain)


def from_text(text: str) -> Any:
    """Read a value that a model wrote as text; what is no JSON, or is a reference, stays text.

    >>> from_text("3"), from_text("{{1.n}}"), from_text("[{{1}}, 2]"), from_text("Paris")
    (3, '{{1.n}}', ['{{1}}', 2], 'Paris')
    """
    stripped = text.strip()
    for candidate in (stripped, _quoted(stripped)):
        try:
            return loads(candidate)
        except PlanParseError:
            continue
    return text


def to_text(value: Any) -> str:
    """Write a value so that ``from_text`` gives it back."""
    if isinstance(value, str) and from_text(value) == value:
        return value
    return terse(value)


def portable(schema: Mapping[str, Any], defs: Mapping[str, Any], depth: int = 0) -> Schema | None:
    """Reduce a schema to what constrained decoding takes everywhere; None when that is not possible."""
    if depth > _DEPTH:
        return None
    if "$ref" in schema:
        target = defs.get(str(schema["$ref"]).removeprefix("#/$defs/"))
        return portable(cast("Schema", target), defs, depth + 1) if isinstance(target, dict) else None
    if "const" in schema or "enum" in schema:
        return _enumeration(cast("list[Any]", schema.get("enum", [schema.get("const")])))
    kind = cast("str | list[str] | None", schema.get("type"))
    choices = cast("list[Schema] | None", schema.get("anyOf") or schema.get("oneOf"))
    if isinstance(kind, list) and not choices:
        choices = [{**schema, "type": one} for one in kind]
    if choices:
        return _union(choices, schema, defs, depth)
    return _typed(str(kind or "object"), schema, defs, depth)


def _typed(kind: str, schema: Mapping[str, Any], defs: Mapping[str, Any], depth: int) -> Schema | None:
    described = _described(schema) if depth else {}
    if kind in _SCALARS:
        return {"type": kind, **described}
    if kind == "array":
        return _array(schema, defs, depth, described)
    return _object(schema, defs, depth, described)


def _array(schema: Mapping[str, Any], defs: Mapping[str, Any], depth: int, described: Schema) -> Schema | None:
    items = schema.get("items")
    inner = portable(cast("Schema", items), defs, depth + 1) if isinstance(items, dict) else None
    return None if inner is None else {"type": "array", **described, "items": inner}


def _object(schema: Mapping[str, Any], defs: Mapping[str, Any], depth: int, described: Schema) -> Schema | None:
    properties = cast("dict[str, Schema]", schema.get("properties") or {})
    if not properties or isinstance(schema.get("additionalProperties"), dict) or "patternProperties" in schema:
        return None
    inner = {name: portable(value, defs, depth + 1) for name, value in properties.items()}
    if any(value is None for value in inner.values()):
        return None
    required = cast("list[str]", schema.get("required", []))
    return {
        "type": "object",
        **described,
        "properties": {name: value if name in required else nullable(value) for name, value in inner.items() if value},
        "required": list(inner),
        "additionalProperties": False,
    }


def _union(choices: list[Schema], schema: Mapping[str, Any], defs: Mapping[str, Any], depth: int) -> Schema | None:
    found = [portable(choice, defs, depth + 1) for choice in choices]
    if any(branch is None for branch in found):
        return None
    branches = [branch for branch in found if branch is not None and branch.get("type") != "null"]
    objects = [branch for branch in branches if branch.get("type") == "object"]
    if len(objects) > 1:  # branches that may share their first key
        return None
    if len(branches) == 1:
        return branches[0]
    described = _described(schema) if depth else {}
    return {**described, "anyOf": branches} if branches else {"type": "null"}


def _enumeration(values: list[Any]) -> Schema | None:
    kinds = {_kind(value) for value in values if value is not None}
    if len(kinds) != 1 or not kinds <= _SCALARS:
        return None
    return {"type": kinds.pop(), "enum": [value for value in values if value is not None]}


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return {str: "string", int: "integer", float: "number"}.get(cast("type[Any]", type(value)), "other")


def _target(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" in schema:
        target = defs.get(str(schema["$ref"]).removeprefix("#/$defs/"))
        return cast("Schema", target) if isinstance(target, dict) else {}
    choices = cast("list[Schema]", schema.get("anyOf") or schema.get("oneOf") or [])
    inner = next((one for one in choices if one.get("type") != "null"), None)
    return schema if inner is None else _target(inner, defs)


def _takes_null(schema: Mapping[str, Any]) -> bool:
    return not schema.keys() & {"type", "anyOf", "oneOf", "enum", "const", "$ref"} or '"null"' in json.dumps(schema)


def _accepts_text(plain: Schema) -> bool:
    return any(branch.get("type") == "string" for branch in cast("list[Schema]", plain.get("anyOf", [plain])))


def _described(schema: Mapping[str, Any]) -> Schema:
    notes = [
        f"{key} {json.dumps(schema[key], ensure_ascii=False)}"
        for key in _NOTED
        if key in schema and schema[key] is not None
    ]
    text = str(schema.get("description") or "").strip()
    whole = " ".join(part for part in (text, f"[{', '.join(notes)}]" if notes else "") if part)
    return {"description": whole} if whole else {}


def _as_text(described: Schema, kind: str) -> Schema:
    text = str(described.get("description", ""))
    return {"description": f"{text} ({kind}, as text)".strip()}


def _named(plain: Schema) -> str:
    if "anyOf" in plain:
        return " or ".join(_named(branch) for branch in cast("list[Schema]", plain["anyOf"]))
    if "enum" in plain:
        return "one of " + ", ".join(str(value) for value in plain["enum"])
    if plain["type"] in ("array", "object"):
        return f"JSON {plain['type']}"
    return str(plain["type"])


def _quoted(text: str) -> str:
    """Put quotes around the references that stand bare in JSON, as models write them."""
    return _BARE_REFERENCE.sub(lambda match: json.dumps(match[1]) if match[1] else match[0], text)
