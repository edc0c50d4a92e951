"""What plans over a catalogue can make use of: rules and grammar for anything else are left out.

A model that plans over a search and a calculator never orders calls that change nothing, and never takes a list apart
that no tool gives. What it cannot use it need not read, each time, on each run. What is not known (a tool that does not
say what it gives) counts as used, so nothing is lost. It follows from the catalogue alone, so the same tools are told
in the same words, and a provider's prompt cache holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

from engine.planner.catalogue import approval_words
from schemas.tool import ToolSpec

_OBJECT = frozenset({"object"})
_TEXT = frozenset({"string"})
_SCALARS = frozenset({"string", "number", "integer", "boolean", "null"})
_DEPTH = 6


@dataclass(frozen=True, slots=True)
class Features:
    """What of the grammar a catalogue can use.

    Attributes:
        order: An order that no reference shows: some tool changes something.
        when: Conditions: some tool changes something, or gives more than plain text to compare.
        foreach: One call an item: some tool may give a list.
        parts: References to parts of a result: some tool may give more than one plain value.
        effects: Some tool changes something.
        why: A reason beside a call: a person is asked about some calls, and reads it.
    """

    order: bool
    when: bool
    foreach: bool
    parts: bool
    effects: bool
    why: bool

    @property
    def step(self) -> bool:
        """Whether a call may need the longer form at all."""
        return self.order or self.when or self.foreach or self.why

    @property
    def names(self) -> frozenset[str]:
        """The names of those that are used."""
        return frozenset(one.name for one in fields(self) if getattr(self, one.name))


def features(tools: Sequence[ToolSpec]) -> Features:
    """Return what plans over these tools can use.

    >>> plain = ToolSpec(name="search", effects="none", output_schema={"type": "string"})
    >>> sorted(features([plain]).names), sorted(features([plain, ToolSpec(name="any", effects="none")]).names)
    ([], ['foreach', 'parts', 'when'])
    """
    effects = any(not tool.read_only for tool in tools)
    results = [tool.output_schema or {} for tool in tools]
    return Features(
        order=effects,
        when=effects or any(not _plain(schema, _TEXT) for schema in results),
        foreach=any(_may_hold_list(schema, schema) for schema in results),
        parts=any(not _plain(schema, _SCALARS) for schema in results),
        effects=effects,
        why=any(approval_words(tool) for tool in tools),
    )


def _plain(schema: Mapping[str, Any], kinds: frozenset[str]) -> bool:
    """Whether a result is known to be a plain value of these kinds; one of a few words is there to be compared."""
    return bool(_kinds(schema)) and _kinds(schema) <= kinds and "enum" not in schema


def _kinds(schema: Mapping[str, Any]) -> frozenset[str]:
    kind = cast("str | list[str] | None", schema.get("type"))
    return frozenset([kind] if isinstance(kind, str) else kind or ())


def _may_hold_list(schema: Any, root: Mapping[str, Any], depth: int = 0) -> bool:
    if depth > _DEPTH or not isinstance(schema, dict):  # true: any value
        return schema is not False
    return _object_may(cast("Mapping[str, Any]", schema), root, depth)


def _object_may(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> bool:
    if "$ref" in schema:
        defs = cast("Mapping[str, Any]", root.get("$defs", {}))
        target: Any = defs.get(str(schema["$ref"]).rpartition("/")[2], {})
        return _may_hold_list(target, root, depth + 1)
    if choices := cast("Sequence[Any]", schema.get("anyOf") or schema.get("oneOf")):
        return any(_may_hold_list(one, root, depth + 1) for one in choices)
    if "enum" in schema or "const" in schema or _plain(schema, _SCALARS):
        return False
    inner = cast("Mapping[str, Any]", schema.get("properties") or {})
    if _kinds(schema) != _OBJECT or not inner or schema.get("additionalProperties"):
        return True
    return any(_may_hold_list(one, root, depth + 1) for one in inner.values())
