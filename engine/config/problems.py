"""What is wrong with a configuration, in words: place, what was expected, the nearest valid word."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError

from engine.config.reader import KeyPath, Reader, kind_of
from schemas.agents import NAME
from schemas.rules import RuleError
from schemas.settings import Settings

_TOOL_SOURCES = ("python", "builtin", "mcp", "openapi")
_SECRET_KEYS = ("api_key", "headers", "auth")
_WORDS = re.compile(r"'([^']*)'")
_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
    "missing": "a value",
}


def validation_problems(exc: ValidationError, raw: dict[str, Any], reader: Reader) -> list[str]:
    """Return one line a wrong place; the members of a union that each refused the value are one problem."""
    places: dict[KeyPath, list[Any]] = {}
    for error in exc.errors():
        path = _existing(error["loc"], raw, whole=error["type"] == "missing")
        places.setdefault(path, []).append(error)
    deepest = {path: errors for path, errors in places.items() if not any(_below(other, path) for other in places)}
    ordered = sorted(deepest.items(), key=lambda place: reader.line(place[0]))
    return [_problem(path, errors, raw, reader) for path, errors in ordered]


def _below(other: KeyPath, path: KeyPath) -> bool:
    """Whether a place lies inside another, whose own problem is then only that another member of a union was meant."""
    return len(other) > len(path) and other[: len(path)] == path


def _existing(loc: KeyPath, raw: Any, *, whole: bool) -> KeyPath:
    """Return what of a pydantic location is a path of the file; other parts name members of a union."""
    path: KeyPath = ()
    for index, part in enumerate(loc):
        mapping = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {}
        items = cast("list[Any]", raw) if isinstance(raw, list) else []
        if isinstance(part, str) and part in mapping:
            raw = mapping[part]
        elif isinstance(part, int) and part < len(items):
            raw = items[part]
        else:
            if whole and index == len(loc) - 1:
                return (*path, part)
            continue
        path = (*path, part)
    return path


def _problem(path: KeyPath, errors: Sequence[Any], raw: dict[str, Any], reader: Reader) -> str:
    error = errors[0]
    if error["type"] == "extra_forbidden":
        known = _fields_at(path[:-1])
        return f"{reader.at(path)}: unknown key\n{nearest(str(path[-1]), known)}"
    if error["type"] == "missing":
        return f"{reader.at(path)}: missing\n{_of_entry(path, raw)}"
    if error["type"] == "literal_error":
        words = _WORDS.findall(error["ctx"]["expected"])
        return f"{reader.at(path)}: {shown(error['input'])} is not possible\n{nearest(str(error['input']), words)}"
    if isinstance((error.get("ctx") or {}).get("error"), RuleError):  # a sentence already
        return f"{reader.at(path)}: {expectation(error)}"
    expected = " or ".join(dict.fromkeys(expectation(item) for item in errors))
    secret = any(part in _SECRET_KEYS for part in path)
    return f"{reader.at(path)}: expected {expected}, not {'what is there' if secret else shown(_at(raw, path))}"


def expectation(error: Mapping[str, Any]) -> str:
    """Return what would have been right where pydantic found something wrong, in words."""
    kind, context = str(error["type"]), cast("Mapping[str, Any]", error.get("ctx") or {})
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    for word, phrase in (("gt", "more than"), ("ge", "at least"), ("lt", "less than"), ("le", "at most")):
        if word in context:
            return f"{phrase} {context[word]:g}"
    if kind == "string_pattern_mismatch":
        pattern = str(context.get("pattern", ""))
        return "a name of at most 64 letters, digits, '_', '.' and '-'" if pattern == NAME else f"text like {pattern}"
    if kind == "too_short":
        return f"at least {context.get('min_length', 1)} entries"
    return str(error["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")


def _of_entry(path: KeyPath, raw: dict[str, Any]) -> str:
    entry = _at(raw, path[:-1])
    given = ", ".join(cast("dict[str, Any]", entry)) if isinstance(entry, dict) else ""
    return f"this entry gives only {given}" if given else ""


def _at(raw: Any, path: KeyPath) -> Any:
    for part in path:
        raw = raw[part]
    return raw


def _fields_at(path: KeyPath) -> tuple[str, ...]:
    """Return the keys that are possible under a path of the settings."""
    found: Any = Settings
    for part in (part for part in path if isinstance(part, str)):
        if isinstance(found, type) and issubclass(found, BaseModel):
            field = found.model_fields.get(part)
            found = field.annotation if field else None
        found = next(_models_in(found), None)
    return tuple(found.model_fields) if isinstance(found, type) and issubclass(found, BaseModel) else ()


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and get_origin(annotation) is None:
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for argument in get_args(annotation):
        yield from _models_in(argument)


def nearest(word: str, known: Sequence[str]) -> str:
    """Return which of the possible words was probably meant, and which there are."""
    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.5)
    listed = f"possible here: {', '.join(known)}" if known else ""
    return f"did you mean {near[0]!r}? {listed}" if near else listed


def shown(value: Any) -> str:
    """Return a value as a message shows it: short, or only what kind it is."""
    if isinstance(value, (dict, list)):
        return kind_of(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "…"


def tool_problems(settings: Settings, reader: Reader) -> Iterator[str]:
    """Yield a line for each tool entry that does not say, once, where its tool is from."""
    for index, tool in enumerate(settings.tools):
        given = [name for name in _TOOL_SOURCES if getattr(tool, name) is not None]
        where = reader.at(("tools", index))
        if not given:
            yield f"{where}: says not where the tool is from\nadd one of {', '.join(_TOOL_SOURCES)}"
        elif len(given) > 1:
            yield f"{where}: has {' and '.join(given)}\none tool comes from one place: make them separate entries"
        elif tool.python is not None and not re.fullmatch(r"[\w.]+:[\w.]+", tool.python):
            yield f"{reader.at(('tools', index, 'python'))}: expected module:function, not {tool.python!r}"


def name_problems(settings: Settings, reader: Reader) -> Iterator[str]:
    """Yield a line for each provider and schedule whose name is taken, and for each name that nothing has."""
    seen: set[str] = set()
    for index, provider in enumerate(settings.model_providers):
        if provider.name in seen:
            yield f"{reader.at(('model_providers', index, 'name'))}: {provider.name!r} is taken\nnames are unique"
        seen.add(provider.name)
    assistants, known = {one.name for one in settings.assistants}, set[tuple[str, str]]()
    for index, schedule in enumerate(settings.schedules):
        if (schedule.user, schedule.name) in known:
            yield f"{reader.at(('schedules', index, 'name'))}: {schedule.name!r} is taken\nnames are unique"
        known.add((schedule.user, schedule.name))
        if schedule.assistant and schedule.assistant not in assistants:
            where, near = reader.at(("schedules", index, "assistant")), nearest(schedule.assistant, sorted(assistants))
            yield f"{where}: there is no assistant {schedule.assistant!r}\n{near}"
