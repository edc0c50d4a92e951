"""Budgets in the shared database: exact over every process and machine.

Each call is one statement, so one round trip and one commit: no lock is held while a client thinks. It locks the
accounts it touches in the order of their names before it looks at them, so that what it adds up is what is true, and
calls over the same accounts never wait for each other in a circle.

Source: PostgreSQL documentation, 13.2.1 "Read Committed Isolation Level" and 13.3.2 "Row-Level Locks" (a row locked
``FOR UPDATE`` is read in its newest version, and stays so until the commit).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.durable.postgres.database import Connection, Database
from schemas.accounts import LEASE_S, NANO, PARTS, Account, Amounts, Ask, Crossed, Part, Period, Purse, time_zone, units
from schemas.errors import ConflictError, StoreError

_NOW = "coalesce(%(now)s::float8, extract(epoch FROM clock_timestamp())::float8)"
_START = (
    "CASE WHEN a.period = '' THEN 0 "
    f"ELSE extract(epoch FROM date_trunc(a.period, to_timestamp({_NOW}), a.zone))::bigint END"
)
# An account as it is now: of a period that is over nothing is spent, and nothing held.
_CURRENT = f"""
    a.scope, a.measure, a.cap AS base, a.kept,
    a.cap + CASE WHEN {_START} > a.began THEN 0 ELSE a.extra END AS cap,
    CASE WHEN {_START} > a.began THEN 0 ELSE a.extra END AS extra,
    CASE WHEN {_START} > a.began THEN 0 ELSE a.paused END AS paused,
    CASE WHEN {_START} > a.began THEN 0 ELSE a.spent END AS spent,
    CASE WHEN {_START} > a.began THEN 0 ELSE a.reserved END AS reserved,
    CASE WHEN {_START} > a.began THEN false ELSE a.warned END AS warned,
    a.period, a.zone, greatest(a.began, {_START}) AS began
"""
_COLUMNS = "base, kept, spent, reserved, warned, period, zone, began, extra, paused"
_ROW = "f.scope, f.measure, " + ", ".join(f"f.{name}" for name in _COLUMNS.split(", "))
_UNIQUE = "23505"

_RESERVE = f"""
WITH known AS MATERIALIZED (
    SELECT scope, measure FROM {{s}}.reservations WHERE id = %(id)s
), asked AS (
    SELECT * FROM unnest(%(scopes)s::text[], %(places)s::int[]) AS s (scope, place)
    CROSS JOIN unnest(%(measures)s::text[], %(amounts)s::numeric[]) AS m (measure, amount)
), found AS MATERIALIZED (
    SELECT {_CURRENT}, q.amount, q.place
    FROM {{s}}.accounts a JOIN asked q ON a.scope = q.scope AND a.measure = q.measure
    WHERE NOT EXISTS (SELECT 1 FROM known k WHERE k.scope = a.scope AND k.measure = a.measure)
    ORDER BY a.scope, a.measure FOR UPDATE OF a
), verdict AS (
    SELECT (SELECT count(*) FROM known) + count(*) AS held, coalesce(bool_and(
        cap IS NULL OR (amount IS NOT NULL
            AND spent + reserved + amount <= cap - CASE WHEN %(use_kept)s::boolean THEN 0 ELSE kept END)
    ), true) AS covered
    FROM found
), changed AS (
    UPDATE {{s}}.accounts a
    SET spent = f.spent, reserved = f.reserved + coalesce(f.amount, 0), warned = f.warned, began = f.began,
        extra = f.extra, paused = f.paused
    FROM found f, verdict v WHERE v.covered AND a.scope = f.scope AND a.measure = f.measure
), kept AS (
    INSERT INTO {{s}}.reservations (id, scope, measure, amount, began, charged, owner, expires)
    SELECT %(id)s, f.scope, f.measure, coalesce(f.amount, 0), f.began, false, %(owner)s, {_NOW} + %(lease)s::float8
    FROM found f, verdict v WHERE v.covered
)
SELECT v.covered, v.held, {_ROW} FROM verdict v LEFT JOIN found f ON NOT v.covered ORDER BY f.place, f.measure
"""

_SETTLE = f"""
WITH gone AS (
    DELETE FROM {{s}}.reservations WHERE id = %(id)s RETURNING scope, measure, amount, began, charged
), used AS (
    SELECT * FROM unnest(%(measures)s::text[], %(amounts)s::numeric[]) AS u (measure, used)
), found AS MATERIALIZED (
    SELECT {_CURRENT}, g.amount, g.charged, g.began AS since,
        CASE WHEN %(nothing)s::boolean THEN 0 ELSE coalesce(u.used, g.amount) END AS used
    FROM {{s}}.accounts a
    JOIN gone g ON a.scope = g.scope AND a.measure = g.measure
    LEFT JOIN used u ON u.measure = g.measure
    ORDER BY a.scope, a.measure FOR UPDATE OF a
), settled AS (
    SELECT scope, measure, cap, warned,
        spent + used - CASE WHEN charged THEN amount ELSE 0 END AS spent,
        reserved - CASE WHEN charged THEN 0 ELSE amount END AS reserved
    FROM found WHERE began = since
), changed AS (
    UPDATE {{s}}.accounts a
    SET spent = n.spent, reserved = n.reserved,
        warned = n.warned OR coalesce(n.cap > 0 AND 10 * n.spent >= 9 * n.cap, false)
    FROM settled n WHERE a.scope = n.scope AND a.measure = n.measure
)
SELECT g.held, n.scope, n.measure, n.spent, n.cap
FROM (SELECT count(*) AS held FROM gone) g
LEFT JOIN settled n ON NOT n.warned AND n.cap > 0 AND 10 * n.spent >= 9 * n.cap
ORDER BY n.scope, n.measure
"""

_OPEN = f"""
INSERT INTO {{s}}.accounts AS a (scope, measure, cap, kept, spent, reserved, warned, period, zone, began)
SELECT a.scope, l.measure, l.cap, l.kept, l.spent, 0, false, a.period, a.zone, {_START}
FROM (SELECT %(scope)s::text AS scope, %(period)s::text AS period, %(zone)s::text AS zone) a
CROSS JOIN unnest(%(measures)s::text[], %(caps)s::numeric[], %(kept)s::numeric[], %(spent)s::numeric[])
    AS l (measure, cap, kept, spent)
