"""Single values to single arguments: the pairing with the highest sum, in the order of the text when equal."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from gateway.providers.offline.affinity import affinity, context
from gateway.providers.offline.catalogue import Argument
from gateway.providers.offline.filling import Work, best_link
from gateway.providers.offline.forms import coerce
from gateway.providers.offline.phrases import choice, choices, pattern_named, spoken_flag
from gateway.providers.offline.values import Mention

_LISTS = re.compile(r"\s*(?:,|、|，)?\s*(?:and|und|et|y|和|与|と|와|과)?\s*(?:the\s+)?", re.IGNORECASE)
_MOST_VALUES = 200  # values of one clause that are looked at
_FEW_ROWS, _FEW_COLUMNS = 6, 3
LEAST = 0.15  # affinity below which a value is left unused
_NONE_TAKEN: frozenset[int] = frozenset()
LEAST_OPTIONAL = 1.3  # an optional argument has to be named


def options(work: Work) -> None:
    """Fill what the schema spells out: enum values, example values, flags."""
    for argument in work.open():
        value: Any = None
        if argument.kind == "boolean":
            value = spoken_flag(argument, work.text, work.tool)
        elif argument.options or argument.hints:
            value = _chosen(work, argument)
        else:
            value = pattern_named(argument, work.text)
        if value is None:
            continue
        work.filled.values[argument.name] = value
        for mention in [m for m in work.free if str(m.value).lower() == str(value).lower()]:
            work.free.remove(mention)


def _chosen(work: Work, argument: Argument) -> Any:
    """Return the option a clause names; further ones that stand beside it are further calls."""
    chosen = choice(argument, work.text)
    if chosen is None:
        return None
    several = choices(argument, work.text)
    row = [chosen] if argument.kind == "array" or not argument.required else _beside(several, work.text) or [chosen]
    work.spans += [place for _, place in row if place[1]]
    if argument.kind == "array":
        return [value for value, _ in several] or [chosen[0]]
    if len(row) > 1 and not work.filled.repeats:
        work.filled.repeats = [{argument.name: value} for value, _ in row[1:]]
    return row[0][0]


def _beside(row: Sequence[tuple[Any, tuple[int, int]]], text: str) -> list[tuple[Any, tuple[int, int]]]:
    """Return the options when there are several, all joined as in a list."""
    gaps = [text[one[1][1] : other[1][0]] for one, other in itertools.pairwise(row)]
    return list(row) if len(row) > 1 and all(_LISTS.fullmatch(gap) for gap in gaps) else []


def pairs(work: Work, lists: Sequence[Mention]) -> None:
    """Give single values to single arguments, the best pair first, in the order of the text when they are equal."""
    arguments = [a for a in work.open() if a.kind not in ("boolean", "object", "array")]
    explicit = [mention for mention in work.all if mention.kind != "ref"]
    scores: dict[tuple[int, int], float] = {}
    free = work.free[:_MOST_VALUES]
    around = [context(work.text, one, work.all if one.kind == "ref" else explicit) for one in free]
    for place, argument in enumerate(arguments):
        least = LEAST if argument.required else LEAST_OPTIONAL
        for order, mention in enumerate(free):
            score = affinity(argument, mention, around[order], work.tool.stems)
            if score >= least:
                scores[place, order] = round(score, 2) + (0.2 if argument.required else 0)
    chosen = [(arguments[place], free[order]) for place, order in sorted(best_pairs(scores).items())]
    for argument, mention in chosen:
        work.take(argument, mention)
    for argument, mention in chosen:
        if mention not in work.free:
            repeat(work, argument, mention, lists)


def best_pairs(scores: Mapping[tuple[int, int], float]) -> dict[int, int]:
    """Return the pairing of rows and columns with the highest sum.

    Of each row only its best columns count, as many as there are rows: the best pairing needs no other.

    Cost: exponential in the rows, which are few; of more than a handful, fewer columns are looked at.

    >>> best_pairs({(0, 0): 4.4, (0, 1): 4.1, (1, 0): 1.7, (1, 1): 0.9})
    {0: 1, 1: 0}
    """
    rows = sorted({row for row, _ in scores})
    scores = _foremost(scores, rows)

    @cache
    def best(place: int, taken: frozenset[int]) -> tuple[float, tuple[tuple[int, int], ...]]:
        if place == len(rows):
            return 0.0, ()
        found = best(place + 1, taken)
        for (row, column), score in scores.items():
            if row == rows[place] and column not in taken:
                rest, pairs = best(place + 1, taken | {column})
                if score + rest > found[0] + 1e-9:
                    found = score + rest, ((row, column), *pairs)
        return found

    return dict(best(0, _NONE_TAKEN)[1])


def _foremost(scores: Mapping[tuple[int, int], float], rows: Sequence[int]) -> dict[tuple[int, int], float]:
    """Return of each row its best columns, in the order of the columns."""
    most = len(rows) if len(rows) <= _FEW_ROWS else _FEW_COLUMNS
    kept: set[tuple[int, int]] = set()
    for row in rows:
        mine = sorted((one for one in scores if one[0] == row), key=lambda one: (-scores[one], one))
        kept.update(mine[:most])
    return {one: score for one, score in scores.items() if one in kept}


def repeat(work: Work, argument: Argument, mention: Mention, lists: Sequence[Mention]) -> None:
    """Note further calls when the value was one of a list whose other parts fit nothing else of the tool."""
    row = _row(work, mention, lists)
    rest = [part for part in row if part in work.free]
    rivals = [a for a in work.tool.required if a.name not in work.filled.values and a.kind == argument.kind]
    if not row or len(rest) != len(row) - 1 or rivals:
        return
    sets = work.filled.repeats or [{} for _ in rest]
    if len(sets) != len(rest):
        return
    for values, part in zip(sets, rest, strict=True):
        values[argument.name] = plain(argument, part)
        work.free.remove(part)
    work.filled.repeats = sets


def _row(work: Work, mention: Mention, lists: Sequence[Mention]) -> tuple[Mention, ...]:
    """Return the values that stand in one row with this one."""
    if mention.unit == "pair":
        return tuple(one for one in work.all if one.unit == "pair" and one.end == mention.end)
    return next((one.parts for one in lists if mention in one.parts), ())


def plain(argument: Argument, mention: Mention) -> Any:
    """Return what a mention puts into an argument: its value, or the reference it means."""
    if mention.kind != "ref":
        return coerce(argument, mention)
    link = best_link(argument, mention.value)
    return link.earlier.reference(link.part)
