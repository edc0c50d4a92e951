"""Stores by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.durable.memory import MemoryLog
from engine.durable.opening import open_store
from engine.durable.sqlite.store import SqliteStore
from schemas.errors import ConfigError


@pytest.mark.anyio
async def test_a_file_by_any_name(tmp_path: Path) -> None:
    """A path, relative to the folder given, or one behind sqlite: is a file; its folder is made."""
    for name in (
        "new/runs.db",
        "sqlite:new/runs.db",
        f"sqlite://{tmp_path}/new/runs.db",
        str(tmp_path / "new/runs.db"),
    ):
        store = await open_store(name, tmp_path)
        assert isinstance(store, SqliteStore)
        assert store.path == tmp_path / "new" / "runs.db"
        assert store.path.is_file()
        await store.aclose()


@pytest.mark.anyio
async def test_memory() -> None:
    """memory: is a store that ends with the process."""
    assert isinstance(await open_store("memory:"), MemoryLog)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "hint"),
    [("postgresq://h/d", "did you mean postgresql"), ("redis://h", "sqlite:PATH"), ("sqlite:", "sqlite:runs.db")],
)
async def test_names_of_no_store(name: str, hint: str) -> None:
    """A misspelt or unknown kind is one line that lists the kinds; a kind without a file says so."""
    with pytest.raises(ConfigError, match="sqlite:") as caught:
        await open_store(name)
    assert hint in caught.value.hint
