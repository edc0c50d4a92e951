"""engine runs delete and prune."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import anyio
import pytest

from engine.cli import main
from engine.cli.runs.removing import megabytes
from engine.durable.opening import open_store
from schemas.runs import Driver
from tests.cli.runs.stores import ASKS, DONE, LOST, done, store_of
from tests.terminal import Terminal


def left(path: Path) -> set[str]:
    """The runs that are still there."""

    async def read() -> set[str]:
        store = await open_store(str(path))
        try:
            return set(await store.runs())
        finally:
            await store.aclose()

    return anyio.run(read)


def test_delete(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """B64: runs are removed, named by the beginnings of their ids."""
    assert main(["runs", "delete", "9b", "3f2", "--yes"]) == 0
    assert capsys.readouterr().err == "deleted 2 runs\n"
    assert left(store) == {ASKS}


def test_delete_asks(store: Path) -> None:
    """At a terminal it is asked first, and nothing goes without a yes."""
    terminal = Terminal("runs", "delete", "9b", "--store", str(store), cwd=store.parent)
    terminal.expect("[N]o >")
    terminal.type("")
    assert terminal.end() == 1
    assert "nothing was deleted" in terminal.text
    assert LOST in left(store)


def test_delete_needs_a_yes(store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody can be asked, --yes is needed."""
    monkeypatch.setattr("engine.cli.runs.removing.somebody_is_here", lambda: False)
    assert main(["runs", "delete", "9b"]) == 2
    assert "--yes deletes 1 run" in capsys.readouterr().err


def test_delete_leaves_what_is_driven(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run whose driver lives is not removed, nor any other named with it."""

    async def enroll() -> None:
        opened = await open_store(str(store))
        await opened.enroll(Driver(id="gone", host=socket.gethostname(), pid=os.getpid(), timeout_s=600))
        await opened.aclose()

    anyio.run(enroll)
    assert main(["runs", "delete", DONE, LOST, "--yes"]) == 4
    assert f"engine runs cancel {LOST}" in capsys.readouterr().err
    assert left(store) == {DONE, LOST, ASKS}


def test_prune_by_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--keep leaves the newest of the ended runs; --dry-run only says what would go."""
    path = store_of(tmp_path / "runs.db", {"a1": done(), "b2": done(), "c3": done()})
    assert main(["runs", "prune", "--keep", "1", "--dry-run", "--store", str(path)]) == 0
    assert capsys.readouterr().err.startswith("2 runs would go")
    assert main(["runs", "prune", "--keep", "1", "--store", str(path)]) == 0
    assert capsys.readouterr().err.startswith("2 runs removed")
    assert left(path) == {"c3"}


def test_prune_by_age(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Runs that ended long ago go; those that wait or were interrupted stay."""
    assert main(["runs", "prune", "--older-than", "30d"]) == 0
    assert left(store) == {DONE, LOST, ASKS}
    assert main(["runs", "prune", "--older-than", "1ms"]) == 0
    assert left(store) == {LOST, ASKS}


def test_prune_by_nothing(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A prune without a measure is a wrong command line."""
    assert main(["runs", "prune"]) == 2
    assert "--older-than 30d" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "size"), [("5", 5_000_000), ("1.5G", 1_500_000_000), ("20 KB", 20_000), ("1mb", 10**6)]
)
def test_sizes(text: str, size: int) -> None:
    """A size is megabytes, or has its unit."""
    assert megabytes(text) == size
