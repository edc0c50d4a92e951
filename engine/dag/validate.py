"""JSON Schema checks, with validators kept between calls (building one costs more than a hundred checks)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError

_KEPT = 4096
_validators: dict[int, tuple[dict[str, Any], Draft202012Validator]] = {}


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """Return the validator of a schema; the same object gives the same validator."""
    kept = _validators.get(id(schema))
    if kept is None or kept[0] is not schema:
        if len(_validators) >= _KEPT:
            _validators.clear()
        kept = _validators[id(schema)] = (schema, Draft202012Validator(schema))
    return kept[1]


def schema_fault(schema: dict[str, Any]) -> str:
    """Return why a JSON Schema is itself wrong; empty when it is fine."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as exc:
        return f"{exc.json_path}: {exc.message}"
    return ""


def faults(
    schema: dict[str, Any], value: Any, *, skip: Callable[[ValidationError], bool] = lambda _: False
) -> Iterator[tuple[str, str]]:
    """Yield (JSON path, message) for each way a value breaks a schema.

    Args:
        schema: JSON Schema, draft 2020-12.
        value: Any JSON value.
        skip: Errors to leave out.
    """
    checker = validator(schema)
    if checker.is_valid(value):
        return
    for error in cast("Iterator[ValidationError]", checker.iter_errors(value)):  # pyright: ignore[reportUnknownMemberType]
        if not skip(error):
            yield str(error.json_path), _message(error)


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
