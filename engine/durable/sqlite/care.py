"""Looking into the file: what is in it, what is wrong with it, a copy of it. Nothing here changes it."""

from __future__ import annotations

import hashlib
import math
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from engine.durable.sqlite import audit, bookkeeping
from engine.durable.sqlite.faults import copy_error
from engine.durable.sqlite.kept import ArtifactFolder
from engine.durable.sqlite.rows import COLUMNS, fit, load, summary_of
from engine.durable.sqlite.schema import SEQ_BITS, VERSION
from engine.durable.summary import applied, change_of, first_summary
from schemas.care import Fault, KindFigures, StoreFigures
from schemas.errors import EngineError
from schemas.events import RunStarted
from schemas.runs import RunSummary

_MOST_FAULTS = 100
_FOLDED = ("status", "driver", "claims", "waits_for", "until", "task", "user", "forked_from")


def check(db: sqlite3.Connection, folder: ArtifactFolder) -> list[Fault]:
    """Return what is wrong, one consistent look at everything. Cost: reads every event and artifact once."""
    db.execute("BEGIN")
    try:
        found = [*_file_faults(db)]
        if not found:  # what follows reads the tables, which a damaged file does not have whole
            found = [*_event_faults(db), *_run_faults(db), *_artifact_faults(db, folder), *bookkeeping.faults(db)]
            found += audit.faults(db)
    finally:
        db.execute("ROLLBACK")
    return found


def stats(db: sqlite3.Connection, path: Path, folder: ArtifactFolder) -> StoreFigures:
    """Return what is in the store."""
    kinds = db.execute(
        "SELECT kind, count(*), sum(length(CAST(body AS BLOB))) FROM events GROUP BY kind ORDER BY 3 DESC"
    )
    figures = {kind: KindFigures(count=count, size_bytes=size) for kind, count, size in kinds}
    artifacts, artifact_bytes = db.execute("SELECT count(*), coalesce(sum(size_bytes), 0) FROM artifacts").fetchone()
    (live_bytes,) = db.execute("SELECT coalesce(sum(length(CAST(body AS BLOB))), 0) FROM live").fetchone()
    return StoreFigures(
        where=str(path),
        schema_version=VERSION,
        runs=dict(db.execute("SELECT status, count(*) FROM runs GROUP BY status").fetchall()),
        events=sum(kind.count for kind in figures.values()),
        kinds=figures,
        artifacts=artifacts,
        artifact_bytes=artifact_bytes,
        live_bytes=live_bytes,
        size_bytes=size_of(path, folder),
        free_bytes=_pages(db, "freelist_count"),
        oldest_at=db.execute("SELECT min(started_at) FROM runs").fetchone()[0],
        audit_entries=db.execute("SELECT count(*) FROM audit").fetchone()[0],
        **bookkeeping.figures(db),
    )


def size_of(path: Path, folder: ArtifactFolder) -> int:
    """Return the bytes of the file, its journals and its artifacts' files."""
    beside = [path.with_name(path.name + end) for end in ("", "-wal", "-shm")]
    return sum(map(_size, beside)) + files_bytes(folder)


def files_bytes(folder: ArtifactFolder) -> int:
    """Return the bytes of the artifacts that are files."""
    return sum(_size(file) for _, file in folder.files())


def used_bytes(db: sqlite3.Connection) -> int:
    """Return the bytes of the file's pages that hold something."""
    return _pages(db, "page_count") - _pages(db, "freelist_count")


