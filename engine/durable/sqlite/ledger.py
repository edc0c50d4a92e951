"""Budgets in the store's file: exact over every process that opens it.

Each call of the ledger is one piece of work of the one thread that writes, committed together with whatever else waits
(the log's own appends): a model call costs two shares of a commit. No other process writes meanwhile, so what is
computed here from rows just read is what is true when it is written.
"""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from engine.durable.sqlite.writer import Transaction
from schemas.accounts import (
    LEASE_S,
    Account,
    Amounts,
    Ask,
    Crossed,
    Held,
    Part,
    Period,
    Purse,
    asked_units,
    hold_all,
    period_start,
    time_zone,
    units,
)
from schemas.errors import ConflictError

T = TypeVar("T")

_LATE_S = 86_400.0
"""So long after its lease a charged reservation can still be corrected by a late settlement."""


class Writing(Protocol):
    """What writes to the file: the store."""

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Do work in a transaction and return once it is on the disk."""
        ...


class SqliteLedger:
    """Implements ``schemas.protocols.Ledger`` over an open store.

    Args:
        store: Writes to the file.
        owner: Says who reserves by it, for people who look.
        clock: Gives Unix time in seconds.
    """

    def __init__(self, store: Writing, owner: Callable[[], str] = str, clock: Callable[[], float] = time.time) -> None:
        self._store = store
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

        def work(transaction: Transaction) -> None:
            now = self._clock()
            _charge_lost(transaction.db, now)
            known = {purse.measure: purse for purse in _purses(transaction.db, [scope])}
            opened: list[Purse] = []
            for measure, limit in limits.items():
                purse = known.get(measure) or Purse(scope, measure)
                purse.period, purse.zone = period, zone
                purse.roll(now)
                purse.bound(limit, keep_share, (spent or {}).get(measure) or 0)
                opened.append(purse)
            _save(transaction.db, opened)

        await self._store.write(work)

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
        asked = asked_units(amounts)
        name = reservation or uuid.uuid4().hex

        def work(transaction: Transaction) -> str:
            db, now = transaction.db, self._clock()
            if lease_s is None:
                _forget_lost(db, now)
            rows = db.execute("SELECT scope, measure FROM reservations WHERE id = ?", (name,)).fetchall()
            known = {(scope, measure) for scope, measure in rows}
            opened = [purse for purse in _purses(db, scopes) if purse.measure in asked]
            purses = [purse for purse in opened if (purse.scope, purse.measure) not in known]
            for purse in purses:
                purse.roll(now)
            held = hold_all(purses, asked, use_kept)
            _save(db, purses)
            _keep(db, name, held, self._owner(), None if lease_s is None else now + lease_s)
            return name if held or known else ""

        return await self._store.write(work)

    async def settle(self, reservation: str, used: Amounts) -> list[Crossed]:
        """Replace a reservation by what was used. Raises ConflictError, StoreError."""
        amounts = {m: units(amount, up=False) for m, amount in used.items() if amount is not None}

        def work(transaction: Transaction) -> list[Crossed]:
            held = _take(transaction.db, reservation)
            if not held:
                raise ConflictError(f"reservation {reservation!r} is not held", details={"reservation": reservation})
            return self._settle(transaction.db, [(one, amounts.get(one.measure, one.amount)) for one in held])

        return await self._store.write(work) if reservation else []

    async def release(self, reservation: str) -> None:
        """Give a reservation back. Raises StoreError."""

        def work(transaction: Transaction) -> None:
            self._settle(transaction.db, [(held, 0) for held in _take(transaction.db, reservation)])

        if reservation:
            await self._store.write(work)

    async def accounts(self, prefix: str = "") -> list[Account]:
        """Return the accounts of all scopes that begin with a text. Raises StoreError."""

        def work(transaction: Transaction) -> list[Account]:
            now = self._clock()
            _charge_lost(transaction.db, now)
            found = _read(transaction.db, "substr(scope, 1, ?) = ? ORDER BY scope, measure", (len(prefix), prefix))
            for purse in found:
                purse.roll(now)
            return [purse.shown() for purse in found]

        return await self._store.write(work)

    async def exchange(self, asks: Sequence[Ask], *, lease_s: float) -> list[Part | None]:
        """Settle what a process used of its parts and give it the next, in one transaction. Raises StoreError."""

        def work(transaction: Transaction) -> list[Part | None]:
            db, now = transaction.db, self._clock()
            _charge_lost(db, now)
            return [self._exchange(db, ask, now, lease_s) for ask in asks]

        return await self._store.write(work)

    async def resume(self, scope: str) -> list[Account]:
        """Grant every limit of a scope once more for this period. Raises StoreError."""

        def work(transaction: Transaction) -> list[Account]:
            found = _purses(transaction.db, [scope])
            for purse in found:
                purse.roll(self._clock())
                purse.resume()
            _save(transaction.db, found)
            return [purse.shown() for purse in found]

        return await self._store.write(work)

    async def pause(self, scope: str, measure: str) -> bool:
        """Note that an account is used up. Raises StoreError."""

        def work(transaction: Transaction) -> bool:
            found = [purse for purse in _purses(transaction.db, [scope]) if purse.measure == measure]
            first = False
            for purse in found:
                purse.roll(self._clock())
                first = purse.pause(self._clock())
            _save(transaction.db, found)
            return first

        return await self._store.write(work)

    async def close(self, scope: str) -> None:
        """Forget a scope. Raises StoreError."""
        await self._store.write(lambda transaction: forget(transaction.db, scope))

    def _exchange(self, db: sqlite3.Connection, ask: Ask, now: float, lease_s: float) -> Part | None:
        key = ask.scope, ask.measure
        purse = next(iter(_read(db, "scope = ? AND measure = ?", key)), None)
        if purse is None:
            return None
        purse.roll(now)
        landed, crossed = _part(db, ask.new, key), None
        if landed is None:
            amount, crossed = purse.exchange(_part(db, ask.old, key), ask)
            db.execute("DELETE FROM reservations WHERE (id, scope, measure) = (?, ?, ?)", (ask.old, *key))
            landed = Held(*key, amount, purse.began)
            if ask.keep or ask.more:
                _keep(db, ask.new, [landed], self._owner(), now + lease_s)
            _save(db, [purse])
        return Part(landed.amount, purse, crossed)

    def _settle(self, db: sqlite3.Connection, settled: Sequence[tuple[Held, int]]) -> list[Crossed]:
        now, crossed, touched = self._clock(), list[Crossed](), list[Purse]()
        purses = {(purse.scope, purse.measure): purse for purse in _purses(db, [held.scope for held, _ in settled])}
        for held, used in settled:
            purse = purses.get((held.scope, held.measure))
            if purse is not None:
                purse.roll(now)
                warning = purse.settle(held, used)
                crossed += [warning] if warning is not None else []
                touched.append(purse)
        _save(db, touched)
        return crossed


def forget(db: sqlite3.Connection, scope: str) -> None:
    """Remove a scope's accounts, inside a transaction."""
    db.execute("DELETE FROM accounts WHERE scope = ?", (scope,))
    db.execute("DELETE FROM reservations WHERE scope = ?", (scope,))  # one of that name may be opened anew


