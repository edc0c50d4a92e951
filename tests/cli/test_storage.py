"""Which store a command works on, and that looking makes none."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.cli.storage import Place, existing, place_of
from schemas.errors import StoreError
from schemas.runs import RunQuery
from tests.cli.command import engine


@pytest.mark.anyio
@pytest.mark.parametrize("chosen", ["option", "environment"])
async def test_a_name_that_was_mistyped(chosen: str, tmp_path: Path) -> None:
    """A file that somebody named and that is not there is said to be missing, and is not made."""
    place = Place(str(tmp_path / "typo.db"), chosen=chosen)  # type: ignore[arg-type]  # one of the two
    with pytest.raises(StoreError, match=r"there is no store .*typo\.db"):
        async with existing(place):
            pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
async def test_before_the_first_run(tmp_path: Path) -> None:
    """Where runs are kept by default nothing may be yet: then nothing is in it, and looking makes nothing."""
    async with existing(Place(str(tmp_path / "state/runs.db"))) as store:
        assert await store.find(RunQuery()) == []
    assert list(tmp_path.iterdir()) == []


def test_reading_commands_make_nothing(tmp_path: Path) -> None:
    """One line and exit code 10; the folder stays empty."""
    for command in (("runs", "list"), ("runs", "resume", "last"), ("audit",), ("usage",), ("workers",)):
        done = engine(*command, "--store", "typo.db", cwd=tmp_path)
        assert done.returncode == 10
        assert done.stderr == "error: there is no store typo.db (--store names another; the first run makes it)\n"
    assert list(tmp_path.iterdir()) == []


def test_who_chose_a_store() -> None:
    """``--store`` before ENGINE_STORE."""
    assert place_of("a.db", environ={"ENGINE_STORE": "b.db"}).chosen == "option"
    assert place_of(environ={"ENGINE_STORE": "b.db"}).chosen == "environment"
