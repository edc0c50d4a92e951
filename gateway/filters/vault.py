"""Placeholders of one call: what they stand for is known to this call only, and is neither kept nor logged.

They are numbered in the order in which providers read a request. So the next turn of a conversation gets the same ones,
and the provider's prompt cache (and the gateway's own) goes on to fit.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote

from gateway.filters.window import Span

# (opening, closing, how a value is written there): models and tools escape what stands in angle brackets.
_WRITTEN: tuple[tuple[str, str, Callable[[str], str]], ...] = (
    ("<", ">", str),
    ("\\u003c", "\\u003e", lambda value: json.dumps(value, ensure_ascii=False)[1:-1]),
    ("&lt;", "&gt;", html.escape),
    ("%3C", "%3E", lambda value: quote(value, safe="")),
    ("\\<", "\\>", str),
)
_CORE = r"[A-Z][A-Z0-9]{1,11}_[1-9]\d{0,5}"
_FORMS = "|".join(f"{re.escape(first)}({_CORE}){re.escape(last)}" for first, last, _ in _WRITTEN)
_PLACEHOLDER = re.compile(_FORMS, re.IGNORECASE)
_LITERAL = re.compile(f"<({_CORE})>")
_BEGUN = re.compile(
    r"(?:<|\\u003c|&lt;|%3C|\\<)[A-Z0-9]{0,12}(?:_\d{0,6})?(?:\\u?0?0?3?|&g?t?|%3?|\\)?\Z", re.IGNORECASE
)
_BEGINNINGS = tuple(first[:size] for first, _, _ in _WRITTEN for size in range(1, len(first)))
_LONGEST = 36


class Vault:
    """What the placeholders of one call stand for (implements ``gateway.filters.window.Finder`` for them)."""

    longest = _LONGEST

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}
        self._taken: set[str] = set()
        self.restored: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._values)

    def keep_clear_of(self, texts: Iterable[str]) -> None:
        """Never use a placeholder that stands in one of these texts already."""
        for text in texts:
            if "<" in text:
                self._taken.update(_LITERAL.findall(text))

    def placeholder(self, label: str, value: str) -> str:
        """Return what stands in place of a value: the same for the same value."""
        name = self._names.get((label, value))
        if name is None:
            name = self._next(label)
            self._names[label, value] = name
            self._values[name] = value
        return f"<{name}>"

    def value(self, what: str, written: str) -> str:
        """Return what a placeholder that was found stands for, written as it is."""
        del what
        match = _PLACEHOLDER.fullmatch(written)
        if match is None or match.lastindex is None:
            return written
        name = match.group(match.lastindex).upper()
        self.restored.add(name)
        return _WRITTEN[match.lastindex - 1][2](self._values[name])

    def find(self, text: str, start: int) -> Iterator[Span]:
        """Yield the placeholders in a text that stand for something."""
        for match in _PLACEHOLDER.finditer(text, start):
            if match.lastindex is not None and match.group(match.lastindex).upper() in self._values:
                yield *match.span(), "placeholder"

    def open_from(self, text: str, start: int) -> int:
        """Return where a placeholder may begin that is not over."""
        match = _BEGUN.search(text, start)
        if match is not None:
            return match.start()
        size = max((len(part) for part in _BEGINNINGS if text.endswith(part)), default=0)
        return max(start, len(text) - size)

    def summary(self) -> str:
        """Return how many values of each kind are replaced, in words."""
        return ", ".join(f"{count} {label.lower()}" for label, count in self._counts.items())

    def _next(self, label: str) -> str:
        number = self._counts.get(label, 0)
        self._counts[label] = number + 1
        number = max(number, max((int(name.rpartition("_")[2]) for name in self._used(label)), default=0)) + 1
        while f"{label}_{number}" in self._taken:
            number += 1
        return f"{label}_{number}"

    def _used(self, label: str) -> Iterator[str]:
        return (name for name in self._values if name.startswith(f"{label}_"))