def _charge_lost(db: sqlite3.Connection, now: float) -> None:
    """Count reservations whose lease is over as spent."""
    lost = db.execute(
        "SELECT scope, measure, amount, began, charged FROM reservations WHERE expires < ? AND NOT charged", (now,)
    ).fetchall()
    if lost:
        purses = {(purse.scope, purse.measure): purse for purse in _purses(db, [row[0] for row in lost])}
        for held in map(_held, lost):
            purse = purses.get((held.scope, held.measure))
            if purse is not None:
                purse.charge(held)
        _save(db, purses.values())
        db.execute("UPDATE reservations SET charged = 1 WHERE expires < ?", (now,))
    _forget_lost(db, now)


def _forget_lost(db: sqlite3.Connection, now: float) -> None:
    """Forget reservations that can change nothing any more: charged long ago, or of a period that is over."""
    late = "SELECT id, scope, measure FROM reservations WHERE charged AND expires < ?"
    gone: list[tuple[str, str, str]] = db.execute(late, (now - _LATE_S,)).fetchall()
    endless = db.execute("SELECT id, scope, measure, began FROM reservations WHERE expires IS NULL").fetchall()
    purses = {(purse.scope, purse.measure): purse for purse in _purses(db, [row[1] for row in endless])}
    for name, scope, measure, began in endless:
        purse = purses.get((scope, measure))
        if purse is None or period_start(purse.period, purse.zone, now) > began:
            gone.append((name, scope, measure))
    db.executemany("DELETE FROM reservations WHERE (id, scope, measure) = (?, ?, ?)", gone)


def _purses(db: sqlite3.Connection, scopes: Iterable[str]) -> list[Purse]:
    """The accounts of some scopes, in the order in which they are named."""
    return [purse for scope in dict.fromkeys(scopes) for purse in _read(db, "scope = ?", (scope,))]


def _read(db: sqlite3.Connection, where: str, values: Sequence[Any]) -> list[Purse]:
    columns = "scope, measure, cap, kept, spent, reserved, warned, period, zone, began, extra, paused"
    return [
        Purse(
            scope, measure, None if cap is None else int(cap), int(kept), int(spent), int(reserved), bool(warned),
            period, zone, began, int(extra), paused,
        )
        for scope, measure, cap, kept, spent, reserved, warned, period, zone, began, extra, paused in db.execute(
            f"SELECT {columns} FROM accounts WHERE {where}", values
        )
    ]  # fmt: skip


def _save(db: sqlite3.Connection, purses: Iterable[Purse]) -> None:
    db.executemany(
        "INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (p.scope, p.measure, None if p.limit is None else str(p.limit), str(p.kept), str(p.spent), str(p.reserved),
             p.warned, p.period, p.zone, p.began, str(p.extra), p.paused)
            for p in purses
        ],
    )  # fmt: skip


def _keep(db: sqlite3.Connection, name: str, held: Iterable[Held], owner: str, expires: float | None) -> None:
    db.executemany(
        "INSERT INTO reservations VALUES (?, ?, ?, ?, ?, 0, ?, ?)",
        [(name, one.scope, one.measure, str(one.amount), one.began, owner, expires) for one in held],
    )


def _part(db: sqlite3.Connection, name: str, key: tuple[str, str]) -> Held | None:
    """What a process holds of an account under a name."""
    columns = "scope, measure, amount, began, charged"
    found = db.execute(f"SELECT {columns} FROM reservations WHERE (id, scope, measure) = (?, ?, ?)", (name, *key))
    return next(map(_held, found), None)


def _take(db: sqlite3.Connection, name: str) -> list[Held]:
    """Remove a reservation and return what it held."""
    columns = "scope, measure, amount, began, charged"
    rows = db.execute(f"SELECT {columns} FROM reservations WHERE id = ?", (name,)).fetchall()
    if rows:
        db.execute("DELETE FROM reservations WHERE id = ?", (name,))
    return [_held(row) for row in rows]


def _held(row: Sequence[Any]) -> Held:
    scope, measure, amount, began, charged = row
    return Held(scope, measure, int(amount), began, bool(charged))