ORDER BY l.measure COLLATE "C"
ON CONFLICT (scope, measure) DO UPDATE SET
    cap = excluded.cap, kept = excluded.kept, period = excluded.period, zone = excluded.zone,
    began = greatest(a.began, excluded.began),
    spent = CASE WHEN excluded.began > a.began THEN excluded.spent ELSE greatest(a.spent, excluded.spent) END,
    reserved = CASE WHEN excluded.began > a.began THEN 0 ELSE a.reserved END,
    warned = a.warned AND excluded.began <= a.began
        AND coalesce(10 * greatest(a.spent, excluded.spent) >= 9 * (excluded.cap + a.extra), false),
    extra = CASE WHEN excluded.began > a.began THEN 0 ELSE a.extra END,
    paused = CASE WHEN excluded.began <= a.began
        AND coalesce(10 * greatest(a.spent, excluded.spent) >= 9 * (excluded.cap + a.extra), false)
        THEN a.paused ELSE 0 END
"""

# What a process held goes back as far as it was not used, and it gets its next part: see Purse.exchange.
_EXCHANGE = f"""
WITH asked AS (
    SELECT * FROM unnest(
        %(scopes)s::text[], %(measures)s::text[], %(olds)s::text[], %(news)s::text[], %(begans)s::bigint[],
        %(spents)s::numeric[], %(keeps)s::numeric[], %(mores)s::numeric[], %(leasts)s::numeric[], %(places)s::int[]
    ) AS q (scope, measure, old, new, began, used, keep, more, least, place)
), landed AS MATERIALIZED (
    SELECT r.scope, r.measure, r.amount FROM {{s}}.reservations r
    JOIN asked q ON r.id = q.new AND r.scope = q.scope AND r.measure = q.measure
), gone AS (
    DELETE FROM {{s}}.reservations r USING asked q
    WHERE r.id = q.old AND r.scope = q.scope AND r.measure = q.measure
    RETURNING r.scope, r.measure, r.amount, r.began, r.charged
), found AS MATERIALIZED (
    SELECT {_CURRENT}, q.new, q.began AS asked_began, q.used, q.keep, q.more, q.least, q.place,
        l.amount AS has, g.amount AS had, g.began AS since, g.charged
    FROM {{s}}.accounts a
    JOIN asked q ON a.scope = q.scope AND a.measure = q.measure
    LEFT JOIN gone g ON a.scope = g.scope AND a.measure = g.measure
    LEFT JOIN landed l ON a.scope = l.scope AND a.measure = l.measure
    ORDER BY a.scope, a.measure FOR UPDATE OF a
), mine AS (
    SELECT f.*, f.has IS NULL AS fresh,
        f.has IS NULL AND f.had IS NOT NULL AND f.since = f.began AND f.asked_began = f.began AS counts
    FROM found f
), back AS (
    SELECT m.*,
        m.spent + CASE WHEN m.counts THEN m.used - CASE WHEN m.charged THEN m.had ELSE 0 END ELSE 0 END AS spent_now,
        m.reserved + CASE WHEN m.counts THEN m.keep - CASE WHEN m.charged THEN 0 ELSE m.had END ELSE 0 END AS held_now,
        CASE WHEN m.counts THEN m.keep ELSE 0 END AS kept_on
    FROM mine m
), free AS (
    SELECT b.*, b.cap - b.kept - b.spent_now - b.held_now AS room FROM back b
), granted AS (
    SELECT f.*, CASE WHEN f.cap IS NULL OR NOT f.fresh THEN 0 ELSE
        greatest(least(f.more, floor(f.room / {PARTS})), CASE WHEN f.least <= f.room THEN f.least ELSE 0 END, 0)
        END AS extra_part
    FROM free f
), part AS (
    SELECT g.*, CASE WHEN g.fresh THEN g.kept_on + g.extra_part ELSE g.has END AS holds,
        g.held_now + g.extra_part AS reserved_now,
        coalesce(g.cap > 0 AND 10 * g.spent_now >= 9 * g.cap, false) AS near
    FROM granted g
), changed AS (
    UPDATE {{s}}.accounts a
    SET spent = p.spent_now, reserved = p.reserved_now, warned = p.warned OR p.near, began = p.began,
        extra = p.extra, paused = p.paused
    FROM part p WHERE p.fresh AND a.scope = p.scope AND a.measure = p.measure
), taken AS (
    INSERT INTO {{s}}.reservations (id, scope, measure, amount, began, charged, owner, expires)
    SELECT p.new, p.scope, p.measure, p.holds, p.began, false, %(owner)s, {_NOW} + %(lease)s::float8
    FROM part p WHERE p.fresh AND (p.keep > 0 OR p.more > 0)
)
SELECT p.place, p.holds, p.near AND p.fresh AND NOT p.warned, p.cap, p.scope, p.measure, p.base, p.kept, p.spent_now,
    p.reserved_now, p.warned OR p.near, p.period, p.zone, p.began, p.extra, p.paused
