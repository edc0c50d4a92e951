"""Values in what people write."""

from __future__ import annotations

from typing import Any

import pytest

from engine.serve.chat.values import changes, fitted, value_of

ROLE: dict[str, Any] = {"enum": ["admin", "guest"]}


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ("3", {"type": "integer"}, (3,)),
        ("3.5", {"type": "integer"}, None),
        ("3.5", {"type": "number"}, (3.5,)),
        ("ja", {"type": "boolean"}, (True,)),
        ("nope", {"type": "boolean"}, (False,)),
        ("Guest.", ROLE, ("guest",)),
        ("king", ROLE, None),
        ("[1]", {"type": "array"}, ([1],)),
        ("x", {"type": "object", "properties": {"a": {"type": "string"}}}, ({"a": "x"},)),
    ],
)
def test_an_answer_fits_its_schema(text: str, schema: dict[str, Any], value: Any) -> None:
    """A text becomes the value it says, or none."""
    assert fitted(text, schema) == value


def test_values_keep_their_kind() -> None:
    """An argument is changed to a value of the kind that stood there; anything else changes nothing."""
    known: dict[str, Any] = {"amount": 5, "urgent": False, "to_account": "x"}
    assert changes("with urgent true", known) == {"urgent": True}
    assert changes("with amount $1,200.50", known) == {"amount": 1200.5}
    assert changes('with to account "a, b"', known) == {"to_account": "a, b"}
    assert changes("with amount a lot", known) is changes("with speed 3", known) is changes("", known) is None


def test_json_is_read() -> None:
    """An object or a list is read; a number or a word stays text."""
    assert (value_of('{"a": 1}'), value_of("42"), value_of("{no")) == ({"a": 1}, "42", "{no")
