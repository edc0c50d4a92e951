"""What can be wrong with the file: each is one clear line, and nothing acknowledged is lost."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest

from engine.durable.sqlite import store as store_module
from engine.durable.sqlite.faults import store_error
from engine.durable.sqlite.file import StoreFile
from engine.durable.sqlite.schema import VERSION
from engine.durable.sqlite.store import SqliteStore
from schemas.errors import StoreError
from tests.durable.contract import FIRST
from tests.durable.sqlite.files import shell, step

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[SqliteStore]:
    """A store with one run of one event."""
    made = SqliteStore(tmp_path / "runs.db")
    await made.append("r", 0, [FIRST])
    yield made
    await made.aclose()


async def refused(store: SqliteStore, head: int = 1) -> StoreError:
    """The one line that an append ends with."""
    with pytest.raises(StoreError) as caught:
        await store.append("r", head, step(1))
    assert "\n" not in caught.value.message
    assert str(store.path) in caught.value.message
    return caught.value


async def test_a_folder(tmp_path: Path) -> None:
    """A folder where a file is expected: name a file in it."""
    error = await refused(SqliteStore(tmp_path))
    assert "is a folder" in error.message
    assert "runs.db" in error.hint


async def test_no_database(tmp_path: Path) -> None:
    """Some other file is left as it is."""
    path = tmp_path / "notes.txt"
    path.write_text("shopping\n" * 100)
    assert "not an SQLite database" in (await refused(SqliteStore(path))).message
    assert path.read_text() == "shopping\n" * 100


async def test_another_programs_database(tmp_path: Path) -> None:
    """Somebody else's tables get none of ours beside them."""
    path = tmp_path / "photos.db"
    shell(path, "CREATE TABLE photos (name TEXT)")
    assert "another program" in (await refused(SqliteStore(path))).message
    assert shell(path, "SELECT name FROM sqlite_master") == [("photos",)]


async def test_a_newer_schema(store: SqliteStore) -> None:
    """An old release opening a newer file says so, with both numbers, and changes nothing."""
    await store.aclose()
    shell(store.path, f"PRAGMA user_version = {VERSION + 1}")
    error = await refused(store)
    assert f"schema {VERSION + 1}; this one reads up to {VERSION}" in error.message
    assert "upgrade" in error.hint
    assert shell(store.path, "PRAGMA user_version") == [(VERSION + 1,)]


async def test_a_lock_is_waited_for(store: SqliteStore) -> None:
    """Another process's transaction delays an append; it lands once the lock is gone."""
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    async with anyio.create_task_group() as group:
        group.start_soon(store.append, "r", 1, step(1))
        await anyio.sleep(0.05)
        other.execute("COMMIT")
    other.close()
    assert len(await store.load("r")) == 3


async def test_a_lock_held_for_long(tmp_path: Path) -> None:
    """A lock that does not go away fails the append with an error that may pass; the next one lands."""
    store = SqliteStore(tmp_path / "runs.db", patience_s=0.1)
    await store.append("r", 0, [FIRST])
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    error = await refused(store)
    assert "locked by another process" in error.message
    assert error.details["retryable"] is True
    other.execute("COMMIT")
    other.close()
    assert len(await store.append("r", 1, step(1))) == 2
    await store.aclose()


async def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When nothing more fits, appends fail with an error that may pass; what was acknowledged is there, none torn."""

    class Small(StoreFile):
        def connect(self, *, reads_only: bool = False) -> sqlite3.Connection:
            db = super().connect(reads_only=reads_only)
            db.execute("PRAGMA max_page_count = 60")
            return db

    monkeypatch.setattr(store_module, "StoreFile", Small)
    store = SqliteStore(tmp_path / "runs.db")
    head = len(await store.append("r", 0, [FIRST]))
    error: StoreError | None = None
    while error is None:
        try:
            head += len(await store.append("r", head, step(1, os.urandom(4000).hex())))
        except StoreError as exc:
            error = exc
    assert "the disk is full" in error.message
    assert error.details["retryable"] is True
    monkeypatch.undo()
    await store.aclose()
    assert len(await store.load("r")) == head > 10
    assert len(await store.append("r", head, step(1))) == 2
    await store.aclose()


async def test_a_full_disk_spares_what_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of appends made together, one that does not fit fails alone."""

    class Small(StoreFile):
        def connect(self, *, reads_only: bool = False) -> sqlite3.Connection:
            db = super().connect(reads_only=reads_only)
            db.execute("PRAGMA max_page_count = 60")
            return db

    monkeypatch.setattr(store_module, "StoreFile", Small)
    store = SqliteStore(tmp_path / "runs.db")
    for run_id in ("small", "large"):
        await store.append(run_id, 0, [FIRST])
    failed: list[str] = []

    async def write(run_id: str, value: str) -> None:
        try:
            await store.append(run_id, 1, step(1, value))
        except StoreError:
            failed.append(run_id)

    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # both wait, and are then written together
    async with anyio.create_task_group() as group:
        group.start_soon(write, "small", "v")
        group.start_soon(write, "large", os.urandom(400_000).hex())
        await anyio.sleep(0.05)
        other.execute("COMMIT")
    other.close()
    assert (failed, len(await store.load("small")), len(await store.load("large"))) == (["large"], 3, 1)
    await store.aclose()


async def test_a_read_only_file(store: SqliteStore) -> None:
    """What cannot be written says so."""
    await store.aclose()
    db = sqlite3.connect(f"file:{store.path}?mode=ro", uri=True)
    with pytest.raises(sqlite3.OperationalError) as caught:
        db.execute("DELETE FROM runs")
    db.close()
    error = store_error(caught.value, store.path)
    assert "is read-only" in error.message
    assert error.details["retryable"] is False


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everything")
async def test_a_file_without_permission(store: SqliteStore) -> None:
    """A file that may not be written fails appends, not reads of others."""
    await store.aclose()
    store.path.chmod(0o400)
    assert "read-only" in (await refused(store)).message


async def test_a_corrupted_file(store: SqliteStore) -> None:
    """Garbage in the middle of the file is one line, never a traceback."""
    for head in range(1, 400, 2):
        await store.append("r", head, step(head, "x" * 200))
    await store.aclose()
    data = bytearray(store.path.read_bytes())
    data[2 * 8192 :] = os.urandom(len(data) - 2 * 8192)
    store.path.write_bytes(bytes(data))
    with pytest.raises(StoreError, match="damaged") as caught:
        await store.load("r")
    assert "backup" in caught.value.hint


@pytest.mark.parametrize("replaced", [False, True])
async def test_the_file_is_removed_under_us(store: SqliteStore, replaced: bool) -> None:
    """Nothing is acknowledged that would be lost with a file that is gone or is another; put back, it goes on."""
    away = store.path.with_name("away.db")
    store.path.rename(away)
    if replaced:
        store.path.write_bytes(b"")
    error = await refused(store)
    assert "removed or replaced" in error.message
    with pytest.raises(StoreError, match="removed or replaced"):
        await store.load("r")
    away.rename(store.path)
    assert len(await store.append("r", 1, step(1))) == 2


async def test_the_journal_is_removed_under_us(store: SqliteStore) -> None:
    """Appends fail when the write-ahead log is gone; what it held, acknowledged before, is saved into the file."""
    store.path.with_name("runs.db-wal").unlink()
    assert "removed or replaced" in (await refused(store)).message
    assert shell(store.path, "SELECT count(*) >= 1 FROM events") == [(1,)]
