"""What a gateway that is served stands on: one ledger, one accounting, webhooks, filters, the quick client."""

from __future__ import annotations

import gc
import importlib.util
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from engine.config import FILE_NAME, LoadedSettings
from engine.filtering import FilterTools, filters_of
from engine.telemetry import tracer
from gateway.accounting import Accounting
from gateway.budget import MemoryLedger
from gateway.filters.posting import PooledPost
from gateway.gateway import Gateway
from gateway.server.metrics import Metrics
from gateway.tranches import TrancheLedger
from gateway.warnings import Notice, Webhooks
from schemas.settings import Settings
from schemas.stores import RunStore


class Outfit:
    """Makes the gateways of one server. Enter ``going`` before the first call.

    Args:
        found: The configuration the server begins with.
        store: Where budgets, keys, usage and answers are kept.
        owner: Who reserves in the ledger, for whoever finds reservations of the dead.
    """

    def __init__(self, found: LoadedSettings, store: RunStore, owner: Callable[[], str] | None = None) -> None:
        self._folder: Path = found.folder
        self._source = found.source
        self._store = store
        self.accounting = Accounting(store.usage_book)
        post = PooledPost()
        self.webhooks = Webhooks(found.settings.gateway.webhooks, os.environ, post)
        self._tools = FilterTools(found.folder, os.environ)
        kept = store.ledger() if owner is None else store.ledger(owner)
        self.ledger = TrancheLedger(
            kept or MemoryLedger(), crossed=lambda one: self.webhooks(Notice("budget.warning", *one))
        )

    @asynccontextmanager
    async def going(self, metrics: Metrics) -> AsyncGenerator[None]:
        """Write usage, send notices, keep filters' servers and settle budgets while it is entered."""
        self.webhooks.observers.append(metrics.noticed)
        async with self.accounting.writing(), self.webhooks.sending(), self._tools.hosting(), self.ledger:
            yield

    async def gateway(self, settings: Settings, metrics: Metrics) -> Gateway:
        """Return a gateway of a configuration, which is not yet in force. Raises ConfigError."""
        self.webhooks.check(settings.gateway.webhooks)
        loaded = LoadedSettings(settings, self._folder, self._source)
        return Gateway(
            settings,
            ledger=self.ledger,
            observers=[metrics, self.accounting],
            filters=filters_of(loaded, os.environ, PooledPost(), self._tools),
            answers=self._store.answer_cache,
            maker="http1",
            tell=self.webhooks,
            tracer=tracer,
        )

    def in_force(self, settings: Settings) -> None:
        """Heed what a configuration says of notices, now that nothing of it was refused."""
        self.webhooks.heed(settings.gateway.webhooks)


def run_server(main: Callable[[], Awaitable[int]]) -> int:
    """Run a server's coroutine to its exit code, on the quickest event loop there is."""
    fast = importlib.util.find_spec("uvloop") is not None
    return anyio.run(main, backend_options={"use_uvloop": fast})


def settle_memory(full: int = 50) -> None:
    """Keep what a server is made of out of garbage collection: each full look at it would hold calls up for tens of ms.

    What calls leave is mostly freed without any; a look at the young every ten thousand objects finds the rest.

    Args:
        full: Everything is looked at after so many times 200,000 new objects. Runs live for seconds, in cycles, so that
            only such a look frees them: a server of runs needs it more often than one of calls.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, full)


def file_of(config: str | None) -> Path | None:
    """Return the configuration's file: as given, by $ENGINE_CONFIG, ./engine.yaml; None: the environment is it."""
    named = config or os.environ.get("ENGINE_CONFIG") or None
    if named is not None:
        return Path(named).expanduser()
    return Path(FILE_NAME) if Path(FILE_NAME).is_file() else None


def stamp_of(file: Path | None) -> object:
    """Return something that changes when a file does; None while there is none."""
    try:
        stat = file.stat() if file is not None else None
    except OSError:
        return None
    return None if stat is None else (stat.st_mtime_ns, stat.st_size, stat.st_ino)
