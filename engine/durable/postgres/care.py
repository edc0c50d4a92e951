"""Looking after a shared store: what is in it, what is wrong with it, what may go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import structlog

from engine.durable.encoding import artifacts_of, decode
from engine.durable.postgres import audit, bookkeeping
from engine.durable.postgres.copying import dump
from engine.durable.postgres.database import Connection, Database
from engine.durable.postgres.finding import COLUMNS, summarized
from engine.durable.postgres.schema import VERSION, migrate, version
from engine.durable.summary import applied, change_of, first_summary
from schemas.care import KEEP_ALL, Fault, KindFigures, Migrated, Pruned, Retention, StoreFigures
from schemas.errors import StoreError
from schemas.events import LoggedEvent, RunStarted
from schemas.runs import RunSummary

HELD_S = 3600.0
"""How long an artifact that no event refers to (yet) is kept."""
_OVER = "status IN ('completed', 'failed', 'cancelled')"
_UNUSED = (
    "FROM {s}.artifacts a WHERE a.touched_at < extract(epoch FROM clock_timestamp()) - %s"
    " AND NOT EXISTS (SELECT FROM {s}.artifact_uses u WHERE u.sha256 = a.sha256)"
)
_SIZES = """
SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint,
       coalesce(sum(pg_total_relation_size(c.oid)) FILTER (WHERE c.relname = 'live'), 0)::bigint,
       coalesce(sum(pg_total_relation_size(c.oid)) FILTER (WHERE c.relname = 'audit'), 0)::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relkind = 'r'
