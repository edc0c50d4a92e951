"""NESTFUL, Glaive part (IBM): requests whose calls use one another's results, over a catalogue with output fields.

The right calls are the set's own. What a tool gives is made up: a hash of tool and arguments, in the fields that the
catalogue declares. A model is offered the tools of the request among others, ``OFFERED`` in all. An argument whose
right value is of another type than the catalogue says is declared as of that type in its case. A request is
left out where its right calls name a tool, an argument or a field that is not there (:func:`left_out` says which).

Source: Basu et al., 2024, "NESTFUL: A Benchmark for Evaluating LLMs on Nested Sequences of API Calls" (Apache-2.0).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from jsonschema import Draft202012Validator

from benchmarks.orchestration.case import REFERENCE, Case, CaseStep, CaseTool, canonical, filled
from benchmarks.quality.plansets import Declared, GoldCall, gold, nestful_rows, nestful_tools
from benchmarks.simulated.profile import chance

OFFERED = 10
FASTEST_S, SLOWEST_S = 0.3, 1.2
_ACTS = ("send_", "create_", "add_", "set_", "book_", "update_", "delete_", "make_", "order_")
_ITEMS = 3
_KINDS: Mapping[type, str] = {str: "string", bool: "boolean", int: "integer", list: "array", dict: "object"}


def cases(folder: Path) -> list[Case]:
    """Return the requests of a data folder whose right calls keep to the catalogue."""
    return [found for found in _read(folder) if isinstance(found, Case)]


def left_out(folder: Path) -> dict[str, str]:
    """Return, by number, the requests that are left out, each with what is wrong with its right calls."""
    return {str(number): found for number, found in enumerate(_read(folder), 1) if isinstance(found, str)}


def _read(folder: Path) -> list[Case | str]:
    tools = {name: _tool(tool) for name, tool in nestful_tools(folder).items()}
    return [_case(number, row, tools) for number, row in enumerate(nestful_rows(folder), 1)]


def fitting(tool: CaseTool, arguments: Mapping[str, Any]) -> CaseTool:
    """Return a tool that takes these arguments, of whatever types they are."""
    properties: dict[str, Any] = dict(tool.parameters["properties"])
    for name, value in arguments.items():
        if not Draft202012Validator(properties[name]).is_valid(value):
            told = properties[name].get("description", name)
            properties[name] = {"type": _KINDS.get(type(cast("object", value)), "number"), "description": told}
    return replace(tool, parameters={**tool.parameters, "properties": properties})


def _case(number: int, row: Mapping[str, Any], tools: Mapping[str, CaseTool]) -> Case | str:
    """Return a request as a case, or why it cannot be one."""
    *calls, answer = gold(row["output"])
    steps: list[CaseStep] = []
    known: dict[str, Any] = {}
    tools = dict(tools)
    for place, call in enumerate(calls, 1):
        problem, arguments = _made(call, tools, known)
        if problem:
            return f"call {place}, {call.tool}: {problem}"
        tools[call.tool] = fitting(tools[call.tool], arguments)
        known[str(place)] = _result(tools[call.tool], arguments)
        steps.append(CaseStep(str(place), call.tool, dict(call.arguments or {}), known[str(place)]))
    parts = dict(answer.arguments or {})
    if problem := _unknown(parts, known):
        return f"the answer: {problem}"
    text = ". ".join(f"{name.replace('_', ' ')}: {_fields(value, steps, tools)}" for name, value in parts.items())
    offered = _offered(row["input"], [step.tool for step in steps], tools)
    expects = tuple(dict.fromkeys(leaf for found in REFERENCE.finditer(text) for leaf in _leaves(found, known)))
    return Case("nestful", str(number), row["input"], offered, tuple(steps), f"{text}.", True, expects=expects)


def _made(call: GoldCall, tools: Mapping[str, CaseTool], known: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return what is wrong with a call (nothing: an empty text), and its arguments with results put in."""
    if call.tool not in tools:
        return "no tool of the catalogue", {}
    if problem := _unknown(call.arguments or {}, known):
        return problem, {}
    given, tool = call.arguments or {}, tools[call.tool]
    if strange := sorted(set(given) - set(tool.parameters["properties"])):
        return f"no argument is called {strange[0]}", {}
    if absent := sorted(set(tool.required) - set(given)):
        return f"{absent[0]} is required", {}
    return "", {name: filled(value, known) for name, value in given.items()}


