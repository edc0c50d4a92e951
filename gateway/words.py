"""Words of a text, to compare a task with tools: light stems, and character bigrams where words are not spaced."""

from __future__ import annotations

import re
from functools import lru_cache

_EAST_ASIAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\u3005"
_WORD = rf"[{_EAST_ASIAN}]+|[^\W_{_EAST_ASIAN}]+"  # compiled with the first use: that takes milliseconds
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_EAST_ASIAN_SIGN = rf"[{_EAST_ASIAN}]"
_ENDINGS = ("ations", "ation", "ings", "ing", "ions", "ion", "ies", "ers", "er", "ed", "es", "s", "e", "y")
_SHORTEST_STEM = 3
_FUNCTION_WORDS = """
    a an and are as at be been but by can could did do does for from had has have how i if in into is it its me my
    of on or our please should so some than that the their them then there these they this those to up us was we were
    what when where which while who whom why will with would you your about after all also any before between both
    each first give given let more most next one only other out over tell use used using via want need"""
_STOPWORDS = frozenset(_FUNCTION_WORDS.split())


def words(text: str) -> frozenset[str]:
    """Return the stems of a text's words; a run of Chinese, Japanese or Korean gives its character bigrams.

    >>> sorted(words("Converting currencies"))
    ['convert', 'currenc']
    >>> sorted(words("汇率转换"))
    ['汇率', '率转', '转换']
    """
    found: set[str] = set()
    for match in re.finditer(_WORD, _CAMEL.sub(" ", text)):
        word = match[0].lower()
        if re.match(_EAST_ASIAN_SIGN, word):
            found.update(word[at : at + 2] for at in range(max(1, len(word) - 1)))
        elif word not in _STOPWORDS:
            found.add(stem(word))
    return frozenset(found)


def spaced(text: str) -> bool:
    """Whether a text is in a script that puts spaces between words."""
    return re.search(_EAST_ASIAN_SIGN, text) is None


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Return a word without its English ending.

    >>> stem("searches"), stem("searching"), stem("gas")
    ('search', 'search', 'gas')
    """
    if not word.isascii():
        return word
    for ending in _ENDINGS:
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= _SHORTEST_STEM + (len(ending) < 3):
            return rest
    return word
