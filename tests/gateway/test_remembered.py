"""A dict with an end."""

from __future__ import annotations

from gateway.remembered import Remembered


def test_the_oldest_is_forgotten() -> None:
    """What was put in first goes first; what is never to be forgotten stays and takes no room."""
    kept = Remembered[str, int](2, always={"here"})
    for number, name in enumerate(("here", "a", "b", "a", "c", "d")):
        kept[name] = number
    assert kept == {"here": 0, "c": 4, "d": 5}
