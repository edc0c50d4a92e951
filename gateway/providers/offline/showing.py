"""Results as a person reads them: what was asked first, plain numbers, lists and fields on lines of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from gateway.providers.offline.language import Phrases
from gateway.providers.offline.words import name_stems, words

_MOST_ITEMS = 50
_DEPTH = 3
_GROUPED = re.compile(r"\d,\d{3}(?!\d)")
_COUNTED = re.compile(
    r"\b(?:count(?!\()|how many|number of|zähle?n?|wie ?viele|compte[rz]?|combien|cuent[ae]|contar|cuánt[oa]s)\b"
    r"|多少|几个|几行|数一数|数える|数えて|いくつ|何行|何個|세어|몇",
    re.IGNORECASE,
)
_CUT = frozenset(("truncated", "more", "partial", "incomplete"))


def counts(task: str) -> bool:
    """Return whether a text asks how many there are."""
    return bool(_COUNTED.search(task))


def shown(value: Any, phrases: Phrases, task: str = "", *, inline: bool = False) -> str:
    """Return a JSON value as text; of an object, the part that is its content or that the task names.

    Args:
        value: The value.
        phrases: The language's sentences.
        task: What was asked.
        inline: Whether a small object stands on one line.
    """
    told = _content(value, task) if isinstance(value, dict) else value
    if isinstance(told, list) and not told and isinstance(value, dict):
        return phrases.empty
    depth = int(inline and isinstance(told, dict) and len(cast("dict[str, Any]", told)) > 1)
    if isinstance(told, list):
        told = [_labelled(item) for item in cast("list[Any]", told)]
    text = _written(told, phrases, depth, bool(_GROUPED.search(task)))
    if isinstance(told, list) and counts(task):
        items = cast("list[Any]", told)
        text = f"{len(items)}{'+' if _is_cut(value) else ''}\n{text}" if len(items) > 1 else text
    return f"{text}\n…" if told is not value and _is_cut(value) else text


def _is_cut(value: Any) -> bool:
    return isinstance(value, dict) and any(value.get(key) is True for key in _CUT)


def _content(value: Mapping[str, Any], task: str) -> Any:
    """Return the field asked for, the one field that is no detail of another, or the whole."""
    named = _counted_field(value, task)
    if named is not None:
        return named
    rows = [part for part in value.values() if isinstance(part, list) and _objects(part)]
    if len(rows) == 1 and _details(value, rows[0]):
        return _one_cell(rows[0])
    parts = [part for part in value.values() if isinstance(part, (list, dict)) and part] or [
        part for part in value.values() if isinstance(part, (list, dict))
    ][:1]
    if len(parts) == 1 and len(value) > 1 and _details(value, parts[0]):
        return parts[0]
    texts = [part for part in value.values() if isinstance(part, str)]
    body = [value[key] for key in ("text", "content", "body") if isinstance(value.get(key), str)]
    if len(body) == 1 and not parts and (len(texts) > 1 or len(value) > 1) and _is_read(value):
        return body[0]
    return value


def _labelled(item: Any) -> Any:
    """Return a text that was read as the value of the name it has."""
    body = _content(item, "") if isinstance(item, dict) else item
    if not isinstance(body, str) or not isinstance(item, dict):
        return item
    name = next((part for part in cast("dict[str, Any]", item).values() if isinstance(part, str)), "")
    return {name: body} if name and name != body else item


def _is_read(value: Mapping[str, Any]) -> bool:
    """Whether all that stands beside a text says how much of it there is and where it is from."""
    return any(key in value for key in _CUT)


def _details(value: Mapping[str, Any], main: Any) -> bool:
    """Whether every other field is a plain value, empty, or the names of the rows' fields, and one says it is all."""
    others = [part for part in value.values() if part is not main]
    plain = all(not isinstance(part, (list, dict)) or not part or _names(part, main) for part in others)
    return plain and _is_read(value)


def _names(part: Any, main: Any) -> bool:
    first = cast("list[Any]", main)[0] if isinstance(main, list) and main else None
    return isinstance(part, list) and isinstance(first, dict) and set(map(str, cast("list[Any]", part))) == set(first)


