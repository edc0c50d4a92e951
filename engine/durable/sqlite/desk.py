"""Drivers' rows and live text: what need not outlive the machine, so no commit of it waits for the disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from engine.durable.encoding import decode_live
from engine.durable.sqlite.rows import column, number_of, place
from engine.durable.sqlite.schema import SEQ_BITS
from engine.durable.sqlite.writer import Transaction
from schemas.live import LiveEvent
from schemas.runs import FORGOTTEN_S, Driver

_SEQ_MASK = (1 << SEQ_BITS) - 1
_OVER = ("completed", "failed", "cancelled")


def enroll(transaction: Transaction, driver: Driver) -> None:
    """Write a driver's row with its first heartbeat; rows of those that were not heard of for hours go."""
    transaction.db.execute("DELETE FROM drivers WHERE beat_at < ?", (transaction.at - FORGOTTEN_S,))
    transaction.db.execute(
        "INSERT INTO drivers (id, body, beat_at) VALUES (?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET body = excluded.body, beat_at = excluded.beat_at",
        (driver.id, driver.model_dump_json(), transaction.at),
    )


def beat(transaction: Transaction, driver_id: str) -> bool:
    """Renew a heartbeat; False when the row is gone."""
    return transaction.db.execute(
        "UPDATE drivers SET beat_at = ? WHERE id = ?", (transaction.at, driver_id)
    ).rowcount == 1  # fmt: skip


def dismiss(transaction: Transaction, driver_id: str) -> None:
    """Remove a driver's row."""
    transaction.db.execute("DELETE FROM drivers WHERE id = ?", (driver_id,))


def asks(transaction: Transaction, run_id: str, driver_id: str, waits_for: str) -> None:
    """Say in the row of a run that is driven what it waits for."""
    transaction.db.execute(
        "UPDATE runs SET status = ?, waits_for = ? WHERE id = ? AND driver = ? AND status IN ('running', 'waiting')",
        ("waiting" if waits_for else "running", waits_for, run_id, driver_id),
    )


def drivers(db: sqlite3.Connection) -> list[Driver]:
    """Return all drivers, oldest first."""
    rows = db.execute("SELECT body, beat_at FROM drivers ORDER BY n").fetchall()
    return [Driver.model_validate_json(body).model_copy(update={"beat_at": at}) for body, at in rows]


def put_live(transaction: Transaction, run_id: str, body: str) -> None:
    """Hand live text on; what comes after the end of its run is dropped. Raises NotFoundError."""
    db = transaction.db
    n = number_of(db, run_id)
    if column(db, run_id, "status") in _OVER:
        return
    last = _position(db, n)
    db.execute("INSERT INTO live VALUES (?, ?)", (place(n, last + 1), body))
    db.execute("UPDATE runs SET moved = ? WHERE n = ?", (transaction.move(run_id), n))


def live(db: sqlite3.Connection, run_id: str, after: int) -> tuple[int, list[str]]:
    """Return (position, bodies beyond ``after``). Raises NotFoundError."""
    n = number_of(db, run_id)
    rows = db.execute(
        "SELECT place, body FROM live WHERE place BETWEEN ? AND ? ORDER BY place",
        (place(n, min(after + 1, _SEQ_MASK)), place(n, _SEQ_MASK)),
    ).fetchall()
    return (rows[-1][0] & _SEQ_MASK if rows else after), [row[1] for row in rows]


def positions(db: sqlite3.Connection, run_id: str) -> tuple[int, int]:
    """Return (the run's head, its live text's position). Raises NotFoundError."""
    head = column(db, run_id, "head")
    return head, _position(db, number_of(db, run_id))


def pieces(bodies: Sequence[str]) -> list[LiveEvent]:
    """Return the live text of bodies."""
    return [item for body in bodies for item in decode_live(body)]


def _position(db: sqlite3.Connection, n: int) -> int:
    (last,) = db.execute(
        "SELECT max(place) FROM live WHERE place BETWEEN ? AND ?", (place(n), place(n, _SEQ_MASK))
    ).fetchone()
    return (last or 0) & _SEQ_MASK
