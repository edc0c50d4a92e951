"""Chooses which tools of a large catalogue the planner is shown in full."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from engine.planner.words import words
from schemas.tool import ToolSpec

MOST_SHOWN = 40
_NAME_WEIGHT = 3
_SATURATION, _LENGTH = 1.2, 0.4
_MOST_CLAUSES = 24
_CLAUSE = re.compile(r"[.,;:!?\n]\s|[。，；：！？、]|\b(?:and|then|und|dann|et|puis|y|luego)\b", re.I)
_ASKING = words("query question problem entity topic prompt instruction expression code")


def shortlist(
    task: str, tools: Sequence[ToolSpec], *, always: Sequence[str] = (), most: int = MOST_SHOWN
) -> tuple[list[ToolSpec], list[ToolSpec]]:
    """Split tools into those shown in full and those named only.

    Tools that take any question come first, then the best ones by the task's words, clause by clause in turn.

    Args:
        task: What the person asked for.
        tools: All of them.
        always: Names that are shown whatever the task says, such as tools already used in the run.
        most: How many are shown.

    Returns:
        Both lists, sorted by name.

    >>> few = [ToolSpec(name="weather"), ToolSpec(name="stocks")]
    >>> [tool.name for tool in shortlist("What is the weather?", few, most=1)[0]]
    ['weather']
    """
    if len(tools) <= most:
        return sorted(tools, key=lambda tool: tool.name), []
    index = _Index(tools)
    first = [tool.name for tool in tools if tool.name in set(always)]
    ranked = dict.fromkeys([*first, *_general(tools)[: most // 4], *_in_turn(index, task), *sorted(index.counts)])
    chosen = set(list(ranked)[: max(most, len(first))])
    by_name = sorted(tools, key=lambda tool: tool.name)
    return [tool for tool in by_name if tool.name in chosen], [tool for tool in by_name if tool.name not in chosen]


class _Index:
    """The words of each tool, for BM25 (Robertson and Zaragoza, 2009) with the name counted thrice."""

    def __init__(self, tools: Sequence[ToolSpec]) -> None:
        self.counts = {tool.name: _counted(tool) for tool in tools}
        spread = Counter(word for counts in self.counts.values() for word in counts)
        self._rarity = {word: math.log(1 + (len(tools) - n + 0.5) / (n + 0.5)) for word, n in spread.items()}
        self._mean = sum(map(Counter.total, self.counts.values())) / len(tools) or 1.0

    def ranked(self, text: str) -> list[str]:
        """Return the names of the tools that share a word with a text, best first."""
        asked = words(text)
        scores = {name: self._score(asked, counts) for name, counts in self.counts.items()}
        return sorted((name for name in scores if scores[name] > 0), key=lambda name: (-scores[name], name))

    def _score(self, asked: frozenset[str], counts: Counter[str]) -> float:
        spare = _SATURATION * (1 - _LENGTH + _LENGTH * counts.total() / self._mean)
        shared = asked & counts.keys()
        return sum(self._rarity[word] * counts[word] * (_SATURATION + 1) / (counts[word] + spare) for word in shared)


def _in_turn(index: _Index, task: str) -> Iterator[str]:
    """Yield the best tool of the whole task and of each of its clauses, then the second best of each, and so on.

    A task of six wishes is six searches: by the words of the whole, its shortest wish would be lost.
    """
    clauses = [part for part in _CLAUSE.split(task) if words(part)][:_MOST_CLAUSES]
    ranks = [index.ranked(text) for text in dict.fromkeys([task, *clauses])]
    for row in zip_longest(*ranks):
        yield from (name for name in row if name is not None)


def _general(tools: Sequence[ToolSpec]) -> list[str]:
    """Return the tools that take any question, which no task names: all they need is one text."""
    return sorted(tool.name for tool in tools if len(tool.required) == 1 and _ASKING & words(tool.required[0]))


def _counted(tool: ToolSpec) -> Counter[str]:
    counts = Counter(dict.fromkeys(words(tool.name), _NAME_WEIGHT))
    counts.update(_text_words(tool))
    return counts


def named_tools(question: str, tools: Sequence[ToolSpec]) -> list[str]:
    """Return the names of the tools that a planner asks the details of (``details: name, name``)."""
    head, colon, rest = question.partition(":")
    if not colon or head.strip().lower() != "details":
        return []
    asked = {part.strip(" `'\".") for part in rest.replace("\n", ",").split(",")}
    return [tool.name for tool in tools if tool.name in asked]


def _text_words(tool: ToolSpec) -> frozenset[str]:
    arguments = tool.input_schema.get("properties", {})
    described = " ".join(str(schema.get("description", "")) for schema in arguments.values())
    return words(f"{tool.description} {' '.join(arguments)} {described}")
