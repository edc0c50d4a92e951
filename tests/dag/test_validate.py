"""JSON Schema checks."""

from __future__ import annotations

from typing import Any

import pytest

from engine.dag.validate import MAX_DEPTH, faults, json_fault, schema_fault

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"n": {"type": ["integer", "null"]}, "kind": {"enum": ["a", "b"]}, "t": {"maxLength": 3}},
}


def test_each_fault_has_its_path() -> None:
    """A fault names the JSON path, what was expected and what stands there, shortened."""
    assert list(faults(SCHEMA, {"n": "x" * 500, "kind": "c"})) == [
        ("$.n", f"expected integer or null, got '{'x' * 56}…"),
        ("$.kind", "'c' is not one of 'a', 'b'"),
    ]
    assert list(faults(SCHEMA, {"n": None, "kind": "a"})) == []
    assert len(faults(SCHEMA, {"t": "x" * 5000})[0][1]) <= 300


def test_faults_can_be_left_out() -> None:
    """The caller says which faults do not count."""
    assert list(faults(SCHEMA, {"n": "x", "kind": "c"}, skip=lambda error: error.validator == "enum")) == [
        ("$.n", "expected integer or null, got 'x'")
    ]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"$ref": "http://127.0.0.1:9/x.json"}, 1),
        ({"$ref": "#/$defs/gone"}, 1),
        ({"$ref": "#"}, 1),
        ({"pattern": "("}, "x"),
        ({"multipleOf": 0.1}, 10**400),
        ({"multipleOf": 0.1}, float("nan")),
    ],
)
def test_a_schema_that_cannot_be_applied_is_a_fault(schema: dict[str, Any], value: Any) -> None:
    """A reference to nowhere, out or to itself, a broken pattern, a number out of range: one fault, no fetch."""
    ((path, message),) = faults(schema, value)
    assert path == "$"
    assert message
    assert "\n" not in message


def test_references_inside_a_schema_are_followed() -> None:
    """A schema may refer to its own definitions, by pointer or by the id they have."""
    schema = {
        "properties": {"a": {"$ref": "#/$defs/one"}, "b": {"$ref": "urn:x"}},
        "$defs": {"one": {"type": "integer"}, "two": {"$id": "urn:x", "type": "string"}},
    }
    assert schema_fault(schema) == ""
    assert [path for path, _ in faults(schema, {"a": "x", "b": 1})] == ["$.a", "$.b"]


def test_what_is_no_json_is_told() -> None:
    """Depth, lone surrogates, infinities, endless numbers and foreign types are told; all real JSON is fine."""
    deep: Any = "x"
    for _ in range(MAX_DEPTH - 1):
        deep = {"a": [deep]} if isinstance(deep, list) else [deep]
    assert json_fault({"a": [1, -2.5, None, True, "é😀", {}]}) == ""
    assert json_fault([1] * 100_000) == ""
    assert "deeper than 64" in json_fault([[deep, deep]])
    for bad in ("\udc00", float("inf"), 10**400, b"x", {1: 2}, {"\udc00": 1}, [{"a": {3}}]):
        assert json_fault(bad)
