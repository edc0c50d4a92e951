"""``engine worker`` drives the runs of a shared store; ``engine workers`` shows who does."""

from __future__ import annotations

import json as jsonlib
import logging
import os
import signal
import socket
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import anyio
import structlog
import typer

from engine.api import Engine
from engine.cli import options as given
from engine.cli.columns import print_table
from engine.cli.session import loaded, run_async, session
from engine.cli.signals import CANCELLED
from engine.cli.storage import Place, existing, opened, place_of
from engine.config import LoadedSettings
from engine.durable.opening import open_dispatcher
from engine.recurring import Recurring
from engine.schedules import Schedules
from engine.telemetry import log_ids
from schemas.errors import ConfigError, ConflictError, NotFoundError, StoreError, WorkerLostError
from schemas.runs import Driver, RunQuery, RunSummary
from schemas.stores import Dispatcher, RunStore

HEALTH_S = 60.0
LAST_WORDS_S = 3.0
LEFT_S = 60.0
_LOG = structlog.get_logger("engine.worker")

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


@commands.command()
def worker(
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", min=1, max=1_000, help="Runs driven at once; 10 unless configured.")
    ] = None,
    store: given.StoreOption = None,
    model: given.ModelOption = None,
    config: given.ConfigOption = None,
) -> int:
    """Drive the runs of a shared store, beside any number of other workers, until told to stop.

    SIGTERM or Ctrl-C: it takes no further run, lets running steps end, hands its runs over; again: it leaves at once.
    """
    place = place_of(store, config)
    if not place.shared:
        raise ConfigError(
            f"workers need a store that machines share, and {place.shown} is not one",
            hint="--store postgresql://user@host/database, or the same in ENGINE_STORE or as store: in engine.yaml",
        )
    found = _told(loaded(config, model, quiet=True), concurrency)

    for name in ("procrastinate", "psycopg"):  # what they say of a job or a query, the worker says of a run
        logging.getLogger(name).setLevel(logging.CRITICAL)

    async def main() -> int:
        async with opened(place) as runs, session(found, runs, kind="worker") as engine:
            timeout_s = found.settings.durability.driver_timeout_s
            async with open_dispatcher(place.url, found.settings.workers, timeout_s) as dispatcher:
                return await Shift(engine, dispatcher, place).run()

    return run_async(main)


