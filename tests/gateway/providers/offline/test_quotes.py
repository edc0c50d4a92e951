"""What stands in quotes."""

from __future__ import annotations

import pytest

from gateway.providers.offline.quotes import outside_quotes, unwrapped


def test_only_the_outside_is_changed() -> None:
    """Every kind of quote is left alone, an apostrophe inside a word is none."""
    assert outside_quotes("a 'a' \"a\" “a” 「a」 it's a", str.upper) == "A 'a' \"a\" “a” 「a」 IT'S A"


@pytest.mark.parametrize("text", ['"Read it; then say what is in it."', " “Read it; then say what is in it.” "])
def test_quotes_around_all_of_a_task_quote_nothing(text: str) -> None:
    """A task that somebody pasted with its quotes is the task."""
    assert unwrapped(text) == "Read it; then say what is in it."


@pytest.mark.parametrize("text", ["", "'", '"word"', "'a b' and 'c d'", 'say "a b"', "it's what it's"])
def test_quotes_inside_a_task_stay(text: str) -> None:
    """What is quoted inside, or is one word, is meant as it stands."""
    assert unwrapped(text) == text
