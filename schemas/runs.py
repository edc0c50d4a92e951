"""What a store knows of its runs without reading their events, and who drives them."""

from __future__ import annotations

from typing import Literal

from schemas.result import Record

RunPhase = Literal["queued", "running", "waiting", "completed", "failed", "cancelled"]
"""queued: it wants a driver (nobody drove it yet, or somebody answered while it was parked); waiting: for somebody or a
time, parked (it costs a row), or, with a driver, for an answer to what a running tool asks; the last three are how it
ended."""

LOG_FORMAT = 1
"""The version of the events this release writes. It rises when an older release could misread them; a driver takes
no run whose format is above its own, so that old and new workers may share a store while one replaces the other."""

FORGOTTEN_S = 7_200.0
"""A driver that was not heard of for so long is forgotten when the next one comes: twice the longest timeout."""


class RunSummary(Record):
    """One line of ``engine runs list``: folded into a row as events are appended.

    Attributes:
        id: The run.
        status: Where it stands. A run whose driver died still says running; ``Driver.stale`` tells.
        task: What was asked for (its first 500 characters).
        user: Whose run it is.
        head: Its last event's number.
        started_at: Unix time of its first event, ``updated_at`` of its last.
        cost_usd: What its model calls cost so far; None when a price is unknown.
        driver: Who drives it (``Driver.id``); empty before the first claim and once it parked or ended.
        claims: How often it was claimed.
        waits_for: What a run that waits does so for: ``RunParked.reason``, or ``question`` where a running tool asks.
        until: When a parked run is due by itself (Unix time); None: only when somebody answers.
        format: The version of its events (``LOG_FORMAT``).
        forked_from: The run it was forked from; empty otherwise.
        assistant: The assistant it was asked of; empty: the engine itself, or a release that did not keep it.
    """

    id: str
    status: RunPhase
    task: str
    user: str = ""
    head: int = 0
    started_at: float = 0.0
    updated_at: float = 0.0
    cost_usd: float | None = 0.0
    driver: str = ""
    claims: int = 0
    waits_for: str = ""
    until: float | None = None
    format: int = LOG_FORMAT
    forked_from: str = ""
    assistant: str = ""

    @property
    def ended(self) -> bool:
        """Whether the run is over."""
        return self.status in ("completed", "failed", "cancelled")

    @property
    def parked(self) -> bool:
        """Whether it waits, and nobody drives it meanwhile."""
        return self.status == "waiting" and not self.driver


class Note(Record):
    """One line of what was learned from runs (``schemas.stores.Notes``).

    Attributes:
        position: Rises with every line of a store; what was read up to it need not be read again.
        key: What it is about.
        line: The text.
    """

    position: int
    key: str
    line: str


class RunQuery(Record):
    """Which runs to list, newest first.

    Attributes:
        status: Any of these; all when empty.
        user: Of this user; None for everybody.
        assistant: Asked of this assistant; None for any, and for the engine itself.
        text: Whose task holds this text, letters' case ignored, or whose id begins with it.
        since: Started at or after this Unix time.
        before: Started before it.
        driver: Driven by it.
        due: Parked and due by themselves at this Unix time.
        limit: Most runs returned; None for all.
        offset: How many to leave out first.
    """

    status: tuple[RunPhase, ...] = ()
    user: str | None = None
    assistant: str | None = None
    text: str = ""
    since: float | None = None
    before: float | None = None
    driver: str | None = None
    due: float | None = None
    limit: int | None = None
    offset: int = 0


class Driver(Record):
    """A process that drives runs: a CLI, a server, a worker.

    Attributes:
        id: Unique over all processes and machines, made anew by each start.
        kind: cli, library, serve or worker.
        host: The machine's name.
        pid: Its process there.
        boot_id: Tells one start of the machine from another; empty where it is not known.
        version: The release it runs.
        format: The newest ``LOG_FORMAT`` it can read.
        started_at: Unix time.
        beat_at: Unix time of its last heartbeat, by the store's clock.
        timeout_s: Without a heartbeat for this long it counts as dead.
        draining: It takes no further run.
    """

    id: str
    kind: Literal["cli", "library", "serve", "worker"] = "library"
    host: str = ""
    pid: int = 0
    boot_id: str = ""
    version: str = ""
    format: int = LOG_FORMAT
    started_at: float = 0.0
    beat_at: float = 0.0
    timeout_s: float = 8.0
    draining: bool = False

    def stale(self, now: float) -> bool:
        """Whether it has not been heard of for too long at ``now`` (Unix time, the store's clock)."""
        return now - self.beat_at > self.timeout_s
