"""What is kept: the Protocols of stores, and of what brings their runs to workers. One contract over all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from schemas.audit import AuditBook
from schemas.bookkeeping import AnswerCache, KeyStore, UsageBook
from schemas.care import KEEP_ALL, Fault, Migrated, Pruned, Retention, StoreFigures
from schemas.events import LoggedEvent, LoggedRecord
from schemas.live import LiveEvent
from schemas.protocols import Ledger
from schemas.runs import Driver, Note, RunQuery, RunSummary


class RunLog(Protocol):
    """The only place a run lives. One contract over memory, SQLite and Postgres."""

    async def append(self, run_id: str, expected_seq: int, events: Sequence[LoggedEvent]) -> list[LoggedRecord]:
        """Append events after ``expected_seq`` (0 creates the run) and return them numbered.

        All or nothing. Cancellation: the append may still land; reload, never assume "not written".

        Raises:
            ConflictError: The head is not ``expected_seq``; nothing was written.
            StoreError: The store cannot be written.
        """
        ...

    async def load(self, run_id: str, after: int = 0) -> list[LoggedRecord]:
        """Return the events with ``seq > after``, in order.

        Raises:
            NotFoundError: No such run.
        """
        ...

    async def wait(self, run_id: str, after: int) -> None:
        """Return once the run's head is beyond ``after``; at once if it already is."""
        ...

    async def runs(self) -> list[str]:
        """Return the ids of all runs, oldest first."""
        ...

    async def put_artifact(self, data: bytes) -> str:
        """Keep bytes under their content's SHA-256 (hex) and return it. Idempotent."""
        ...

    async def get_artifact(self, sha256: str) -> bytes:
        """Return the bytes kept under that hash.

        Raises:
            NotFoundError: Nothing is kept under it.
        """
        ...


class RunStore(RunLog, Protocol):
    """A RunLog and what stands beside it: summaries, drivers, live text. One contract over memory, SQLite, Postgres.

    Everything with a time uses the store's own clock (``now``), so that machines need not agree on theirs.
    """

    async def find(self, query: RunQuery) -> list[RunSummary]:
        """Return the runs that a query describes, newest first, from their summaries alone: no events are read."""
        ...

    async def summary(self, run_id: str) -> RunSummary:
        """Return one run's summary.

        Raises:
            NotFoundError: No such run.
        """
        ...

    async def delete(self, run_id: str, *, by: str = "", through: str = "") -> None:
        """Remove a run, its live text and its share of artifacts. A run that is driven is the caller's concern.

        Its account goes into the audit trail, with who removed it.

        Raises:
            NotFoundError: No such run.
        """
        ...

    async def asks(self, run_id: str, driver_id: str, waits_for: str) -> None:
        """Say in a run's summary that it waits, while it is driven, for an answer to what a running tool asks.

        Args:
            run_id: The run.
            driver_id: Who drives it; where another does, or it was let go, nothing is done.
            waits_for: What for; empty: for nothing any more.
        """
        ...

    async def now(self) -> float:
        """Return the Unix time of the store's clock."""
        ...

    async def enroll(self, driver: Driver) -> None:
        """Write a driver's row, or overwrite it; its first heartbeat. Rows silent for ``FORGOTTEN_S`` go."""
        ...

    async def beat(self, driver_id: str) -> bool:
        """Renew a driver's heartbeat; False when its row is gone: others have declared it dead."""
        ...

    async def dismiss(self, driver_id: str) -> None:
        """Remove a driver's row: it left, or is declared dead. Removing what is not there does nothing."""
        ...

    async def drivers(self) -> list[Driver]:
        """Return all drivers' rows, oldest first."""
        ...

    async def put_live(self, run_id: str, items: Sequence[LiveEvent]) -> None:
        """Hand live text and progress on to readers in other processes, until the run ends; never fsynced for.

        Call it with what a tick of about 100 ms brought, not once a delta.
        """
        ...

    async def live(self, run_id: str, after: int = 0) -> tuple[int, list[LiveEvent]]:
        """Return (position, what came after position ``after``), in order; texts of one stream may come joined."""
        ...

    async def wait_live(self, run_id: str, seq: int, after: int) -> None:
        """Return once the run's head is beyond ``seq`` or its live text beyond position ``after``.

        Raises:
            NotFoundError: No such run.
        """
        ...

    def ledger(self, owner: Callable[[], str] = str) -> Ledger | None:
        """Return the budgets that this store keeps for everybody who opens it; None: it keeps none (memory).

        Args:
            owner: Says who reserves by it now (``Driver.id``), for people who look.
        """
        ...

    @property
    def notes(self) -> Notes:
        """What was learned from runs, shared by everybody who opens the store."""
        ...

    @property
    def key_store(self) -> KeyStore:
        """The API keys, of everybody who opens the store."""
        ...

    @property
    def usage_book(self) -> UsageBook:
        """What model calls used, of everybody who opens the store."""
        ...

    @property
    def answer_cache(self) -> AnswerCache:
        """Kept answers, shared by everybody who opens the store."""
        ...

    @property
    def audit_book(self) -> AuditBook:
        """What was done beside runs, and what was removed runs did."""
        ...

    async def aclose(self) -> None:
        """Write what is still to be written and let go of files and connections."""
        ...


