"""Finding listed words and phrases in any number, whole words only, whatever their case; in one pass."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from gateway.filters.window import Span

_WORD = re.compile(r"\w+")
_APART = {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) == "_")}
_SPACES = dict.fromkeys(map(ord, "\t\n\r\x0b\x0c\u00a0"), " ")
_NO_SPACES = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


class PhraseFinder:
    """Finds phrases (implements ``gateway.filters.window.Finder``).

    Words of scripts without spaces between words are found anywhere.

    Args:
        phrases: What to find; blank ones are left out.
    """

    def __init__(self, phrases: Iterable[str], what: str = "phrase") -> None:
        self._what = what
        known = {lowered(" ".join(phrase.split())) for phrase in phrases} - {""}
        self._anywhere = sorted((phrase for phrase in known if _NO_SPACES.search(phrase)), key=len, reverse=True)
        self._by_first: dict[str, list[str]] = {}
        for phrase in sorted(known - set(self._anywhere), key=len, reverse=True):
            first = _WORD.search(phrase)
            self._by_first.setdefault(first.group() if first else phrase[0], []).append(phrase)
        self._before = {phrase: phrase.find(first) for first, many in self._by_first.items() for phrase in many}
        self._beginnings = {phrase[:end] for phrase in known for end in range(1, len(phrase) + 1)}
        self.longest = max(map(len, known), default=0) + 1

    def __bool__(self) -> bool:
        return self.longest > 1

    def find(self, text: str, start: int) -> Iterator[Span]:
        """Yield them, the longest where several begin."""
        low = lowered(text)
        spans = [*self._words(low, start), *self._characters(low, start)]
        at = start
        for begin, end in sorted(spans, key=lambda span: (span[0], -span[1])):
            if begin >= at:
                at = end
                yield begin, end, self._what

    def open_from(self, text: str, start: int) -> int:
        """Return where a phrase may begin that goes on."""
        low = lowered(text)
        return next((at for at in range(start, len(low)) if low[at:] in self._beginnings), len(low))

    def _nowhere(self, low: str) -> bool:
        """Whether no first word of a phrase is a word of an ASCII text: a third of the cost of looking closer."""
        return low.isascii() and self._by_first.keys().isdisjoint(low.translate(_APART).split())

    def _words(self, low: str, start: int) -> Iterator[tuple[int, int]]:
        if not self._by_first or self._nowhere(low):
            return
        known = self._by_first
        for match in _WORD.finditer(low, start):
            for phrase in known.get(match.group(), ()):
                begin = match.start() - self._before[phrase]
                end = begin + len(phrase)
                if begin >= start and low.startswith(phrase, begin) and _alone(low, begin, end):
                    yield begin, end
                    break

    def _characters(self, low: str, start: int) -> Iterator[tuple[int, int]]:
        for phrase in self._anywhere:
            at = low.find(phrase, start)
            while at >= 0:
                yield at, at + len(phrase)
                at = low.find(phrase, at + 1)


def lowered(text: str) -> str:
    """Return a text in lower case with every character in its place; every white space is a space.

    >>> lowered("Ann\\nLEE")
    'ann lee'
    """
    low = text.lower().translate(_SPACES)
    if len(low) == len(text):
        return low
    return "".join(char.lower() if len(char.lower()) == 1 else char for char in text).translate(_SPACES)


def _alone(low: str, begin: int, end: int) -> bool:
    """Whether no word goes on over the ends of a stretch."""
    before, after = low[begin - 1 : begin] if begin else "", low[end : end + 1]
    goes_back = _is_word(before) and _is_word(low[begin : begin + 1])
    return not goes_back and not (_is_word(after) and _is_word(low[end - 1 : end]))


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"
