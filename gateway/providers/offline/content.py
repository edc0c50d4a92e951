"""The part of a result that a person asked for: its content without the details that stand beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from gateway.providers.offline.words import name_stems, words

_COUNTED = re.compile(
    r"\b(?:count(?!\()|how many|number of|zähle?n?|wie ?viele|compte[rz]?|combien|cuent[ae]|contar|cuánt[oa]s)\b"
    r"|多少|几个|几行|数一数|数える|数えて|いくつ|何行|何個|세어|몇",
    re.IGNORECASE,
)
_CUT = ("truncated", "more", "partial", "incomplete")
_BODY = ("text", "content", "body")
_BRIEF = 40


def counts(task: str) -> bool:
    """Return whether a text asks how many there are."""
    return bool(_COUNTED.search(task))


def content(value: Any, task: str = "") -> Any:
    """Return the field asked for, the one field that is no detail of another, or the whole.

    A result that says whether it is cut off holds something that was fetched; the rest tells where from and how much.
    """
    fields = _fields(value)
    main = _main(fields) if any(key in fields for key in _CUT) else None
    told = _told(value) if main is None else _one_cell(main)
    named = _counted_field(fields, task) if counts(task) and (main is None or isinstance(told, (list, str))) else None
    return cast("Any", told) if named is None else named


def cut(value: Any) -> bool:
    """Return whether a result says that there is more."""
    return any(_fields(value).get(key) is True for key in _CUT)


def labelled(item: Any) -> Any:
    """Return a text that was fetched as the value of the name it has."""
    body = content(item)
    name = next((part for part in _fields(item).values() if isinstance(part, str)), "")
    return {name: body} if isinstance(body, str) and name and name != body else item


def brief(value: Any) -> bool:
    """Return whether a result is one plain value."""
    fields = _fields(value)
    if len(fields) == 1:
        return brief(next(iter(fields.values())))
    return isinstance(value, (int, float)) or (isinstance(value, str) and len(value) <= _BRIEF and "\n" not in value)


def _fields(value: Any) -> Mapping[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any] | None:
    return cast("list[Any]", value) if isinstance(value, list) else None


def _counted_field(fields: Mapping[str, Any], task: str) -> Any:
    """Return the number of the one field that a task counts by its name ("how many lines")."""
    said = {word.stem for word in words(task)}
    whole = {key: part for key, part in fields.items() if isinstance(part, int) and not isinstance(part, bool)}
    found = [part for key, part in whole.items() if set(name_stems(key)) <= said]
    return found[0] if len(found) == 1 else None


def _told(value: Any) -> Any:
    """Return an object without the fields that say nothing: no text printed, nothing cut off."""
    fields = _fields(value)
    silent = {key for key, part in fields.items() if part in ("", None) or (part is False and key in _CUT)}
    kept = {key: part for key, part in fields.items() if key not in silent}
    return kept if silent and kept and fields.get("truncated") is not None else value


def _main(fields: Mapping[str, Any]) -> Any:
    """Return the one list or object, or the one text; None when there is no such thing."""
    nested: list[Any] = [part for part in fields.values() if isinstance(part, (list, dict))]
    rows = [part for part in nested if _is_rows(part)]
    filled = [part for part in nested if part]
    if rows:
        return rows[0] if all(part is rows[0] or _names_columns(part, rows[0]) for part in filled) else None
    if nested:
        return (filled or nested)[0] if len(filled) < 2 else None
    body = [fields[key] for key in _BODY if isinstance(fields.get(key), str)]
    return body[0] if len(body) == 1 else None


def _is_rows(value: Any) -> bool:
    items = _items(value)
    return bool(items) and all(isinstance(row, dict) for row in items or ())


def _names_columns(part: Any, rows: Any) -> bool:
    first = (_items(rows) or [{}])[0]
    return {str(one) for one in _items(part) or ()} == set(_fields(first))


def _one_cell(value: Any) -> Any:
    """Return the value of a table of one cell; the rows without their empty columns."""
    if not _is_rows(value):
        return value
    rows = [_fields(row) for row in _items(value) or ()]
    empty = {key for key in rows[0] if all(row.get(key) is None for row in rows)}
    kept = [{key: cell for key, cell in row.items() if key not in empty} for row in rows]
    return next(iter(kept[0].values())) if len(kept) == 1 and len(kept[0]) == 1 else kept