FROM part p ORDER BY p.place
"""

_RESUME = f"""
WITH found AS MATERIALIZED (
    SELECT {_CURRENT} FROM {{s}}.accounts a WHERE a.scope = %(scope)s ORDER BY a.scope, a.measure FOR UPDATE OF a
), resumed AS (
    SELECT scope, measure, base, kept, spent, reserved,
        warned AND coalesce(10 * spent >= 9 * (cap + base), false) AS warned, period, zone, began,
        extra + coalesce(base, 0) AS extra, 0::float8 AS paused
    FROM found
), changed AS (
    UPDATE {{s}}.accounts a SET spent = f.spent, reserved = f.reserved, warned = f.warned, began = f.began,
        extra = f.extra, paused = f.paused
    FROM resumed f WHERE a.scope = f.scope AND a.measure = f.measure
)
SELECT {_ROW} FROM resumed f ORDER BY f.measure
"""

_PAUSE = f"""
WITH found AS MATERIALIZED (
    SELECT {_CURRENT} FROM {{s}}.accounts a
    WHERE a.scope = %(scope)s AND a.measure = %(measure)s FOR UPDATE OF a
), changed AS (
    UPDATE {{s}}.accounts a SET spent = f.spent, reserved = f.reserved, warned = f.warned, began = f.began,
        extra = f.extra, paused = {_NOW}
    FROM found f WHERE f.paused = 0 AND a.scope = f.scope AND a.measure = f.measure
)
SELECT count(*) FILTER (WHERE paused = 0) FROM found
"""

_CHARGE_LOST = f"""
WITH lost AS (
    SELECT id, scope, measure FROM {{s}}.reservations WHERE expires < {_NOW} AND NOT charged FOR UPDATE SKIP LOCKED
), marked AS (
    UPDATE {{s}}.reservations r SET charged = true FROM lost l
    WHERE r.id = l.id AND r.scope = l.scope AND r.measure = l.measure
    RETURNING r.scope, r.measure, r.began, r.amount
), sums AS (
    SELECT scope, measure, began, sum(amount) AS amount FROM marked GROUP BY scope, measure, began
), found AS MATERIALIZED (
    SELECT a.scope, a.measure, a.spent, a.reserved, t.amount FROM {{s}}.accounts a
    JOIN sums t ON a.scope = t.scope AND a.measure = t.measure AND a.began = t.began
    ORDER BY a.scope, a.measure FOR UPDATE OF a
)
UPDATE {{s}}.accounts a SET spent = f.spent + f.amount, reserved = f.reserved - f.amount
FROM found f WHERE a.scope = f.scope AND a.measure = f.measure
"""

# A day after its lease a charged reservation can no longer be corrected by a late settlement.
_FORGET_LOST = f"""
DELETE FROM {{s}}.reservations r WHERE (charged AND expires < {_NOW} - 86400) OR (expires IS NULL AND NOT EXISTS (
    SELECT 1 FROM {{s}}.accounts a WHERE a.scope = r.scope AND a.measure = r.measure AND {_START} <= r.began))
