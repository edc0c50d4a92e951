"""Runs and their events in the tables: what is written in one transaction, and how it is read."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from engine.durable.encoding import artifacts_of, decode_rows, encode
from engine.durable.sqlite.ledger import forget
from engine.durable.sqlite.schema import SEQ_BITS
from engine.durable.sqlite.writer import Transaction
from engine.durable.summary import Change, applied, change_of, first_summary
from schemas.errors import ConflictError, NotFoundError, StoreError
from schemas.events import LoggedEvent, LoggedRecord, RunStarted
from schemas.runs import RunQuery, RunSummary

COLUMNS = tuple(RunSummary.model_fields)
_SELECTED = ", ".join(COLUMNS)
_INSERT = f"INSERT INTO runs ({_SELECTED}, moved) VALUES ({', '.join(f':{name}' for name in COLUMNS)}, :moved)"
_UPDATE = f"UPDATE runs SET {', '.join(f'{name} = :{name}' for name in COLUMNS)}, moved = :moved WHERE n = :n"
_ADVANCE = """
UPDATE runs SET head = head + ?, updated_at = ?, cost_usd = cost_usd + ?, moved = ? WHERE n = ? AND head = ?
"""
_SEQ_MASK = (1 << SEQ_BITS) - 1
_PACKED_CHARS = 1024


@dataclass(frozen=True, slots=True)
class Batch:
    """Events to append, encoded before the transaction.

    Attributes:
        bodies: One an event.
        change: What they change in the run's row.
    """

    run_id: str
    expected_seq: int
    events: Sequence[LoggedEvent]
    bodies: Sequence[str | bytes]
    change: Change


def place(n: int, seq: int = 0) -> int:
    """Return where an event of the run with number ``n`` stands in its table.

    >>> place(2, 5) - place(2, 4), place(3) > place(2, 2_000_000_000)
    (1, True)
    """
    return n << SEQ_BITS | seq


def append(transaction: Transaction, batch: Batch) -> float:
    """Append events and return their time; it never goes back within a run.

    Raises:
        ConflictError: The run's head is not the one expected; nothing was written.
    """
    db = transaction.db
    row = db.execute("SELECT n, head, updated_at FROM runs WHERE id = ?", (batch.run_id,)).fetchone()
    head = row[1] if row else 0
    if head != batch.expected_seq:
        message = f"run {batch.run_id} is at event {head}, not {batch.expected_seq}"
        raise ConflictError(message, details={"head": head})
    if not batch.events:
        return transaction.at
    at: float = max(transaction.at, row[2]) if row else transaction.at
    n: int = _advance(transaction, batch, row[0], head, at) if row else _create(transaction, batch, at)
    first = place(n, head + 1)
    db.executemany(
        "INSERT INTO events (place, at, kind, body) VALUES (?, ?, ?, ?)",
        [
            (first + number, at, event.kind, body)
            for number, (event, body) in enumerate(zip(batch.events, batch.bodies, strict=True))
        ],
    )
    for event in batch.events:
        for sha256 in artifacts_of(event):
            _use(db, n, sha256)
    if batch.change.status in ("completed", "failed", "cancelled"):
        db.execute("DELETE FROM live WHERE place BETWEEN ? AND ?", (place(n), place(n, _SEQ_MASK)))
    return at


def batch_of(run_id: str, expected_seq: int, events: Sequence[LoggedEvent]) -> Batch:
    """Return what ``append`` takes."""
    return Batch(run_id, expected_seq, tuple(events), [packed(encode(event)) for event in events], change_of(events))


def packed(body: str) -> str | bytes:
    """Return a body as its row holds it: long ones are deflated, and are then bytes."""
    if len(body) < _PACKED_CHARS:
        return body
    data = body.encode()
    small = zlib.compress(data, 1)  # 15 µs for 2 KB; higher levels gain little
    return small if len(small) < 0.9 * len(data) else body


def unpacked(body: str | bytes) -> str | bytes:
    """Return what ``packed`` was given."""
    return zlib.decompress(body) if isinstance(body, bytes) else body


def load(db: sqlite3.Connection, run_id: str, after: int) -> list[LoggedRecord]:
    """Return the events beyond ``after``.

    Raises:
        NotFoundError: No such run.
        StoreError: An event was written by a newer release.
    """
    n = number_of(db, run_id)
    rows: list[tuple[int, float, str, str | bytes]] = db.execute(
        "SELECT place, at, kind, body FROM events WHERE place BETWEEN ? AND ? ORDER BY place",
        (place(n, after + 1), place(n, _SEQ_MASK)),
    ).fetchall()
    return decode_rows(run_id, _unpacked_rows(run_id, rows))


def fit(text: str) -> str:
    """Return a text as its column can hold it: halves of surrogate pairs (bytes that are no text) are replaced.

    >>> fit("a\udcff")
    'a?'
    """
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def number_of(db: sqlite3.Connection, run_id: str) -> int:
    """Return a run's number. Raises NotFoundError."""
    return column(db, run_id, "n")


def head_of(db: sqlite3.Connection, run_id: str) -> int:
    """Return the number of a run's last event. Raises NotFoundError."""
    return column(db, run_id, "head")


