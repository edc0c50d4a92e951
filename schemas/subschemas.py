"""JSON Schemas with every subschema an object: ``true`` and ``false``, which stand for schemas, too, written out.

Whoever reads a tool's schema may then look into every part of it. Go's generators write ``true`` for any value.
Source: JSON Schema 2020-12, core, section 4.3.2 (boolean schemas).
"""

from __future__ import annotations

from typing import Any, cast

_NAMED = ("properties", "$defs", "definitions", "patternProperties")
_LISTED = ("anyOf", "oneOf", "allOf", "prefixItems")


def written_out(schema: Any) -> Any:
    """Return a schema whose subschemas are objects; ``additionalProperties`` and the like stay as they are.

    >>> written_out({"properties": {"any": True}, "items": False})
    {'properties': {'any': {}}, 'items': {'not': {}}}
    """
    if isinstance(schema, bool):
        return {} if schema else {"not": {}}
    if not isinstance(schema, dict):
        return schema
    return {key: _part(key, value) for key, value in cast("dict[str, Any]", schema).items()}


def _part(key: str, value: Any) -> Any:
    if key in _NAMED and isinstance(value, dict):
        return {name: written_out(one) for name, one in cast("dict[str, Any]", value).items()}
    if key in _LISTED and isinstance(value, list):
        return [written_out(one) for one in cast("list[Any]", value)]
    return written_out(value) if key == "items" else value
