"""Lists and objects: what is written as a list, in pieces, or as the parts of one thing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gateway.providers.offline.affinity import affinity, context
from gateway.providers.offline.catalogue import Argument, OfferedTool
from gateway.providers.offline.filling import Filled, Work
from gateway.providers.offline.forms import coerce
from gateway.providers.offline.pairing import LEAST, LEAST_OPTIONAL, options, pairs
from gateway.providers.offline.values import Mention, text_list
from gateway.providers.offline.words import stemmed

_MOST_LISTS = 20
_AS_ONE = re.compile(r"[\d/.-]+[ T][\d:]+")
_CLOCK, _DAY = stemmed("time clock hour 时间 時刻 시간"), stemmed("date day 日期 日付 날짜")


def arrays(work: Work) -> None:
    """Give lists to array arguments, the best pair first; then a single value that is named or all there is."""
    open_arrays = [argument for argument in work.open() if argument.kind == "array"]
    for lists in (True, False):
        pairs = [
            (_array_affinity(work, argument, mention), -place, argument, mention)
            for place, argument in enumerate(open_arrays)
            for mention in work.free
            if (mention.kind == "list") == lists
        ]
        for score, _, argument, mention in sorted(pairs, key=lambda pair: (-pair[0], -pair[1])):
            enough = LEAST if argument.required and lists else LEAST_OPTIONAL
            if score >= enough and argument.name not in work.filled.values and mention in work.free:
                work.take(argument, mention)


def _array_affinity(work: Work, argument: Argument, mention: Mention) -> float:
    around = context(work.text, mention, [m for m in work.all if m.kind != "ref"])
    if mention.kind == "ref":
        return affinity(argument, mention, around, work.tool.stems)
    item = argument.items
    first = mention.parts[0] if mention.parts else mention
    if mention.kind == "json":
        return -1.0
    if item is not None and item.kind == "object":
        return -1.0
    like = replace(argument, kind=item.kind if item is not None and item.kind != "any" else "any")
    return affinity(like, first, around, work.tool.stems) + (0.5 if text_list(mention) else 0.0)


def parted_moments(text: str, found: Sequence[Mention], tool: OfferedTool) -> tuple[list[Mention], bool]:
    """Return mentions with a day and its time apart, for a tool that takes the two in arguments of their own.

    The second value is whether one of them was written as one ("2024-05-01 10:00").
    """
    clocks = [a for a in tool.arguments if _CLOCK & {*a.name_stems} and not _DAY & {*a.name_stems, *a.stems}]
    if not clocks or not any(_DAY & {*a.name_stems} for a in tool.arguments):
        return list(found), False
    parted: list[Mention] = []
    strained = False
    for mention in found:
        if mention.kind == "date" and mention.unit:
            day, _, clock = str(mention.value).partition(" ")
            parted.append(replace(mention, value=day, unit="", end=mention.start + 1))
            parted.append(Mention("time", clock, mention.start + 1, mention.end))
            strained = strained or bool(_AS_ONE.fullmatch(text[mention.start : mention.end]))
        else:
            parted.append(mention)
    return parted, strained


def explode(work: Work) -> list[Mention]:
    """Break the lists that no array took into their parts; return the lists."""
    lists = [mention for mention in work.free if mention.kind == "list" and mention.parts][:_MOST_LISTS]
    for mention in lists:
        parts = mention.parts if not _one_place(work.text, mention) else (_whole(work.text, mention),)
        for row in (work.free, work.all):
            place = row.index(mention)
            row[place : place + 1] = parts
    return lists


def _one_place(text: str, mention: Mention) -> bool:
    """Whether two names parted by a comma only are one thing ("Houston, Texas")."""
    first, last = mention.parts[0], mention.parts[-1]
    return len(mention.parts) == 2 and first.kind == "name" and text[first.end : last.start].strip() == ","


def _whole(text: str, mention: Mention) -> Mention:
    return Mention("name", text[mention.start : mention.end], mention.start, mention.end)


def structures(work: Work) -> None:
    """Fill required arrays and objects out of the values that are left, each property like an argument."""
    _literals(work)
    for argument in [a for a in work.open() if a.kind in ("array", "object") and a.required]:
        if argument.kind == "object":
            value: Any = _properties(work, argument)
        elif argument.items is not None and argument.items.kind == "object":
            value = _several(work, argument.items)
        else:
            value = _scattered(work, argument)
        if value:
            work.filled.values[argument.name] = value


def _literals(work: Work) -> None:
    """Give the JSON a clause spells out to the first argument of its type."""
    for mention in [one for one in work.free if one.kind == "json"]:
        kind = "array" if isinstance(mention.value, list) else "object"
        fitting = next((a for a in work.open() if a.kind == kind), None)
        if fitting is not None:
            work.filled.values[fitting.name] = mention.value
            work.free.remove(mention)
            work.spans.append((mention.start, mention.end))


def _several(work: Work, item: Argument) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while (one := _properties(work, item)) is not None:
        found.append(one)
    return found


def _properties(work: Work, whole: Argument) -> dict[str, Any] | None:
    before = list(work.free)
    tool = replace(work.tool, arguments=whole.parts)
    inner = Work(work.text, tool, list(work.free), work.all, Filled())
    options(inner)
    inner.free = list(before)
    pairs(inner, ())
    used = [mention for mention in before if mention not in inner.free and mention.kind != "ref"]
    if not used or any(
        part.required and part.name not in inner.filled.values for part in whole.parts if part.kind != "string"
    ):
        return None
    for part in whole.parts:
        if part.hints and part.name not in inner.filled.values:
            _hint(inner, part, used[0])
    work.free[:] = inner.free
    work.spans.extend(inner.spans)
    return inner.filled.values


def _hint(work: Work, part: Argument, mention: Mention) -> None:
    """Choose the example value that names the kind of a number: a percentage or an amount."""
    marks = ("percent",) if mention.kind == "percent" else ("amount", "fixed", "absolut")
    value = next((hint for hint in part.hints if hint.lower().startswith(marks)), None)
    if value is not None:
        work.filled.values[part.name] = value


def _scattered(work: Work, argument: Argument) -> list[Any]:
    """Return all fitting values left, for a list that is written in pieces ("length 5 and width 3")."""
    item = replace(argument, kind=argument.items.kind if argument.items is not None else "any")
    if item.kind not in ("number", "integer"):
        return []
    fitting = [mention for mention in work.free if mention.numeric]
    for mention in fitting:
        work.free.remove(mention)
        work.spans.append((mention.start, mention.end))
    return [coerce(item, mention) for mention in fitting]
