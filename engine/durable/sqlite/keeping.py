"""The part of the store that looks after its file (implements ``schemas.stores.StoreCare``)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from anyio import to_thread

from engine.durable.sqlite import care
from engine.durable.sqlite.faults import store_error
from engine.durable.sqlite.file import StoreFile
from engine.durable.sqlite.kept import ArtifactFolder
from engine.durable.sqlite.pruning import Pruner
from schemas.care import KEEP_ALL, Fault, Migrated, Pruned, Retention, StoreFigures

T = TypeVar("T")


class _Reading(Protocol):
    """What it needs of the store."""

    path: Path
    folder: ArtifactFolder

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T: ...


class Keeping:
    """Migrations, checks, copies, figures and retention, each in a thread that never blocks who writes for long."""

    async def migrate(self: _Reading) -> Migrated:
        """Bring the file to this release's schema; its copy is kept beside it as ``<file>.schema-<n>.backup``.

        Raises:
            StoreError: It is newer than this release, none of ours, or cannot be written; nothing was changed.
        """

        def work() -> Migrated:
            db, done = StoreFile(self.path).opened()
            db.close()
            return done

        return await to_thread.run_sync(work)

    async def check(self: _Reading) -> list[Fault]:
        """Return what is wrong with the file, its runs and artifacts. Raises StoreError when it cannot be opened."""
        return await self.read(lambda db: care.check(db, self.folder))

    async def backup(self: _Reading, path: str) -> int:
        """Write a consistent copy while others go on writing, artifacts beside it; return its bytes.

        Raises:
            StoreError: The target is there already, or cannot be written.
        """
        target = Path(path)

        def work(db: sqlite3.Connection) -> int:
            try:
                return care.backup(db, target, self.folder)
            except (sqlite3.Error, OSError) as exc:
                raise store_error(exc, target) from exc

        return await self.read(work)

    async def stats(self: _Reading) -> StoreFigures:
        """Return what is in the store. Raises StoreError."""
        return await self.read(lambda db: care.stats(db, self.path, self.folder))

    async def prune(self: _Reading, keep: Retention = KEEP_ALL, *, dry_run: bool = False) -> Pruned:
        """Remove ended runs by age and size, oldest first, old usage and old answers. Raises StoreError."""
        pruner = Pruner(StoreFile(self.path), self.folder)
        return await self.read(lambda _: pruner.prune(keep, dry_run=dry_run))

    def prune_behind(self: _Reading, keep: Retention) -> None:
        """Prune at most once a day over all processes, in a thread that nobody waits for and that delays no exit."""
        Pruner(StoreFile(self.path), self.folder).prune_behind(keep)