"""

_ACCOUNTS = (
    f"SELECT {_ROW} FROM (SELECT {_CURRENT} FROM {{s}}.accounts a WHERE starts_with(a.scope, %(prefix)s)) f "
    "ORDER BY f.scope, f.measure"
)
_CLOSE = """
WITH held AS (DELETE FROM {s}.reservations WHERE scope = %(scope)s)
DELETE FROM {s}.accounts WHERE scope = %(scope)s
"""


class PostgresLedger:
    """Implements ``schemas.protocols.Ledger`` over an open store.

    Args:
        database: The store's connections.
        owner: Says who reserves by it, for people who look.
        clock: Gives Unix time in seconds; the server's own when left out.
    """

    def __init__(
        self, database: Database, owner: Callable[[], str] = str, clock: Callable[[], float] | None = None
    ) -> None:
        self._database = database
        self._owner = owner
        self._clock = clock

    async def open(
        self,
        scope: str,
        limits: Amounts,
        *,
        keep_share: float = 0.0,
        spent: Amounts | None = None,
        period: Period = "",
        zone: str = "UTC",
    ) -> None:
        """Open a scope, or change its limits. Raises ConfigError, StoreError."""
        time_zone(zone)
        purses = [Purse(scope, measure) for measure in limits]
        for purse in purses:
            purse.bound(limits[purse.measure], keep_share, (spent or {}).get(purse.measure) or 0)
        await self._charge_lost()
        await self._fetch(
            _OPEN,
            scope=scope,
            period=period,
            zone=zone,
            measures=[purse.measure for purse in purses],
            caps=[purse.limit for purse in purses],
            kept=[purse.kept for purse in purses],
            spent=[purse.spent for purse in purses],
        )

    async def reserve(
        self,
        scopes: Sequence[str],
        amounts: Amounts,
        *,
        use_kept: bool = False,
        reservation: str | None = None,
        lease_s: float | None = LEASE_S,
    ) -> str:
        """Reserve amounts in every scope, all or nothing. Raises BudgetError, StoreError.

        Cancellation: it may have been reserved all the same; release it under an id of one's own.
        """
        asked = {measure: None if amount is None else units(amount) for measure, amount in amounts.items()}
        named, name = list(dict.fromkeys(scopes)), reservation or uuid.uuid4().hex
        if lease_s is None:
            await self._fetch(_FORGET_LOST)
        rows = await self._reserve(
            id=name,
            scopes=named,
            places=list(range(len(named))),
            measures=list(asked),
            amounts=list(asked.values()),
            use_kept=use_kept,
            owner=self._owner(),
            lease=lease_s,
        )
        covered, count, *_ = rows[0]
        if covered:
            return name if count else ""
        purses = [_purse(row[2:]) for row in rows]
        raise next(error for purse in purses if (error := purse.refusal(asked[purse.measure], use_kept)) is not None)

    async def settle(self, reservation: str, used: Amounts) -> list[Crossed]:
        """Replace a reservation by what was used. Raises ConflictError, StoreError."""
        if not reservation:
            return []
        amounts = {measure: units(amount, up=False) for measure, amount in used.items() if amount is not None}
        rows, tries = await self._settle(reservation, amounts)
        if not rows[0][0] and tries == 1:  # at a second try the first may have settled it before its connection broke
            raise ConflictError(f"reservation {reservation!r} is not held", details={"reservation": reservation})
        crossed = (
            _purse((scope, measure, cap, 0, spent, 0)).shown() for _, scope, measure, spent, cap in rows if scope
        )
        return [(account.scope, account.measure, account.spent, account.limit or 0.0) for account in crossed]

    async def release(self, reservation: str) -> None:
        """Give a reservation back. Raises StoreError."""
        if reservation:
            await self._settle(reservation, {}, nothing=True)

    async def accounts(self, prefix: str = "") -> list[Account]:
        """Return the accounts of all scopes that begin with a text. Raises StoreError."""
        await self._charge_lost()
        return [_purse(row).shown() for row in await self._fetch(_ACCOUNTS, prefix=prefix)]

    async def exchange(self, asks: Sequence[Ask], *, lease_s: float) -> list[Part | None]:
        """Settle what a process used of its parts and give it the next, in one statement. Raises StoreError."""
        await self._fetch(_CHARGE_LOST)
        rows = await self._fetch(
            _EXCHANGE,
            scopes=[ask.scope for ask in asks],
            measures=[ask.measure for ask in asks],
            olds=[ask.old for ask in asks],
            news=[ask.new for ask in asks],
            begans=[ask.began for ask in asks],
            spents=[ask.spent for ask in asks],
            keeps=[ask.keep for ask in asks],
            mores=[ask.more for ask in asks],
            leasts=[ask.least for ask in asks],
            places=list(range(len(asks))),
            owner=self._owner(),
            lease=lease_s,
        )
        parts: list[Part | None] = [None] * len(asks)
        for place, held, near, cap, *row in rows:
            purse = _purse(row)
            crossed = (purse.scope, purse.measure, purse.spent / NANO, int(cap) / NANO) if near else None
            parts[place] = Part(int(held), purse, crossed)
        return parts

    async def resume(self, scope: str) -> list[Account]:
        """Grant every limit of a scope once more for this period. Raises StoreError."""
        return [_purse(row).shown() for row in await self._fetch(_RESUME, scope=scope)]

    async def pause(self, scope: str, measure: str) -> bool:
        """Note that an account is used up. Raises StoreError."""
        return (await self._fetch(_PAUSE, scope=scope, measure=measure))[0][0] > 0

    async def close(self, scope: str) -> None:
        """Forget a scope. Raises StoreError."""
        await self._fetch(_CLOSE, scope=scope)

    async def _reserve(self, **values: Any) -> list[tuple[Any, ...]]:
        """Executed again, it finds what it reserved the first time under the same id."""
        try:
            return await self._fetch(_RESERVE, **values)
        except StoreError as exc:
            if exc.details.get("sqlstate") != _UNIQUE:  # somebody else reserved under this id at the same moment
                raise
            return await self._fetch(_RESERVE, **values)

    async def _settle(
        self, reservation: str, amounts: Mapping[str, int], *, nothing: bool = False
    ) -> tuple[list[tuple[Any, ...]], int]:
        """Return (what the statement gave, how often it had to be sent)."""
        values = {"id": reservation, "measures": list(amounts), "amounts": list(amounts.values()), "nothing": nothing}
        tries = 0

        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            nonlocal tries
            tries += 1
            cursor = await connection.execute(self._database.sql(_SETTLE), {**values, "now": self._now()}, prepare=True)
            return await cursor.fetchall()

        return await self._database.run(work), tries

    async def _charge_lost(self) -> None:
        """Count reservations whose lease is over as spent, and forget those that can change nothing any more."""
        await self._fetch(_CHARGE_LOST)
        await self._fetch(_FORGET_LOST)

    async def _fetch(self, text: str, **values: Any) -> list[tuple[Any, ...]]:
        return await self._database.fetch(text, {**values, "now": self._now()})

    def _now(self) -> float | None:
        return None if self._clock is None else self._clock()


def _purse(row: Sequence[Any]) -> Purse:
    scope, measure, base, kept, spent, reserved, *rest = row
    warned, period, zone, began, extra, paused = rest or (False, "", "UTC", 0, 0, 0.0)
    limit = None if base is None else int(base)
    return Purse(
        scope, measure, limit, int(kept), int(spent), int(reserved), warned, period, zone, began, int(extra), paused
    )
