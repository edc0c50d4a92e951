"""engine store."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest

from engine.cli.storage import Place
from engine.cli.store import say_faults
from engine.durable.sqlite.schema import VERSION
from engine.durable.sqlite.store import SqliteStore
from schemas.care import Fault
from tests.cli.command import engine, one_error_line
from tests.durable.sqlite.files import ended_run, shell


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A store of three ended runs, one with an artifact."""
    store = SqliteStore(tmp_path / "runs.db")

    async def fill() -> None:
        for number in range(3):
            await ended_run(store, f"r{number}", artifact=b"x" * 300_000 if number == 1 else None)
        await store.aclose()

    anyio.run(fill)
    return store.path


def test_stats(file: Path) -> None:
    """What is in the store is told for people and for programs."""
    shown = engine("store", "stats", "--store", "runs.db", cwd=file.parent).stdout
    assert "runs       3 (3 completed)" in shown
    assert "artifacts  1, 300.0 kB" in shown
    figures = json.loads(engine("store", "stats", "--store", "runs.db", "--json", cwd=file.parent).stdout)
    assert (figures["events"], figures["schema_version"]) == (12, VERSION)


def test_check(file: Path) -> None:
    """A sound store is exit code 0; one with a fault names the run and is exit code 10."""
    done = engine("store", "check", "--store", "runs.db", cwd=file.parent)
    assert (done.returncode, done.stdout) == (0, "runs.db: nothing is wrong\n")
    shell(file, "UPDATE runs SET status = 'failed' WHERE id = 'r1'")
    done = engine("store", "check", "--store", "runs.db", cwd=file.parent)
    assert (done.returncode, done.stdout) == (10, "run r1: its row differs from its events in status [summary]\n")
    (fault,) = json.loads(engine("store", "check", "--store", "runs.db", "--json", cwd=file.parent).stdout)
    assert (fault["code"], fault["run_id"]) == ("summary", "r1")


def test_backup(file: Path) -> None:
    """A copy is written once, and is a store of its own."""
    done = engine("store", "backup", "copy.db", "--store", "runs.db", cwd=file.parent)
    assert done.returncode == 0, done.stderr
    assert engine("store", "check", "--store", "copy.db", cwd=file.parent).returncode == 0
    again = engine("store", "backup", "copy.db", "--store", "runs.db", cwd=file.parent)
    assert again.returncode == 10
    assert "copy.db is there already" in one_error_line(again)


def test_migrate(file: Path) -> None:
    """A store that is up to date is left alone; one of a newer release is refused in one line."""
    assert f"up to date (schema {VERSION})" in engine("store", "migrate", "--store", "runs.db", cwd=file.parent).stdout
    shell(file, f"PRAGMA user_version = {VERSION + 1}")
    done = engine("store", "migrate", "--store", "runs.db", cwd=file.parent)
    assert done.returncode == 10
    assert "newer release" in one_error_line(done)


def test_prune(file: Path) -> None:
    """What the configuration does not keep goes; without one nothing does, and that is said."""
    done = engine("store", "prune", "--store", "runs.db", cwd=file.parent)
    assert "removed 0 runs" in done.stdout
    assert "keep_days" in done.stderr
    (file.parent / "engine.yaml").write_text("store: {url: runs.db, keep_days: 0}\n", encoding="utf-8")
    assert "would remove 3 runs with 12 events, and 1 artifact" in engine(
        "store", "prune", "--dry-run", cwd=file.parent
    ).stdout  # fmt: skip
    done = engine("store", "prune", cwd=file.parent)
    assert "removed 3 runs with 12 events, and 1 artifact" in done.stdout
    assert "runs       0\n" in engine("store", "stats", cwd=file.parent).stdout


def test_a_store_in_memory(tmp_path: Path) -> None:
    """There is nothing to look after in memory."""
    done = engine("store", "stats", "--store", "memory:", cwd=tmp_path)
    assert done.returncode == 2
    assert "ends with its process" in one_error_line(done)


@pytest.mark.parametrize("command", ["check", "stats", "prune", "migrate", "backup copy.db"])
def test_no_store_is_made_by_looking(tmp_path: Path, command: str) -> None:
    """A name where no store is is an error, not a new and sound store."""
    done = engine("store", *command.split(), "--store", "wrong.db", cwd=tmp_path)
    assert done.returncode == 10
    assert "there is no store wrong.db" in one_error_line(done)
    assert not list(tmp_path.iterdir())


def test_only_artifacts_of_no_run_are_said_to_go_by_a_prune(capsys: pytest.CaptureFixture[str]) -> None:
    """What a prune cannot mend, as a server's setting, is not said to be mended by it."""
    faults = [Fault(code=code, message=code, harmless=True) for code in ("server", "orphaned_artifact")]
    say_faults(faults, Place("runs.db"))
    assert capsys.readouterr().out == (
        "server [server]\norphaned_artifact [orphaned_artifact] (harmless; engine store prune removes them)\n"
    )
