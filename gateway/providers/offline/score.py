"""Which tool a clause asks for: words in common, weighed by how much they tell the tools apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.providers.offline.catalogue import Argument, OfferedTool
from gateway.providers.offline.glossary import alike, widen
from gateway.providers.offline.quotes import QUOTED
from gateway.providers.offline.values import ADDRESS
from gateway.providers.offline.words import Word, is_cjk, likeness, name_stems, stem, stems, words

_ALIKE = 0.3  # worth of a word that may stand for one of the clause
_NAME, _DESCRIPTION, _ARGUMENT, _ARGUMENT_TEXT, _OPTION, _RETURN = 1.5, 2.0, 1.0, 0.4, 1.0, 0.5
_FIRST_WORD, _FIRST, _COVER, _ALREADY, _VERB, _NAMED = 1.4, 1.35, 1.0, 0.45, 1.5, 0.3


@dataclass(frozen=True, slots=True)
class Scored:
    """A tool with its score for one clause; ``evidence`` counts the clause's telling words it knows."""

    tool: OfferedTool
    score: float
    evidence: int


@dataclass(slots=True)
class Index:
    """The words of all tools, counted once a request."""

    tools: Sequence[OfferedTool]
    _weights: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    _idf: dict[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        self._weights = [_weights(tool) for tool in self.tools]
        count: dict[str, int] = {}
        for weights in self._weights:
            for key in weights:
                count[key] = count.get(key, 0) + 1
        total = len(self.tools)
        self._idf = {key: math.log(1 + (total + 1) / number) for key, number in count.items()}

    def rank(self, text: str, known: frozenset[str] = frozenset()) -> list[Scored]:
        """Return the tools by falling score; tools that share no telling word with the text are left out.

        ``known`` are stems that name results of earlier clauses: they say less about what this clause wants.
        """
        query = _query(text)
        ranked: list[Scored] = []
        for tool, weights in zip(self.tools, self._weights, strict=True):
            score, evidence = self._score(tool, query, weights, known)
            if evidence:
                ranked.append(Scored(tool, score, evidence))
        return sorted(ranked, key=lambda one: (-one.score, one.tool.name))

    def _score(
        self, tool: OfferedTool, query: dict[str, float], weights: dict[str, float], known: frozenset[str]
    ) -> tuple[float, int]:
        score, evidence, covered = 0.0, 0, 0.0
        core = {key: self._idf[key] for key in tool.stems if key in self._idf}
        for one, place in query.items():
            match, like = (one, 1.0) if one in weights else self._relative(one, weights)
            if not like:
                continue
            seen = _ALREADY if one in known else 1.0
            verb = _VERB if place == _FIRST_WORD and match == tool.verb else 1.0
            score += place * like * self._idf[match] * weights[match] * seen * verb
            if place > _ALIKE:
                evidence += self._tells(match)
                covered += like * core.get(match, 0.0) * seen
        whole = sum(core.values()) or 1.0
        named = name_stems(tool.name)
        if any(one in query for one in named):
            score *= 1 - _NAMED + _NAMED * sum(one in query for one in named) / len(named)
        return score * (1 - _COVER / 2 + _COVER * covered / whole), evidence

    def _tells(self, key: str) -> bool:
        """Whether a word tells tools apart."""
        return self._idf[key] > math.log(2.2) or len(self.tools) < 4

    def _relative(self, one: str, weights: dict[str, float]) -> tuple[str, float]:
        best, like = "", 0.0
        for key in weights:
            value = likeness(one, key)
            if value > like:
                best, like = key, value
        return best, like


def _weights(tool: OfferedTool) -> dict[str, float]:
    weights: dict[str, float] = {}

    def add(keys: Sequence[str], weight: float) -> None:
        for key in keys:
            weights[key] = max(weights.get(key, 0.0), weight)

    for argument in tool.arguments:
        _add_argument(add, argument)
    for part in tool.returns:
        add(part.name_stems, _RETURN)
    described = stems(tool.description)
    add(name_stems(tool.name), _NAME)
    add(described, _DESCRIPTION)
    for key in set(described) & set(name_stems(tool.name)):
        weights[key] = _DESCRIPTION + _NAME / 2
    return weights


def _add_argument(add: Callable[[Sequence[str], float], None], argument: Argument) -> None:
    add(argument.name_stems, _ARGUMENT)
    add(argument.stems, _ARGUMENT_TEXT)
    for option in (*argument.options, *argument.hints):
        add(stems(str(option)), _OPTION)


def _query(text: str) -> dict[str, float]:
    """Return the clause's telling stems with their weights: early words count more, quoted ones hardly at all."""
    quoted = [(m.start(), m.end()) for pattern in (QUOTED, ADDRESS) for m in pattern.finditer(text)]
    query: dict[str, float] = {}
    content = [word for word in words(text) if word.content]
    for place, word in enumerate(_outside(content, quoted)):
        weight = 1.0 if is_cjk(word.stem) or place > 3 else _FIRST if place else _FIRST_WORD
        query[word.stem] = max(query.get(word.stem, 0.0), weight)
        for other in widen(word.text):
            query.setdefault(stem(other), 0.8)
    for word in content:
        for other in alike(word.text):
            query.setdefault(stem(other), _ALIKE)
    return query


def _outside(content: list[Word], quoted: list[tuple[int, int]]) -> list[Word]:
    return [word for word in content if not any(start <= word.start < end for start, end in quoted)]