class Notes(Protocol):
    """Lines of text by kind and key, kept over runs: what tools took, plans that worked, what was said in a chat."""

    async def add(
        self,
        kind: str,
        lines: Sequence[tuple[str, str]],
        *,
        keep: int,
        keys: int | None = None,
        durable: bool = False,
    ) -> None:
        """Add (key, line) pairs, in order.

        Args:
            kind: What they are about; kinds do not see each other.
            lines: What to add.
            keep: The most lines of one key; its oldest go first.
            keys: The most keys of the kind; those that were not added to for longest go first. None for all.
            durable: They are on the disk when this returns: a power cut loses none. Otherwise it may lose the last
                of them (a process that dies never does), for what is worth no wait.
        """
        ...

    async def load(self, kind: str, key: str | None = None, after: int = 0) -> list[Note]:
        """Return the lines of a kind, or of one of its keys, that were added after a position, oldest first."""
        ...

    async def drop(self, kind: str, key: str | None = None, *, older_s: float = 0.0) -> int:
        """Remove all lines of a key, or of every key of a kind, and return how many keys that were.

        Args:
            kind: What they are about.
            key: Which; None for all.
            older_s: Only keys that nothing was added to for so many seconds, by the store's clock.
        """
        ...


class StoreCare(Protocol):
    """Looking after a store that outlives the process: ``engine store``. SQLite and Postgres."""

    async def migrate(self) -> Migrated:
        """Bring the schema to this release's; forward only, each step in one transaction, nothing when it is there.

        Raises:
            StoreError: The store's schema is newer than this release, or a step failed (nothing of it stays).
        """
        ...

    async def check(self) -> list[Fault]:
        """Look for what is wrong, and change nothing.

        The file or tables themselves; heads and summaries against a fold of the events; gaps; events that cannot be
        read; artifacts that are missing, not what their hash says, or that no run refers to.
        """
        ...

    async def backup(self, path: str) -> int:
        """Write a whole, consistent copy to ``path`` while others go on writing, and return its bytes.

        Raises:
            StoreError: ``path`` is there already, or cannot be written.
        """
        ...

    async def stats(self) -> StoreFigures:
        """Return what is in the store, and what it takes."""
        ...

    async def prune(self, keep: Retention = KEEP_ALL, *, dry_run: bool = False) -> Pruned:
        """Remove what is not to be kept, and what nothing refers to or needs any more; give the space back.

        Ended runs go oldest first; those that go on or wait stay, however old they are. What a run used stays counted.

        Args:
            keep: How much of the past is kept; in any case artifacts that no run refers to go, and answers whose time
                is over.
            dry_run: Only say what would go.
        """
        ...


class Dispatcher(Protocol):
    """Brings runs that nobody drives to workers. Behind it stands another engine's queue; nothing of it shows.

    Who writes to the store calls nothing here: a run that was submitted, answered, cancelled, steered or handed over
    while nobody drove it is dispatched by the very transaction that wrote it.
    """

    async def submit(self, run_id: str, *, after_s: float = 0.0) -> None:
        """Let a worker take the run, after so many seconds; once, however often it is called."""
        ...

    async def work(self, drive: Callable[[str], Awaitable[None]]) -> None:
        """Call ``drive`` for each run that wants a driver, as many at once as configured, until ``drain`` is called.

        Raises:
            WorkerLostError: This process was silent for too long: others have taken its runs over.
        """
        ...

    def drain(self) -> None:
        """Take no further run; ``work`` returns when the last call of ``drive`` has."""
        ...

    def leave(self) -> None:
        """Take no further run, and cancel the calls of ``drive``."""
        ...

    @property
    def driven(self) -> tuple[str, ...]:
        """The runs that ``drive`` was called for and is not back from."""
        ...
