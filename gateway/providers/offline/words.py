"""Words of a text: tokens with their places, light stems, character bigrams where words are not spaced."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from gateway.lexicon import translated

CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\u3005"
_WORD = re.compile(rf"[{CJK}]+|[^\W_{CJK}]+(?:'[a-z]+)?", re.IGNORECASE)
_CJK = re.compile(rf"[{CJK}]")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_.\-/]+|(?<=[A-Za-z])(?=\d)")
_ENDINGS_TEXT = (
    "izations ization ational ications ication ations ation ingly ments ment ities ers ings ing ions ion ies ied "
    "edly ives ive als al ed es er ly is or s e"
)
_ENDINGS = tuple(_ENDINGS_TEXT.split())


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text that are parted by spaces."""
    return frozenset(text.split())


_PREFIX = 4  # shortest common beginning that makes two words relatives

STOPWORDS = word_set(
    """a an the this that these those and or but if so as of in on at by to for from with into onto over under about
    between through during using use via per than then also please i me my we us our you your he she they them their
    it its is are was were be been being do does did have has had can could will would shall should may might must not
    no any all some many much mention mentions
    mentioned contain contains containing
    each every both which who whom whose what when where why how there here want need like would
    just now up out off after before finally next first given based such own same new s t let get give make tell show
    der die das den dem des ein eine einen einem einer eines und oder aber ist sind war im am zum zur mit von für auf
    aus bei nach vor über unter um bitte mir ich wir du sie es was wie wer wo dann danach anschließend
    le la les un une des du de et ou mais est sont dans sur avec pour par au aux ce cette ces puis ensuite enfin
    el los las una unos unas y o pero es son en con para por al del lo se su sus luego después"""
)


@dataclass(frozen=True, slots=True)
class Word:
    """One word (or bigram) of a text: its lower-case form, stem and place."""

    text: str
    stem: str
    start: int
    end: int

    @property
    def content(self) -> bool:
        """Whether the word carries meaning of its own."""
        return self.text not in STOPWORDS


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Return the light stem of a word.

    >>> [stem(word) for word in ("translated", "translation", "analyses", "analyze")]
    ['translat', 'translat', 'analys', 'analys']
    """
    word = word.lower().removesuffix("'s")
    if not word.isascii() or len(word) < 4:
        return word
    for ending in _ENDINGS:
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= (3 if ending in ("s", "e", "es", "ed") else 4):
            word = _mend(rest, ending)
            break
    word = word.replace("z", "s")
    return word[:-1] + "i" if word.endswith("y") and len(word) > 3 else word


def _mend(rest: str, ending: str) -> str:
    if ending in ("ation", "ations"):
        return rest + "at"
    if ending in ("ies", "ied"):
        return rest + "y"
    if ending in ("ed", "ing", "er", "ers") and len(rest) > 3 and rest[-1] == rest[-2] and rest[-1] not in "ls":
        return rest[:-1]
    return rest.removesuffix("e") if ending == "s" and len(rest) > 3 else rest


def stemmed(text: str) -> frozenset[str]:
    """Return the stems of words that are parted by spaces."""
    return frozenset(stem(word) for word in text.split())


def words(text: str) -> list[Word]:
    """Return the words of a text in order.

    A run of Chinese, Japanese or Korean gives its character bigrams, and its everyday words in English beside them.
    """
    found: list[Word] = []
    for match in _WORD.finditer(text):
        token, start = match[0].lower(), match.start()
        if not _CJK.match(token):
            found.append(Word(token, stem(token), start, match.end()))
        elif len(token) == 1:
            found.append(Word(token, token, start, match.end()))
        else:
            found.extend(_unspaced(token, start))
    return found


def _unspaced(run: str, start: int) -> list[Word]:
    pairs = [Word(run[i : i + 2], run[i : i + 2], start + i, start + i + 2) for i in range(len(run) - 1)]
    known = [Word(word, stem(word), start + begin, start + end) for begin, end, word in translated(run)]
    return sorted([*pairs, *known], key=lambda word: word.start) if known else pairs


def stems(text: str) -> list[str]:
    """Return the stems of a text's meaningful words, in order."""
    return [word.stem for word in words(text) if word.content]


def name_parts(name: str) -> list[str]:
    """Return the words an identifier is made of.

    >>> name_parts("get_itemByID2")
    ['get', 'item', 'by', 'id', '2']
    """
    return [part.lower() for part in _CAMEL.split(name) if part]


def name_stems(name: str) -> list[str]:
    """Return the stems of an identifier's words, small words left out."""
    parts = name_parts(name)
    told = [part for part in parts if part not in _SMALL] or parts
    return [one for part in told for one in ([stem(part)] if part.isascii() else stems(part))]


_SMALL = word_set("a an the of to for in on by with and or")


@lru_cache(maxsize=100_000)
def likeness(a: str, b: str) -> float:
    """Return 1 for equal stems, 0.6 for words with a long common beginning, else 0."""
    if a == b:
        return 1.0
    short = min(len(a), len(b))
    if short < _PREFIX or not (a.isalpha() and b.isalpha()) or a[:_PREFIX] != b[:_PREFIX] or is_cjk(a):
        return 0.0
    common = next((i for i in range(short) if a[i] != b[i]), short)
    return 0.6 if common >= max(_PREFIX, 0.8 * short) and common >= 0.5 * max(len(a), len(b)) else 0.0


def overlap(wanted: Iterable[str], present: Iterable[str]) -> float:
    """Return the share (0–1) of the wanted stems that are present."""
    have = set(present)
    scores = [max((likeness(one, other) for other in have), default=0.0) for one in set(wanted)]
    return sum(scores) / len(scores) if scores else 0.0


def is_cjk(text: str) -> bool:
    """Return whether a text holds Chinese, Japanese or Korean characters."""
    return bool(_CJK.search(text))
