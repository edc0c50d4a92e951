"""Values a text mentions."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.providers.offline.values import mentions


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ('call it "Plan B"', "quote", "Plan B"),
        ("write to ann.lee@example.com", "email", "ann.lee@example.com"),
        ("open https://example.com/a?b=1.", "url", "https://example.com/a?b=1"),
        ("on March 3, 2024", "date", "2024-03-03"),
        ("on 2024-03-03 at 9:30 pm", "date", "2024-03-03 21:30"),
        ("at 9:30 pm", "time", "9:30 pm"),
        ("dial 555-123-4567", "phone", "555-123-4567"),
        ("read out/notes.txt", "path", "out/notes.txt"),
        ("about 2,340.5 units", "number", 2340.5),
        ("a rate of 8%", "percent", 8),
        ("for $1,200", "money", 1200),
        ("2 million people", "number", 2_000_000),
        ("rows [1, 2, 3]", "list", [1, 2, 3]),
        ("for 'a', 'b', and 'c'", "list", ["a", "b", "c"]),
        ("between New York and Rome", "list", ["New York", "Rome"]),
        ("into French", "language", "French"),
    ],
)
def test_kinds(text: str, kind: str, value: Any) -> None:
    """Every kind of value is found with its type."""
    assert [(mention.kind, mention.value) for mention in mentions(text)] == [(kind, value)]


def test_unit_and_sentence_opening() -> None:
    """A number keeps its unit; the capital letter that opens a sentence is no name."""
    (mention,) = mentions("Wait for 5 minutes")
    assert (mention.value, mention.unit) == (5, "minutes")


def test_an_apostrophe_is_no_quote() -> None:
    """Quotes may hold an apostrophe, and a possessive opens none."""
    assert mentions("check 'He don't know' in Ann's text")[0].value == "He don't know"
