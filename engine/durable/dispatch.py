"""Which worker drives which run: jobs of procrastinate in the Postgres that holds the log.

The truth stays in the runs: a trigger writes a run's job in the very transaction that makes the run want a driver,
and a sweep writes those that are missing. Jobs may be lost or doubled without harm: a run has one driver because it
is claimed in its log, and one job at a time because the run is the job's lock.

Source: https://procrastinate.readthedocs.io (locks, queueing locks, heartbeats).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from importlib import resources
from typing import Any, LiteralString, Self, cast

import anyio
import psycopg
import structlog
from procrastinate import App
from procrastinate.exceptions import ConnectorException
from procrastinate.job_context import JobContext
from procrastinate.schema import SchemaManager
from procrastinate.worker import Worker

from engine.durable.dispatch_connector import PatientConnector
from engine.durable.postgres.address import Address
from schemas.errors import StoreError, WorkerLostError, described
from schemas.runs import LOG_FORMAT
from schemas.settings import Workers

VERSION = "dispatch_v1"
"""Ends the name of the schema. A release that needs other tables makes its own beside these, and sweeps the runs into
them: old and new workers share a store while one replaces the other."""
TASK = "engine.drive"
TIMEOUT_S = 8.0
SWEEP_S = 60.0
IDLE_S = 1e6
LAST_WORDS_S = 2.0
CONNECTIONS = 4
_LOG = structlog.get_logger("engine.worker")

_BEAT = "UPDATE procrastinate_workers SET last_heartbeat = now() WHERE id = %(own)s RETURNING id"

Drive = Callable[[str], Awaitable[None]]


class PostgresDispatcher:
    """Brings runs to workers through jobs in Postgres (implements ``schemas.stores.Dispatcher``).

    Use it as ``async with``: that connects, and creates what is missing in a schema of its own.

    Args:
        url: The store's URL. Not one that leads through a proxy which shares connections between transactions:
            notifications need a connection of their own.
        settings: How many runs at once, how often it looks.
        timeout_s: Without a heartbeat for this long a worker counts as dead; it beats four times as often. All workers
            of a store must have the same.
        sweep_s: Seconds between looks for runs that were forgotten.
        log_format: The newest events this process can read; runs with newer ones are left to others.

    Raises:
        StoreError: Postgres cannot be reached, or refuses.
    """

    def __init__(
        self,
        url: str,
        settings: Workers,
        *,
        timeout_s: float = TIMEOUT_S,
        sweep_s: float = SWEEP_S,
        log_format: int = LOG_FORMAT,
    ) -> None:
        self._address = Address.read(url)
        self._settings = settings
        self._timeout_s, self._heartbeat_s = timeout_s, timeout_s / 4
        self._sweep_s = sweep_s
        self._queues = [f"{self._address.schema}-{number}" for number in range(1, log_format + 1)]
        self._connector = PatientConnector(self._address.conninfo, _schema(self._address), CONNECTIONS)
        self._worker: Worker | None = None
        self._draining = False
        self._driven: dict[str, anyio.CancelScope] = {}

    async def __aenter__(self) -> Self:
        try:
            await prepare(self._address)
            await self._connector.open_async()
        except psycopg.Error as exc:
            why = self._address.scrubbed(described(exc))
            raise StoreError(f"{self._address.shown}: cannot be used for workers: {why}") from exc
        return self

    async def __aexit__(self, *failure: object) -> None:
        with anyio.CancelScope(shield=True), anyio.move_on_after(2.0):
            await self._connector.close_async()

    @property
    def driven(self) -> tuple[str, ...]:
        """The runs driven here now."""
        return tuple(self._driven)

    async def submit(self, run_id: str, *, after_s: float = 0.0) -> None:
        """Let a worker take the run, after so many seconds; once, however often it is called.

        Raises:
            StoreError: Postgres refuses.
        """
        await self._ask("SELECT offer(%(run)s, %(after)s)", run=run_id, after=after_s)

    # ------------------------------------------------------------------ a worker's life

    async def work(self, drive: Drive) -> None:
        """Call ``drive`` for each run that wants a driver, until ``drain`` is called and the last call is back.

        A call that raises is logged, and its run offered again after a heartbeat.

        Cancellation: the calls of ``drive`` are cancelled; their runs go on elsewhere once this process is gone.

        Raises:
            WorkerLostError: This process was silent for longer than its timeout: others have taken its runs over.
        """
        lost: list[WorkerLostError] = []
        worker = self._worker = self._new_worker(drive)
        if self._draining:
            return
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._pulse, worker, lost.append)
                group.start_soon(self._reap)
                group.start_soon(self._sweep, worker)
                await self._until_done(worker)
                group.cancel_scope.cancel()
        finally:
            self._worker = None
        if lost:
            raise lost[0]
        if not self._draining:
            raise StoreError("the worker ended by itself: a query of its own failed", hint="the log says which")

    def drain(self) -> None:
        """Take no further run; ``work`` returns when the last call of ``drive`` has."""
        self._draining = True
        self._connector.leave()
        if self._worker is not None:
            self._worker.stop()

    def leave(self) -> None:
        """Take no further run, and cancel every call of ``drive``."""
        self.drain()
        for scope in list(self._driven.values()):
            scope.cancel()

    def _new_worker(self, drive: Drive) -> Worker:
        async def job(context: JobContext, run_id: str) -> None:
            await self._drive_one(drive, context, run_id)

        app = App(connector=self._connector)
        app.task(name=TASK, pass_context=True)(job)
        return Worker(
            app,
            queues=self._queues,
            concurrency=self._settings.concurrency,
            fetch_job_polling_interval=self._settings.poll_s,
            abort_job_polling_interval=IDLE_S,  # a cancel goes through the log
            update_heartbeat_interval=IDLE_S,  # _pulse does it, and looks whether the row is still there
            stalled_worker_timeout=4 * self._timeout_s,
            delete_jobs="always",
            install_signal_handlers=False,
        )

    async def _until_done(self, worker: Worker) -> None:
        """Run the worker to its end. A cancellation ends it in order: its jobs first, each acknowledged."""
        async with anyio.create_task_group() as group:
            ended = anyio.Event()

            async def run() -> None:
                with anyio.CancelScope(shield=True):
                    try:
                        await worker.run()
                    except ConnectorException as exc:
                        raise self._refused(exc) from exc
                ended.set()

            group.start_soon(run)
            try:
                await ended.wait()
            finally:
                if not ended.is_set():
                    self.leave()

    async def _drive_one(self, drive: Drive, context: JobContext, run_id: str) -> None:
        """One job; one that was fetched while the worker began to leave is for somebody else."""
        if self._draining:
            await self.submit(run_id)
            return
        job_id = context.job.id
        with anyio.CancelScope() as scope, self._driving(run_id, scope):
            try:
                await drive(run_id)
            except anyio.get_cancelled_exc_class():
                with anyio.move_on_after(LAST_WORDS_S, shield=True):
                    await self.submit(run_id)
                raise
            except Exception as exc:
                _LOG.error("run_broken_off", run_id=run_id, job_id=job_id, error=described(exc))
                await self.submit(run_id, after_s=self._heartbeat_s)

    @contextmanager
    def _driving(self, run_id: str, scope: anyio.CancelScope) -> Generator[None]:
        self._driven[run_id] = scope
        try:
            yield
        finally:
            if self._driven.get(run_id) is scope:
                del self._driven[run_id]

    # ------------------------------------------------------------------ side by side with the jobs

    async def _pulse(self, worker: Worker, lost: Callable[[WorkerLostError], None]) -> None:
        """Renew the heartbeat, and leave when this process was frozen or others have declared it dead."""
        while True:
            slept = await _overslept(self._heartbeat_s)
            if worker.worker_id is None:
                continue  # not there yet, or leaving
            found = await self._ask(_BEAT, own=worker.worker_id)
            if found and slept <= self._timeout_s:
                continue
            why = "others have declared it dead" if not found else f"it stood still for {slept:.1f} s"
            lost(WorkerLostError(f"this worker leaves: {why}", hint="its runs go on elsewhere; start it again"))
            self.leave()
            return

    async def _reap(self) -> None:
        """Hand on what dead workers drove, and submit what is due, a few times a heartbeat.

        Who could not beat himself does not judge others: after an outage of the database everybody looks dead.
        """
        pause_s = min(self._heartbeat_s / 4, self._settings.poll_s)
        patient_until = 0.0
        while True:
            started = time.monotonic()
            due = await self._ask("SELECT due() AS next_s")
            if time.monotonic() - started > self._heartbeat_s:
                patient_until = time.monotonic() + self._timeout_s
            if time.monotonic() >= patient_until:
                for row in await self._ask("SELECT * FROM reap(%(timeout)s)", timeout=self._timeout_s):
                    _LOG.warning("run_taken_from_the_dead", run_id=row["run"], worker=row["worker"])
            await anyio.sleep(max(0.0, min(pause_s, due[0]["next_s"] or pause_s)))

    async def _sweep(self, worker: Worker) -> None:
        """Submit forgotten runs: at the start, then now and again."""
        while True:
            found = await self._ask(
                "SELECT sweep(%(own)s, %(driven)s::text[], %(timeout)s) AS found",
                own=worker.worker_id,
                driven=list(self._driven),
                timeout=self._timeout_s,
            )
            if found[0]["found"]:
                _LOG.warning("runs_found_without_a_job", count=found[0]["found"])
            await anyio.sleep(self._sweep_s)

    async def _ask(self, query: str, **arguments: Any) -> list[dict[str, Any]]:
        """Ask, and hear the answer even when cancelled: a query broken off costs its connection.

        Cancellation: waits for the answer, for at most a heartbeat.

        Raises:
            StoreError: Postgres refuses.
        """
        answer: list[dict[str, Any]] | None = None
        with anyio.move_on_after(self._heartbeat_s, shield=True):
            answer = await self._asked(query, arguments)
        return await self._asked(query, arguments) if answer is None else answer

    async def _asked(self, query: str, arguments: dict[str, Any]) -> list[dict[str, Any]]:
        try:
            return await self._connector.execute_query_all_async(query, **arguments)
        except ConnectorException as exc:
            raise self._refused(exc) from exc

    def _refused(self, exc: ConnectorException) -> StoreError:
        why = self._address.scrubbed(described(exc.__cause__ or exc))
        return StoreError(f"{self._address.shown}: a query of the worker failed: {why}")


async def _overslept(seconds: float) -> float:
    """Sleep, and return how much longer it took: the process was frozen, or its event loop blocked."""
    began = _awake()
    await anyio.sleep(seconds)
    return _awake() - began - seconds


def _awake() -> float:
    """Return seconds on a clock that goes on while the machine is suspended, where there is one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


