"""The arguments of one forced call, from the step, what it was given and the results it may use."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, cast

from gateway.providers.offline.affinity import suits_field
from gateway.providers.offline.arguments import fill
from gateway.providers.offline.catalogue import Argument, OfferedTool
from gateway.providers.offline.clauses import opening_stems, split
from gateway.providers.offline.read import ArgumentsAsked, Result
from gateway.providers.offline.references import Earlier
from gateway.providers.offline.results import fields_of, ids_in, resolve
from gateway.providers.offline.score import Index
from gateway.providers.offline.values import mentions
from gateway.providers.offline.words import name_stems

_SURE = 0.5


def fill_call(asked: ArgumentsAsked) -> tuple[dict[str, Any], str]:
    """Return the arguments of the call, and what is missing in words (empty when it is complete)."""
    results = [result for result in asked.results if result.done]
    values = dict(enumerate((result.value for result in results), 1))
    earlier = [_earlier(number, result) for number, result in enumerate(results, 1)]
    text = _without(_clause(asked), asked.given)
    found = fill(asked.tool, text, earlier, linked=bool(earlier))
    arguments = {} if _told(asked) else _of_same_name(asked, results)
    for name, template in found.values.items():
        sure = name in found.links or found.shaped or _spelled(template, text, asked.task)
        if sure and name not in arguments:
            with suppress(KeyError):
                arguments[name] = resolve(template, values)
    for argument in _open(asked, arguments):
        _from_results(argument, results, arguments)
    return arguments, ", ".join(argument.described for argument in _open(asked, arguments))


def _open(asked: ArgumentsAsked, arguments: dict[str, Any]) -> list[Argument]:
    """Return the required arguments without a value."""
    return [a for a in asked.tool.required if a.name not in arguments and a.name not in asked.given]


def _told(asked: ArgumentsAsked) -> str:
    """Return what the plan says of the step; empty when it only names the tool."""
    told = asked.about.strip()
    return "" if told == f"Call {asked.tool.name}." else told


def _of_same_name(asked: ArgumentsAsked, results: list[Result]) -> dict[str, Any]:
    """Return the required arguments whose very name is a field of the results, where all such fields agree.

    A step that says nothing of itself is told by its inputs: they are nearer to it than words of the whole task.
    """
    found: dict[str, Any] = {}
    objects = [cast("dict[str, Any]", result.value) for result in results if isinstance(result.value, dict)]
    for argument in asked.tool.required:
        named = [value[argument.name] for value in objects if argument.name in value]
        if named and suits_value(argument, named[0]) and all(value == named[0] for value in named):
            found[argument.name] = named[0]
    return found


def _spelled(value: Any, about: str, task: str) -> bool:
    """Whether a text stands in the task, or is a value that the step itself spells out."""
    if not isinstance(value, str) or ids_in(value) or value == about or value.lower() in task.lower():
        return True
    spelled = {str(part.value) for one in mentions(about) for part in one.parts or (one,)}
    return value in spelled or any(value.startswith(one) for one in spelled if len(one) > 3)


def _clause(asked: ArgumentsAsked) -> str:
    """Return the part of the task the step is about: what the plan says of it, else the clause that fits the tool."""
    if told := _told(asked):
        return told
    index = Index((asked.tool,))
    clauses = split(asked.task, opening_stems([asked.tool.description]))
    scored = [
        (ranked[0].score, -clause.start, clause.text) for clause in clauses if (ranked := index.rank(clause.text))
    ]
    return max(scored)[2] if scored else asked.task


def _without(text: str, given: dict[str, Any]) -> str:
    for value in given.values():
        if isinstance(value, (str, int, float)) and not isinstance(value, bool) and len(str(value)) > 1:
            text = text.replace(str(value), " ")
    return text


def _earlier(number: int, result: Result) -> Earlier:
    named = frozenset(name_stems(result.tool))
    tool = OfferedTool(result.tool, "", (), returns=fields_of(result.value), stems=named, key=named)
    return Earlier(number, tool)


def _from_results(argument: Argument, results: list[Result], arguments: dict[str, Any]) -> None:
    """Take the one field of the results that has the argument's name and type, or the one plain result that fits."""
    fields = [(suits_field(argument, part), part, result) for result in results for part in fields_of(result.value)]
    sure = [(part, result) for worth, part, result in fields if worth > _SURE]
    if len(sure) == 1:
        arguments[argument.name] = sure[0][1].value[sure[0][0].name]
        return
    plain = [result.value for result in results if not isinstance(result.value, dict)]
    if len(plain) == 1 and len(results) == 1 and suits_value(argument, plain[0]):
        arguments[argument.name] = plain[0]


def suits_value(argument: Argument, value: Any) -> bool:
    """Return whether a value is of the argument's type."""
    if isinstance(value, dict):
        return argument.kind in ("object", "any")
    if isinstance(value, bool):
        return argument.kind in ("boolean", "any")
    if isinstance(value, (int, float)):
        return argument.kind in ("number", "any") or (argument.kind == "integer" and float(value).is_integer())
    if isinstance(value, list):
        return argument.kind in ("array", "any")
    return argument.textual and isinstance(value, str)
