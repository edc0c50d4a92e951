"""Who did what, and when: an account of runs, from their logs, and of what else was done, from the store's trail.

Every request to somebody outside and every decision (by whom, through what), every call that may change something (its
input and what became of it), every new goal, cancel and fork; what was done to keys, budgets, agents, schedules and
configurations; and what runs did that are removed. How that is proved says ``engine.durable.audit``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from engine.durable.audit import chained, entries
from schemas.audit import AuditBook, AuditEntry, AuditQuery, Kept
from schemas.errors import NotFoundError
from schemas.runs import RunQuery
from schemas.stores import RunStore

_PAGE = 200


async def audit(store: RunStore, query: AuditQuery) -> AsyncGenerator[AuditEntry]:
    """Yield the entries of a store: the newest run first, each run's in order; then the trail's, oldest first.

    Cost: the log of each run that was written to in that time is read, one at a time.

    Raises:
        NotFoundError: The one run that is asked for is not there, and never was.
        StoreError: The store cannot be read.
    """
    if query.run is not None:
        await require_told(store, query.run)
    async with aclosing(_runs(store, query)) as found:
        async for run_id in found:
            try:
                records = await store.load(run_id)
            except NotFoundError:  # it is removed: the trail has it
                continue
            for entry in entries(records):
                if query.wants(entry):
                    yield entry
    async with aclosing(_trail(store.audit_book, query)) as rows:
        async for one in rows:
            yield one.entry


async def require_told(store: RunStore, run_id: str) -> None:
    """Return if a run is there, or the trail tells of it. Raises NotFoundError."""
    try:
        await store.summary(run_id)
    except NotFoundError:
        if not await store.audit_book.read(AuditQuery(run=run_id), limit=1):
            raise


async def _runs(store: RunStore, query: AuditQuery) -> AsyncGenerator[str]:
    if query.about is not None:
        return
    if query.run is not None:
        yield query.run
        return
    seen: set[str] = set()
    offset = 0
    while True:
        rows = await store.find(RunQuery(user=query.user, before=query.until, limit=_PAGE, offset=offset))
        for row in rows:
            if row.id not in seen and (query.since is None or row.updated_at >= query.since):
                seen.add(row.id)
                yield row.id
        if len(rows) < _PAGE:
            return
        offset += len(rows)


async def _trail(book: AuditBook, query: AuditQuery) -> AsyncGenerator[Kept]:
    after = 0
    while rows := await book.read(query, after=after, limit=_PAGE):
        for one in rows:
            after = one.number
            yield one


def row_of(cells: Sequence[Any]) -> bytes:
    """Return one line of CSV; no text in it is a formula for a spreadsheet.

    Source: RFC 4180; OWASP, "CSV Injection".
    """
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([_cell(value) for value in cells])
    return line.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


async def changed(store: RunStore, exported: AsyncIterable[Mapping[str, Any]]) -> AsyncGenerator[str]:
    """Yield one line on each exported entry that the store tells otherwise now, then where the trail itself is broken.

    What came after it is no change. A run that is gone is in the trail, with the digests it had; one that is not, or
    whose part of the trail went by age, is said, since nothing of it can be proved.

    Raises:
        StoreError: The store cannot be read.
    """
    heads: dict[str, Mapping[int, str] | None] = {}
    trail: dict[int, str] | None = None
    began = await store.audit_book.began()
    async for entry in exported:
        run_id, seq = str(entry.get("run_id", "")), entry.get("seq")
        place = seq if isinstance(seq, int) else 0
        if not run_id:
            if trail is None:
                trail = {one.number: one.entry.digest async for one in _trail(store.audit_book, AuditQuery())}
            if place > began and trail.get(place) != entry.get("digest"):
                yield f"entry {seq} of the audit trail: it is not what it was when this was exported"
            continue
        if run_id not in heads:
            heads = {run_id: await _heads(store, run_id)}
            if heads[run_id] is None:
                yield f"run {run_id}: it is gone; what was exported of it stands alone"
        found = heads[run_id]
        if found is not None and found.get(place) != entry.get("digest"):
            yield f"run {run_id}, event {seq}: its log is not what it was when this was exported"
    for fault in await store.audit_book.faults():
        yield fault.message


async def _heads(store: RunStore, run_id: str) -> Mapping[int, str] | None:
    """Return the digests of a run by its events' numbers, from its log, else from the trail; None: neither has it."""
    try:
        return {record.seq: digest for record, digest in chained(await store.load(run_id))}
    except NotFoundError:
        found = [one.entry async for one in _trail(store.audit_book, AuditQuery(run=run_id))]
        return {entry.seq: entry.digest for entry in found} or None
