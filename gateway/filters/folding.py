"""Seeing through tricks with characters: full-width and styled letters, foreign digits, invisible characters.

Patterns read the folded text; what they find is replaced in the text as it was written.
Source: Unicode 15, NFKC; the default-ignorable characters of DerivedCoreProperties.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass

_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff"
)
_STYLED = (
    "\u00a0\u00b2\u00b3\u00b9\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\u2000-\u200a\u2010-\u2015\u202f\u205f"
    "\u2070-\u209c\u2100-\u214f\u2212\u2460-\u24ff\u3000\ufe50-\ufe6b\uff01-\uff9f\U0001d400-\U0001d7ff"
    "\U0001f130-\U0001f189"
)
_INVISIBLE_SET = re.compile(f"[{_INVISIBLE}]")
_TRICKS = re.compile(f"[{_INVISIBLE}{_STYLED}]")
_DASHES = dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-")


@dataclass(frozen=True, slots=True)
class Folded:
    """A text as patterns read it.

    Attributes:
        text: Folded.
        places: For each character, and for the end, where it stands in the text as written; None: at the same place.
    """

    text: str
    places: tuple[int, ...] | None = None

    def place(self, at: int) -> int:
        """Return where a position of the folded text is in the text as written."""
        return at if self.places is None else self.places[at]


def folded(text: str) -> Folded:
    """Return a text as patterns read it.

    Cost: nothing for ASCII; one pass for a text without tricks; about 0.3 µs a character for one with some.

    >>> folded("b\u200bob\uff20x.com").text
    'bob@x.com'
    """
    if text.isascii() or _TRICKS.search(text) is None:
        return Folded(text)
    read: list[str] = []
    places: list[int] = []
    for at, char in enumerate(text):
        for plain in char if char.isascii() else _plain(char):
            read.append(plain)
            places.append(at)
    places.append(len(text))
    return Folded("".join(read), tuple(places))


@functools.lru_cache(4096)
def _plain(char: str) -> str:
    if _INVISIBLE_SET.match(char):
        return ""
    if _TRICKS.match(char) is None:
        return char
    if char in _DASHES:
        return _DASHES[char]
    digit = unicodedata.digit(char, None)
    return unicodedata.normalize("NFKC", char) if digit is None else str(digit)