@commands.command()
def workers(
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Show who drives runs: workers, servers and command lines, how long ago each was heard of, and what it drives."""
    place = place_of(store, config)

    async def main() -> int:
        async with existing(place) as runs:
            rows = await who(runs)
        if json:
            print(jsonlib.dumps(rows, indent=2, ensure_ascii=False))
        elif not rows:
            print(f"nobody drives runs of {place.shown}", file=sys.stderr)
        else:
            head = ("kind", "host", "pid", "version", "up", "heard of", "state", "drives")
            print_table(head, [_shown(row) for row in rows], right=(2, 4, 5))
        return 0

    return run_async(main)


class Shift:
    """One worker's life, from its first line in the log to its last.

    Args:
        engine: Drives runs.
        dispatcher: Brings them.
        place: The store, for people.
    """

    def __init__(self, engine: Engine, dispatcher: Dispatcher, place: Place) -> None:
        self._engine = engine
        self._dispatcher = dispatcher
        self._place = place
        self._grace_s = engine.settings.workers.grace_s
        self._heartbeat_s = engine.settings.durability.driver_timeout_s / 4
        self._driven = self._ended = 0
        self._over = anyio.Event()
        self._recurring = Recurring(engine, Schedules(engine.store, engine.settings.schedules))

    async def run(self) -> int:
        """Work until told to stop, and return the exit code.

        Raises:
            WorkerLostError: This process was silent for too long; others have its runs.
            StoreError: The store refuses.
        """
        presence = self._engine.presence
        await self._engine.ready()
        async with presence.held() as driver, anyio.create_task_group() as group:
            group.start_soon(presence.beat)
            group.start_soon(self._heed_signals)
            group.start_soon(self._tell_health)
            group.start_soon(self._recurring.run)
            self._say("worker_started", driver)
            try:
                await self._dispatcher.work(self._drive)
            except WorkerLostError as exc:
                leave_at_once(exc)
            self._over.set()
            group.cancel_scope.cancel()
        self._say("worker_stopped", driver)
        return 0

    async def _drive(self, run_id: str) -> None:
        """Drive one run until it ends, parks, is handed over or taken over."""
        with log_ids(run_id=run_id):
            began = time.monotonic()
            self._driven += 1
            _LOG.info("run_taken")
            try:
                summary = await self._engine.drive(run_id)
            except ConfigError as exc:  # another worker may know its tools
                _LOG.warning("run_left", why=exc.message)
                await self._dispatcher.submit(run_id, after_s=await self._patience_s(run_id))
                return
            except (ConflictError, NotFoundError) as exc:
                _LOG.info("run_left", why=exc.message)
                if "driver" in exc.details:  # it lives, or died so lately that nobody can know
                    await self._dispatcher.submit(run_id, after_s=self._heartbeat_s)
                return
            self._ended += summary.ended
            waits = {"waits_for": summary.waits_for} if summary.waits_for else {}
            _LOG.info("run_let_go", status=summary.status, seconds=round(time.monotonic() - began, 3), **waits)

    async def _patience_s(self, run_id: str) -> float:
        """Return how many seconds a run waits until the next worker looks at it: the longer the longer none took it."""
        store = self._engine.store
        idle_s = await store.now() - (await store.summary(run_id)).updated_at
        return min(max(idle_s / 2, self._heartbeat_s), LEFT_S)

    async def _heed_signals(self) -> None:
        """Drain at the first signal; the second one, or the end of the grace, ends the program."""
        if sys.platform == "win32":
            return
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                break
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _leave)
        await self._drain()

    async def _drain(self) -> None:
        """Hand over what is driven; when the grace is over, break off what still runs and let others have it."""
        _LOG.info("worker_draining", runs=list(self._dispatcher.driven), grace_s=self._grace_s)
        self._dispatcher.drain()
        with anyio.move_on_after(self._grace_s):
            try:
                await self._engine.drain()
            except StoreError as exc:
                _LOG.warning("store_unreachable", error=exc.message)
            await self._over.wait()
            return
        _LOG.warning("worker_leaves_early", runs=list(self._dispatcher.driven), why="the grace is over")
        self._dispatcher.leave()
        await anyio.sleep(LAST_WORDS_S)
        os._exit(0)  # a thread of a tool, or a database that is away, must not keep it

    async def _tell_health(self) -> None:
        """Write a line now and then: that it lives, and what it does."""
        while True:
            await anyio.sleep(HEALTH_S)
            _LOG.info("worker_alive", driving=len(self._dispatcher.driven), driven=self._driven, ended=self._ended)

    def _say(self, event: str, driver: Driver) -> None:
        settings = self._engine.settings.workers
        _LOG.info(
            event,
            worker=driver.id,
            host=driver.host,
            pid=driver.pid,
            version=driver.version,
            store=self._place.shown,
            concurrency=settings.concurrency,
            driven=self._driven,
            ended=self._ended,
        )


async def who(store: RunStore) -> list[dict[str, Any]]:
    """Return every driver as a JSON object, the oldest first: its row, its age, whether it lives, what it drives."""
    now = await store.now()
    driven: dict[str, list[RunSummary]] = defaultdict(list)
    for run in await store.find(RunQuery(status=("running", "waiting"))):
        driven[run.driver].append(run)
    return [
        {
            **driver.model_dump(mode="json", exclude={"beat_at", "boot_id", "timeout_s", "format"}),
            "up_s": round(now - driver.started_at, 1),
            "heartbeat_age_s": round(now - driver.beat_at, 1),
            "alive": not driver.stale(now),
            "runs": [run.id for run in driven[driver.id]],
        }
        for driver in await store.drivers()
    ]


def leave_at_once(lost: WorkerLostError) -> None:
    """End the process: whatever it still holds belongs to others now, and a thread of it may hang for ever."""
    _LOG.error("worker_lost", why=lost.message, pid=os.getpid(), host=socket.gethostname())
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(WorkerLostError.exit_code)


def _leave(_number: int, _frame: object) -> None:
    os._exit(CANCELLED)


def _told(found: LoadedSettings, concurrency: int | None) -> LoadedSettings:
    """Return the settings of a worker: it says what it does, unless told otherwise."""
    settings = found.settings
    changes: dict[str, Any] = {}
    if "log_level" not in settings.telemetry.model_fields_set:
        changes["telemetry"] = settings.telemetry.model_copy(update={"log_level": "info"})
    if concurrency is not None:
        changes["workers"] = settings.workers.model_copy(update={"concurrency": concurrency})
    return replace(found, settings=settings.model_copy(update=changes))


def _shown(row: dict[str, Any]) -> Sequence[str]:
    state = "gone" if not row["alive"] else "draining" if row["draining"] else "up"
    runs: list[str] = row["runs"]
    return (
        row["kind"],
        row["host"],
        str(row["pid"]),
        row["version"],
        _ago(row["up_s"]),
        _ago(row["heartbeat_age_s"]),
        state,
        " ".join(runs) or "-",
    )


def _ago(seconds: float) -> str:
    """Return a time that people read at a glance.

    >>> [_ago(3.2), _ago(200), _ago(7300), _ago(200000)]
    ['3.2 s', '3 min', '2 h', '2 d']
    """
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(0.0, seconds):.1f} s"
