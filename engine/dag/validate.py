"""JSON Schema checks, with validators kept between calls (building one costs more than a hundred checks)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError

from schemas.patterns import GUARDED, has_patterns, patience

MAX_DEPTH = 64
_MAX_BITS = 1024
_KEPT = 4096
_validators: dict[int, tuple[dict[str, Any], Draft202012Validator, str]] = {}


def _checker(schema: dict[str, Any]) -> tuple[Draft202012Validator, str]:
    """Return the validator of a schema, the same for the same object, and why it may not be used."""
    kept = _validators.get(id(schema))
    if kept is None or kept[0] is not schema:
        if len(_validators) >= _KEPT:
            _validators.clear()
        checker = GUARDED(schema) if has_patterns(schema) else Draft202012Validator(schema)
        kept = _validators[id(schema)] = (schema, checker, _outside(schema))
    return kept[1], kept[2]


def schema_fault(schema: dict[str, Any]) -> str:
    """Return why a JSON Schema is itself wrong, or refers to something outside it; empty when it is fine."""
    try:
        Draft202012Validator.check_schema(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    except SchemaError as exc:
        return f"{exc.json_path}: {exc.message}"
    return _outside(schema)


def json_fault(value: Any) -> str:
    """Return why a value is no JSON that can be written, walked and sent; empty when it is fine.

    Cost: O(size), without recursion.
    """
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                members = cast("dict[Any, Any]", item)
                level_fault = next((fault for key in members if (fault := _key_fault(key))), "")
                below.extend(members.values())
            elif isinstance(item, (list, tuple)):
                level_fault = ""
                below.extend(cast("Iterable[Any]", item))
            else:
                level_fault = _scalar_fault(item)
            if level_fault:
                return level_fault
        if not below:
            return ""
        level = below
    return f"it is nested deeper than {MAX_DEPTH} levels"


def _key_fault(key: Any) -> str:
    return _scalar_fault(key) if isinstance(key, str) else f"a key is text, not {type(key).__name__}"


def _scalar_fault(value: Any) -> str:
    if isinstance(value, str):
        broken = not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value)
        return "it holds half a character (a lone surrogate)" if broken else ""
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"{value} is no JSON number"
    if isinstance(value, int):
        return "" if value.bit_length() <= _MAX_BITS else "it holds a number of more than 300 digits"
    return "" if value is None else f"a {type(value).__name__} is no JSON"


def _outside(schema: dict[str, Any]) -> str:
    """Name a reference of a schema that leads out of it: nothing is ever fetched to check a value."""
    own = {""}
    targets: list[str] = []
    todo: list[Any] = [schema]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            members = cast("dict[str, Any]", item)
            own.update(found for found in (members.get("$id"),) if isinstance(found, str))
            targets += [t for key in ("$ref", "$dynamicRef") if isinstance(t := members.get(key), str)]
            todo.extend(members.values())
        elif isinstance(item, list):
            todo.extend(cast("list[Any]", item))
    lost = [target for target in targets if target.partition("#")[0] not in own]
    return f"$ref {_shown(lost[0])} leads out of the schema" if lost else ""


def faults(
    schema: dict[str, Any], value: Any, *, skip: Callable[[ValidationError], bool] = lambda _: False
) -> Sequence[tuple[str, str]]:
    """Return (JSON path, message) for each way a value breaks a schema.

    Args:
        schema: JSON Schema, draft 2020-12.
        value: Any JSON value.
        skip: Errors to leave out.
    """
    if _surely_valid(schema, value):
        return ()
    checker, unusable = _checker(schema)
    if unusable:
        return [("$", unusable)]
    try:
        if type(checker) is Draft202012Validator:
            return _found(checker, value, skip)
        with patience():
            return _found(checker, value, skip)
    except Exception as exc:  # a $ref to nowhere or to itself, a pattern that is none or never ends, an odd number
        return [("$", f"its schema cannot be applied: {type(exc).__name__}: {_shown(str(exc))}")]


def _found(
    checker: Draft202012Validator, value: Any, skip: Callable[[ValidationError], bool]
) -> Sequence[tuple[str, str]]:
    if checker.is_valid(value):
        return ()
    errors = cast("Iterator[ValidationError]", checker.iter_errors(value))  # pyright: ignore[reportUnknownMemberType]
    return [(str(error.json_path), _message(error)) for error in errors if not skip(error)]


_ANY: tuple[type, ...] = (object,)
_BOOLEAN: tuple[type, ...] = (bool,)
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": _BOOLEAN,
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}
_NOTES = frozenset({"type", "title", "description", "default", "examples", "$comment"})
_FLAT = _NOTES | {"properties", "required", "additionalProperties"}


@dataclass(frozen=True, slots=True)
class _Flat:
    """An object schema whose members have plain types, read once.

    Attributes:
        schema: Held, so that its id is not used again.
        required: Names that must be there.
        types: What each declared name may hold; empty where only the full check can say.
        others: What any other name may hold: anything, or nothing.
    """

    schema: dict[str, Any]
    required: tuple[str, ...]
    types: dict[str, tuple[type, ...]]
    others: tuple[type, ...]


_flats: dict[int, _Flat] = {}


def _surely_valid(schema: dict[str, Any], value: Any) -> bool:
    """Whether a flat object schema is certainly met; False only means that the full check must say.

    Most calls have a few typed arguments, and this takes half a microsecond where the full check takes fifteen.
    """
    flat = _flats.get(id(schema))
    if flat is None or flat.schema is not schema:
        flat = _flattened(schema)
    if flat is None or not isinstance(value, dict):
        return False
    given = cast("dict[str, Any]", value)
    if flat.required and not all(name in given for name in flat.required):
        return False
    for name, item in given.items():
        expected = flat.types.get(name, flat.others)
        if not isinstance(item, expected):
            return False
        if isinstance(item, bool) and expected is not _BOOLEAN and expected is not _ANY:  # no integer to JSON Schema
            return False
    return True


def _flattened(schema: dict[str, Any]) -> _Flat | None:
    """Read a schema for ``_surely_valid``; None when it is not flat."""
    if schema.get("type") != "object" or not schema.keys() <= _FLAT:
        return None
    extra = schema.get("additionalProperties", True)
    if extra is not True and extra is not False:
        return None
    properties: Any = schema.get("properties", {})
    if not isinstance(properties, dict):
        return None
    declared = cast("dict[str, Any]", properties)
    types = {name: _plain_types(each) for name, each in declared.items()}
    if len(_flats) >= _KEPT:
        _flats.clear()
    flat = _flats[id(schema)] = _Flat(schema, tuple(schema.get("required", ())), types, _ANY if extra else ())
    return flat


def _plain_types(declared: Any) -> tuple[type, ...]:
    if not isinstance(declared, dict) or not cast("dict[str, Any]", declared).keys() <= _NOTES:
        return ()
    expected = cast("dict[str, Any]", declared).get("type")
    return _TYPES.get(expected, ()) if isinstance(expected, str) else ()


def as_declared(schema: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Write a referenced value as text where the tool takes nothing but text.

    A whole-string reference keeps its type, so a number would not fit an argument that is declared a string, though
    the plan means its text. Literals are left alone: there a wrong type is the planner's mistake.

    >>> as_declared({"properties": {"text": {"type": "string"}}}, {"text": 96})
    {'text': '96'}
    """
    properties = schema.get("properties", {})
    return {
        name: json.dumps(value, ensure_ascii=False)
        if not isinstance(value, str) and value is not None and properties.get(name, {}).get("type") == "string"
        else value
        for name, value in arguments.items()
    }


def _message(error: ValidationError) -> str:
    if error.validator == "type":
        return f"expected {_types(error.validator_value)}, got {_shown(error.instance)}"
    if error.validator == "enum":
        allowed = ", ".join(repr(item) for item in cast("list[Any]", error.validator_value))
        return f"{_shown(error.instance)} is not one of {allowed}"
    return error.message if len(error.message) < 300 else error.message[:297] + "…"


def _types(expected: Any) -> str:
    return (
        " or ".join(str(item) for item in cast("list[Any]", expected)) if isinstance(expected, list) else str(expected)
    )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "…"
