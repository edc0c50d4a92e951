"""Plans and their steps, as they are given."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.plan import Step


def read(way: str, fields: dict[str, Any]) -> Step:
    """Read a step the way a program gives it, or a file."""
    return Step.model_validate(fields) if way == "python" else Step.model_validate_json(json.dumps(fields))


@pytest.mark.parametrize("way", ["python", "json"])
def test_ids_may_be_integers(way: str) -> None:
    """An id that is an integer becomes its digits, wherever it stands; no list of ids is an empty one."""
    step = read(way, {"id": 7, "tool": "t", "depends_on": [1, "b"]})
    assert (step.id, step.depends_on) == ("7", ("1", "b"))
    assert read(way, {"id": "7", "tool": "t", "depends_on": None}).depends_on == ()


@pytest.mark.parametrize("way", ["python", "json"])
@pytest.mark.parametrize("given", [1.0, True, None, ["1"]])
def test_what_is_no_id_is_refused(way: str, given: Any) -> None:
    """The error says once that it is no text, and where."""
    with pytest.raises(ValidationError) as caught:
        read(way, {"id": given, "tool": "t", "depends_on": ["1", given]})
    said = [(error["loc"], error["msg"]) for error in caught.value.errors()]
    assert said == [(("id",), "Input should be a valid string"), (("depends_on", 1), "Input should be a valid string")]


def test_the_schema_says_text() -> None:
    """What is declared to others is what is written: text."""
    fields = Step.model_json_schema()["properties"]
    assert fields["id"] == {"title": "Id", "type": "string"}
    assert fields["depends_on"]["items"] == {"type": "string"}
