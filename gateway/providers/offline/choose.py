"""Which tool serves a clause, and with which arguments: words first, then how well the clause's values fit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gateway.providers.offline.arguments import Filled, fill
from gateway.providers.offline.catalogue import OfferedTool
from gateway.providers.offline.glossary import widen
from gateway.providers.offline.guards import another_deed
from gateway.providers.offline.references import Earlier
from gateway.providers.offline.score import Index, Scored
from gateway.providers.offline.shapes import out_of_shape, shaped
from gateway.providers.offline.words import stem, words

_CANDIDATES = 6
_NEAR_BEST = 0.4  # candidates below this share of the best score are not tried
_FIT, _USED = 0.45, 0.3
_EMPTY = 0.7  # what is left to a tool of which the clause gives no required argument
_SHAPE = 1.6  # what a clause of the shape that a tool is for is worth to it


@dataclass(frozen=True, slots=True)
class Choice:
    """A tool for a clause with what the clause says about its arguments."""

    tool: OfferedTool
    filled: Filled
    score: float
    words: float


def choose(
    index: Index, text: str, earlier: Sequence[Earlier], linked: bool, avoid: Collection[str] = ()
) -> list[Choice]:
    """Return the tools that may serve a clause, best first; empty when none has anything to do with it.

    Args:
        index: The words of all tools.
        text: The clause.
        earlier: Steps whose results the clause may take.
        linked: Whether the clause goes on from the one before.
        avoid: Names of tools that must not be taken.
    """
    known = frozenset(one for step in earlier for part in step.tool.returns for one in part.name_stems)
    known |= {word.stem for word in words(text) if known & {stem(other) for other in widen(word.text)}}
    ranked = [one for one in index.rank(text, known) if one.tool.name not in avoid and not another_deed(text, one.tool)]
    best = ranked[0].score if ranked else 0.0
    tried = [one for one in ranked[:_CANDIDATES] if one.score >= best * _NEAR_BEST]
    tried = [one for one in tried if not out_of_shape(one.tool, text)]
    tried += _by_shape(index, text, tried, best, avoid, bool(earlier))
    choices = [_weigh(one, fill(one.tool, text, earlier, linked)) for one in tried]
    choices = [choice for choice in choices if choice.words > 0 or not choice.filled.missing]
    return sorted(choices, key=lambda choice: (-choice.score, choice.tool.name))


def _by_shape(
    index: Index, text: str, tried: Sequence[Scored], best: float, avoid: Collection[str], follows: bool
) -> list[Scored]:
    """Return the tools for what the clause has the shape of: arithmetic, dates, a question over a table."""
    there = {one.tool.name for one in tried}
    fitting = [tool for tool in index.tools if tool.name not in avoid and tool.name not in there]
    return [Scored(tool, best, 0) for tool in fitting if shaped(tool, text, follows)]


def _weigh(one: Scored, filled: Filled) -> Choice:
    fit = (1 - _FIT + _FIT * filled.fit(one.tool)) * (1 - _USED + _USED * filled.used)
    if filled.shaped:
        fit *= _SHAPE
    if filled.missing and not filled.fit(one.tool):
        fit *= _EMPTY
    return Choice(one.tool, filled, (one.score or 1.0) * fit, one.score)
