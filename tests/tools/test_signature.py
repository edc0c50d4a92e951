"""Schemas from type hints and docstrings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import jsonschema
import pytest
from pydantic import BaseModel, Field

from engine.planner.grammar import output_sketch
from engine.tools.builtin.arithmetic import calculate
from engine.tools.builtin.dates import date_time
from engine.tools.signature import read_signature
from schemas.errors import ConfigError


class Size(Enum):
    SMALL = "s"
    LARGE = "l"


class Address(TypedDict):
    street: str
    zip: NotRequired[str]


@dataclass
class Box:
    size: Size
    tags: list[str]


class Node(BaseModel):
    children: list[Node] = []


def order(
    item: Annotated[str, Field(max_length=9)],
    to: Address,
    boxes: list[Box],
    mode: Literal["fast", "slow"] = "fast",
    note: str | None = None,
) -> dict[str, Address]:
    """Order an item
    and have it sent.

    Second paragraph.

    Args:
        item: What to order,
            by name.
        to (Address): Where to.

    Returns:
        Addresses by name.

    Raises:
        ValueError: Never.
    """
    return {item: to}


def test_the_docstring_describes_tool_arguments_and_result() -> None:
    """Description, arguments and result are read from the docstring; wrapped lines are joined."""
    signature = read_signature(order)
    properties = signature.input_schema["properties"]
    assert signature.description == "Order an item and have it sent.\n\nSecond paragraph."
    assert (properties["item"]["description"], properties["to"]["description"]) == (
        "What to order, by name.",
        "Where to.",
    )
    assert signature.output_schema is not None
    assert signature.output_schema["description"] == "Addresses by name."


def test_types_become_schemas() -> None:
    """Literals, enums, dataclasses, TypedDicts and optionals have their JSON Schema, without titles or references."""
    schema = read_signature(order).input_schema
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["required"] == ["item", "to", "boxes"]
    assert schema["properties"]["mode"] == {"default": "fast", "enum": ["fast", "slow"], "type": "string"}
    assert schema["properties"]["boxes"]["items"]["properties"]["size"]["enum"] == ["s", "l"]
    assert schema["properties"]["to"]["required"] == ["street"]
    assert "title" not in str(schema)
    assert "$ref" not in str(schema)


@pytest.mark.parametrize(
    ("given", "valid"),
    [
        ({"item": "a", "to": {"street": "x"}, "boxes": []}, True),
        ({"item": "a", "to": {}, "boxes": []}, False),
        ({"item": "a", "to": {"street": "x"}, "boxes": [{"size": "m", "tags": []}]}, False),
        ({"item": "a" * 10, "to": {"street": "x"}, "boxes": []}, False),
        ({"item": "a", "to": {"street": "x"}, "boxes": [], "other": 1}, False),
    ],
)
def test_the_schema_accepts_what_the_function_accepts(given: dict[str, Any], valid: bool) -> None:
    """The schema and the check before the call agree."""
    assert jsonschema.Draft202012Validator(read_signature(order).input_schema).is_valid(given) is valid


def test_a_recursive_type_keeps_its_definition() -> None:
    """Only a type that contains itself needs a reference."""

    def walk(node: Node) -> None: ...

    walk.__annotations__["node"] = Node
    schema = read_signature(walk).input_schema
    assert set(schema["$defs"]) == {"Node"}
    assert jsonschema.Draft202012Validator(schema).is_valid({"node": {"children": [{"children": []}]}})


def test_awkward_names_are_arguments_like_others() -> None:
    """Parameters may have names that pydantic keeps for itself."""

    def odd(schema: int, _hidden: int, model_config: int = 1, copy: int = 2) -> None: ...

    signature = read_signature(odd)
    assert set(signature.input_schema["properties"]) == {"schema", "_hidden", "model_config", "copy"}
    assert signature.bind({"schema": 1, "_hidden": 2})[1] == {"schema": 1, "_hidden": 2}


def test_no_annotation_means_anything() -> None:
    """A function without hints is a tool whose arguments may be anything."""
    signature = read_signature(lambda x, y=object(): x, "anything")
    assert signature.input_schema["required"] == ["x"]
    assert "default" not in signature.input_schema["properties"]["y"]


def test_a_type_without_schema_is_refused() -> None:
    """A type that JSON cannot carry is a ConfigError that names tool, argument and type."""

    def bad(thing: object) -> None: ...

    bad.__annotations__["thing"] = type("Thing", (), {})
    with pytest.raises(ConfigError, match=r"tool 'bad', argument 'thing': the type Thing"):
        read_signature(bad)


def test_a_hint_that_cannot_be_found_is_refused() -> None:
    """A name that is imported for type checkers only is said, not a crash."""

    def bad(thing: Missing) -> None: ...  # noqa: F821

    with pytest.raises(ConfigError, match="Missing"):
        read_signature(bad)


def test_a_choice_of_plain_results_is_shown_to_the_planner() -> None:
    """A tool that returns a number or a text says so in the catalogue."""
    for tool, types in ((calculate, ["integer", "number", "boolean"]), (date_time, ["string", "integer", "number"])):
        assert (tool.spec.output_schema or {})["type"] == types
        assert "integer" in output_sketch(tool.spec.output_schema)