def column(db: sqlite3.Connection, run_id: str, name: str) -> Any:
    """Return one column of a run's row.

    Raises:
        NotFoundError: No such run.
    """
    row = None
    with suppress(UnicodeEncodeError):  # half a surrogate pair, from a command line: no run is called that
        row = db.execute(f"SELECT {name} FROM runs WHERE id = ?", (run_id,)).fetchone()
    if row is None:
        raise NotFoundError(f"there is no run {run_id}", hint="engine runs list shows those there are")
    return row[0]


def summary(db: sqlite3.Connection, run_id: str) -> RunSummary:
    """Return a run's summary. Raises NotFoundError."""
    number_of(db, run_id)
    row = db.execute(f"SELECT {_SELECTED} FROM runs WHERE id = ?", (run_id,)).fetchone()
    return summary_of(row)


def summary_of(row: Sequence[Any]) -> RunSummary:
    """Return the summary that a row of the COLUMNS holds."""
    return RunSummary.model_construct(**dict(zip(COLUMNS, row, strict=True)))


def find(db: sqlite3.Connection, query: RunQuery) -> list[RunSummary]:
    """Return the runs a query describes, newest first."""
    clauses, values = _where(query)
    condition = f"WHERE {' AND '.join(clauses)}" if clauses else ""
    sql = f"SELECT {_SELECTED} FROM runs {condition} ORDER BY n DESC LIMIT ? OFFSET ?"
    limit = -1 if query.limit is None else query.limit
    try:
        return [summary_of(row) for row in db.execute(sql, (*values, limit, query.offset))]
    except UnicodeEncodeError:
        return []


def remove(transaction: Transaction, run_id: str) -> list[str]:
    """Remove a run with everything of its own, and return the artifacts it referred to.

    Raises:
        NotFoundError: No such run.
    """
    db = transaction.db
    n = number_of(db, run_id)
    used = [row[0] for row in db.execute("SELECT sha256 FROM artifact_uses WHERE n = ?", (n,))]
    gone = transaction.move(run_id)
    span = (place(n), place(n, _SEQ_MASK))
    db.execute("DELETE FROM events WHERE place BETWEEN ? AND ?", span)
    db.execute("DELETE FROM live WHERE place BETWEEN ? AND ?", span)
    db.execute("DELETE FROM artifact_uses WHERE n = ?", (n,))
    forget(db, f"run:{run_id}")
    db.execute("DELETE FROM runs WHERE n = ?", (n,))
    db.execute(
        "INSERT INTO facts VALUES ('deleted', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (gone,)
    )
    return used


def _create(transaction: Transaction, batch: Batch, at: float) -> int:
    first = batch.events[0]
    started = first if isinstance(first, RunStarted) else RunStarted(task="", mode="plan")
    row = applied(first_summary(batch.run_id, started, at), batch.change, len(batch.events), at)
    values = {**row.model_dump(), "task": fit(row.task), "user": fit(row.user), "moved": transaction.move(batch.run_id)}
    n = transaction.db.execute(_INSERT, values).lastrowid
    assert n is not None
    return n


def _advance(transaction: Transaction, batch: Batch, n: int, head: int, at: float) -> int:
    """Bring a run's row up to date; most appends change its head and its time only."""
    change, count = batch.change, len(batch.events)
    moved = transaction.move(batch.run_id)
    if change.status is None and change.driver is None and not (change.claims or change.wakes):
        transaction.db.execute(_ADVANCE, (count, at, change.cost_usd, moved, n, head))
    else:
        row = applied(summary(transaction.db, batch.run_id), change, head + count, at)
        transaction.db.execute(_UPDATE, {**row.model_dump(), "moved": moved, "n": n})
    return n


def _use(db: sqlite3.Connection, n: int, sha256: str) -> None:
    db.execute("INSERT OR IGNORE INTO artifact_uses VALUES (?, ?)", (n, sha256))
    db.execute("UPDATE artifacts SET held = max(held - 1, 0) WHERE sha256 = ?", (sha256,))


def _unpacked_rows(
    run_id: str, rows: Iterable[tuple[int, float, str, str | bytes]]
) -> Iterator[tuple[int, float, str, str | bytes]]:
    for at_place, at, kind, body in rows:
        seq = at_place & _SEQ_MASK
        try:
            yield seq, at, kind, unpacked(body)
        except zlib.error as exc:
            message = f"event {seq} of run {run_id} is damaged: {exc}"
            raise StoreError(message, hint="engine store check lists what else is") from exc


def _where(query: RunQuery) -> tuple[list[str], list[Any]]:
    found: list[tuple[str, tuple[Any, ...]]] = []
    if query.status:
        found.append((f"status IN ({', '.join('?' * len(query.status))})", query.status))
    if query.user is not None:
        found.append(("user = ?", (query.user,)))
    if query.driver is not None:
        clause = "driver = ? AND driver <> ''" if query.driver else "driver = ?"
        found.append((clause, (query.driver,)))
    if query.text:
        clause = "(instr(folded(task), ?) OR substr(id, 1, ?) = ?)"
        found.append((clause, (query.text.casefold(), len(query.text), query.text)))
    if query.assistant is not None:
        found.append(("assistant = ?", (query.assistant,)))
    if query.since is not None:
        found.append(("started_at >= ?", (query.since,)))
    if query.before is not None:
        found.append(("started_at < ?", (query.before,)))
    if query.due is not None:
        found.append(("status = 'waiting' AND until <= ?", (query.due,)))
    return [clause for clause, _ in found], [value for _, values in found for value in values]
