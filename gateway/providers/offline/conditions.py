"""Conditions in a task ("if it is above 20"), as comparisons over earlier results."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from gateway.providers.offline.references import Earlier
from gateway.providers.offline.values import mentions
from gateway.providers.offline.words import overlap, stems

_OPENS = re.compile(
    r"^\s*(?:only )?(?:if|when|unless|in case|provided|falls|wenn|si|cuando)\b\s*"
    r"|^\s*(?:如果|若|假如|要是|もし|만약|만일)",
    re.IGNORECASE,
)
_TRAILS = re.compile(r"[\s,]+(?:only )?(?:if|unless|falls|wenn|si)\s+(?P<condition>.+)$", re.IGNORECASE)
_UNLESS = re.compile(r"^\s*unless\b", re.IGNORECASE)
_COMPARED: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (operator, re.compile(pattern, re.IGNORECASE))
    for operator, pattern in (
        ("ge", r"\bat least\b|>=|≥|\bmindestens\b|\bau moins\b|\bal menos\b|至少|不低于|以上|이상"),
        ("le", r"\bat most\b|<=|≤|\bhöchstens\b|\bau plus\b|\bcomo máximo\b|至多|不超过|以下|이하"),
        (
            "gt",
            (
                r"\b(?:above|over|more than|greater than|higher than|larger than|exceeds?|über|mehr als"
                r"|größer als|plus de|más de|mayor)\b|>|大于|高于|超过|より大き|超え|초과|크면|높으면"
            ),
        ),
        (
            "lt",
            (
                r"\b(?:below|under|less than|lower than|fewer than|smaller than|unter|weniger als|kleiner als"
                r"|moins de|menos de|menor)\b|<|小于|低于|少于|より小さ|未満|미만|작으면|낮으면"
            ),
        ),
        ("contains", r"\bcontains?\b|\bincludes?\b|\benthält\b|\bcontient\b|\bcontiene\b|包含|含む|포함"),
        ("ne", r"\b(?:is not|isn't|are not|differs? from|ist nicht|n'est pas|no es)\b|不等于|不是"),
        ("eq", r"\b(?:is|are|equals?|ist|est|es)\b|等于|是|が|이면"),
    )
)
_OPPOSITE = {"ge": "lt", "le": "gt", "gt": "le", "lt": "ge", "eq": "ne", "ne": "eq"}


def opens(text: str) -> bool:
    """Return whether a clause only states a condition for the next one."""
    return bool(_OPENS.match(text))


def trailing(text: str) -> tuple[str, str]:
    """Return a clause and the condition at its end (empty when there is none).

    >>> trailing("send it to Ann if the total is above 5")
    ('send it to Ann', 'if the total is above 5')
    """
    match = _TRAILS.search(text)
    return (text[: match.start()], match[0].strip(" ,")) if match else (text, "")


def read_condition(text: str, earlier: Sequence[Earlier]) -> dict[str, Any] | None:
    """Return the comparison a condition states over earlier results; None when it cannot be told."""
    body = _OPENS.sub("", text).strip(" ,，")
    for operator, pattern in _COMPARED:
        match = pattern.search(body)
        if match is None:
            continue
        value = _right(body[match.end() :] if operator not in ("ge", "le") or body[match.end() :].strip() else body)
        left = _left(body[: match.start()], earlier, value) if value is not None else None
        if left is None:
            return None
        operator = _OPPOSITE.get(operator, operator) if _UNLESS.match(text) else operator
        return {"value": left, "op": operator, "to": value}
    return None


def _right(text: str) -> Any:
    found = mentions(text)
    if found:
        return found[0].value
    plain = re.fullmatch(r"\s*(?P<word>\w+)\s*", text)
    if plain is None:
        return None
    return {"true": True, "false": False}.get(plain["word"].lower(), plain["word"])


def _left(text: str, earlier: Sequence[Earlier], value: Any) -> str | None:
    """Return a reference to the field the condition speaks of: named, or the one of the value's type."""
    said = stems(text)
    numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
    kinds = ("number", "integer") if numeric else ("boolean",) if isinstance(value, bool) else ("string", "array")
    fitting = [(step, part) for step in reversed(earlier) for part in step.tool.returns if part.kind in kinds]
    named = [(overlap(part.name_stems, said), step, part) for step, part in fitting]
    best = max(named, key=lambda one: one[0], default=None)
    if best is not None and best[0] >= 0.5:
        return best[1].reference(best[2])
    last = [(step, part) for step, part in fitting if step is earlier[-1]]
    if len(last) == 1 and not said:
        return last[0][0].reference(last[0][1])
    return None
