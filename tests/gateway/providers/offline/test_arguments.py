"""Arguments out of a clause."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.providers.offline.arguments import fill
from tests.gateway.providers.offline.asking import Offered, number, offered, text

BOX = Offered(
    "box", "Pack a box.", {"width": number("Width"), "height": number("Height"), "label": text("Label of the box")}
)
TRIP = Offered("trip", "Plan a trip.", {"origin": text("Starting place"), "destination": text("Final place")})
PICK = Offered("pick", "Pick something.", {"item": text("The item's name")})
TAGS = Offered(
    "tag", "Tag a note.", {"tags": {"type": "array", "items": {"type": "string"}, "description": "The tags"}}
)
SPAN = Offered(
    "span",
    "Mark a span.",
    {"range": {"type": "object", "properties": {"start": text("Start YYYY-MM-DD"), "end": text("End YYYY-MM-DD")}}},
)
ASK = Offered(
    "weather", "Knows the weather.", {"query": text("The whole request in words, with all it needs to know.")}
)
FLAG = Offered("make", "Make a key.", {"include_digits": {"type": "boolean"}, "include_signs": {"type": "boolean"}}, [])


@pytest.mark.parametrize(
    ("tool", "clause", "values"),
    [
        (
            BOX,
            "pack a box with a height of 3, a width of 2 and the label 'Top'",
            {"width": 2, "height": 3, "label": "Top"},
        ),
        (TRIP, "plan a trip from Oslo to Rome", {"origin": "Oslo", "destination": "Rome"}),
        (TRIP, "plan a trip to Rome from Oslo", {"origin": "Oslo", "destination": "Rome"}),
        (ASK, "how is the weather in Oslo on Friday", {"query": "how is the weather in Oslo on Friday"}),
        (PICK, "pick the item android", {"item": "android"}),
        (PICK, "pick item assets", {"item": "assets"}),
        (PICK, "pick the item called toast", {"item": "toast"}),
        (TAGS, "tag a note with the tags 'a', 'b', and 'c'", {"tags": ["a", "b", "c"]}),
        (SPAN, "mark a span from 2024-01-01 to 2024-02-01", {"range": {"start": "2024-01-01", "end": "2024-02-01"}}),
        (FLAG, "make a key with digits but without signs", {"include_digits": True, "include_signs": False}),
    ],
)
def test_by_name_role_and_type(tool: Offered, clause: str, values: dict[str, Any]) -> None:
    """Values find their arguments by the words around them, by prepositions and by type."""
    assert fill(offered([tool])[0], clause).values == values


def test_what_is_not_said_is_missing() -> None:
    """An argument that the clause says nothing about stays open."""
    assert fill(offered([BOX])[0], "pack a box with a width of 2").missing == ("height", "label")
