"""Artifacts: small ones in the file, large ones in a folder beside it, each under the SHA-256 of its bytes.

Who uses an artifact stands in a table of its own. Between ``put`` and the event that refers to it, it is *held*: a
garbage collection leaves it alone for an hour, longer than any step is stored.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from engine.durable.sqlite.writer import Transaction
from schemas.errors import NotFoundError

IN_FILE_BYTES = 262_144
HELD_S = 3600.0
_PART = ".part-"


class ArtifactFolder:
    """The folder ``<file>.artifacts/ab/cdef…``, made when it is first needed.

    Args:
        path: The store's file.
    """

    def __init__(self, path: Path) -> None:
        self.root = path.with_name(f"{path.name}.artifacts")

    def place(self, sha256: str) -> Path:
        """Return where an artifact's file is."""
        return self.root / sha256[:2] / sha256[2:]

    def stage(self, data: bytes, sha256: str) -> Path:
        """Write bytes to the disk under a name that nobody looks for. Raises OSError."""
        folder = self.place(sha256).parent
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, prefix=_PART)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return Path(name)

    def publish(self, staged: Path, sha256: str) -> None:
        """Give staged bytes their name, durably. Raises OSError."""
        staged.replace(self.place(sha256))
        _sync_folder(staged.parent)
        _sync_folder(self.root)

    def files(self) -> Iterator[tuple[str, Path]]:
        """Yield (SHA-256, path) of every file there, and ("", path) of one that is no artifact."""
        for path in sorted(self.root.glob("*/*")):
            name = path.parent.name + path.name
            yield ("" if path.name.startswith(_PART) or len(name) != 64 else name), path


def keep(transaction: Transaction, sha256: str, data: bytes, staged: Path | None, folder: ArtifactFolder) -> None:
    """Keep bytes, or hold those that are kept already. Raises OSError."""
    db = transaction.db
    known = db.execute("SELECT data IS NULL FROM artifacts WHERE sha256 = ?", (sha256,)).fetchone()
    here = known is not None and (not known[0] or folder.place(sha256).exists())
    if staged is not None and not here:
        folder.publish(staged, sha256)
    db.execute(
        "INSERT INTO artifacts VALUES (?, ?, 1, ?, ?) ON CONFLICT (sha256) DO UPDATE"
        " SET held = CASE WHEN held_at < ? THEN 1 ELSE held + 1 END, held_at = excluded.held_at",
        (sha256, len(data), transaction.at, None if staged else data, transaction.at - HELD_S),
    )


def fetch(db: sqlite3.Connection, sha256: str, folder: ArtifactFolder) -> bytes:
    """Return an artifact's bytes.

    Raises:
        NotFoundError: Nothing is kept under that hash.
        OSError: Its file cannot be read.
    """
    row = db.execute("SELECT data FROM artifacts WHERE sha256 = ?", (sha256,)).fetchone()
    if row is not None:
        if row[0] is not None:
            return row[0]
        with suppress(FileNotFoundError):
            return folder.place(sha256).read_bytes()
    raise NotFoundError(f"there is no artifact {sha256[:12]}")


def unused(db: sqlite3.Connection, now: float, among: Iterable[str] | None = None) -> list[tuple[str, int]]:
    """Return (SHA-256, bytes) of the artifacts no run refers to and nobody holds; ``among`` some, or all."""
    sql = (
        "SELECT sha256, size_bytes FROM artifacts AS a WHERE (held = 0 OR held_at < ?)"
        " AND NOT EXISTS (SELECT 1 FROM artifact_uses AS u WHERE u.sha256 = a.sha256)"
    )
    if among is None:
        return db.execute(sql, (now - HELD_S,)).fetchall()
    return [row for one in among for row in db.execute(f"{sql} AND sha256 = ?", (now - HELD_S, one))]


def forget(transaction: Transaction, some: Iterable[str]) -> list[str]:
    """Remove those of these artifacts that are unused, and return them; ``sweep`` then removes their files."""
    gone = [sha256 for sha256, _ in unused(transaction.db, transaction.at, some)]
    transaction.db.executemany("DELETE FROM artifacts WHERE sha256 = ?", [(sha256,) for sha256 in gone])
    return gone


def sweep(transaction: Transaction, some: Iterable[str], folder: ArtifactFolder) -> None:
    """Remove the files of artifacts that are gone from the table: nobody can bring one back while this is written."""
    for sha256 in some:
        if not transaction.db.execute("SELECT 1 FROM artifacts WHERE sha256 = ?", (sha256,)).fetchone():
            with suppress(OSError):
                folder.place(sha256).unlink(missing_ok=True)


def sha256_of(data: bytes) -> str:
    """Return the name of bytes."""
    return hashlib.sha256(data).hexdigest()


def _sync_folder(folder: Path) -> None:
    """Make a new name in a folder durable. Windows cannot open folders, and needs no such thing."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
