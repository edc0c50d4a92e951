"""A RunLog that lives as long as the process."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import anyio

from schemas.errors import ConflictError, NotFoundError
from schemas.events import LoggedEvent, LoggedRecord


@dataclass(slots=True)
class _Run:
    records: list[LoggedRecord] = field(default_factory=list[LoggedRecord])
    moved: anyio.Event | None = None


class MemoryLog:
    """Keeps runs and artifacts in memory (implements ``schemas.protocols.RunLog``).

    Args:
        clock: Gives Unix time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._runs: dict[str, _Run] = {}
        self._artifacts: dict[str, bytes] = {}

    async def append(self, run_id: str, expected_seq: int, events: Sequence[LoggedEvent]) -> list[LoggedRecord]:
        """Append events after ``expected_seq`` and return them numbered.

        Raises:
            ConflictError: The run's head is not ``expected_seq``; nothing was written.
        """
        run = self._runs.get(run_id)
        head = len(run.records) if run else 0
        if head != expected_seq:
            raise ConflictError(f"run {run_id} is at event {head}, not {expected_seq}", details={"head": head})
        if run is None:
            run = self._runs[run_id] = _Run()
        at = self._clock()
        written = [LoggedRecord(run_id, head + number, at, event) for number, event in enumerate(events, 1)]
        run.records.extend(written)
        if run.moved is not None:
            run.moved.set()
            run.moved = None
        return written

    async def load(self, run_id: str, after: int = 0) -> list[LoggedRecord]:
        """Return the events with ``seq > after``.

        Raises:
            NotFoundError: No such run.
        """
        return self._run(run_id).records[after:]

    async def wait(self, run_id: str, after: int) -> None:
        """Return once the run's head is beyond ``after``.

        Raises:
            NotFoundError: No such run.
        """
        run = self._run(run_id)
        while len(run.records) <= after:
            if run.moved is None:
                run.moved = anyio.Event()
            await run.moved.wait()

    async def runs(self) -> list[str]:
        """Return the ids of all runs, oldest first."""
        return list(self._runs)

    async def put_artifact(self, data: bytes) -> str:
        """Keep bytes under their SHA-256 (hex)."""
        digest = hashlib.sha256(data).hexdigest()
        self._artifacts[digest] = data
        return digest

    async def get_artifact(self, sha256: str) -> bytes:
        """Return the bytes kept under a hash.

        Raises:
            NotFoundError: Nothing is kept under it.
        """
        if sha256 not in self._artifacts:
            raise NotFoundError(f"there is no artifact {sha256[:12]}")
        return self._artifacts[sha256]

    def _run(self, run_id: str) -> _Run:
        if run_id not in self._runs:
            raise NotFoundError(f"there is no run {run_id}")
        return self._runs[run_id]
