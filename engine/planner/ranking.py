"""Ranks the tools of a large catalogue by a task: BM25 over stems, for the whole task and for each of its clauses."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from gateway.lexicon import translated
from gateway.words import spaced, stem, words
from schemas.tool import ToolSpec

_NAME_WEIGHT = 3
_SATURATION, _LENGTH = 1.2, 0.4
_MOST_CLAUSES = 24
_RELATED = 0.1
_CLAUSE = re.compile(r"[.,;:!?\n]\s|[。，；：！？、]|\b(?:and|then|und|dann|et|puis|y|luego)\b", re.I)
_ANY_PURPOSE = words(
    "search lookup find query ask answer question calculate calculator compute math evaluate python code run execute"
    " sql shell web browser fetch wikipedia model llm"
)
_ANY_TEXT = words("query question topic prompt instruction expression code command url text")


class Ranking:
    """An index of the words of tools. Cost: built in O(words of the tools), asked in O(tools that share a word).

    Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with the name's
    words counted thrice.
    """

    def __init__(self, tools: Sequence[ToolSpec]) -> None:
        counted = {tool.name: _counted(tool) for tool in tools}
        spread = Counter(word for counts in counted.values() for word in counts)
        mean = sum(counts.total() for counts in counted.values()) / max(1, len(tools)) or 1.0
        self._names = sorted(counted)
        self._general = _general(tools)
        self._weights: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
        for name, counts in counted.items():
            spare = _SATURATION * (1 - _LENGTH + _LENGTH * counts.total() / mean)
            for word, count in counts.items():
                rarity = math.log(1 + (len(tools) - spread[word] + 0.5) / (spread[word] + 0.5))
                weight = rarity * count * (_SATURATION + 1) / (count + spare)
                self._weights[word].append((name, weight))

    def order(self, task: str, general: int) -> list[str]:
        """Return all names, the likeliest first: tools for any purpose, then the task's own, then the rest.

        Args:
            task: What the person asked for.
            general: Most tools that come first whatever the task says.
        """
        return list(dict.fromkeys([*self._general[:general], *self._in_turn(task), *self._names]))

    def best(self, text: str) -> list[str]:
        """Return the names of the tools that share a word with a text, best first."""
        scores: defaultdict[str, float] = defaultdict(float)
        for word in sorted(_asked(text)):
            for name, weight in self._weights.get(word, ()):
                scores[name] += weight
        return sorted(scores, key=lambda name: (-scores[name], name))

    def related(self, task: str) -> bool:
        """Whether the tools speak the task's language: a tenth of its words, or their English, are words of theirs."""
        asked = _asked(task)
        return len(asked & self._weights.keys()) > _RELATED * len(asked)

    def _in_turn(self, task: str) -> Iterator[str]:
        """Yield the best tool of the whole task and of each of its clauses, then the second best of each, and so on.

        A task of six wishes is six searches: by the words of the whole, its shortest wish would be lost.
        """
        clauses = [part for part in _CLAUSE.split(task) if words(part)][:_MOST_CLAUSES]
        for row in zip_longest(*(self.best(text) for text in dict.fromkeys([task, *clauses]))):
            yield from (name for name in row if name is not None)


def _asked(text: str) -> frozenset[str]:
    """Return the words to look for; of Chinese, Japanese and Korean also what everyday words are in English."""
    if spaced(text):
        return words(text)
    return words(text) | {stem(english) for _, _, english in translated(text)}


def _general(tools: Iterable[ToolSpec]) -> list[str]:
    """Return the tools for any purpose, such as search or calculate, the plainest name first: no task names them."""
    found: list[tuple[int, str]] = []
    for tool in tools:
        name, needed = words(tool.name), words(" ".join(tool.required))
        if len(tool.required) <= 1 and (name & _ANY_PURPOSE or needed & _ANY_TEXT):
            found.append((len(name - _ANY_PURPOSE), tool.name))
    return [name for _, name in sorted(found)]


def _counted(tool: ToolSpec) -> Counter[str]:
    counts = Counter(dict.fromkeys(words(tool.name), _NAME_WEIGHT))
    arguments = tool.input_schema.get("properties", {})
    described = " ".join(str(schema.get("description", "")) for schema in arguments.values())
    counts.update(words(f"{tool.description} {' '.join(arguments)} {described}"))
    return counts
