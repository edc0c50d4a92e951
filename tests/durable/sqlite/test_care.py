"""Looking after the file."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest

from engine.durable.sqlite.kept import IN_FILE_BYTES
from engine.durable.sqlite.store import SqliteStore
from schemas.bookkeeping import UsageLine, UsageQuery
from schemas.care import Retention
from schemas.errors import NotFoundError, StoreError
from schemas.result import Usage
from tests.durable.contract import FIRST, numbered, text
from tests.durable.sqlite.files import ended_run, shell, step

pytestmark = pytest.mark.anyio
LARGE = b"x" * (IN_FILE_BYTES + 1)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[SqliteStore]:
    """Three runs: one with a small artifact, one with a large one, one that goes on."""
    made = SqliteStore(tmp_path / "runs.db")
    await ended_run(made, "small", artifact=b"s" * 1000)
    await ended_run(made, "large", artifact=LARGE)
    await made.append("open", 0, [FIRST, *step(1, "é" * 2000)])
    await made.put_live("open", [text("so far", 0)])
    yield made
    await made.aclose()


async def faults(store: SqliteStore) -> list[tuple[str, str]]:
    """What is wrong, in short."""
    return [(fault.code, fault.run_id) for fault in await store.check()]


async def test_a_sound_store_has_no_faults(store: SqliteStore) -> None:
    """Nothing is wrong with what the store itself wrote."""
    assert await store.check() == []


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE runs SET head = 9 WHERE id = 'open'", [("head", "open"), ("summary", "open")][:1]),
        ("DELETE FROM events WHERE kind = 'step_started' AND place >> 31 = 1", [("gap", "small")]),
        ("DELETE FROM runs WHERE id = 'small'", [("gap", ""), ("missing_artifact", "")][:1]),
        ("UPDATE runs SET status = 'failed', cost_usd = 3 WHERE id = 'open'", [("summary", "open")]),
        ("UPDATE events SET body = '{' WHERE place >> 31 = 3 AND kind = 'step_started'", [("unreadable", "open")]),
        ("UPDATE events SET body = x'00' WHERE place >> 31 = 3 AND kind = 'step_ended'", [("unreadable", "open")]),
        (
            "UPDATE events SET kind = 'step_flown' WHERE kind = 'run_started' AND place >> 31 = 3",
            [("unreadable", "open")],
        ),
        ("DELETE FROM artifacts WHERE size_bytes = 1000", [("missing_artifact", "small")]),
        ("UPDATE artifacts SET data = x'00' WHERE size_bytes = 1000", [("missing_artifact", "")]),
        ("DELETE FROM artifact_uses WHERE n = 1", [("orphaned_artifact", "")]),
    ],
)
async def test_each_fault_is_named(store: SqliteStore, statement: str, found: list[tuple[str, str]]) -> None:
    """What somebody changed by hand is found, and named with its run."""
    await store.aclose()
    shell(store.path, statement)
    assert await faults(store) == found


async def test_files_of_artifacts_are_checked(store: SqliteStore) -> None:
    """A large artifact that is gone, or is not what its name says, and a file of no artifact, are found."""
    ((_, path),) = store.folder.files()
    path.write_bytes(b"y" + LARGE[1:])
    assert await faults(store) == [("missing_artifact", "")]
    path.rename(path.with_name("0" * 62))
    assert await faults(store) == [("missing_artifact", ""), ("orphaned_artifact", "")]


async def test_a_damaged_file_is_found(store: SqliteStore) -> None:
    """An index that lost its order is a fault, not an exception."""
    await store.aclose()
    shell(
        store.path,
        "PRAGMA writable_schema = 1",
        "UPDATE sqlite_master SET sql = 'CREATE INDEX runs_by_move ON runs (head)' WHERE name = 'runs_by_move'",
    )
    assert "damaged" in [code for code, _ in await faults(store)]


async def test_a_backup_is_whole(store: SqliteStore, tmp_path: Path) -> None:
    """A copy holds every run and artifact, is sound, and never overwrites."""
    target = tmp_path / "copies" / "monday.db"
    size = await store.backup(str(target))
    assert size > len(LARGE)
    copy = SqliteStore(target)
    assert await copy.runs() == await store.runs()
    assert await copy.check() == []
    assert await copy.get_artifact(await _artifact(store, "large")) == LARGE
    await copy.aclose()
    with pytest.raises(StoreError, match="is there already"):
        await store.backup(str(target))


async def test_a_backup_that_cannot_be_written(store: SqliteStore, tmp_path: Path) -> None:
    """Where no copy can be written, one line says so, and nothing is left of it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        await store.backup(str(tmp_path / "file" / "copy.db"))
    assert sorted(path.name for path in tmp_path.iterdir() if "copy" in path.name) == []


async def test_figures(store: SqliteStore) -> None:
    """What is in the store is counted by status and kind, with what it takes on disk."""
    figures = await store.stats()
    assert figures.runs == {"completed": 2, "running": 1} or figures.runs == {"completed": 2, "queued": 1}
    assert (figures.events, figures.artifacts) == (11, 2)
    assert figures.kinds["step_ended"].count == 3
    assert figures.artifact_bytes == 1000 + len(LARGE)
    assert figures.size_bytes > figures.artifact_bytes
    assert figures.live_bytes > 0
    assert figures.oldest_at == (await store.summary("small")).started_at