"""
_WEIGHTS = (
    "SELECT r.id, r.updated_at, count(*), sum(pg_column_size(e.body) + 60)::bigint,"
    " r.updated_at < extract(epoch FROM clock_timestamp()) - %s"
    f" FROM {{s}}.runs r JOIN {{s}}.events e ON e.run = r.number WHERE r.{_OVER}"
    " GROUP BY r.number ORDER BY r.updated_at, r.number"
)
_NEVER_S = 1e12
_DUE = (
    "INSERT INTO {s}.facts (name, at) VALUES ('pruned', extract(epoch FROM clock_timestamp()))"
    " ON CONFLICT (name) DO UPDATE SET at = excluded.at WHERE facts.at < excluded.at - 86400 RETURNING true"
)


class Care:
    """What ``engine store`` does with a shared store (implements ``schemas.stores.StoreCare``)."""

    database: Database

    async def migrate(self) -> Migrated:
        """Bring the schema to this release's; many processes may do so at once.

        Raises:
            StoreError: The schema is newer than this release, or the store's user may not change it.
        """
        return await migrate(self.database)

    async def check(self) -> list[Fault]:
        """Look at every run's events, row and artifacts, and at every artifact; nothing is changed.

        Cost: reads the whole store once, a run at a time.
        """
        faults: list[Fault] = []
        used: set[bytes] = set()
        for (run_id,) in await self.database.fetch("SELECT id FROM {s}.runs ORDER BY number"):
            faults += await self.database.run(lambda connection, it=run_id: self._check_run(connection, it, used))
        faults += await self._check_artifacts(used) + await self._check_strays()
        faults += await audit.PostgresAudit(self.database).faults()
        return faults + await bookkeeping.faults(self.database)

    async def backup(self, path: str) -> int:
        """Write a consistent copy by pg_dump while others go on writing, and return its bytes.

        Raises:
            StoreError: pg_dump is not there (the hint is the command), ``path`` is, or the copy failed.
        """
        return await dump(self.database.address, path)

    async def stats(self) -> StoreFigures:
        """Return what is in the store and what it takes; sizes are the server's."""
        fetch = self.database.fetch
        statuses = await fetch("SELECT status, count(*) FROM {s}.runs GROUP BY status")
        kinds = await fetch(
            "SELECT kind, count(*), sum(octet_length(body))::bigint FROM {s}.events GROUP BY kind ORDER BY kind"
        )
        ((artifacts, artifact_bytes),) = await fetch(
            "SELECT count(*), coalesce(sum(octet_length(data)), 0)::bigint FROM {s}.artifacts"
        )
        ((told,),) = await fetch("SELECT count(*) FROM {s}.audit")
        ((oldest,),) = await fetch("SELECT min(started_at) FROM {s}.runs")
        ((size, live, _),) = await fetch(_SIZES, (self.database.address.schema,))
        return StoreFigures(
            where=self.database.address.shown,
            schema_version=await version(self.database),
            runs=dict(statuses),
            events=sum(count for _, count, _ in kinds),
            kinds={kind: KindFigures(count=count, size_bytes=size_bytes) for kind, count, size_bytes in kinds},
            artifacts=artifacts,
            artifact_bytes=artifact_bytes,
            live_bytes=live,
            size_bytes=size,
            oldest_at=oldest,
            audit_entries=told,
            **await bookkeeping.figures(self.database),
        )

    async def prune(self, keep: Retention = KEEP_ALL, *, dry_run: bool = False) -> Pruned:
        """Remove ended runs, oldest first, artifacts and live text that nothing refers to, old usage and old answers.

        What is freed is used again by the store itself; ``freed_bytes`` is an estimate from the rows removed.
        """
        older_than_s = _NEVER_S if keep.older_than_s is None else keep.older_than_s
        rows = await self.database.fetch(_WEIGHTS, (older_than_s,))
        ((size, _, told),) = await self.database.fetch(_SIZES, (self.database.address.schema,))
        gone, events, freed = _chosen(rows, size - told, keep.keep_bytes)
        if dry_run:
            artifacts, artifact_bytes = await self._unused()
            done = _pruned(gone, events, artifacts, artifact_bytes, freed, dry_run=True)
            told = {"audit_entries": await audit.due(self.database, keep)}
            return done.model_copy(update=told | await bookkeeping.due(self.database, keep))
        for run_id in gone:  # one transaction each: no lock is held for long
            await self.database.run(lambda connection, it=run_id: self._prune_run(connection, it))
        await self.database.fetch(
            f"DELETE FROM {{s}}.live l WHERE NOT EXISTS"
            f" (SELECT FROM {{s}}.runs r WHERE r.number = l.run AND NOT r.{_OVER})"
        )
        rows = await self.database.fetch(f"DELETE {_UNUSED} RETURNING octet_length(a.data)", (HELD_S,))
        done = _pruned(gone, events, len(rows), sum(size for (size,) in rows), freed, dry_run=False)
        told = {"audit_entries": await audit.forget(self.database, keep)}
        return done.model_copy(update=told | await bookkeeping.forget(self.database, keep))

    async def prune_daily(self, keep: Retention) -> None:
        """Prune if no process did in the last day; failures are logged, and nobody waits for it."""
        try:
            if await self.database.fetch(_DUE):
                done = await self.prune(keep)
                structlog.get_logger().info("old runs were removed", runs=len(done.runs), freed_bytes=done.freed_bytes)
        except StoreError as error:
            structlog.get_logger().info("old runs cannot be removed", error=error.message)

    async def _prune_run(self, connection: Connection, run_id: str) -> None:
        with anyio.CancelScope(shield=True):
            async with connection.transaction():
                await self._remove(connection, [run_id], "", "retention")

    async def _remove(self, connection: Connection, run_ids: Sequence[str], by: str, through: str) -> int:
        """Remove runs and the artifacts that were theirs alone; return how many there were.

        The rows of runs go first: an append that is under way is waited for, and what it wrote is seen afterwards.
        """

        async def execute(text: str, *values: Any) -> list[tuple[Any, ...]]:
            cursor = await connection.execute(self.database.sql(text), values)
            return await cursor.fetchall() if cursor.description else []

        rows = await execute("DELETE FROM {s}.runs WHERE id = ANY(%s) RETURNING id, number", list(run_ids))
        numbers = [number for _, number in rows]
        await audit.keep_runs(connection, self.database, rows, by, through)
        for table in ("events", "tasks", "live"):
            await execute(f"DELETE FROM {{s}}.{table} WHERE run = ANY(%s)", numbers)
        scopes = [f"run:{run_id}" for run_id in run_ids]
        await execute("DELETE FROM {s}.reservations WHERE scope = ANY(%s)", scopes)
        await execute("DELETE FROM {s}.accounts WHERE scope = ANY(%s)", scopes)
        rows = await execute("DELETE FROM {s}.artifact_uses WHERE run = ANY(%s) RETURNING sha256", numbers)
        digests = list({digest for (digest,) in rows})
        if digests:
            await execute(f"DELETE {_UNUSED} AND a.sha256 = ANY(%s)", HELD_S, digests)
        return len(numbers)

    async def _unused(self) -> tuple[int, int]:
        rows = await self.database.fetch(
            f"SELECT count(*), coalesce(sum(octet_length(a.data)), 0)::bigint {_UNUSED}", (HELD_S,)
        )
        return rows[0][0], rows[0][1]

    async def _check_run(self, connection: Connection, run_id: str, used: set[bytes]) -> list[Fault]:
        """One run, in one snapshot: others go on writing."""
        async with connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor = await connection.execute(self.database.sql(f"{COLUMNS} WHERE r.id = %s"), (run_id,))
            row = await cursor.fetchone()
            cursor = await connection.execute(
                self.database.sql(
                    "SELECT e.seq, e.at, e.kind, e.body FROM {s}.events e JOIN {s}.runs r ON r.number = e.run"
                    " WHERE r.id = %s ORDER BY e.seq"
                ),
                (run_id,),
            )
            events = await cursor.fetchall()
            cursor = await connection.execute(
                self.database.sql(
                    "SELECT u.sha256, a.sha256 IS NOT NULL FROM {s}.artifact_uses u JOIN {s}.runs r ON r.number = u.run"
                    " LEFT JOIN {s}.artifacts a ON a.sha256 = u.sha256 WHERE r.id = %s"
                ),
                (run_id,),
            )
            kept = dict(await cursor.fetchall())
        if row is None:
            return []  # deleted meanwhile
        used.update(kept)
        return list(_run_faults(summarized(row), events, kept))

    async def _check_artifacts(self, used: set[bytes]) -> list[Fault]:
        faults: list[Fault] = []
        rows = await self.database.fetch("SELECT sha256, sha256 = sha256(data) FROM {s}.artifacts")
        for digest, sound in rows:
            if not sound:
                faults.append(
                    Fault(code="damaged", message="its bytes are not what its hash says", artifact=digest.hex())
                )
        for (digest,) in await self.database.fetch(f"SELECT a.sha256 {_UNUSED}", (HELD_S,)):
            if digest not in used:
                message = "no run refers to it; a prune removes it"
                faults.append(Fault(code="orphaned_artifact", message=message, artifact=digest.hex(), harmless=True))
        return faults

    async def _check_strays(self) -> list[Fault]:
        rows = await self.database.fetch(
            "SELECT count(*) FROM {s}.events e WHERE NOT EXISTS (SELECT FROM {s}.runs r WHERE r.number = e.run)"
        )
        found = await version(self.database)
        faults = [Fault(code="stray", message=f"{rows[0][0]} events belong to no run")] if rows[0][0] else []
        if found < VERSION:
            message = f"the schema is {found}, this release's is {VERSION}: engine store migrate"
            faults.append(Fault(code="schema", message=message, harmless=True))
        for name, wanted, message in (
            ("fsync", "on", "fsync is off on the server: what was acknowledged is lost when the machine goes down"),
            ("full_page_writes", "on", "full_page_writes is off on the server: a crash may damage tables"),
        ):
            if await self.database.fetch("SELECT 1 WHERE current_setting(%s) <> %s", (name, wanted)):
                faults.append(Fault(code="server", message=message, harmless=True))
        return faults


