"""Texts held to the form that is wished of them."""

from __future__ import annotations

import pytest

from engine.synth.form import formed
from schemas.model import OutputSchema

SCHEMA = OutputSchema(name="o", json_schema={"type": "object", "properties": {"n": {"type": "integer"}}})
ANY = OutputSchema(name="json_object", json_schema={})


@pytest.mark.parametrize(
    ("text", "output", "problem"),
    [
        ('{"n": 1}', SCHEMA, ""),
        ('```json\n{"n": 1}\n```', SCHEMA, ""),
        ('{"n": "one"}', SCHEMA, "$.n: "),
        ("the number is 1", SCHEMA, "it is no JSON"),
        ('{"n": NaN}', SCHEMA, "NaN is no JSON value"),
        ('{"a": []}', ANY, ""),
        ("[]", ANY, "expected an object"),
        ("[" * 100_000, ANY, "it is no JSON"),
    ],
)
def test_a_text_has_the_form_or_what_is_wrong_is_said(text: str, output: OutputSchema, problem: str) -> None:
    """JSON in or out of a fence is held to the schema; anything else is a line on what is wrong."""
    found = formed(text, output)
    assert problem in "".join(found.problems)
    assert bool(found.problems) == bool(problem)
    assert "```" not in found.text
