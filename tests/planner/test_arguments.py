"""Arguments of one tool in the grammar."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.planner.arguments import (
    argument_schema,
    from_text,
    nullable,
    portable,
    to_text,
    without_nulls,
    written_as_text,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
REFERENCE = {"$ref": "#/$defs/reference"}
TREE: dict[str, Any] = {"type": "object", "properties": {"next": {"$ref": "#/$defs/tree"}}}


@given(JSON)
def test_text_round_trip(value: Any) -> None:
    """Any JSON value written as text is read back as it was."""
    assert from_text(to_text(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-2.5", -2.5),
        ("true", True),
        ("{{1.n}}", "{{1.n}}"),
        ("[{{1}}, {{2.a}}]", ["{{1}}", "{{2.a}}"]),
        ('{"a": "is {{1}}", "b": {{2}}}', {"a": "is {{1}}", "b": "{{2}}"}),
        ("about {{1}}", "about {{1}}"),
        ("NaN", "NaN"),
        ("1e999", "1e999"),
        ("007", "007"),
    ],
)
def test_from_text(text: str, value: Any) -> None:
    """Text that is JSON, bare references included, becomes its value; other text stays text."""
    assert from_text(text) == value


def test_unions() -> None:
    """Where unions are free, an argument is its type or a reference; a text is both already."""
    assert argument_schema({"type": "integer"}, "unions", {}) == {"anyOf": [{"type": "integer"}, REFERENCE]}
    assert argument_schema({"type": "string"}, "unions", {}) == {"type": "string"}
    assert argument_schema({"enum": ["a", "b"]}, "unions", {}) == {
        "anyOf": [{"type": "string", "enum": ["a", "b"]}, REFERENCE]
    }


def test_strings() -> None:
    """Where unions are capped, everything is a text that says what it stands for."""
    assert argument_schema({"enum": ["a", "b"]}, "strings", {}) == {
        "type": "string",
        "description": "(one of a, b, as text)",
    }
    assert (
        argument_schema({"type": "array", "items": {"type": "integer"}}, "strings", {})["description"]
        == "(JSON array, as text)"
    )
    assert not written_as_text({"type": ["string", "null"]}, "strings", {})


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        {"type": "array"},
        {"type": "object", "properties": {"a": {}}},
        {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}},
        {"enum": [1, "a"]},
        {"anyOf": [{"type": "object", "properties": {"a": {"type": "string"}}}] * 2},
        {"$ref": "#/$defs/nowhere"},
        {"$ref": "#/$defs/tree"},
    ],
)
def test_not_portable(schema: dict[str, Any]) -> None:
    """What constrained decoding cannot express is written as JSON in a text, in either dialect."""
    assert portable(schema, {"tree": TREE}) is None
    assert written_as_text(schema, "unions", {"tree": TREE})
    assert argument_schema(schema, "unions", {"tree": TREE})["type"] == "string"


def test_portable() -> None:
    """Objects are closed and whole, references to definitions are filled in, a null branch is left out."""
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/n"}, "b": {"type": "string"}}, "required": ["a"]}
    assert portable(schema, {"n": {"type": ["integer", "null"], "minimum": 1}}) == {
        "type": "object",
        "properties": {"a": {"type": "integer", "description": "[minimum 1]"}, "b": nullable({"type": "string"})},
        "required": ["a", "b"],
        "additionalProperties": False,
    }


def test_without_nulls() -> None:
    """A null that stands for "left out" goes, at any depth; one that the schema takes stays."""
    inner = {
        "type": "object",
        "properties": {"x": {"type": "integer"}, "y": {"type": ["integer", "null"]}},
        "required": [],
    }
    schema = {
        "properties": {
            "a": {"type": "array", "items": {"$ref": "#/$defs/i"}},
            "b": {"anyOf": [inner]},
            "c": {"type": "string"},
        }
    }
    value = {"a": [{"x": None, "y": None}], "b": {"x": None}, "c": None, "unknown": None}
    assert without_nulls(value, schema, {"i": inner}) == {"a": [{"y": None}], "b": {}, "unknown": None}
