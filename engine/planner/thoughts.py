"""Leaves out what some models think aloud before they reply: a plan drafted there is not the plan."""

from __future__ import annotations

from typing import Literal

_OPENS = ("<think>", "<thinking>", "<thought>", "<reasoning>")


class ThoughtFilter:
    """Push filter for a reply that may begin with ``<think>…</think>`` or a like tag. Cost: linear in the reply."""

    def __init__(self) -> None:
        self._held = ""
        self._close = ""
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
            opened = next((tag for tag in _OPENS if begun.startswith(tag)), "")
            if not opened and any(tag.startswith(begun) for tag in _OPENS):
                return ""
            if not opened:
                return self._release(self._held)
            self._state, self._close = "inside", f"</{opened[1:]}"
        end = self._held.find(self._close)
        if end >= 0:
            return self._release(self._held[end + len(self._close) :])
        self._held = self._held[1 - len(self._close) :]
        return ""

    def _release(self, text: str) -> str:
        self._state, self._held = "after", ""
        return text
