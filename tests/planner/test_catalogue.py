"""The tools as the planner's model reads them."""

from __future__ import annotations

from engine.planner.catalogue import catalogue_line, result_shape, shape
from schemas.policies import ApprovalPolicy
from tests.planner.doubles import CONVERT, tool


def test_a_tool() -> None:
    """A tool is shown with its arguments, defaults, limits, effects and result, each once."""
    output = {"type": "object", "properties": {"ok": {"type": "boolean"}}}
    spec = tool(
        "send",
        ["to"],
        to={"type": "array", "items": {"type": "string"}},
        n={"type": "integer", "default": 1, "description": "How many.", "minimum": 1},
    )
    spec = spec.model_copy(update={"effects": "effectful", "approval": ApprovalPolicy(), "output_schema": output})
    spec = spec.model_copy(update={"description": "It sends."})
    assert catalogue_line(spec).splitlines() == [
        "- send(to: string[], n?: integer = 1) -> {ok: boolean} [effects] [a person approves each call]: It sends.",
        "  n: How many. [minimum 1]",
    ]
    assert catalogue_line(CONVERT).startswith('- convert(value: number, to: "ft" | "m"): ')


def test_what_may_be_left_out() -> None:
    """An argument that may be left out needs no null; one that only JSON in a text can express says so."""
    line = catalogue_line(tool("t", size={"anyOf": [{"type": "integer"}, {"type": "null"}]}, more={"type": "object"}))
    assert line.startswith("- t(size?: integer, more?: JSON as text)")


def test_nested_shapes() -> None:
    """Objects, lists, references and choices are shown by their fields, as deep as they are."""
    defs = {"point": {"type": "object", "properties": {"x": {"type": "number"}}, "required": []}}
    schema = {
        "type": "object",
        "properties": {"at": {"$ref": "#/$defs/point"}, "tags": {"type": ["array", "null"], "items": {"enum": ["a"]}}},
        "required": ["at"],
    }
    assert shape(schema, defs) == '{at: {x?: number}, tags?: "a"[] | null}'
    endless = {"self": {"type": "array", "items": {"$ref": "#/$defs/self"}}}
    assert shape({"$ref": "#/$defs/self"}, endless) == "any[][]"


def test_large_results() -> None:
    """A large result is shown less deeply; nothing known is nothing said."""
    row = {"type": "array", "items": {"type": "object", "properties": {"a_long_name": {"type": "string"}}}}
    text = result_shape({"type": "object", "properties": {f"field_{n}": row for n in range(12)}})
    assert len(text) <= 400
    assert "field_11: object[]" in text
    assert (result_shape(None), result_shape({"title": "x"})) == ("", "")