def _chosen(rows: Sequence[tuple[Any, ...]], size: int, keep_bytes: int | None) -> tuple[list[str], int, int]:
    """Return (ids, events, bytes) of the runs that go; rows come oldest first."""
    gone: list[str] = []
    events = freed = 0
    for run_id, _, count, weight, too_old in rows:
        if too_old or (keep_bytes is not None and size - freed > keep_bytes):
            gone.append(run_id)
            events += count
            freed += weight
    return gone, events, freed


def _pruned(gone: list[str], events: int, artifacts: int, artifact_bytes: int, freed: int, *, dry_run: bool) -> Pruned:
    return Pruned(
        runs=tuple(gone),
        events=events,
        artifacts=artifacts,
        artifact_bytes=artifact_bytes,
        freed_bytes=freed + artifact_bytes,
        dry_run=dry_run,
    )


def _run_faults(row: RunSummary, rows: Sequence[tuple[Any, ...]], kept: dict[bytes, bool]) -> list[Fault]:
    """What is wrong with one run: its numbers, its events, its row, its artifacts."""
    faults: list[Fault] = []

    def found(code: str, message: str, artifact: str = "") -> None:
        faults.append(Fault(code=code, message=message, run_id=row.id, artifact=artifact))

    seqs = [seq for seq, *_ in rows]
    if seqs != list(range(1, len(seqs) + 1)):
        missing = next((want for want, seq in enumerate(seqs, 1) if want != seq), len(seqs))
        found("gap", f"event {missing} is missing")
    elif row.head != len(seqs):
        found("head", f"its row says {row.head} events, and there are {len(seqs)}")
    events: list[LoggedEvent] = []
    for seq, _, kind, body in rows:
        try:
            events.append(decode(kind, body, f"event {seq}"))
        except StoreError as error:
            found("unreadable", error.message)
    if not faults and events:
        for name in _differing(row, events, rows):
            found("summary", f"its row's {name} is not what its events say")
    for digest in sorted({digest for event in events for digest in artifacts_of(event)}):
        if not kept.get(bytes.fromhex(digest), False):
            found("missing_artifact", "an event refers to it, and it is not there", digest)
    return faults


def _differing(row: RunSummary, events: Sequence[LoggedEvent], rows: Sequence[tuple[Any, ...]]) -> list[str]:
    started = events[0] if isinstance(events[0], RunStarted) else RunStarted(task="", mode="plan")
    told = applied(first_summary(row.id, started, rows[0][1]), change_of(events), len(events), rows[-1][1])
    names = ("status", "task", "user", "driver", "claims", "waits_for", "until", "forked_from")
    return [name for name in names if getattr(told, name) != getattr(row, name)]
