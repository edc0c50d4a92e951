"""This engine as a driver of runs: its row in the store, and the heartbeat that keeps it alive.

A row is written when the first run is driven and removed when the last one is let go. In between it is renewed four
times in ``timeout_s``. A heartbeat that finds the row gone, or that comes late (the process was frozen, the store was
away), makes every run look at once whether another driver took it over in the meantime: if so it is fenced, cancels
what runs and starts nothing more; if not, the row is written anew and nothing was lost. Whatever it believes, a driver
can start nothing without an append, and an append beyond another's claim is refused: the heartbeat only makes a driver
that was replaced notice sooner.
"""

from __future__ import annotations

import os
import socket
import sys
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import anyio

from schemas.errors import ConflictError, StoreError
from schemas.runs import Driver
from schemas.stores import RunStore

DriverKind = Literal["cli", "library", "serve", "worker"]
DISTRIBUTION = "plan-execute-engine"
_LEAVE_S = 1.0


class Presence:
    """One engine's row among the drivers of a store.

    Args:
        store: Where runs live.
        kind: What kind of process this is.
        timeout_s: Without a heartbeat for this long others may take its runs over.
    """

    def __init__(self, store: RunStore, kind: DriverKind, timeout_s: float) -> None:
        self._store = store
        self._kind: DriverKind = kind
        self._timeout_s = timeout_s
        self._held = 0
        self._enrolled = False
        self._beaten = self._due = 0.0
        self.local = is_local(store)
        self.draining = False
        self.driver = Driver(id="")
        self.driven: dict[str, Callable[[], None]] = {}
        self.leaves: dict[str, Callable[[], None]] = {}

    @asynccontextmanager
    async def held(self) -> AsyncGenerator[Driver]:
        """Be a driver within the block; the row goes with the last of several such blocks.

        Run ``beat`` beside it, in a task of its own. Cancellation: the row is removed, unless the store does not answer
        within a second; it is then taken for dead after its timeout.

        Raises:
            StoreError: The row cannot be written.
        """
        if self._held == 0:
            self.driver, self._enrolled = self._new(), False
        self._held += 1
        try:
            if not self._enrolled:
                await self._store.enroll(self.driver)
                self._enrolled, self._beaten = True, _now()
            yield self.driver
        finally:
            self._held -= 1
            if self._held == 0:
                with anyio.move_on_after(_LEAVE_S, shield=True), suppress(StoreError):
                    await self._store.dismiss(self.driver.id)

    @contextmanager
    def taking(self, run_id: str) -> Generator[None]:
        """Keep everything else in this process away from a run.

        Raises:
            ConflictError: This process drives it already.
        """
        if run_id in self.driven:
            raise ConflictError(f"run {run_id} is driven by this very process", details={"driver": self.driver.id})
        self.driven[run_id] = _look_nowhere
        try:
            yield
        finally:
            del self.driven[run_id]
            self.leaves.pop(run_id, None)

    async def beat(self) -> None:
        """Renew the row until cancelled; of several that do, one does it for all. In memory nothing is to be done."""
        quarter_s = self._timeout_s / 4
        while not self.local:
            await anyio.sleep(quarter_s)
            if not 0 < self._due - _now() < quarter_s:
                self._due = _now() + 0.9 * quarter_s
                await self._renew()

    async def drain(self) -> None:
        """Say so in the row, and hand over what is driven, each run once what it is doing has ended; and what comes.

        Raises:
            StoreError: The row cannot be written; the runs are handed over all the same.
        """
        self.draining = True
        self.driver = self.driver.model_copy(update={"draining": True})
        for leave in [*self.leaves.values()]:
            leave()
        if self._held:
            await self._store.enroll(self.driver)

    async def _renew(self) -> None:
        try:
            with anyio.fail_after(self._timeout_s / 4):
                known = await self._store.beat(self.driver.id)
                if not known:
                    await self._store.enroll(self.driver)
        except (StoreError, TimeoutError):
            return  # the next one finds out how late it is
        now = _now()
        late = now - self._beaten > self._timeout_s
        self._beaten = now
        if late or not known:
            for look in [*self.driven.values()]:
                look()

    def _new(self) -> Driver:
        timeout_s = float(10**9) if self.local else self._timeout_s
        return Driver(
            id=str(uuid.uuid4()),
            kind=self._kind,
            host=socket.gethostname(),
            pid=os.getpid(),
            boot_id=boot_id(),
            version=release(),
            started_at=time.time(),
            draining=self.draining,
            timeout_s=timeout_s,
        )


def _look_nowhere() -> None:
    """A run that is being claimed looks by itself."""


def is_local(store: object) -> bool:
    """Whether a store lives in this process alone: it never waits, never fails, and nobody else can claim its runs."""
    return bool(getattr(store, "local", False))


def dead(driver: Driver, now: float) -> bool:
    """Whether a driver will never write again, as far as can be known here.

    Its row was not renewed in its timeout; or its process, of this very start of this machine, is gone.

    Args:
        driver: Its row.
        now: The store's time.
    """
    if driver.stale(now):
        return True
    here = bool(driver.boot_id) and driver.boot_id == boot_id() and driver.host == socket.gethostname()
    return here and not _lives(driver.pid)


def _lives(pid: int) -> bool:
    if sys.platform == "win32":
        return True  # a signal 0 would end it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _now() -> float:
    """Seconds of the event loop, or since the machine started: the one counts in tests, the other while it slept."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return anyio.current_time() + (0.0 if boot is None else time.clock_gettime(boot) - time.monotonic())


@cache
def boot_id() -> str:
    """What tells this start of this machine, and this container's processes, from any other; empty if unknown.

    Source: https://docs.kernel.org/admin-guide/sysctl/kernel.html (random: boot_id).
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


@cache
def release() -> str:
    """The version of this distribution, or empty where it is not installed."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return ""
