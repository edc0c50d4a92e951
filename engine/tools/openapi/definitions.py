"""Schemas of an OpenAPI document as JSON Schema 2020-12 that stands alone.

What OpenAPI adds (``nullable``, ``discriminator``, ``example`` …) is rewritten or left out, what is malformed is left
out as well, so that what comes out is always a valid schema. Small definitions are written where they are used; large
and recursive ones stand in ``$defs``. Each is converted once, however many operations use it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, cast

from engine.tools.openapi.document import Document

Schema = dict[str, Any]
Direction = Literal["request", "response"]

LONGEST_DESCRIPTION = 200  # characters: a planner reads them with each prompt
_INLINE = 30  # schemas a definition may consist of and still be written where it is used
_TYPES = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})
_ONE = ("items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else")
_SEVERAL = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED = ("properties", "patternProperties", "dependentSchemas")
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_HIDDEN: Mapping[str, str] = {"request": "readOnly", "response": "writeOnly"}


class Definitions:
    """Converts a document's schemas for one direction."""

    def __init__(self, document: Document, direction: Direction) -> None:
        self._document = document
        self._hidden = _HIDDEN[direction]
        self._names: dict[str, str] = {}
        self._found: dict[str, Schema] = {}
        self._under_way: list[str] = []
        self._keep: set[str] = set()

    def standing_alone(self, schema: Schema) -> Schema:
        """Return a converted schema with the definitions it needs."""
        needed: dict[str, Schema] = {}
        todo = _references(schema)
        while todo:
            name = todo.pop()
            if name not in needed and name in self._found:  # a default may hold what looks like a reference
                needed[name] = self._found[name]
                todo += _references(needed[name])
        return {**schema, "$defs": dict(sorted(needed.items()))} if needed else schema

    def target(self, schema: Schema) -> Schema:
        """Return a converted schema, behind its reference if it is one."""
        reference = schema.get("$ref")
        return self._found[reference.rpartition("/")[2]] if isinstance(reference, str) else schema

    def convert(self, source: object) -> Schema:
        """Return a schema of the document as JSON Schema; its references lead to what ``standing_alone`` adds.

        Raises:
            ConfigError: A reference leads out of the document, or nowhere.
        """
        if not isinstance(source, dict):
            return {"not": {}} if source is False else {}
        given = cast("Schema", source)
        reference = given.get("$ref", given.get("$recursiveRef", given.get("$dynamicRef")))
        if isinstance(reference, str):
            return self._refer(reference, given)
        made: Schema = {}
        self._shape(given, made)
        _limit(given, made)
        self._members(given, made)
        self._named_members(given, made)
        if given.get("nullable") is True:
            _take_null(made)
        return made

    def _refer(self, reference: str, given: Schema) -> Schema:
        if reference == "#" and self._under_way:  # the schema it stands in (2019-09's $recursiveRef)
            reference = self._under_way[-1]
        body = self._definition(reference)
        beside = self.convert({key: value for key, value in given.items() if not key.endswith(("$ref", "Ref"))})
        if body is None or self._names[reference] in self._keep or _weighs_more(body, _INLINE):
            self._keep.add(self._names[reference])
            body = {"$ref": f"#/$defs/{self._names[reference]}"}
        if not beside.keys() - {"description", "default"}:
            return {**body, **beside}
        return {"allOf": [body, beside]}

    def _definition(self, reference: str) -> Schema | None:
        """Return a definition, converted; None while it is being converted, as it contains itself."""
        if reference in self._under_way:
            return None
        if reference not in self._names:
            self._names[reference] = _free_name(reference, self._names.values())
            self._under_way.append(reference)
            self._found[self._names[reference]] = self.convert(self._document.at(reference))
            self._under_way.pop()
        return self._found[self._names[reference]]

    def _shape(self, given: Schema, made: Schema) -> None:
        kinds = given.get("type")
        named = [kinds] if isinstance(kinds, str) else cast("list[Any]", kinds if isinstance(kinds, list) else [])
        types = list(dict.fromkeys(kind for kind in named if isinstance(kind, str) and kind in _TYPES))
        if types:
            made["type"] = types[0] if len(types) == 1 else types
        if isinstance(given.get("description"), str):
            made["description"] = shortened(given["description"], LONGEST_DESCRIPTION)
        if isinstance(given.get("enum"), list):
            made["enum"] = given["enum"]
        for key in ("const", "default"):
            if key in given:
                made[key] = given[key]
        if isinstance(given.get("format"), str):
            made["format"] = given["format"]

    def _members(self, given: Schema, made: Schema) -> None:
        for key in _ONE:
            if isinstance(given.get(key), (dict, bool)):
                value: Any = given[key]
                made[key] = value if isinstance(value, bool) else self.convert(value)
        for key in _SEVERAL:
            if isinstance(given.get(key), list) and given[key]:
                made[key] = [self.convert(item) for item in cast("list[Any]", given[key])]
        if "oneOf" in made:  # branches of published documents overlap, and their servers do not mind
            branches = made.pop("oneOf")
            if "anyOf" in made:
                made["allOf"] = [*made.get("allOf", ()), {"anyOf": branches}]
            else:
                made["anyOf"] = branches

    def _named_members(self, given: Schema, made: Schema) -> None:
        for key in (key for key in _NAMED if isinstance(given.get(key), dict)):
            made[key] = {
                name: self.convert(value)
                for name, value in cast("dict[str, Any]", given[key]).items()
                if not self._is_hidden(value) and (key != "patternProperties" or _compiles(name))
            }
        if isinstance(given.get("required"), list):
            members = cast("dict[str, Any]", given.get("properties") or {})
            needed = [name for name in cast("list[Any]", given["required"]) if isinstance(name, str)]
            made["required"] = [name for name in dict.fromkeys(needed) if not self._is_hidden(members.get(name))]

    def _is_hidden(self, schema: object) -> bool:
        return isinstance(schema, dict) and cast("Schema", schema).get(self._hidden) is True


