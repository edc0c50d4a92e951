"""Runs by what is asked of them, from their rows."""

from __future__ import annotations

from typing import Any

from engine.durable.postgres.texts import folded, restored, stored
from schemas.runs import RunQuery, RunSummary

_FIELDS = (
    "id", "status", "task", "user", "head", "started_at", "updated_at", "cost_usd", "driver", "claims", "waits_for",
    "until", "format", "forked_from", "assistant",
)  # fmt: skip
COLUMNS = """
SELECT r.id, r.status, t.task, r.user_name, r.head, r.started_at, r.updated_at, r.cost_usd, r.driver, r.claims,
       r.waits_for, r.until, r.format, r.forked_from, r.assistant
FROM {s}.runs r JOIN {s}.tasks t ON t.run = r.number"""


def finding(query: RunQuery) -> tuple[str, list[Any]]:
    """Return the statement that finds a query's runs, newest first, and its values."""
    asked: list[tuple[bool, str, Any]] = [
        (bool(query.status), "r.status = ANY(%s)", list(query.status)),
        (query.user is not None, "r.user_name = %s", stored(query.user or "")),
        (query.assistant is not None, "r.assistant = %s", stored(query.assistant or "")),
        (query.since is not None, "r.started_at >= %s", query.since),
        (query.before is not None, "r.started_at < %s", query.before),
        (query.driver is not None, "r.driver = %s", stored(query.driver or "")),
        (query.due is not None, "r.status = 'waiting' AND r.until <= %s", query.due),
    ]
    values = [value for given, _, value in asked if given]
    conditions = [condition for given, condition, _ in asked if given]
    if query.text:
        conditions.append("(strpos(t.folded, %s) > 0 OR starts_with(r.id, %s))")
        values += [folded(query.text), stored(query.text)]
    where = " AND ".join(conditions) or "true"
    return f"{COLUMNS} WHERE {where} ORDER BY r.number DESC LIMIT %s OFFSET %s", [*values, query.limit, query.offset]


def summarized(row: tuple[Any, ...]) -> RunSummary:
    """Return the summary that a row of ``COLUMNS`` holds."""
    fields = dict(zip(_FIELDS, row, strict=True))
    texts = {name: restored(fields[name]) for name in ("task", "user", "driver", "forked_from", "assistant")}
    return RunSummary.model_validate({**fields, **texts})
