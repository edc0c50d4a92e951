"""Texts shortened fairly under one cap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.excerpts import excerpts


def test_the_longest_is_cut_first() -> None:
    """A short text stays whole while a long one gives way, and keeps its begin and its end."""
    short, long = excerpts(["short", "<" + "x" * 998 + ">"], 105)

    assert short == "short"
    assert long.startswith("<x")
    assert long.endswith("x>")
    assert "[900 of 1,000 characters left out]" in long


@given(st.lists(st.integers(0, 300).map(lambda n: "x" * n), max_size=8), st.integers(0, 600))
def test_the_cap_holds_and_is_used(texts: list[str], cap: int) -> None:
    """All texts together stay within the cap (notes of a cut aside); nothing is cut that fits."""
    kept = [text.count("x") for text in excerpts(texts, cap)]

    assert sum(kept) <= max(cap, 0) or kept == [len(text) for text in texts]
    if sum(map(len, texts)) <= cap:
        assert kept == [len(text) for text in texts]
    else:
        assert sum(kept) > cap - len(texts)
