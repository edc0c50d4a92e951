"""Docstrings taken apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.tools.docstring import parse_docstring

FULL = """Find a city
    by name.

    More about it.

    Args:
        name (str): What people call it:
            in any language.

        *rest: More
    Note:
        Not for the planner.
    Returns:
        The city.
    """


def test_sections() -> None:
    """Description, arguments and result are told apart; other sections are left out."""
    parsed = parse_docstring(FULL)
    assert parsed.description == "Find a city by name.\n\nMore about it."
    assert parsed.arguments == {"name": "What people call it: in any language.", "rest": "More"}
    assert parsed.result == "The city."


def test_nothing_is_nothing() -> None:
    """No docstring is an empty one."""
    assert parse_docstring(None).description == ""


@given(st.text("Args: \nReturnx(*)", max_size=60))
def test_any_text_is_read(text: str) -> None:
    """No docstring is too odd."""
    parse_docstring(text)
