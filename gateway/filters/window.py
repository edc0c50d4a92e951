"""Looking for patterns in a text that is still growing, and finding exactly what is found in the whole.

Whether something begins at a place is decided by a bounded stretch of text behind it. So a place is decided once that
much has come, or as soon as what has come since can no longer be the beginning of anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from gateway.filters.base import Blocked, Scanner
from gateway.filters.decision import Block
from gateway.filters.folding import Folded, folded

Span = tuple[int, int, str]
"""Where something begins, where it ends, and what it is."""


class Finder(Protocol):
    """Finds one kind of thing.

    Attributes:
        longest: Most characters that decide whether something begins at a place, itself included.
    """

    longest: int

    def find(self, text: str, start: int) -> Iterable[Span]:
        """Yield what is found from a place on, first to last, without overlaps; it may look at what is before."""
        ...

    def open_from(self, text: str, start: int) -> int:
        """Return the first place from ``start`` on where something may begin that is not over yet; else the length."""
        ...


Replace = Callable[[str, str], str]
"""Takes what it is and the text that was found; returns what stands in its place. Raises Blocked."""

LOOK_BACK = 26  # characters that finders may look back


def replaced(text: str, finders: Sequence[Finder], replace: Replace) -> str:
    """Return a whole text with everything replaced that one finder after the other finds."""
    plain = folded(text)
    for finder in finders:
        spans = list(finder.find(plain.text, 0))
        if spans:
            text = _put(text, plain, spans, replace, len(text))
            plain = folded(text)
    return text


class Window:
    """A scanner that replaces what a finder finds (implements ``gateway.filters.base.Scanner``)."""

    def __init__(self, finder: Finder, replace: Replace) -> None:
        self._finder = finder
        self._replace = replace
        self._text = ""
        self._before = ""

    @property
    def held(self) -> str:
        """What was taken in and not yet given on."""
        return self._text

    def feed(self, text: str) -> str:
        """Return what is decided. Raises what ``replace`` raises."""
        self._text += text
        return self._given(over=False)

    def finish(self) -> str:
        """Return the rest. Raises what ``replace`` raises."""
        return self._given(over=True) if self._text else ""

    def _given(self, *, over: bool) -> str:
        plain = folded(self._before + self._text)
        start = len(folded(self._before).text) if plain.places is not None else len(self._before)
        size = len(plain.text)
        sure = size if over else max(start, size - self._finder.longest)
        until = size if over else min(size, self._finder.open_from(plain.text, sure))
        spans: list[Span] = []
        for span in self._finder.find(plain.text, start):
            if span[0] >= until:
                break
            spans.append(span)
            until = max(until, span[1])
        cut = plain.place(until)
        whole = self._before + self._text
        out = _put(whole[:cut], plain, spans, self._replace, cut)[len(self._before) :]
        self._text = whole[cut:]
        self._before = whole[max(0, cut - LOOK_BACK) : cut]
        return out


class Row:
    """Scanners one behind the other (implements ``gateway.filters.base.Scanner``)."""

    def __init__(self, scanners: Sequence[Scanner]) -> None:
        self._scanners = scanners

    @property
    def held(self) -> str:
        """What was taken in and not yet given on."""
        return "".join(scanner.held for scanner in reversed(self._scanners))

    def feed(self, text: str) -> str:
        """Return what is decided. Raises what its scanners raise."""
        for scanner in self._scanners:
            if not text:
                break
            text = scanner.feed(text)
        return text

    def finish(self) -> str:
        """Return the rest. Raises what its scanners raise."""
        text = ""
        for scanner in self._scanners:
            text = (scanner.feed(text) if text else "") + scanner.finish()
        return text


class Limit:
    """A scanner that stops a text which is too long (implements ``gateway.filters.base.Scanner``)."""

    held = ""

    def __init__(self, most: int) -> None:
        self._left = most

    def feed(self, text: str) -> str:
        """Return the text.

        Raises:
            Blocked: It is too long by now.
        """
        self._left -= len(text)
        if self._left < 0:
            raise Blocked(Block("a text of it is too long"))
        return text

    def finish(self) -> str:
        """Return nothing: nothing is held back."""
        return ""


def _put(text: str, plain: Folded, spans: list[Span], replace: Replace, until: int) -> str:
    if not spans:
        return text
    out: list[str] = []
    at = 0
    for begin, end, what in spans:
        first, last = plain.place(begin), plain.place(end)
        out += (text[at:first], replace(what, text[first:last]))
        at = last
    out.append(text[at:until])
    return "".join(out)
