"""Numbers that bound something: "at most 200", "under 150", "the top 5"."""

from __future__ import annotations

import re

from gateway.providers.offline.catalogue import Argument
from gateway.providers.offline.values import Mention
from gateway.providers.offline.words import stemmed

_AT_MOST = re.compile(
    r"(?:\b(?:under|below|at most|up to|no more than|not more than|less than|cheaper than|within|maximum(?: of)?|max\.?"
    r"|unter|höchstens|bis zu|moins de|au plus|menos de|como máximo)|不超过|不高于|最多|最高|低于|少于|至多)\W*$",
    re.IGNORECASE,
)
_AT_LEAST = re.compile(
    r"(?:\b(?:over|above|at least|more than|no less than|not less than|minimum(?: of)?|min\.?|mindestens|über|au moins"
    r"|plus de|al menos|más de)|不少于|不低于|至少|最少|超过|高于)\W*$",
    re.IGNORECASE,
)
_WITHIN = re.compile(r"\s*(?:以内|以下|之内|以内の|以下の|이하|이내)")
_MOST, _LEAST = (
    stemmed("max maximum most upper highest 最高 最大 最多 上限"),
    stemmed("min minimum least lowest 最低 最小 最少 下限"),
)
_COUNTING = stemmed("limit count max number num top n size results k amount")
_SHOWN = re.compile(
    r"\b(?:top|first|last|latest|recent|newest|best|show|list|find|get|fetch|return|give|me|see|only|just|retrieve)"
    r"(?: me| us)?(?: the| only)?(?: top| first| last| latest| best)?\s*$|前\s*$",
    re.IGNORECASE,
)
_NAMED, _AGAINST, _COUNTED, _LIMITED, _UNIT = 1.4, -0.8, 1.4, 1.2, 0.7


def bounded(argument: Argument, mention: Mention, left: str, right: str) -> float:
    """Return what the words beside a number say of an argument that is named a limit, a count or a unit.

    Args:
        argument: What may take the number.
        mention: The number.
        left: The text before it.
        right: The text behind it.
    """
    if not mention.numeric:
        return 0.0
    names = {*argument.name_stems, *argument.stems[:3]}
    if _AT_MOST.search(left) or _WITHIN.match(right):
        return _of_side(names, _MOST, _LEAST) or (_LIMITED if _COUNTING & {*argument.name_stems} else 0.0)
    if _AT_LEAST.search(left):
        return _of_side(names, _LEAST, _MOST)
    counting = not argument.required and bool(_COUNTING & {*argument.name_stems})
    return _COUNTED if counting and _SHOWN.search(left) else _by_unit(argument, mention.unit.strip())


def _by_unit(argument: Argument, unit: str) -> float:
    """Return what it is worth that a description names the counter written behind a number (页, 字, 年)."""
    counter = 0 < len(unit) <= 2 and not unit.isascii()
    return _UNIT if counter and unit in argument.description else 0.0


def _of_side(names: set[str], side: frozenset[str], other: frozenset[str]) -> float:
    if names & side:
        return _NAMED
    return _AGAINST if names & other else 0.0
