"""Finding listed words and phrases in any number, whole words only, whatever their case; in one pass.

Letters that look like Latin ones are read as those (in phrases and texts alike, so that a Cyrillic word still fits
itself), and up to ``MOST_SPACES`` white spaces as one.
Source of the letters: Unicode Technical Standard 39, confusables.txt (single letters of Cyrillic and Greek).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from gateway.filters.window import Span

_WORD = re.compile(r"\w+")
_APART = {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) == "_")}
_SPACES = dict.fromkeys(map(ord, "\t\n\r\x0b\x0c\u00a0"), " ")
MOST_SPACES = 8
_RUN = re.compile(f" {{2,{MOST_SPACES}}}")
_ALIKE = str.maketrans(
    "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0456\u0458\u0455\u0501\u051b\u051d"
    "\u03b1\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u0131\u0261",
    "abekmhopctyxijsdqwaikvoptuxig",
)
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
        self._spaced = any(" " in phrase for phrase in known)
        self.longest = max((len(each) + each.count(" ") * (MOST_SPACES - 1) for each in known), default=0) + 1

    def __bool__(self) -> bool:
        return self.longest > 1

    def find(self, text: str, start: int) -> Iterator[Span]:
        """Yield them, the longest where several begin."""
        low = lowered(text)
        squeezed = _Squeezed(low) if self._spaced and "  " in low else None
        if squeezed is None:
            spans = [*self._words(low, start), *self._characters(low, start)]
        else:
            found = (*self._words(squeezed.text, 0), *self._characters(squeezed.text, 0))
            spans = [(squeezed.place(begin), squeezed.place(end - 1) + 1) for begin, end in found]
        at = start
        for begin, end in sorted(spans, key=lambda span: (span[0], -span[1])):
            if begin >= at:
                at = end
                yield begin, end, self._what

    def open_from(self, text: str, start: int) -> int:
        """Return where a phrase may begin that goes on."""
        low = lowered(text)
        if not self._spaced or "  " not in low[start:]:
            return next((at for at in range(start, len(low)) if low[at:] in self._beginnings), len(low))
        tail = _Squeezed(low[start:])
        places = (at for at in range(len(tail.text)) if tail.text[at:] in self._beginnings)
        return next((start + tail.place(at) for at in places), len(low))

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


class _Squeezed:
    """A text with every run of a few spaces as one.

    Attributes:
        text: Squeezed.
    """

    __slots__ = ("_from", "_gone", "text")

    def __init__(self, low: str) -> None:
        parts: list[str] = []
        self._from, self._gone = [0], [0]
        at = 0
        for match in _RUN.finditer(low):
            parts.append(low[at : match.start() + 1])
            self._gone.append(self._gone[-1] + match.end() - match.start() - 1)
            self._from.append(match.end() - self._gone[-1])
            at = match.end()
        self.text = "".join((*parts, low[at:]))

    def place(self, at: int) -> int:
        """Return where a position is in the text as it was."""
        return at + self._gone[bisect_right(self._from, at) - 1]


def lowered(text: str) -> str:
    """Return a text in lower case with every character in its place; white spaces are spaces, lookalikes Latin.

    >>> lowered("Ann\\nLEE")
    'ann lee'
    """
    low = text.lower()
    if len(low) != len(text):
        low = "".join(char.lower() if len(char.lower()) == 1 else char for char in text)
    low = low.translate(_SPACES)
    return low if low.isascii() else low.translate(_ALIKE)


def _alone(low: str, begin: int, end: int) -> bool:
    """Whether no word goes on over the ends of a stretch."""
    before, after = low[begin - 1 : begin] if begin else "", low[end : end + 1]
    goes_back = _is_word(before) and _is_word(low[begin : begin + 1])
    return not goes_back and not (_is_word(after) and _is_word(low[end - 1 : end]))


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"
