"""Leaves out what some models think aloud before they reply: a plan drafted there is not the plan."""

from __future__ import annotations

from typing import Literal

_OPEN = "<think>"
_CLOSE = "</think>"


class ThoughtFilter:
    """Push filter for a reply that may begin with ``<think>…</think>``. Cost: linear in the reply."""

    def __init__(self) -> None:
        self._held = ""
        self._state: Literal["start", "inside", "after"] = "start"

    @property
    def inside(self) -> bool:
        """Whether the thoughts have begun and not ended."""
        return self._state == "inside"

    def feed(self, text: str) -> str:
        """Take the next piece and return what of it (and of what was held back) is no thought.

        >>> thoughts = ThoughtFilter()
        >>> [thoughts.feed(piece) for piece in ("<thi", "nk>{x}</th", "ink> so: ", "{}")]
        ['', '', ' so: ', '{}']
        """
        if self._state == "after":
            return text
        self._held += text
        if self._state == "start":
            begun = self._held.lstrip()
            if _OPEN.startswith(begun):
                return ""
            if not begun.startswith(_OPEN):
                return self._release(self._held)
            self._state = "inside"
        end = self._held.find(_CLOSE)
        if end >= 0:
            return self._release(self._held[end + len(_CLOSE) :])
        self._held = self._held[1 - len(_CLOSE) :]
        return ""

    def _release(self, text: str) -> str:
        self._state, self._held = "after", ""
        return text
