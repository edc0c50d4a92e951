"""Looking after a shared store."""

from __future__ import annotations

import anyio
import pytest

from engine.durable.postgres.store import PostgresStore
from schemas.bookkeeping import UsageLine
from schemas.care import Retention
from schemas.errors import NotFoundError, StoreError
from schemas.events import RunEnded, StepEnded
from schemas.result import ArtifactRef, StepResult, Usage
from tests.durable.contract import FIRST, text

pytestmark = pytest.mark.anyio


async def run(store: PostgresStore, run_id: str, data: bytes, *, ended: bool = True) -> str:
    """A run with an artifact."""
    digest = await store.put_artifact(data)
    ref = ArtifactRef(sha256=digest, size_bytes=len(data), preview="")
    await store.append(run_id, 0, [FIRST, StepEnded(step_id="1", result=StepResult(status="done", artifact=ref))])
    if ended:
        await store.append(run_id, 2, [RunEnded(status="completed")])
    return digest


@pytest.fixture
async def filled(store: PostgresStore) -> PostgresStore:
    """Two ended runs that share an artifact, and one that goes on."""
    await run(store, "a", b"shared")
    await run(store, "b", b"shared")
    await run(store, "open", b"own", ended=False)
    await store.put_live("open", [text("so far", 0)])
    await store.database.fetch("UPDATE {s}.artifacts SET touched_at = touched_at - 7200")
    return store


async def faults(store: PostgresStore) -> list[tuple[str, str]]:
    """What is wrong, in short; that the server of tests does not fsync is known."""
    return [(fault.code, fault.run_id) for fault in await store.check() if fault.code != "server"]


async def test_a_sound_store_has_no_faults(filled: PostgresStore) -> None:
    """Nothing is wrong with what the store itself wrote; a server that does not fsync is named."""
    assert await faults(filled) == []
    assert "server" in {fault.code for fault in await filled.check()}


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE {s}.runs SET head = 9 WHERE id = 'open'", ("head", "open")),
        ("DELETE FROM {s}.events WHERE run = 1 AND seq = 2", ("gap", "a")),
        ("UPDATE {s}.runs SET status = 'failed' WHERE id = 'open'", ("summary", "open")),
        ("UPDATE {s}.events SET body = '{' WHERE run = 3 AND seq = 2", ("unreadable", "open")),
        ("UPDATE {s}.events SET kind = 'step_flown' WHERE run = 3 AND seq = 2", ("unreadable", "open")),
        ("DELETE FROM {s}.artifacts WHERE length(data) = 3", ("missing_artifact", "open")),
        ("UPDATE {s}.artifacts SET data = 'x' WHERE length(data) = 3", ("damaged", "")),
        ("DELETE FROM {s}.runs WHERE id = 'a'", ("stray", "")),
    ],
)
async def test_each_fault_is_named(filled: PostgresStore, statement: str, found: tuple[str, str]) -> None:
    """What somebody changed by hand is found, and named with its run."""
    await filled.database.fetch(statement)
    assert found in await faults(filled)


async def test_artifacts_go_with_their_last_run(filled: PostgresStore) -> None:
    """A deleted run takes its artifacts with it, but for those that another run refers to."""
    shared, own = await filled.put_artifact(b"shared"), await filled.put_artifact(b"own")
    await filled.database.fetch("UPDATE {s}.artifacts SET touched_at = touched_at - 7200")
    await filled.delete("a")
    await filled.delete("open")
    assert await filled.get_artifact(shared) == b"shared"
    with pytest.raises(NotFoundError):
        await filled.get_artifact(own)


async def test_an_artifact_in_the_making_stays(filled: PostgresStore) -> None:
    """What was just put, and no event refers to yet, is not collected; an hour later it is."""
    digest = await filled.put_artifact(b"new")
    assert (await filled.prune()).artifacts == 0
    await filled.database.fetch("UPDATE {s}.artifacts SET touched_at = touched_at - 7200")
    assert await faults(filled) == [("orphaned_artifact", "")]
    assert (await filled.prune(dry_run=True)).artifacts == 1
    done = await filled.prune()
    assert (done.artifacts, done.artifact_bytes) == (1, 3)
    with pytest.raises(NotFoundError):
        await filled.get_artifact(digest)


async def test_old_runs_go(filled: PostgresStore) -> None:
    """A prune removes ended runs by age, oldest first; runs that go on stay, however old."""
    await filled.database.fetch("UPDATE {s}.runs SET updated_at = updated_at - 100 WHERE id <> 'b'")
    told = await filled.prune(Retention(older_than_s=50), dry_run=True)
    assert (told.runs, told.dry_run, len(await filled.runs())) == (("a",), True, 3)
    done = await filled.prune(Retention(older_than_s=50))
    assert (done.runs, done.events, done.artifacts) == (("a",), 3, 0)
    assert await filled.runs() == ["b", "open"]
    assert (await filled.prune(Retention(keep_bytes=0))).runs == ("b",)
    assert await filled.runs() == ["open"]
    assert await faults(filled) == []


async def test_old_runs_go_once_a_day(filled: PostgresStore) -> None:
    """Of all processes one prunes a day, in the background."""
    await filled.prune_daily(Retention(older_than_s=1e6))
    await filled.prune_daily(Retention(keep_bytes=0))
    assert len(await filled.runs()) == 3
    await filled.database.fetch("UPDATE {s}.facts SET at = at - 90000")
    filled.prune_behind(Retention(keep_bytes=0))
    with anyio.fail_after(10):
        while len(await filled.runs()) > 1:
            await anyio.sleep(0.01)


async def test_what_is_in_it(filled: PostgresStore) -> None:
    """The figures say what there is and what it takes."""
    figures = await filled.stats()
    assert (figures.runs, figures.events) == ({"completed": 2, "queued": 1}, 8)
    assert (figures.artifacts, figures.artifact_bytes) == (2, 9)
    assert figures.kinds["run_started"].count == 3
    assert figures.size_bytes > 100_000
    assert figures.oldest_at is not None
    assert "s3cret" not in figures.where


async def test_a_backup_is_the_servers(filled: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pg_dump is missing a backup names the command that makes one, without the password."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(StoreError) as caught:
        await filled.backup("/tmp/copy of monday")
    assert caught.value.hint.startswith(
        "where it is: pg_dump --schema=engine --format=custom --file='/tmp/copy of monday' "
    )
    assert "s3cret" not in caught.value.hint


async def test_usage_and_answers_grow_old(store: PostgresStore) -> None:
    """A prune removes usage of days that are no longer kept, and old answers; a check finds wrong sums."""
    old, new = (
        UsageLine(day=day, key="k", usage=Usage(calls=1), cost_nano_usd=1) for day in ("2020-01-31", "2999-01-01")
    )
    await store.usage_book.add([old, new, old.model_copy(update={"run_id": "r"})])
    await store.database.fetch("INSERT INTO {s}.answers VALUES ('old', 1.0, 'x')")
    keep = Retention(usage_older_than_s=86_400)
    for done in (await store.prune(keep, dry_run=True), await store.prune(keep)):
        assert (done.usage_lines, done.answers) == (2, 1)
    figures = await store.stats()
    assert (figures.usage_lines, figures.answers, figures.keys) == (1, 0, 0)
    await store.database.fetch("UPDATE {s}.usage_days SET calls = 2")
    assert ("usage", "2999-01-01") in {(fault.code, fault.message[12:22]) for fault in await store.check()}