def _objects(part: list[Any]) -> bool:
    return bool(part) and all(isinstance(row, dict) for row in part)


def _one_cell(rows: list[Any]) -> Any:
    """Return the value of a table of one cell, the row of a table of one row, or the rows without empty columns."""
    empty = {key for key in rows[0] if all(row.get(key) is None for row in rows)}
    kept = [{key: cell for key, cell in row.items() if key not in empty} for row in rows]
    if len(kept) == 1 and len(kept[0]) == 1:
        return next(iter(kept[0].values()))
    return kept


def _counted_field(value: Mapping[str, Any], task: str) -> Any:
    """Return the number of the one field that a task counts by its name ("how many lines")."""
    if not counts(task):
        return None
    said = {word.stem for word in words(task)}
    found = [
        part
        for key, part in value.items()
        if isinstance(part, int) and not isinstance(part, bool) and set(name_stems(key)) <= said
    ]
    return found[0] if len(found) == 1 else None


def number(value: float, grouped: bool = False) -> str:
    """Return a number plainly, without the noise of binary fractions; in groups of three where the task writes so.

    >>> number(0.1 + 0.2), number(5760.0, True), number(1e20)
    ('0.3', '5,760', '1e+20')
    """
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):
        return f"{int(value):,}" if grouped else str(int(value))
    text = f"{value:.12g}"
    whole, dot, rest = text.partition(".")
    return f"{int(whole):,}{dot}{rest}" if grouped and whole.lstrip("-").isdigit() and whole != "-0" else text


def _written(value: Any, phrases: Phrases, depth: int, grouped: bool) -> str:
    if isinstance(value, bool):
        return phrases.yes if value else phrases.no
    if isinstance(value, (int, float)):
        return number(value, grouped)
    if isinstance(value, dict):
        return _object(cast("dict[str, Any]", value), phrases, depth, grouped)
    if isinstance(value, list):
        return _list(cast("list[Any]", value), phrases, depth, grouped)
    return "—" if value is None else str(value).strip("\n")


def _object(fields: Mapping[str, Any], phrases: Phrases, depth: int, grouped: bool) -> str:
    if len(fields) == 1 and depth == 0:
        return _written(next(iter(fields.values())), phrases, depth, grouped)
    return _rows([(f"{key}: ", item) for key, item in fields.items()], phrases, depth, grouped)


def _list(items: list[Any], phrases: Phrases, depth: int, grouped: bool) -> str:
    if not any(isinstance(item, (dict, list)) for item in items):
        return ", ".join(_written(item, phrases, depth + 1, grouped) for item in items) or "—"
    if len(items) == 1 and depth == 0:
        return _written(items[0], phrases, depth + 1, grouped)
    rows = _rows([("", item) for item in items[:_MOST_ITEMS]], phrases, depth, grouped)
    return f"{rows}\n…" if len(items) > _MOST_ITEMS else rows


def _rows(rows: Sequence[tuple[str, Any]], phrases: Phrases, depth: int, grouped: bool) -> str:
    nested = any(isinstance(item, (dict, list)) or (isinstance(item, str) and "\n" in item.strip()) for _, item in rows)
    if depth >= _DEPTH or (depth and not nested):
        return ", ".join(f"{head}{_written(item, phrases, depth + 1, grouped)}" for head, item in rows)
    lines: list[str] = []
    for head, item in rows:
        text = _written(item, phrases, depth + 1, grouped)
        deep = "\n" in text or (isinstance(item, list) and text.startswith("- "))
        if deep and isinstance(item, dict) and len(cast("dict[str, Any]", item)) == 1:
            lines.append(text)
        else:
            lines.append(f"- {head.rstrip()}\n{indented(text)}" if deep and head else f"- {head}{text}")
    return "\n".join(lines) or "—"


def indented(text: str) -> str:
    """Return a text two columns to the right."""
    return "\n".join(f"  {line}" for line in text.splitlines())


def brief(value: Any) -> bool:
    """Return whether a result is one plain value."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return len(fields) == 1 and brief(next(iter(fields.values())))
    return isinstance(value, (int, float)) or (isinstance(value, str) and len(value) <= 40 and "\n" not in value)
