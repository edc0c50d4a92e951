"""The line ``[steps: 1, 3]`` with which a model names the steps it used: read off the stream, never shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_OPEN, _CLOSE = r"[\[［【]", r"[\]］】]"
_MARKER = re.compile(rf"[`*]{{0,3}}{_OPEN}steps?\s*[:：]([^\]］】\n]{{0,400}}){_CLOSE}[`*]{{0,3}}\s*\Z", re.I)
_NAME = re.compile(r"[\w.-]+")
_NONE = frozenset({"none", "-", ""})


def _partial(*parts: str) -> str:
    """Return a pattern for every beginning of the parts in a row."""
    pattern = ""
    for part in reversed(parts):
        pattern = f"(?:{part}{pattern})?"
    return pattern


_HELD = re.compile(
    r"[`*]{0,3}"
    + _partial(_OPEN, "s", "t", "e", "p", "s?", r"\s*", "[:：]", r"[^\]］】\n]{0,400}", _CLOSE, r"[`*]{0,3}", r"\s*")
    + r"\Z",
    re.I,
)


@dataclass(slots=True)
class MarkedText:
    """Text that grows and may end in a marker.

    White space and anything that may still become the marker is held back until it is known to be text, so the
    pieces handed on, joined, are exactly the text without marker, leading and trailing white space.
    """

    _held: str = ""
    _shown: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        """What was handed on so far."""
        return "".join(self._shown)

    @property
    def started(self) -> bool:
        """Whether any text came, shown or held back."""
        return bool(self._shown or self._held)

    def push(self, delta: str) -> str:
        """Take more text and return what may be shown now."""
        self._held += delta
        at = self._held_from()
        return self._show(at)

    def finish(self) -> tuple[str, tuple[str, ...] | None]:
        """Return the rest of the text, and the names in the marker (None when there is none)."""
        match = _MARKER.search(self._held)
        names = tuple(_NAME.findall(match[1])) if match else None
        self._held = self._held[: match.start() if match else None].rstrip()
        if names is not None and len(names) == 1 and names[0].lower() in _NONE:
            names = ()
        return self._show(len(self._held)), names

    def _held_from(self) -> int:
        match = _HELD.search(self._held)
        return len(self._held[: match.start() if match else None].rstrip())

    def _show(self, end: int) -> str:
        piece = self._held[:end]
        self._held = self._held[end:]
        if not self._shown:
            piece = piece.lstrip()
        if piece:
            self._shown.append(piece)
        return piece
