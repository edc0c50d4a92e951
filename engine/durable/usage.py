"""Counted usage: how lines are added up, and kept in memory. The stores' books share the arithmetic and the queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from schemas.accounts import NANO
from schemas.bookkeeping import UsageField, UsageLine, UsageQuery
from schemas.care import Fault, Retention
from schemas.result import Usage

NAMES: tuple[UsageField, ...] = ("run_id", "day", "key", "provider", "model", "agent", "role")
"""What lines are told apart by; without the first, the sums of days, which most questions are about."""
TOKENS = (
    "calls", "input_tokens", "cached_tokens", "cache_write_tokens", "cache_write_1h_tokens", "output_tokens",
    "reasoning_tokens",
)  # fmt: skip
SUMS = (*TOKENS, "cost_nano_usd", "unpriced_calls", "failed_calls", "cached_answers")
_MOST_BATCHES = 10_000
_MOST_BYTES = 200  # of a name: an index of Postgres takes 2,700 of a row; a run's id has 200 characters

Names = tuple[str, ...]
Sums = tuple[int, ...]


def added_up(lines: Iterable[UsageLine], names: Sequence[str] = NAMES) -> dict[Names, Sums]:
    """Return the sums of lines by their names, in the order of the names."""
    found: dict[Names, Sums] = {}
    for line in lines:
        key = tuple(plain(name, getattr(line, name)) for name in names)
        found[key] = plus(found[key], sums_of(line)) if key in found else sums_of(line)
    return dict(sorted(found.items()))


def plain(name: str, value: str) -> str:
    """Return a name as every store takes it: without NUL and halves of surrogate pairs, and not endless."""
    most = 4 * _MOST_BYTES if name == "run_id" else _MOST_BYTES
    return value.replace("\0", "\ufffd").encode("utf-8", "replace")[:most].decode("utf-8", "ignore")


def sums_of(line: UsageLine) -> Sums:
    """Return a line's numbers, in the order of ``SUMS``."""
    counts = (getattr(line.usage, name) for name in TOKENS)
    return (*counts, line.cost_nano_usd, line.unpriced_calls, line.failed_calls, line.cached_answers)


def plus(one: Sums, other: Sums) -> Sums:
    """Add two lines' numbers."""
    return tuple(a + b for a, b in zip(one, other, strict=True))


def line_of(by: Sequence[str], row: Sequence[Any]) -> UsageLine:
    """Return the line of a row: the names asked for, then ``SUMS``."""
    names = dict(zip(by, row[: len(by)], strict=True))
    sums = dict(zip(SUMS, map(int, row[len(by) :]), strict=True))
    counts = {name: sums.pop(name) for name in TOKENS}
    nothing_known = 0 < counts["calls"] == sums["unpriced_calls"]
    cost = None if nothing_known else sums["cost_nano_usd"] / NANO
    return UsageLine.model_validate({**names, **sums, "usage": Usage(**counts, cost_usd=cost)})


def question(query: UsageQuery, table: str) -> tuple[str, list[Any]]:
    """Return (SQL with ``?``, values) that answers a query.

    Args:
        table: A pattern for a table's name, such as ``{}``.
    """
    by = tuple(dict.fromkeys(query.by))
    whole = "run_id" in by or query.run_id is not None
    tests = [("day >= ?", query.since), ("day <= ?", query.until), *((f"{n} = ?", v) for n, v in wanted(query))]
    where = [test for test, value in tests if value is not None]
    values: list[Any] = [value for _, value in tests if value is not None]
    if query.model is not None:
        where.append("(model = ? OR provider || '/' || model = ?)")
        values += [plain("model", query.model)] * 2
    columns = ", ".join([*by, *(f"sum({name}) AS {name}" for name in SUMS)])
    sql = f"SELECT {columns} FROM {table.format('usage' if whole else 'usage_days')}"
    sql += f" WHERE {' AND '.join(where)}" if where else ""
    sql += f" GROUP BY {', '.join(by)}" if by else " HAVING count(*) > 0"
    if query.most is not None:
        sql += f" ORDER BY {', '.join(['sum(cost_nano_usd) DESC', 'sum(calls) DESC', *by])} LIMIT {query.most}"
    elif by:
        sql += f" ORDER BY {', '.join(by)}"
    return sql, values


def wanted(query: UsageQuery) -> list[tuple[str, str]]:
    """Return the names that lines must have exactly, and what they must be."""
    asked = (("key", query.key), ("agent", query.agent), ("run_id", query.run_id))
    return [(name, plain(name, value)) for name, value in asked if value is not None]


DIFFERING = """
SELECT day FROM (
    SELECT day, cost_nano_usd, calls, input_tokens, output_tokens FROM {days}
    UNION ALL SELECT day, -cost_nano_usd, -calls, -input_tokens, -output_tokens FROM {usage}
) AS counted GROUP BY day
HAVING sum(cost_nano_usd) <> 0 OR sum(calls) <> 0 OR sum(input_tokens) <> 0 OR sum(output_tokens) <> 0 ORDER BY day
"""


def day_fault(day: str) -> Fault:
    """Return the fault of a day that ``DIFFERING`` found."""
    return Fault(code="usage", message=f"the sums of {day} are not those of the calls counted on it")


def first_day(keep: Retention, now: float) -> str:
    """Return the first day whose usage is kept at a Unix time; empty: all of it."""
    if keep.usage_older_than_s is None:
        return ""
    return datetime.fromtimestamp(max(0.0, now - keep.usage_older_than_s), UTC).strftime("%Y-%m-%d")


class MemoryUsage:
    """Keeps counted usage as long as the process lives (implements ``schemas.bookkeeping.UsageBook``)."""

    def __init__(self) -> None:
        self._sums: dict[Names, Sums] = {}
        self._batches: dict[str, None] = {}

    async def add(self, lines: Sequence[UsageLine], *, batch: str | None = None) -> None:
        """Add lines; those of a batch once."""
        if batch is not None and batch in self._batches:
            return
        if batch is not None:
            self._batches[batch] = None
            if len(self._batches) > _MOST_BATCHES:
                del self._batches[next(iter(self._batches))]
        for key, sums in added_up(lines).items():
            self._sums[key] = plus(self._sums[key], sums) if key in self._sums else sums

    async def read(self, query: UsageQuery) -> list[UsageLine]:
        """Return the sums a query asks for."""
        kept = (line_of(NAMES, (*key, *sums)) for key, sums in self._sums.items())
        by = tuple(dict.fromkeys(query.by))
        rows = [(*key, *sums) for key, sums in added_up((line for line in kept if _asked(line, query)), by).items()]
        if query.most is not None:
            cost, calls = len(by) + SUMS.index("cost_nano_usd"), len(by)
            rows = sorted(rows, key=lambda row: (-int(row[cost]), -int(row[calls])))[: query.most]
        return [line_of(by, row) for row in rows]


def _asked(line: UsageLine, query: UsageQuery) -> bool:
    return (
        (query.since is None or line.day >= query.since)
        and (query.until is None or line.day <= query.until)
        and (query.model is None or plain("model", query.model) in (line.model, f"{line.provider}/{line.model}"))
        and all(getattr(line, name) == value for name, value in wanted(query))
    )
