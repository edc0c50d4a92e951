"""Numbers that bound something."""

from __future__ import annotations

import pytest

from tests.gateway.providers.offline.asking import Offered, plan, text

FIND = Offered(
    "find_things",
    "Search for things",
    {
        "query": text("What to look for"),
        "max_price": {"type": "number", "description": "Highest price"},
        "min_price": {"type": "number", "description": "Lowest price"},
        "limit": {"type": "integer", "description": "How many to return"},
    },
    ["query"],
)


@pytest.mark.parametrize(
    ("task", "given"),
    [
        ("Search for 'lamps' under 150", {"max_price": 150}),
        ("Search for 'lamps' over 20", {"min_price": 20}),
        ("搜索不超过200元的「灯」", {"max_price": 200}),
        ("Find the top 5 'lamps'", {"limit": 5}),
    ],
)
def test_the_words_before_a_number_choose_its_argument(task: str, given: dict[str, float]) -> None:
    """A limit goes to the argument of its side, a count to the one that counts."""
    step = plan(task, [FIND])[0]["find_things"]
    assert {name: step.get(name) for name in ("max_price", "min_price", "limit") if name in step} == given
