"""Conditions in words, read where they are plain: ``if score > 0.8``, ``status is open``, ``result contains error``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from engine.planner.jsontext import loads
from schemas.errors import PlanParseError
from schemas.plan import Condition, Operator

_HEAD = re.compile(r"^(?:if|when|only if|如果|若|当)\b\s*|^(?:如果|若|当)\s*", re.I)
_AND = re.compile(r"\s+(?:and|&&|且)\s+|\s*&&\s*", re.I)
_OR = re.compile(r"\s(?:or|或)\s|\|\|", re.I)
_NAME = r"(?P<left>[^\W\d]\w*(?:\.[^\W\d]\w*|\[-?\d+\])*)"
_WORDS: tuple[tuple[str, Operator], ...] = (
    (r"(?:is\s+)?(?:greater|more|larger|higher)\s+than\s+or\s+equal(?:\s+to)?|(?:is\s+)?at\s+least|>=|≥", "ge"),
    (r"(?:is\s+)?(?:less|lower|smaller|fewer)\s+than\s+or\s+equal(?:\s+to)?|(?:is\s+)?at\s+most|<=|≤", "le"),
    (r"(?:is\s+)?(?:greater|more|larger|higher)\s+than|(?:is\s+)?above|exceeds|>", "gt"),
    (r"(?:is\s+)?(?:less|lower|smaller|fewer)\s+than|(?:is\s+)?below|<", "lt"),
    (r"is\s+not\s+equal\s+to|does\s+not\s+equal|isn't|is\s+not|!=|≠|<>", "ne"),
    (r"is\s+equal\s+to|equals|==|=|is", "eq"),
    (r"contains|includes", "contains"),
    (r"is\s+(?:one\s+of|in)|in", "in"),
)
_COMPARISONS: tuple[tuple[re.Pattern[str], Operator], ...] = tuple(
    (re.compile(rf"{_NAME}\s*(?:(?<=\w)(?=\W)|(?<=\])|\b)\s*(?:{words})\s*(?P<right>.+)", re.I | re.S), op)
    for words, op in _WORDS
)
_THERE = re.compile(rf"{_NAME}\s+(?P<not>does\s+not\s+exist|is\s+missing|is\s+absent|exists|is\s+present)", re.I)
_ALONE = re.compile(rf"(?P<no>not\s+|!\s*)?{_NAME}", re.I)
_BARE = re.compile(r"[\w.%/:+-]+")
_CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None, "none": None, "yes": True, "no": False}
_NEGATED: dict[Operator, Operator] = {"eq": "ne", "ne": "eq", "gt": "le", "le": "gt", "lt": "ge", "ge": "lt"}

OTHERWISE = re.compile(r"\s*(?:else|otherwise|default|否则)\s*", re.I)
"""The condition of the way that is taken when no other is."""

Name = Callable[[str, bool], str | None]
"""Turns a name in a condition into a reference, or None; True: it stands alone, as something that is true or not."""


def read_condition(text: str, name: Name) -> tuple[Condition, ...] | None:
    """Return what a condition in words means, or None where it is not plain.

    Args:
        text: The condition.
        name: Turns the name on its left side (``score``, ``result.status``) into a reference.

    >>> ref = lambda path, alone: None if alone else "{{1." + path + "}}"
    >>> [(c.value, c.op, c.to) for c in read_condition("if score > 0.8 and status is 'open'", ref) or ()]
    [('{{1.score}}', 'gt', 0.8), ('{{1.status}}', 'eq', 'open')]
    >>> read_condition("the answer looks promising", ref) is None
    True
    """
    body = _HEAD.sub("", text.strip(), count=1).strip().rstrip(".?。？")
    if not body or _OR.search(f" {_without_quotes(body)} "):
        return None
    parts = _AND.split(body) if _AND.search(_without_quotes(body)) else [body]
    found = [_one(part.strip(), name) for part in parts]
    plain = tuple(condition for condition in found if condition is not None)
    return plain if len(plain) == len(found) else None


def negated(conditions: tuple[Condition, ...]) -> Condition | None:
    """Return the opposite of a condition, or None where there is none that one comparison says."""
    if len(conditions) != 1:
        return None
    only = conditions[0]
    if only.op == "exists":
        return only.model_copy(update={"to": only.to is False})
    if only.op in _NEGATED:
        return only.model_copy(update={"op": _NEGATED[only.op]})
    return None


def _one(text: str, name: Name) -> Condition | None:
    there = _THERE.fullmatch(text)
    if there:
        value = name(there["left"], False)
        present = there["not"].lower() in ("exists", "is present")
        return None if value is None else Condition(value=value, op="exists", to=present)
    for pattern, op in _COMPARISONS:
        match = pattern.fullmatch(text)
        if match:
            return _comparison(match["left"], op, match["right"].strip(), name)
    alone = _ALONE.fullmatch(text)
    value = name(alone["left"], True) if alone else None
    return None if alone is None or value is None else Condition(value=value, op="eq", to=alone["no"] is None)


def _comparison(left: str, op: Operator, right: str, name: Name) -> Condition | None:
    found = _value(right)
    value = name(left, False) if found else None
    if found is None or value is None:
        return None
    if op == "in" and not isinstance(found[0], list):
        return None
    if op in ("gt", "ge", "lt", "le") and not isinstance(found[0], (int, float)):
        return None
    return Condition(value=value, op=op, to=found[0])


def _value(text: str) -> tuple[Any] | None:
    """Return a value as one is written in a condition: JSON, a text in quotes, or one bare word."""
    if text.lower() in _CONSTANTS:
        return (_CONSTANTS[text.lower()],)
    quote = text[:1]
    if quote in ("'", '"', "[") and len(text) > 1:
        try:
            return (loads(text.replace("'", '"') if quote != '"' and '"' not in text else text),)
        except PlanParseError:
            return None
    try:
        number = loads(text)
    except PlanParseError:
        return (text,) if _BARE.fullmatch(text) else None
    return (number,) if isinstance(number, (int, float)) else None


def _without_quotes(text: str) -> str:
    return re.sub(r"\"[^\"]*\"|'[^']*'", "''", text)
