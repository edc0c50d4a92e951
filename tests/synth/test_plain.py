"""JSON values as people read them."""

from __future__ import annotations

from typing import Any

import pytest

from engine.synth.language import PHRASES
from engine.synth.plain import block, inline

EN = PHRASES["en"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1 + 0.2, "0.3"), (3.0, "3"), (2024, "2024"), (1e22, "1e+22"), (1e16, "10000000000000000"), (True, "yes")],
)
def test_scalars_carry_no_noise(value: Any, text: str) -> None:
    """Numbers keep their digits, lose what a float adds, and are not grouped (a year is no amount)."""
    assert inline(value, EN) == text


def test_long_lists_and_objects_become_bullets() -> None:
    """On lines of its own a value is a list of bullets, nested ones indented."""
    value = {"names": ["x" * 50, "y" * 50], "by": {"a": [1, 2], "b": 2}}

    assert block(value, EN).splitlines() == [
        "- names:",
        "  - " + "x" * 50,
        "  - " + "y" * 50,
        "- by:",
        "  - a: 1, 2",
        "  - b: 2",
    ]


def test_what_is_nested_beyond_reading_is_left_out() -> None:
    """A value nested hundreds of levels deep is written as far as anybody reads."""
    deep: Any = "x"
    for _ in range(600):
        deep = [deep]
    assert "…" in block(deep, EN)
