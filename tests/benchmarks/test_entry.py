"""What the command line takes, and what it says of what it cannot take."""

from __future__ import annotations

import argparse

import pytest

from benchmarks.entry import at_least, known_as, more_than_0
from schemas.errors import ConfigError


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", ""])
def test_a_count_is_a_whole_number_from_one_on(text: str) -> None:
    """Anything else is refused in words."""
    assert at_least(1)("3") == 3
    with pytest.raises(argparse.ArgumentTypeError, match="a whole number from 1 on is needed"):
        at_least(1)(text)


@pytest.mark.parametrize("text", ["0", "-1", "fast", "nan", "inf"])
def test_a_speed_is_above_nought(text: str) -> None:
    """Nothing is divided by nought, nor takes for ever."""
    assert more_than_0("0.5") == 0.5
    with pytest.raises(argparse.ArgumentTypeError, match="above 0"):
        more_than_0(text)


def test_a_name_that_is_none_is_told_with_the_nearest() -> None:
    """Or with all there are, where none is near."""
    assert known_as("plan", ["plan", "react"], "system") == "plan"
    with pytest.raises(ConfigError, match="there is no system 'pla'") as near:
        known_as("pla", ["plan", "react"], "system")
    assert near.value.hint == "did you mean plan?"
    with pytest.raises(ConfigError) as far:
        known_as("x", ["plan", "react"], "system")
    assert far.value.hint == "there are: plan, react"
