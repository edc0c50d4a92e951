"""Opens a store by its name; the module of a kind of store is imported only when one of that kind is opened."""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

from engine.durable.memory import MemoryLog
from schemas.care import Retention
from schemas.errors import ConfigError
from schemas.settings import Workers
from schemas.stores import Dispatcher, RunStore

_SCHEMES = ("memory", "sqlite", "postgresql")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")  # of two letters at least: C:\runs.db is a path


async def open_store(
    name: str, folder: Path | None = None, *, migrate: bool = True, keep: Retention | None = None
) -> RunStore:
    """Open a store.

    Args:
        name: ``sqlite:PATH`` or a path (``~`` is the home folder), ``postgresql://…``, or ``memory:``.
        folder: What a relative path is relative to; None: the current folder.
        migrate: Whether a file of an older release is brought up to date; its backup is kept beside it.
        keep: How much of the past the store keeps: what is beyond it goes behind the scenes, at most once a day.

    Raises:
        ConfigError: The name says no store.
        StoreError: It is there and cannot be opened, or a newer release wrote it.
    """
    scheme, rest = _split(name)
    if scheme == "memory":
        return MemoryLog()
    if scheme == "postgresql":
        try:
            module = _load("postgres.store")
        except ImportError as exc:
            raise ConfigError(
                f"store: the client of Postgres is not installed ({exc})",
                hint="pip install 'plan-execute-engine[postgres]'",
            ) from exc
        store = await module.open_postgres(name, migrate=migrate)
    else:
        store = _load("sqlite.store").SqliteStore(_path(rest, folder), migrate=migrate)
        if migrate:
            await store.open()
    if keep is not None and not keep.everything:
        store.prune_behind(keep)
    return cast("RunStore", store)


@asynccontextmanager
async def open_dispatcher(url: str, settings: Workers, timeout_s: float) -> AsyncGenerator[Dispatcher]:
    """Open what brings the runs of a shared store to workers; the store itself was opened before.

    Args:
        url: The store's, ``postgresql://…``.
        settings: How many runs at once, how often it looks.
        timeout_s: Without a heartbeat for this long a worker counts as dead.

    Raises:
        StoreError: Postgres cannot be reached, or refuses.
    """
    async with _load("dispatch").PostgresDispatcher(url, settings, timeout_s=timeout_s) as dispatcher:
        yield cast("Dispatcher", dispatcher)


def file_of(name: str, folder: Path | None = None) -> Path | None:
    """Return the file that a store's name means, there or not; None where it means none. Raises as ``open_store``."""
    scheme, rest = _split(name)
    return _path(rest, folder) if scheme == "sqlite" else None


def _split(name: str) -> tuple[str, str]:
    found = _SCHEME.match(name)
    if found is None:
        return "sqlite", name
    scheme = "postgresql" if found[1].lower() == "postgres" else found[1].lower()
    if scheme not in _SCHEMES:
        near = difflib.get_close_matches(scheme, _SCHEMES, 1)
        hint = f"did you mean {near[0]}?" if near else "a file is written sqlite:PATH"
        raise ConfigError(
            f"store: {found[1]!r} is no kind of store; there are sqlite:PATH, postgresql://… and memory:", hint=hint
        )
    return scheme, name[found.end() :]


def _path(rest: str, folder: Path | None) -> Path:
    """Return the file: ``runs.db``, ``/var/runs.db``, or as a URL has it ``///var/runs.db``."""
    if rest.startswith("//"):
        rest = unquote(re.sub(r"^//(localhost)?(?=/)", "", rest))
    if not rest.strip("/ "):
        raise ConfigError("store: sqlite: names no file", hint="such as sqlite:runs.db")
    path = Path(rest).expanduser()
    return path if folder is None else folder / path


def _load(module: str) -> Any:
    """Import one of this package's modules when it is needed: the one place where that happens late."""
    return importlib.import_module(f"engine.durable.{module}")
