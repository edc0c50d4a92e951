"""Files of earlier releases, and of later ones."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.durable.sqlite import schema
from engine.durable.sqlite.store import SqliteStore
from schemas.bookkeeping import UsageQuery
from schemas.errors import StoreError
from schemas.result import ArtifactRef
from schemas.runs import RunQuery
from tests.durable.sqlite.files import shell, step
from tests.durable.sqlite.fixture import FOLDER, KEY, LARGE, dump, fill, runs

pytestmark = pytest.mark.anyio
RELEASED = sorted(FOLDER.glob("sqlite-*.sql"))


def opened(fixture: Path, folder: Path) -> Path:
    """Make a file of a fixture."""
    path = folder / "runs.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(fixture.read_text(encoding="utf-8"))
    return path


@pytest.mark.parametrize("fixture", RELEASED, ids=lambda path: path.stem)
async def test_every_released_schema_opens(fixture: Path, tmp_path: Path) -> None:
    """A file of any release holds, brought up to date, every run as it was; it is sound, and goes on."""
    store = SqliteStore(opened(fixture, tmp_path))
    (ref,) = [
        event.result.artifact
        for event in [record.event for record in await store.load("completed")]
        if event.kind == "step_ended" and event.result.artifact
    ]
    assert ref == ArtifactRef(sha256=ref.sha256, size_bytes=len(LARGE), preview="[…")
    for run_id, events in runs(ref).items():
        assert [record.event for record in await store.load(run_id)] == events
        assert (await store.summary(run_id)).status == run_id
    assert await store.get_artifact(ref.sha256) == LARGE
    assert [row.id for row in await store.find(RunQuery(text="äö"))] == ["queued"]
    assert [driver.id for driver in await store.drivers()] == ["d1"]
    assert await store.check() == []
    later = fixture.stem != "sqlite-1"
    assert await store.key_store.keys() == ([KEY] if later else [])
    assert [row.cost_nano_usd for row in await store.usage_book.read(UsageQuery(by=()))] == ([7] if later else [])
    assert await store.answer_cache.get("a") == (b"{}" if later else None)
    assert [one.entry.about for one in await store.audit_book.read()] == ["app"] * (fixture.stem > "sqlite-3")
    assert len(await store.append("running", 3, step(1))) == 2
    assert shell(store.path, "PRAGMA user_version") == [(schema.VERSION,)]
    await store.aclose()


async def test_this_schema_has_its_fixture(tmp_path: Path) -> None:
    """The tables of this release are those of its fixture: a released schema is never changed, only added to."""
    store = SqliteStore(tmp_path / "runs.db")
    await fill(store)
    await store.aclose()
    kept = (FOLDER / f"sqlite-{schema.VERSION}.sql").read_text(encoding="utf-8")
    tables = re.compile(r"^CREATE .*?;$", re.M | re.S)
    assert tables.findall(dump(store.path)) == tables.findall(kept), "python -m tests.durable.sqlite.fixture"


async def test_a_migration_is_whole_and_leaves_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps are done once each, in order; before the first, the file is copied; who opens without leave is refused."""
    path = opened(RELEASED[-1], tmp_path)
    last = schema.VERSION

    def add(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE later (x)")

    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, add))
    monkeypatch.setattr(schema, "VERSION", last + 1)
    careful = SqliteStore(path, migrate=False)
    with pytest.raises(StoreError, match="older release") as caught:
        await careful.runs()
    assert "engine store migrate" in caught.value.hint
    done = await careful.migrate()
    assert (done.before, done.after) == (last, last + 1)
    assert len(await careful.runs()) == 6
    assert shell(Path(done.backup), "PRAGMA user_version") == [(last,)]
    assert (await careful.migrate()).backup == ""
    await careful.aclose()


async def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that breaks off is undone whole: the file is still one of the release before."""
    path = opened(RELEASED[-1], tmp_path)
    last = schema.VERSION

    def broken(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE later (x)")
        db.execute("CREATE TABLE later (x)")

    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, broken))
    monkeypatch.setattr(schema, "VERSION", last + 1)
    with pytest.raises(StoreError, match="table later already exists"):
        await SqliteStore(path).open()
    assert shell(path, "PRAGMA user_version") == [(last,)]
    assert shell(path, "SELECT count(*) FROM sqlite_master WHERE name = 'later'") == [(0,)]
