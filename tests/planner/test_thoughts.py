"""Thoughts before the reply."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.planner.thoughts import ThoughtFilter


def left(pieces: list[str]) -> str:
    """What is left of a reply in pieces."""
    thoughts = ThoughtFilter()
    return "".join(thoughts.feed(piece) for piece in pieces)


@given(st.lists(st.sampled_from(["<", "think>", "</", "think", ">", "x", " "]), max_size=12))
def test_any_chunking(pieces: list[str]) -> None:
    """The chunking changes nothing."""
    assert left(pieces) == left(["".join(pieces)]) == left(list("".join(pieces)))


def test_only_at_the_beginning() -> None:
    """Thoughts are left out at the beginning only; later the tag is text."""
    assert left(["\n<think>a<b</think>c<think>d</think>"]) == "c<think>d</think>"
    assert left(["<thinker>a"]) == "<thinker>a"


def test_inside() -> None:
    """It is known that thoughts have not ended."""
    thoughts = ThoughtFilter()
    assert (thoughts.feed("<think>a</thin"), thoughts.inside) == ("", True)
    assert (thoughts.feed("k>b"), thoughts.inside) == ("b", False)