async def test_artifacts_go_with_their_last_run(store: SqliteStore) -> None:
    """A deleted run takes along what only it refers to, file or row; what another uses stays."""
    await ended_run(store, "twin", artifact=LARGE)
    small, large = await _artifact(store, "small"), await _artifact(store, "large")
    await store.delete("large")
    assert await store.get_artifact(large) == LARGE
    await store.delete("twin")
    await store.delete("small")
    for gone in (small, large):
        with pytest.raises(NotFoundError):
            await store.get_artifact(gone)
    assert list(store.folder.files()) == []
    assert await store.check() == []


async def test_an_artifact_that_is_about_to_be_used_stays(store: SqliteStore) -> None:
    """Bytes that a second run has just put are not taken away by the deletion of the first."""
    sha256 = await store.put_artifact(LARGE)
    await store.delete("large")
    assert await store.get_artifact(sha256) == LARGE
    await store.prune()
    assert await store.get_artifact(sha256) == LARGE


async def test_old_runs_go(store: SqliteStore) -> None:
    """Ended runs beyond the age go, oldest first, with what is theirs; runs that go on stay; a dry run only tells."""
    planned = await store.prune(Retention(older_than_s=0), dry_run=True)
    assert (planned.runs, planned.events, planned.artifacts, planned.dry_run) == (("small", "large"), 8, 2, True)
    assert len(await store.runs()) == 3
    done = await store.prune(Retention(older_than_s=0))
    assert (done.runs, done.events, done.artifacts, done.dry_run) == (("small", "large"), 8, 2, False)
    assert done.artifact_bytes == planned.artifact_bytes == 1000 + len(LARGE)
    assert await store.runs() == ["open"]
    assert len(await store.load("open")) == 3
    assert await store.check() == []


async def test_young_runs_stay(store: SqliteStore) -> None:
    """Nothing goes that is younger, and nothing without a reason."""
    assert (await store.prune(Retention(older_than_s=3600))).runs == ()
    assert (await store.prune()).runs == ()


async def test_a_size_is_kept_to(tmp_path: Path) -> None:
    """Beyond the size the oldest ended runs go until the rest is no larger, and the space is given back.

    The audit trail, which keeps their accounts, does not count.
    """
    store = SqliteStore(tmp_path / "runs.db")
    for number in range(30):
        await ended_run(store, f"r{number:02}", value=os.urandom(20_000).hex())
    before = store.path.stat().st_size
    done = await store.prune(Retention(keep_bytes=600_000))
    trail = 60_000
    assert (await store.stats()).size_bytes <= 600_000 + trail
    assert store.path.stat().st_size < 600_000 + trail < before
    assert done.freed_bytes > before - 700_000
    left = await store.runs()
    assert left == [f"r{number:02}" for number in range(30 - len(left), 30)]
    assert 5 <= len(left) < 20
    assert await store.check() == []
    await store.aclose()


async def test_who_writes_meanwhile_is_not_held_up(store: SqliteStore) -> None:
    """A prune is many short transactions: appends land between them."""
    for number in range(20):
        await ended_run(store, f"r{number}")
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: store.prune(Retention(older_than_s=0)))
        for head in range(3, 23):
            await store.append("open", head, numbered(1))
    assert len(await store.load("open")) == 23
    assert await store.runs() == ["open"]


async def _artifact(store: SqliteStore, run_id: str) -> str:
    (found,) = [
        record.event.result.artifact.sha256
        for record in await store.load(run_id)
        if record.event.kind == "step_ended" and record.event.result.artifact
    ]
    return found


async def test_usage_and_answers_grow_old(store: SqliteStore) -> None:
    """A prune removes usage of days that are no longer kept, and answers whose time is over; keys stay."""
    old, new = (
        UsageLine(day=day, key="k", usage=Usage(calls=1), cost_nano_usd=1) for day in ("2020-01-31", "2999-01-01")
    )
    await store.usage_book.add([old, new, old.model_copy(update={"run_id": "r"})])
    await store.answer_cache.put("late", b"x", 60)
    shell(store.path, "INSERT INTO answers VALUES ('old', 1.0, 'x')")
    keep = Retention(usage_older_than_s=86_400)
    for done in (await store.prune(keep, dry_run=True), await store.prune(keep)):
        assert (done.usage_lines, done.answers) == (2, 1)
    assert [row.day for row in await store.usage_book.read(UsageQuery(by=("day",)))] == ["2999-01-01"]
    figures = await store.stats()
    assert (figures.usage_lines, figures.answers, figures.answer_bytes) == (1, 1, 1)


async def test_wrong_sums_and_keys_are_found(store: SqliteStore) -> None:
    """A check tells days whose sums are not those of their calls, and keys that cannot be read."""
    await store.usage_book.add([UsageLine(day="2026-11-21", usage=Usage(calls=1))])
    shell(store.path, "UPDATE usage_days SET calls = 2")
    shell(store.path, "INSERT INTO api_keys (id, hash, body) VALUES ('k_1', 'h', '{\"id\": 1}')")
    told = [(fault.code, fault.message) for fault in await store.check()]
    assert [code for code, _ in told] == ["unreadable", "usage"]
    assert ("k_1" in told[0][1], "2026-11-21" in told[1][1]) == (True, True)
