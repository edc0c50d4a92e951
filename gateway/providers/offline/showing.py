"""Results as a person reads them: plain numbers, lists and fields on lines of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from gateway.providers.offline.content import content, counts, cut, labelled
from gateway.providers.offline.language import Phrases

_MOST_ITEMS = 50
_DEPTH = 3
_GROUPED = re.compile(r"\d,\d{3}(?!\d)")


def shown(value: Any, phrases: Phrases, task: str = "", *, inline: bool = False) -> str:
    """Return a JSON value as text; of an object, the part that is its content or that the task names.

    Args:
        value: The value.
        phrases: The language's sentences.
        task: What was asked.
        inline: Whether a small object stands on one line.
    """
    told = content(value, task)
    writer = _Writer(phrases, bool(_GROUPED.search(task)))
    if isinstance(told, list):
        text = _listed(cast("list[Any]", told), writer, task, more=cut(value), fetched=told is not value)
    else:
        several = isinstance(told, dict) and len(cast("dict[str, Any]", told)) > 1
        text = writer.written(told, int(inline and several))
    return f"{text}\n…" if told is not value and cut(value) else text


def _listed(items: list[Any], writer: _Writer, task: str, *, more: bool, fetched: bool) -> str:
    if not items and fetched:
        return writer.phrases.empty
    text = writer.written([labelled(item) for item in items], 0)
    return f"{len(items)}{'+' if more else ''}\n{text}" if counts(task) and len(items) > 1 else text


def number(value: float, grouped: bool = False) -> str:
    """Return a number plainly, without the noise of binary fractions; in groups of three where the task writes so.

    >>> number(0.1 + 0.2), number(5760.0, True), number(1e20)
    ('0.3', '5,760', '1e+20')
    """
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):
        return f"{int(value):,}" if grouped else str(int(value))
    text = f"{value:.12g}"
    whole, dot, rest = text.partition(".")
    return f"{int(whole):,}{dot}{rest}" if grouped and whole.isdigit() else text


def indented(text: str) -> str:
    """Return a text two columns to the right."""
    return "\n".join(f"  {line}" for line in text.splitlines())


class _Writer:
    def __init__(self, phrases: Phrases, grouped: bool) -> None:
        self.phrases = phrases
        self._grouped = grouped

    def written(self, value: Any, depth: int) -> str:
        """Return a value as text, ``depth`` levels inside the whole."""
        if isinstance(value, bool):
            return self.phrases.yes if value else self.phrases.no
        if isinstance(value, (int, float)):
            return number(value, self._grouped)
        if isinstance(value, dict):
            return self._object(cast("dict[str, Any]", value), depth)
        if isinstance(value, list):
            return self._list(cast("list[Any]", value), depth)
        return "—" if value is None else str(value).strip("\n")

    def _object(self, fields: Mapping[str, Any], depth: int) -> str:
        if len(fields) == 1 and depth == 0:
            return self.written(next(iter(fields.values())), depth)
        return self._rows([(f"{key}: ", item) for key, item in fields.items()], depth)

    def _list(self, items: list[Any], depth: int) -> str:
        if not any(isinstance(item, (dict, list)) for item in items):
            return ", ".join(self.written(item, depth + 1) for item in items) or "—"
        if len(items) == 1 and depth == 0:
            return self.written(items[0], depth + 1)
        rows = self._rows([("", item) for item in items[:_MOST_ITEMS]], depth)
        return f"{rows}\n…" if len(items) > _MOST_ITEMS else rows

    def _rows(self, rows: Sequence[tuple[str, Any]], depth: int) -> str:
        if depth >= _DEPTH or (depth and not any(_deep(item) for _, item in rows)):
            return ", ".join(f"{head}{self.written(item, depth + 1)}" for head, item in rows)
        return "\n".join(self._row(head, item, depth) for head, item in rows) or "—"

    def _row(self, head: str, item: Any, depth: int) -> str:
        text = self.written(item, depth + 1)
        nested = "\n" in text or (isinstance(item, list) and text.startswith("- "))
        if nested and not head and text.startswith("- "):
            return text
        return f"- {head.rstrip()}\n{indented(text)}" if nested and head else f"- {head}{text}"


def _deep(item: Any) -> bool:
    return isinstance(item, (dict, list)) or (isinstance(item, str) and "\n" in item.strip())
