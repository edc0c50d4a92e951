"""A copy of a shared store, and the way back."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from engine.durable.postgres.store import PostgresStore
from schemas.errors import StoreError
from tests.durable.cluster import Cluster
from tests.durable.contract import FIRST

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("pg_dump") is None, reason="pg_dump is not installed"),
]


async def test_a_backup_comes_back(store: PostgresStore, cluster: Cluster, tmp_path: Path) -> None:
    """What a backup wrote while the store was open makes, restored into another database, the same store."""
    await store.append("r", 0, [FIRST])
    copy = tmp_path / "copy.dump"
    assert await store.backup(str(copy)) == copy.stat().st_size > 0
    other = cluster.database()
    subprocess.run(["pg_restore", f"--dbname={other}", str(copy)], check=True)
    again = await PostgresStore.open(other)
    assert [row.event for row in await again.load("r")] == [FIRST]
    assert [fault for fault in await again.check() if fault.code != "server"] == []
    await again.aclose()


async def test_what_a_backup_refuses(store: PostgresStore, tmp_path: Path) -> None:
    """A file that is there stays as it is; what pg_dump refuses is one line, and leaves nothing."""
    (tmp_path / "there").write_text("x")
    with pytest.raises(StoreError, match="is there already"):
        await store.backup(str(tmp_path / "there"))
    with pytest.raises(StoreError, match="pg_dump could not copy"):
        await store.backup(str(tmp_path / "no folder" / "copy"))
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
