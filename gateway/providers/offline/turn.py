"""One turn with native tool calls: every call that can be made now, or the answer."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable
from typing import Any

from gateway.providers.offline.answer import write_answer
from gateway.providers.offline.calls import Call
from gateway.providers.offline.language import brief, phrases_for
from gateway.providers.offline.read import AnswerAsked, Result, TurnAsked
from gateway.providers.offline.results import ids_in, resolve
from gateway.providers.offline.sketch import sketch

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq, "ne": operator.ne, "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le,
    "contains": operator.contains,
}  # fmt: skip


def take_turn(asked: TurnAsked) -> tuple[list[tuple[str, dict[str, Any]]], str]:
    """Return the calls to make now as (tool, arguments), or none and the answer."""
    values = {one.id: one.value for one in asked.past if one.status == "done"}
    first = max((one.id for one in asked.past), default=0) + 1
    made = sketch(asked.task, asked.tools, first, asked.past)
    new = [call for call in made.calls if not call.done]
    if any(one.status == "running" for one in asked.past) and not new:
        return [], _answer(asked, [])
    ready: list[tuple[str, dict[str, Any]]] = []
    lacking: list[str] = []
    for call in new:
        arguments = _arguments(call, values)
        if arguments is not None:
            ready.append((call.tool.name, arguments))
        elif not ids_in(call.values) - values.keys():
            lacking.append(_lack(call))
    if ready:
        return ready, ""
    phrases = phrases_for(asked.task)
    if not asked.past and not lacking and not made.calls:
        return [], f"{phrases.identity} {phrases.no_tool.format(what=brief(asked.task))}"
    open_ones = [phrases.no_tool.format(what=brief(text)) for text in made.requests]
    return [], _answer(asked, [*lacking, *made.failed, *open_ones])


def _arguments(call: Call, values: dict[int, Any]) -> dict[str, Any] | None:
    """Return a call's arguments with the results put in; None when one is not there yet or not given."""
    if call.missing or not all(_holds(one, values) for one in call.when):
        return None
    try:
        return resolve(call.values, values)
    except KeyError:
        return None


def _holds(condition: dict[str, Any], values: dict[int, Any]) -> bool:
    """Return whether a condition holds on the results so far; one over an unknown result does not."""
    try:
        left, right = resolve(condition["value"], values), condition["to"]
        return bool(_COMPARE[condition["op"]](left, right))
    except (KeyError, TypeError):
        return False


def _lack(call: Call) -> str:
    return f"{call.text}: {', '.join(call.missing) or call.tool.name}"


def _answer(asked: TurnAsked, missing: list[str]) -> str:
    results = tuple(
        Result(
            str(one.id),
            one.tool,
            one.status,
            one.value if one.status == "done" else one.error,
            json.dumps(dict(one.input)),
        )
        for one in asked.past
    )
    return write_answer(AnswerAsked(asked.task, results, tuple(missing), worked=True))
