"""Schemas with every subschema an object."""

from __future__ import annotations

from typing import Any

import pytest

from engine.planner.catalogue import catalogue_line
from engine.planner.features import features
from engine.planner.grammar import Dialect, compile_grammar
from schemas.subschemas import written_out
from schemas.tool import ToolSpec

ANY: dict[str, Any] = {"type": "object", "properties": {"q": True, "r": {"type": "array", "items": True}}}


@pytest.mark.parametrize("dialect", ["unions", "strings", "filled"])
@pytest.mark.parametrize("output", [ANY, {"anyOf": [True]}, {"$ref": "#/$defs/a", "$defs": {"a": True}}])
def test_a_tool_whose_schema_has_true_in_it_is_planned_with(output: dict[str, Any], dialect: Dialect) -> None:
    """``true`` stands for any value, in arguments and in results: such a tool is shown and may be called."""
    tool = ToolSpec(name="any", input_schema={**ANY, "required": ["q"]}, output_schema=output)
    assert catalogue_line(tool).startswith("- any(")
    assert features([tool]).foreach
    assert "any" in str(compile_grammar([tool], dialect))


def test_what_is_no_subschema_stays() -> None:
    """Whether more properties are allowed, constants, defaults and examples are as they were."""
    given = {"additionalProperties": False, "const": True, "default": {"items": True}, "examples": [True]}
    assert written_out(given) == given
