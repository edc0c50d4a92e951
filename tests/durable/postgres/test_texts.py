"""Texts that Postgres has no form for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.durable.postgres.texts import folded, restored, stored


@given(st.text(st.characters()))
def test_every_text_comes_back(text: str) -> None:
    """Any text, half surrogate pairs and NULs included, is kept in a form that Postgres takes, and read back equal."""
    kept = stored(text)
    assert "\x00" not in kept
    kept.encode()
    folded(text).encode()
    assert restored(kept) == text
