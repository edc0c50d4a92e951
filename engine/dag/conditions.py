"""Evaluates a step's ``when``."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, cast

from engine.dag.refs import Reference, exists, parse, resolve
from schemas.errors import StepInputError
from schemas.plan import Condition


def holds(condition: Condition, lookup: Callable[[str], Any]) -> bool:
    """Whether one condition is met by the results so far.

    Raises:
        StepInputError: The two sides cannot be compared, or a reference is absent.
    """
    if condition.op == "exists":
        segment = parse(condition.value)[0] if isinstance(condition.value, str) else condition.value
        there = isinstance(segment, Reference) and exists(segment, lookup(segment.step_id))
        return there is (condition.to is not False)
    value = resolve(condition.value, lookup)
    to = resolve(condition.to, lookup)
    try:
        return _compare(condition.op, value, to)
    except RecursionError:
        raise StepInputError("condition: the values are nested too deeply to compare") from None


def first_unmet(conditions: Sequence[Condition], lookup: Callable[[str], Any]) -> Condition | None:
    """Return the first condition that does not hold, or None when all do.

    Raises:
        StepInputError: As ``holds``.
    """
    return next((condition for condition in conditions if not holds(condition, lookup)), None)


def describe(condition: Condition) -> str:
    """Return a condition as one readable line.

    >>> describe(Condition(value="{{1.n}}", op="gt", to=3))
    '{{1.n}} gt 3'
    """
    if condition.op == "exists":
        return f"{condition.value} {'exists' if condition.to is not False else 'is absent'}"
    return f"{condition.value} {condition.op} {json.dumps(condition.to, ensure_ascii=False)}"


def _compare(op: str, value: Any, to: Any) -> bool:
    match op:
        case "eq":
            return _equal(value, to)
        case "ne":
            return not _equal(value, to)
        case "in":
            return _contains(to, value)
        case "contains":
            return _contains(value, to)
        case _:
            return _ordered(op, value, to)


def _equal(value: Any, to: Any) -> bool:
    if isinstance(value, bool) is not isinstance(to, bool):
        return False
    return bool(value == to)


def _contains(whole: Any, part: Any) -> bool:
    if isinstance(whole, list):
        return any(_equal(item, part) for item in cast("list[Any]", whole))
    if isinstance(whole, dict):
        return isinstance(part, str) and part in cast("dict[str, Any]", whole)
    if isinstance(whole, str) and isinstance(part, str):
        return part in whole
    raise StepInputError(f"condition: {_kind(whole)} cannot contain {_kind(part)}")


def _ordered(op: str, value: Any, to: Any) -> bool:
    if not (_number(value) and _number(to)) and not (isinstance(value, str) and isinstance(to, str)):
        raise StepInputError(f"condition: {_kind(value)} and {_kind(to)} cannot be compared with {op}")
    return {"lt": value < to, "le": value <= to, "gt": value > to, "ge": value >= to}[op]


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _kind(value: Any) -> str:
    return "null" if value is None else f"a {type(value).__name__} ({json.dumps(value, ensure_ascii=False)[:40]})"
