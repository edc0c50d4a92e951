"""The form a value takes for an argument: its type, its unit, a date or time as the description asks for it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from gateway.providers.offline.catalogue import Argument
from gateway.providers.offline.dates import convert, read_clock
from gateway.providers.offline.results import ids_in
from gateway.providers.offline.values import Mention
from gateway.providers.offline.words import words


def coerce(argument: Argument, mention: Mention) -> Any:
    """Return a mention's value in the form the argument asks for: its type, unit, date and decimal form."""
    if argument.kind == "array":
        inner = replace(argument, kind=argument.items.kind if argument.items is not None else "any")
        return [coerce(inner, part) for part in mention.parts or (mention,)]
    if argument.kind in ("number", "integer"):
        return _number(argument, mention)
    if mention.kind in ("date", "time"):
        return _moment(argument, mention)
    value = mention.value
    if argument.kind == "string" and not isinstance(value, str):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return value


def takes(argument: Argument, value: Any) -> bool:
    """Return whether a plan may hold a value for an argument: a reference always, a plain value by what is declared.

    >>> takes(Argument("values", "string", packed=True), "JSON"), takes(Argument("code", "string", filled=True), "")
    (False, False)
    """
    if ids_in(value):
        return True
    if argument.filled and isinstance(value, str) and not value.strip():
        return False
    if argument.packed and isinstance(value, str):
        return _is_structure(value)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number if argument.kind in ("number", "integer") else True


def _is_structure(text: str) -> bool:
    try:
        return isinstance(json.loads(text), (list, dict))
    except (ValueError, RecursionError):
        return False


def _moment(argument: Argument, mention: Mention) -> str:
    """Return a date without its time where no time is asked for, and a time of day as it is asked for."""
    value = str(mention.value)
    timed = "HH" in argument.description or "time" in argument.name_stems
    if mention.kind == "date":
        return value[:10] if mention.unit and not timed else value
    return read_clock(value) if ":mm" in argument.description.lower() else value


def _number(argument: Argument, mention: Mention) -> Any:
    value = mention.value
    if isinstance(value, str):
        value = float(value) if "." in value else int(value)
    if mention.kind == "percent" and _decimal(argument):
        return round(value / 100, 10)
    described = [word.text for word in words(f"{argument.name.replace('_', ' ')} {argument.description}")]
    value = convert(value, mention.unit, described)
    return round(value) if argument.kind == "integer" and float(value).is_integer() else value


def _decimal(argument: Argument) -> bool:
    return (argument.maximum is not None and argument.maximum <= 1) or bool(
        {"decim", "decimal", "fraction"} & {*argument.stems, *argument.name_stems}
    )