def backup(db: sqlite3.Connection, target: Path, folder: ArtifactFolder) -> int:
    """Copy the file and its artifacts, consistent in itself, and return the copy's bytes; nobody waits meanwhile.

    Artifacts are copied before the tables and once more after them: one whose run is deleted meanwhile is then in
    neither, one that is new is in both.

    Raises:
        StoreError: The target is there already.
        OSError, sqlite3.Error: It cannot be written; nothing is left of it.
    """
    if target.exists():
        raise copy_error(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    copies = ArtifactFolder(target)
    unfinished = target.with_name(f"{target.name}.part")
    try:
        _copy_files(folder, copies)
        unfinished.unlink(missing_ok=True)
        with closing(sqlite3.connect(unfinished)) as copy:
            db.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, whole in itself; opened as a store it is WAL again
        _copy_files(folder, copies)
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        shutil.rmtree(copies.root, ignore_errors=True)
        raise
    return size_of(target, copies)


def _file_faults(db: sqlite3.Connection) -> Iterator[Fault]:
    try:
        lines = [row[0] for row in db.execute(f"PRAGMA integrity_check({_MOST_FAULTS})")]
    except sqlite3.DatabaseError as exc:
        lines = [str(exc)]
    for line in lines:
        if line != "ok":
            yield Fault(code="damaged", message=" ".join(line.split()))


def _event_faults(db: sqlite3.Connection) -> Iterator[Fault]:
    """Heads against events: gaps, and events of no run."""
    spans = (
        f"SELECT place >> {SEQ_BITS} AS n, count(*) AS count, max(place) - (place >> {SEQ_BITS} << {SEQ_BITS}) AS last"
    )
    rows = db.execute(
        f"SELECT runs.id, runs.head, coalesce(count, 0), coalesce(last, 0) FROM runs"
        f" LEFT JOIN ({spans} FROM events GROUP BY 1) AS spans ON spans.n = runs.n"
        " WHERE head <> coalesce(last, 0) OR coalesce(last, 0) <> coalesce(count, 0)"
    )
    for run_id, head, count, last in rows:
        if last != count:
            yield Fault(code="gap", message=f"{last - count} of its {last} events are missing", run_id=run_id)
        if last != head:
            yield Fault(code="head", message=f"its last event is {last}, its row says {head}", run_id=run_id)
    (lost,) = db.execute(
        f"SELECT count(*) FROM events WHERE place >> {SEQ_BITS} NOT IN (SELECT n FROM runs)"
    ).fetchone()  # fmt: skip
    if lost:
        yield Fault(code="gap", message=f"{lost} events belong to no run")


def _run_faults(db: sqlite3.Connection) -> Iterator[Fault]:
    """Events that cannot be read, and rows that are not what their events say."""
    for row in db.execute(f"SELECT {', '.join(COLUMNS)} FROM runs ORDER BY n").fetchall():
        kept = summary_of(row)
        try:
            folded = _folded(db, kept)
        except EngineError as exc:
            yield Fault(code="unreadable", message=exc.message, run_id=kept.id)
            continue
        if folded is not None:
            wrong = [name for name in _FOLDED if getattr(kept, name) != _fitting(getattr(folded, name))]
            if not _same_cost(kept.cost_usd, folded.cost_usd):
                wrong.append("cost_usd")
            if wrong:
                message = f"its row differs from its events in {', '.join(wrong)}"
                yield Fault(code="summary", message=message, run_id=kept.id)


def _fitting(value: object) -> object:
    return fit(value) if isinstance(value, str) else value


def _folded(db: sqlite3.Connection, kept: RunSummary) -> RunSummary | None:
    records = load(db, kept.id, 0)
    if not records:
        return None
    first = records[0].event
    started = first if isinstance(first, RunStarted) else RunStarted(task="", mode="plan")
    change = change_of([record.event for record in records])
    return applied(first_summary(kept.id, started, records[0].at), change, len(records), records[-1].at)


def _same_cost(kept: float | None, folded: float | None) -> bool:
    if kept is None or folded is None:
        return kept is folded
    return math.isclose(kept, folded, rel_tol=1e-6, abs_tol=1e-9)


def _artifact_faults(db: sqlite3.Connection, folder: ArtifactFolder) -> Iterator[Fault]:
    for run_id, sha256 in db.execute(
        "SELECT coalesce(runs.id, ''), u.sha256 FROM artifact_uses AS u LEFT JOIN runs USING (n)"
        " WHERE NOT EXISTS (SELECT 1 FROM artifacts AS a WHERE a.sha256 = u.sha256)"
    ):
        yield Fault(code="missing_artifact", message="it is not kept", run_id=run_id, artifact=sha256)
    known: set[str] = set()
    for sha256, data in db.execute("SELECT sha256, data FROM artifacts"):
        known.add(sha256)
        message = _content_fault(sha256, data, folder)
        if message:
            yield Fault(code="missing_artifact", message=message, artifact=sha256)
    (orphans,) = db.execute(
        "SELECT count(*) FROM artifacts AS a WHERE held = 0"
        " AND NOT EXISTS (SELECT 1 FROM artifact_uses AS u WHERE u.sha256 = a.sha256)"
    ).fetchone()
    strays = sum(name not in known for name, _ in folder.files())
    if orphans or strays:
        message = f"{orphans} artifacts and {strays} files are referred to by no run"
        yield Fault(code="orphaned_artifact", message=message, harmless=True)


def _content_fault(sha256: str, data: bytes | None, folder: ArtifactFolder) -> str:
    if data is None:
        try:
            data = folder.place(sha256).read_bytes()
        except OSError as exc:
            return f"its file cannot be read: {exc.strerror or exc}"
    return "" if hashlib.sha256(data).hexdigest() == sha256 else "its content is not what it was"


def _copy_files(source: ArtifactFolder, target: ArtifactFolder) -> None:
    for sha256, path in source.files():
        copy = target.place(sha256) if sha256 else None
        if copy is not None and not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # deleted since it was listed
                shutil.copy2(path, copy)


def _pages(db: sqlite3.Connection, pragma: str) -> int:
    (count,) = db.execute(f"PRAGMA {pragma}").fetchone()
    (size,) = db.execute("PRAGMA page_size").fetchone()
    return count * size


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
