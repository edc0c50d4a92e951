"""What a model writes when its provider holds it to a schema: the same values, in the only form that is taken.

What may be left out but has to be written is null (or an empty text), and where only text is taken a value is written
as text. So every system pays for the schema that it sends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, cast

Schema = Mapping[str, Any]
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}


class UnfitError(Exception):
    """The schema takes the value in no form."""


def constrained(value: Any, schema: Schema) -> Any:
    """Return a value as the schema takes it.

    Raises:
        UnfitError: It takes it in no form.

    >>> either = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    >>> told = {"type": "object", "properties": {"a": {"type": "string"}, "b": either}, "required": ["a", "b"]}
    >>> constrained({"a": 5}, told)
    {'a': '5', 'b': None}
    """
    return _fitted(value, schema, cast("Mapping[str, Schema]", schema.get("$defs", {})))


def _fitted(value: Any, schema: Schema, defs: Mapping[str, Schema]) -> Any:
    if "$ref" in schema:
        return _fitted(value, defs[str(schema["$ref"]).rpartition("/")[2]], defs)
    if branches := cast("list[Schema]", schema.get("anyOf")):
        return _first(value, branches, defs)
    kinds = schema.get("type", "any")
    if isinstance(kinds, list):
        return _first(value, [{**schema, "type": kind} for kind in cast("list[str]", kinds)], defs)
    match value, kinds:
        case dict(), "object":
            return _object(cast("dict[str, Any]", value), schema, defs)
        case list(), "array":
            return [_fitted(item, schema.get("items", {}), defs) for item in cast("list[Any]", value)]
        case _:
            return _plain(value, kinds, schema)


def _first(value: Any, branches: list[Schema], defs: Mapping[str, Schema]) -> Any:
    """Return the value as the first branch takes it as it is, else as the first of its kind, else of any, takes it."""
    made: list[Any] = []
    for branch in sorted(branches, key=lambda branch: not _alike(value, branch, defs)):
        try:
            made.append(_fitted(value, branch, defs))
        except UnfitError:
            continue
        if made[-1] == value:
            return made[-1]
    if not made:
        raise UnfitError
    return made[0]


def _alike(value: Any, branch: Schema, defs: Mapping[str, Schema]) -> bool:
    """Whether a branch is for objects and the value is one, or neither is: an object is no text if it can be itself."""
    while "$ref" in branch:
        branch = defs[str(branch["$ref"]).rpartition("/")[2]]
    return "anyOf" in branch or isinstance(value, dict) == (branch.get("type") == "object")


def _object(value: dict[str, Any], schema: Schema, defs: Mapping[str, Schema]) -> Any:
    properties = cast("Mapping[str, Schema]", schema.get("properties", {}))
    if not value.keys() <= properties.keys():
        raise UnfitError
    written: dict[str, Any] = {}
    for name, inner in properties.items():
        if name in value:
            written[name] = _fitted(value[name], inner, defs)
        elif name in schema.get("required", ()):
            written[name] = _left_out(inner, defs)
    return written


def _left_out(schema: Schema, defs: Mapping[str, Schema]) -> Any:
    """Return what stands for nothing: null, else an empty text or list."""
    for nothing in ("null", '""', "[]"):
        with suppress(UnfitError):
            return _fitted(json.loads(nothing), schema, defs)
    raise UnfitError


def _plain(value: Any, kind: str, schema: Schema) -> Any:
    if kind == "string" and not isinstance(value, str) and value is not None:
        value = json.dumps(value, ensure_ascii=False)
    if not _is(value, kind) or ("enum" in schema and value not in schema["enum"]):
        raise UnfitError
    if "pattern" in schema and not re.search(schema["pattern"], str(value)):
        raise UnfitError
    return value


def _is(value: Any, kind: str) -> bool:
    """Whether a plain value is of this JSON type."""
    if isinstance(value, bool) or kind == "any":
        return kind in ("boolean", "any")
    return kind in _KINDS and isinstance(value, _KINDS[kind])
