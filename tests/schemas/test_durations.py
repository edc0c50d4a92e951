"""Lengths of time."""

from __future__ import annotations

import pytest

from schemas.durations import seconds_of, shown_seconds


def test_people_write_them_in_many_ways() -> None:
    """Seconds, units short and long, and several parts."""
    assert [seconds_of(text) for text in ("90", "90s", "5 min", "1h30m", "2 hours")] == [90, 90, 300, 5_400, 7_200]


@pytest.mark.parametrize("text", ["", "0", "-5", "soon", "5 minn", "1h-2m"])
def test_what_is_none_is_said(text: str) -> None:
    """Nothing, a negative or unknown words are refused."""
    with pytest.raises(ValueError, match="is no time"):
        seconds_of(text)


def test_they_are_shown_in_the_unit_that_fits() -> None:
    """A whole number of the largest unit."""
    assert [shown_seconds(one) for one in (86_400, 7_200, 300, 90)] == ["1 d", "2 h", "5 min", "90 s"]
