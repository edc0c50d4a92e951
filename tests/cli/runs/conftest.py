"""A store with three runs, which the command line finds by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.runs.stores import store_of


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The store of the commands of this test: one run is done, one lost, one asks."""
    path = store_of(tmp_path / "runs.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENGINE_STORE", str(path))
    return path
