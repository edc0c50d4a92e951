"""Clauses whose very shape says what a tool is asked: arithmetic, dates, questions over a table."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.providers.offline.arithmetic import (
    arithmetic,
    continued,
    expression_argument,
    numeric_link,
    write_expressions,
)
from gateway.providers.offline.calendars import calendar, read_calendar
from gateway.providers.offline.catalogue import Argument, OfferedTool
from gateway.providers.offline.filling import Filled, Work
from gateway.providers.offline.queries import describes, query_argument, write_query
from gateway.providers.offline.references import Earlier, links_to
from gateway.providers.offline.values import mentions

_STATEMENT = re.compile(r"\s*(?:SELECT|WITH|DESCRIBE|SHOW|FROM|SUMMARIZE|EXPLAIN|PRAGMA|VALUES)\b", re.IGNORECASE)


def shape(work: Work, earlier: Sequence[Earlier], linked: bool) -> bool:
    """Fill the arguments of a tool whose values are written by rule; return whether that settles them."""
    wanted = expression_argument(work.tool)
    if wanted is not None:
        _expression(work, wanted, earlier, linked)
        return True
    if _dates(work):
        return True
    asked = query_argument(work.tool)
    return asked is not None and _query(work, asked)


def out_of_shape(tool: OfferedTool, text: str) -> bool:
    """Return whether a tool for dates is asked for something else: no such question, and no date in it."""
    if calendar(tool) is None or read_calendar(text, tool) is not None:
        return False
    return not any(part.kind in ("date", "time") for one in mentions(text) for part in one.parts or (one,))


def shaped(tool: OfferedTool, text: str, follows: bool) -> bool:
    """Return whether a clause has the shape of what a tool is for, whatever its words."""
    if expression_argument(tool) is not None:
        return arithmetic(text, follows)
    if calendar(tool) is not None:
        return read_calendar(text, tool) is not None
    return query_argument(tool) is not None and (describes(text, tool) or write_query(text)) is not None


def _expression(work: Work, wanted: Argument, earlier: Sequence[Earlier], linked: bool) -> None:
    filled = work.filled
    written = write_expressions(work.text, work.free)
    if not written and linked and earlier:
        written = continued(work.text, numeric_link(links_to(earlier[-1], 0.5)))
    filled.values = {wanted.name: written[0]} if written else {}
    filled.repeats = [{wanted.name: one} for one in written[1:]]
    filled.missing = () if written else (wanted.name,)
    filled.typed = len(written)
    filled.shaped = bool(written)


def _dates(work: Work) -> bool:
    reading = read_calendar(work.text, work.tool)
    if reading is None:
        return False
    work.filled.first = (reading.first, reading.date) if reading.first is not None else None
    _settle(work.filled, work.tool, reading.values)
    return True


def _query(work: Work, asked: Argument) -> bool:
    query = describes(work.text, work.tool) or write_query(work.text)
    if query is None and any(_STATEMENT.match(str(one.value)) for one in work.all if one.kind == "quote"):
        return False
    if query is None:
        work.filled.missing = (asked.name,)
        return True
    _settle(work.filled, work.tool, {asked.name: query})
    return not work.filled.missing


def _settle(filled: Filled, tool: OfferedTool, values: dict[str, object]) -> None:
    filled.values = dict(values)
    given = {*values, *([filled.first[1]] if filled.first else [])}
    filled.missing = tuple(argument.name for argument in tool.required if argument.name not in given)
    filled.typed = len(values)
    filled.shaped = True