def _unknown(value: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    """Return which reference of some arguments leads nowhere."""
    for found in REFERENCE.finditer(canonical(value)):
        try:
            filled(found.group(0), known)
        except (KeyError, IndexError, TypeError):
            return f"no result has {found.group(0)}"
    return ""


def _fields(value: Any, steps: Sequence[CaseStep], tools: Mapping[str, CaseTool]) -> str:
    """Return a part of the answer; of a whole result, its fields by name."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    whole = REFERENCE.fullmatch(text)
    if whole is None or whole["path"]:
        return text
    step = next(step for step in steps if step.id == whole["step"])
    names: Sequence[str] = tuple((tools[step.tool].returns or {})["properties"])
    if len(names) == 1:
        return f"{{{{{step.id}.{names[0]}}}}}"
    return ", ".join(f"{name} {{{{{step.id}.{name}}}}}" for name in names)


def _leaves(found: re.Match[str], known: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts and numbers that a right answer shows for a reference, however it words a list."""
    left: list[Any] = [filled(found.group(0), known)]
    while left:
        value: Any = left.pop()
        if isinstance(value, list | dict):
            left.extend(value.values() if isinstance(value, dict) else value)  # pyright: ignore[reportUnknownArgumentType]
        elif not isinstance(value, bool):  # told as yes or no
            yield value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _offered(request: str, needed: Sequence[str], tools: Mapping[str, CaseTool]) -> tuple[CaseTool, ...]:
    """Return the tools a model may choose from: those needed among others, in an order that tells nothing."""
    others = sorted(set(tools) - set(needed), key=lambda name: chance(f"{request} {name}"))
    wanted = {*needed, *others[: max(0, OFFERED - len(set(needed)))]}
    return tuple(tools[name] for name in sorted(wanted))


def _tool(tool: Declared) -> CaseTool:
    properties = {name: _schema(schema) for name, schema in tool.parameters.items()}
    parameters = {"type": "object", "properties": properties, "required": list(tool.required)}
    outputs = {name: _schema(schema) for name, schema in (tool.returns or {}).items()}
    acts = tool.name.startswith(_ACTS)
    return CaseTool(
        tool.name,
        tool.description,
        {**parameters, "additionalProperties": False},
        mean_s=round(FASTEST_S + (SLOWEST_S - FASTEST_S) * chance(tool.name), 2),
        effects="effectful" if acts else "none",
        writes=(tool.name,) if acts else (),
        returns={"type": "object", "properties": outputs, "required": list(outputs)},
    )


def _schema(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema as JSON Schema has it: ``required`` is no property of a property, and no type is a file."""
    schema: dict[str, Any] = {
        name: value for name, value in written.items() if name != "required" or isinstance(value, list)
    }
    if schema.get("type") == "file":
        schema["type"] = "string"
    if isinstance(schema.get("items"), dict):
        schema["items"] = _schema(cast("dict[str, Any]", schema["items"]))
    if isinstance(schema.get("properties"), dict):
        inner = cast("dict[str, dict[str, Any]]", schema["properties"])
        schema["properties"] = {name: _schema(value) for name, value in inner.items()}
    return schema


def _result(tool: CaseTool, arguments: Mapping[str, Any]) -> Any:
    return _value(tool.returns or {}, f"{tool.name} {canonical(arguments)}")


def _value(schema: Mapping[str, Any], of: str) -> Any:
    """Return a value that fits a schema: a hash of a text."""
    drawn = chance(of)
    match schema.get("type"):
        case "number":
            return 1 + int(499 * drawn)  # whole, so that it is an integer where one is wanted
        case "integer":
            return 1 + int(99 * drawn)
        case "boolean":
            return drawn < 0.5
        case "array":
            return [_value(schema.get("items") or {}, f"{of} {place}") for place in range(_ITEMS)]
        case "object":
            properties: Mapping[str, Mapping[str, Any]] = schema.get("properties") or {"value": {}}
            return {name: _value(inner, f"{of} {name}") for name, inner in properties.items()}
        case _:
            return f"{schema.get('description') or 'entry'} {int(drawn * 16**6):06x}"
