"""What stands in quotes."""

from __future__ import annotations

from gateway.providers.offline.quotes import outside_quotes


def test_only_the_outside_is_changed() -> None:
    """Every kind of quote is left alone, an apostrophe inside a word is none."""
    assert outside_quotes("a 'a' \"a\" “a” 「a」 it's a", str.upper) == "A 'a' \"a\" “a” 「a」 IT'S A"
