"""Regular expressions in JSON Schemas: the same answers as jsonschema's own, and an end."""

from __future__ import annotations

import time
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from engine.dag.validate import faults
from schemas.patterns import GUARDED, patience

NAMED: dict[str, Any] = {"properties": {"a": {}}, "patternProperties": {"^x-": {"type": "integer"}}}


@pytest.mark.parametrize("schema", [{"pattern": "^(a|a)*$"}, {"items": {"pattern": "^(a|aa)+$"}}])
@pytest.mark.parametrize("value", ["a" * 60 + "!", ["a" * 60 + "!"] * 500])
def test_a_pattern_that_never_ends_is_a_fault(schema: dict[str, Any], value: Any) -> None:
    """B20: a pattern that would take for ever is one fault that names it, however many texts it stands against."""
    began = time.process_time()
    found = faults(schema, value)
    assert time.process_time() - began < 5
    assert found == () or "takes too long" in found[0][1]


def test_a_key_that_never_ends_is_a_fault() -> None:
    """B20: the names of properties are matched under the same limit."""
    schema: dict[str, Any] = {"patternProperties": {"^(a|a)*$": {}}, "additionalProperties": False}
    assert "takes too long" in faults(schema, {"a" * 60 + "!": 1})[0][1]


@pytest.mark.parametrize("rest", [{}, {"additionalProperties": False}, {"additionalProperties": {"type": "string"}}])
@pytest.mark.parametrize("value", [{}, {"a": 1}, {"x-1": 1}, {"x-1": "no"}, {"b": 1}, {"b": "s", "a": 1}, 3])
def test_properties_by_pattern(rest: dict[str, Any], value: Any) -> None:
    """What is valid is what jsonschema itself finds valid."""
    schema: dict[str, Any] = {**NAMED, **rest}
    with patience():
        assert GUARDED(schema).is_valid(value) == Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize(("text", "told"), [("ab1", []), ("1ab", ["$.t: '1ab' does not match '^[a-z]+(?=1)'"])])
def test_lookarounds_are_understood(text: str, told: list[str]) -> None:
    """Patterns keep their usual syntax, lookarounds too; the fault names text and pattern."""
    schema = {"type": "object", "properties": {"t": {"type": "string", "pattern": "^[a-z]+(?=1)"}}}
    assert [f"{path}: {message}" for path, message in faults(schema, {"t": text})] == told
