"""Results that are known: their fields as arguments see them, and the values references point at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from gateway.providers.offline.catalogue import Argument
from gateway.providers.offline.words import name_stems

REFERENCE = re.compile(r"\{\{(?P<id>\d+)(?:\.(?P<path>[^{}]+))?\}\}")
_PART = re.compile(r"[^.\[\]]+")


def fields_of(value: Any) -> tuple[Argument, ...]:
    """Return the fields of a result as a schema would have declared them; none for a plain value."""
    if not isinstance(value, dict):
        return ()
    return tuple(
        Argument(key, _kind(part), name_stems=tuple(name_stems(key)))
        for key, part in cast("dict[str, Any]", value).items()
    )


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    names = {float: "number", str: "string", list: "array", dict: "object"}
    return names.get(cast("type[Any]", type(value)), "any")


def resolve(template: Any, values: Mapping[int, Any]) -> Any:
    """Return an argument with its references replaced.

    Raises:
        KeyError: A reference names no known result, or a part it does not have.
    """
    if isinstance(template, list):
        return [resolve(item, values) for item in cast("list[Any]", template)]
    if isinstance(template, dict):
        return {key: resolve(item, values) for key, item in cast("dict[str, Any]", template).items()}
    if not isinstance(template, str):
        return template
    whole = REFERENCE.fullmatch(template)
    if whole:
        return _walk(values, whole)
    return REFERENCE.sub(lambda match: str(_walk(values, match)), template)


def _walk(values: Mapping[int, Any], match: re.Match[str]) -> Any:
    value = values[int(match["id"])]
    for part in (found.strip('"') for found in _PART.findall(match["path"] or "")):
        if isinstance(value, dict) and part in value:
            value = cast("dict[str, Any]", value)[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(cast("list[Any]", value)):
            value = cast("list[Any]", value)[int(part)]
        else:
            raise KeyError(part)
    return value


def ids_in(value: Any) -> set[int]:
    """Return the ids of the steps a value refers to."""
    if isinstance(value, str):
        return {int(match["id"]) for match in REFERENCE.finditer(value)}
    inner: list[Any] = []
    if isinstance(value, dict):
        inner = list(cast("dict[str, Any]", value).values())
    elif isinstance(value, list):
        inner = cast("list[Any]", value)
    return {one for item in inner for one in ids_in(item)}