async def prepare(address: Address) -> None:
    """Create procrastinate's tables and what stands beside them, in a schema of their own, where they are missing.

    Many processes may start at once; where everything is there, nothing is asked of the server but a read.

    Raises:
        psycopg.Error: Postgres cannot be reached, or refuses.
    """
    schema = _schema(address)
    async with await psycopg.AsyncConnection.connect(address.conninfo) as connection:
        if await _prepared(connection, schema):
            return
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [schema])
        if await _prepared(connection, schema):
            return
        await _create_schema(connection, schema, address)
        await connection.execute(cast("LiteralString", f'SET LOCAL search_path = "{schema}"'))
        await connection.execute(SchemaManager.get_schema())
        await connection.execute(cast("LiteralString", _statements(address)))


async def _create_schema(connection: psycopg.AsyncConnection[Any], schema: str, address: Address) -> None:
    """Create the schema, unless an administrator has. Raises StoreError where this user may not."""
    found = await connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", [schema])
    if found.rowcount:
        return
    try:
        await connection.execute(cast("LiteralString", f'CREATE SCHEMA "{schema}"'))
    except psycopg.errors.InsufficientPrivilege:
        user = address.user or "the store's user"
        raise StoreError(
            f"{address.shown}: there are no tables for workers yet, and {user} may not create them",
            hint=f"as the database's owner: CREATE SCHEMA {schema} AUTHORIZATION {user}",
        ) from None


async def _prepared(connection: psycopg.AsyncConnection[Any], schema: str) -> bool:
    # Not to_regclass: it answers from a cache that may be older than a lock just got.
    found = await connection.execute(
        "SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = 'procrastinate_jobs'",
        [schema],
    )
    return found.rowcount > 0


def _statements(address: Address) -> str:
    """Return dispatch.sql with this store's names in it."""
    text = (resources.files("engine.durable") / "dispatch.sql").read_text(encoding="utf-8")
    names = {
        "dispatch": f'"{_schema(address)}"',
        "runs": f"{address.quoted}.runs",
        "drivers": f"{address.quoted}.drivers",
        "queue": f"'{address.schema}-'",
        "task": f"'{TASK}'",
        "trigger": VERSION,
    }
    for name, meant in names.items():
        text = text.replace("{" + name + "}", meant)
    return text


def _schema(address: Address) -> str:
    return f"{address.schema}_{VERSION}"
