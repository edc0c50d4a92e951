"""The two statements that write events: one begins runs, one goes on with runs; each any number of them at once.

Every run is compared and appended by itself within the statement: one that lost changes nothing and harms no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.durable.encoding import artifacts_of, encode
from engine.durable.postgres.texts import folded, stored
from engine.durable.summary import Change, applied, change_of, first_summary
from schemas.events import LoggedEvent, RunStarted
from schemas.runs import LOG_FORMAT

CLOCK = "extract(epoch FROM now())::double precision"

_WRITTEN = """,
written AS (
    INSERT INTO {s}.events (run, seq, at, kind, body)
    SELECT m.number, m.before + e.place, m.updated_at, e.kind, e.body
    FROM unnest(%b::text[], %b::int4[], %b::text[], %b::text[]) AS e (id, place, kind, body) JOIN moved m USING (id)
),
used AS (
    INSERT INTO {s}.artifact_uses (sha256, run)
    SELECT u.sha256, m.number
    FROM unnest(%b::text[], %b::bytea[]) AS u (id, sha256) JOIN moved m USING (id)
    ON CONFLICT DO NOTHING
)
SELECT id, updated_at FROM moved
"""
_CHANGES = "id, before, count, format, status, driver, waits_for, until, cost_usd, claims, wakes"
_ONE = """(SELECT %b::text AS id, %b::int4 AS before, %b::int4 AS count, %b::int4 AS format, %b::text AS status,
    %b::text AS driver, %b::text AS waits_for, %b::float8 AS until, %b::float8 AS cost_usd, %b::int4 AS claims,
    %b::bool AS wakes)"""
_MANY = f"""unnest(%b::text[], %b::int4[], %b::int4[], %b::int4[], %b::text[],
    %b::text[], %b::text[], %b::float8[], %b::float8[], %b::int4[],
    %b::bool[]) AS given ({_CHANGES})"""
_MOVED = (
    """
WITH moved AS (
    UPDATE {s}.runs r SET
        head = r.head + g.count,
        updated_at = greatest(r.updated_at, """
    + CLOCK
    + """),
        format = greatest(r.format, g.format),
        status = CASE WHEN g.status IS NOT NULL THEN g.status
                      WHEN g.wakes AND r.status = 'waiting' AND r.driver = '' THEN 'queued'
                      WHEN g.wakes AND r.status = 'waiting' THEN 'running' ELSE r.status END,
        waits_for = CASE WHEN g.status IS NOT NULL THEN g.waits_for
                         WHEN g.wakes AND r.status = 'waiting' THEN '' ELSE r.waits_for END,
        until = CASE WHEN g.status IS NOT NULL THEN g.until
                     WHEN g.wakes AND r.status = 'waiting' THEN NULL ELSE r.until END,
        driver = coalesce(g.driver, r.driver),
        cost_usd = r.cost_usd + g.cost_usd,
        claims = r.claims + g.claims
    FROM (SELECT * FROM $GIVEN) AS g
    WHERE r.id = g.id AND r.head = g.before
    RETURNING r.id, r.number, g.before, r.updated_at
)"""
    + _WRITTEN
)
APPEND_ONE = _MOVED.replace("$GIVEN", f"{_ONE} AS given")
APPEND_MANY = _MOVED.replace("$GIVEN", _MANY)
BEGIN = (
    """
WITH given AS (
    SELECT * FROM unnest(%b::text[], %b::int4[], %b::text[], %b::text[], %b::text[], %b::float8[], %b::float8[],
                         %b::int4[], %b::int4[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[])
    AS g (id, head, status, driver, waits_for, until, cost_usd, claims, format, user_name, forked_from, assistant,
          task, folded)
),
moved AS (
    INSERT INTO {s}.runs (id, head, started_at, updated_at, status, driver, waits_for, until, cost_usd, claims, format,
                          user_name, forked_from, assistant)
    SELECT id, head, """
    + CLOCK
    + ", "
    + CLOCK
    + """, status, driver, waits_for, until, cost_usd, claims, format,
           user_name, forked_from, assistant
    FROM given
    ON CONFLICT (id) DO NOTHING
    RETURNING id, number, 0 AS before, updated_at
),
named AS (
    INSERT INTO {s}.tasks (run, task, folded)
    SELECT m.number, g.task, g.folded FROM moved m JOIN given g USING (id)
)"""
    + _WRITTEN
)


@dataclass(slots=True)
class Append:
    """One append, ready to be sent.

    Attributes:
        before: The head it expects.
        doubtful: It was sent once and the connection broke: it may have landed.
    """

    run_id: str
    before: int
    events: Sequence[LoggedEvent]
    kinds: list[str] = field(init=False)
    bodies: list[str] = field(init=False)
    change: Change = field(init=False)
    doubtful: bool = False

    def __post_init__(self) -> None:
        self.kinds = [event.kind for event in self.events]
        self.bodies = [encode(event) for event in self.events]
        self.change = change_of(self.events)

    @property
    def head(self) -> int:
        """The run's head once it is written."""
        return self.before + len(self.events)


def begin(batch: Sequence[Append]) -> list[Any]:
    """Return the values of ``BEGIN``."""
    return [*_columns([_first_row(append) for append in batch]), *_tails(batch)]


def go_on(batch: Sequence[Append]) -> tuple[str, list[Any]]:
    """Return the statement for runs that exist, and its values; the lone append has a cheaper form."""
    rows = [_change_row(append) for append in batch]
    if len(rows) == 1:
        return APPEND_ONE, [*rows[0], *_tails(batch)]
    return APPEND_MANY, [*_columns(rows), *_tails(batch)]


def _change_row(append: Append) -> tuple[Any, ...]:
    change = append.change
    driver = None if change.driver is None else stored(change.driver)
    return (
        append.run_id, append.before, len(append.events), LOG_FORMAT, change.status, driver, change.waits_for,
        change.until, change.cost_usd, change.claims, change.wakes,
    )  # fmt: skip


def _first_row(append: Append) -> tuple[Any, ...]:
    first = append.events[0]
    started = first if isinstance(first, RunStarted) else RunStarted(task="", mode="plan")
    row = applied(first_summary(append.run_id, started, 0.0), append.change, append.head, 0.0)
    return (
        row.id, row.head, row.status, stored(row.driver), row.waits_for, row.until, row.cost_usd, row.claims,
        row.format, stored(row.user), stored(row.forked_from), stored(row.assistant),
        stored(row.task), folded(row.task),
    )  # fmt: skip


def _tails(batch: Sequence[Append]) -> list[Any]:
    """The arrays of events and of artifacts that they refer to."""
    events: list[list[Any]] = [[], [], [], []]
    uses: list[list[Any]] = [[], []]
    for append in batch:
        count = len(append.events)
        events[0].extend([append.run_id] * count)
        events[1].extend(range(1, count + 1))
        events[2].extend(append.kinds)
        events[3].extend(append.bodies)
        for event in append.events:
            for digest in artifacts_of(event):
                uses[0].append(append.run_id)
                uses[1].append(bytes.fromhex(digest))
    return [*events, *uses]


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