def shortened(text: str, most: int) -> str:
    """Return the first paragraph of a text on one line, at most so many characters of it.

    >>> shortened("Lists pets.\\n\\nWith much more to say.", 80)
    'Lists pets.'
    """
    line = " ".join(text.strip().partition("\n\n")[0].split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def _limit(given: Schema, made: Schema) -> None:
    """Take over bounds, counts and patterns that are of their right type; 3.0's exclusive bounds become 3.1's."""
    checks: list[tuple[tuple[str, ...], Callable[[Any], bool]]] = [
        (_COUNTS, lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0),
        (_BOUNDS, lambda value: isinstance(value, (int, float)) and not isinstance(value, bool)),
        (("multipleOf",), lambda value: isinstance(value, (int, float)) and value > 0),
        (("uniqueItems",), lambda value: isinstance(value, bool)),
        (("pattern",), lambda value: isinstance(value, str) and _compiles(value)),
    ]
    for keys, fits in checks:
        made.update({key: given[key] for key in keys if key in given and fits(given[key])})
    for bound in ("Minimum", "Maximum"):
        if given.get(f"exclusive{bound}") is True and bound.lower() in made:
            made[f"exclusive{bound}"] = made.pop(bound.lower())


def _take_null(schema: Schema) -> None:
    """Let a schema take null as well (OpenAPI 3.0's ``nullable``)."""
    kinds = schema.get("type")
    if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
    if kinds is not None:
        named = cast("list[str]", [kinds] if isinstance(kinds, str) else kinds)
        schema["type"] = [*named, *(() if "null" in named else ("null",))]
    if "anyOf" in schema:
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
    elif "allOf" in schema:
        schema["anyOf"] = [{"allOf": schema.pop("allOf")}, {"type": "null"}]


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except (re.error, RecursionError):
        return False
    return True


def _free_name(reference: str, taken: Any) -> str:
    base = re.sub(r"[^A-Za-z0-9_.-]+", "_", reference.rpartition("/")[2]) or "schema"
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    return name


def _weighs_more(schema: Schema, most: int) -> bool:
    """Tell whether a schema is made of more than so many objects. Cost: O(most)."""
    todo: list[Any] = [schema]
    while todo and most >= 0:
        item = todo.pop()
        if isinstance(item, dict):
            most -= 1
            todo += cast("dict[str, Any]", item).values()
        elif isinstance(item, list):
            todo += cast("list[Any]", item)
    return most < 0


def _references(schema: Schema) -> list[str]:
    found: list[str] = []
    todo: list[Any] = [schema]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            members = cast("dict[str, Any]", item)
            if isinstance(members.get("$ref"), str):
                found.append(members["$ref"].rpartition("/")[2])
            todo += members.values()
        elif isinstance(item, list):
            todo += cast("list[Any]", item)
    return found
