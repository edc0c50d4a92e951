"""A report as blocks, in Markdown and HTML."""

from __future__ import annotations

from benchmarks.report.document import Code, Folded, Heading, Picture, Table, Words, pictures, to_html, to_markdown

BLOCKS = [
    Heading("A & b", 1),
    Words("<so>", strong=True),
    Table(("name", "s"), [("a|b", "1.5")]),
    Folded("more", [Code("x < ```"), Picture("p", "<svg></svg>", "what")]),
]


def test_markdown_escapes_what_would_break_it() -> None:
    """A bar in a cell does not end it, a fence in a text does not end the text."""
    text = to_markdown(BLOCKS)
    assert "| a\\|b | 1.5 |" in text
    assert "````text\nx < ```\n````" in text
    assert "![what](pictures/p.svg)" in text


def test_a_page_loads_nothing_and_escapes_texts() -> None:
    """No address stands in the page, and what is told is text, not markup."""
    page = to_html("T", BLOCKS)
    assert "http" not in page
    assert "&lt;so&gt;" in page
    assert "<svg></svg>" in page


def test_pictures_in_folded_blocks_are_found() -> None:
    """The files that Markdown refers to are all written."""
    assert [one.name for one in pictures(BLOCKS)] == ["p"]
