"""Conditions over earlier results."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.providers.offline.conditions import read_condition
from gateway.providers.offline.references import Earlier
from tests.gateway.providers.offline.asking import NUMBER, TEXT, Offered, offered

(TOOL,) = offered([Offered("t", "Measures.", {}, None, {"height": NUMBER, "state": TEXT})])


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("if the height is at least 5", {"value": "{{1.height}}", "op": "ge", "to": 5}),
        ("unless the height is above 5", {"value": "{{1.height}}", "op": "le", "to": 5}),
        ("if the state is 'open'", {"value": "{{1.state}}", "op": "eq", "to": "open"}),
        ("if it snows", None),
    ],
)
def test_conditions(text: str, condition: dict[str, Any] | None) -> None:
    """A comparison names its field, or has the one of its type; anything else can't be told."""
    assert read_condition(text, [Earlier(1, TOOL)]) == condition
