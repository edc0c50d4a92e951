"""The audit trail: who did what, beside the logs of runs, and kept when they go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from schemas.care import Fault
from schemas.result import Record

What = Literal[
    "started",
    "forked",
    "asked",
    "decided",
    "called",
    "steered",
    "cancelled",
    "removed",
    "key",
    "budget",
    "agent",
    "schedule",
    "configuration",
]


class AuditEntry(Record):
    """One thing that somebody did, or was asked.

    Attributes:
        at: Unix time.
        run_id, seq: The event it is told by; without a run its place in the store's own trail.
        user: Whose run it is.
        what: started or forked (a run), asked (somebody outside), decided (by ``by``), called (a tool that may change
            something), steered, cancelled, removed (a run from the store); key, budget, agent, schedule or
            configuration: ``act`` was done to one of these.
        by: Who did it; empty: the engine itself, or nobody said.
        through: How it was said: terminal, http, chat, mcp, library; timeout, where nobody answered in time;
            retention, where a run was old enough to go.
        tool, step_id: What it is about.
        approval_id, subject: Of what was asked and decided.
        decision: approve, reject, edit or done.
        outcome: What became of a call: done, failed, cancelled …; in doubt; running, where it has not ended. Of an act:
            failed, where it was begun and did not succeed.
        reason: Why it was asked, rejected, cancelled; of a run what it is for; of what failed its error.
        input: The exact input that was shown, edited or sent; of an act what it set. Never a secret.
        input_sha256: The hash of its canonical JSON (sorted keys, no spaces); empty without one.
        digest: The head of the hash chain up to this entry: over the run's log, or over the store's own trail.
        about: Which key, budget, agent, schedule or configuration.
        act: What was done to it: created, changed, rotated, revoked, resumed, added, enabled, paused, loaded …
    """

    at: float
    run_id: str = ""
    seq: int = 0
    user: str = ""
    what: What
    by: str = ""
    through: str = ""
    tool: str = ""
    step_id: str = ""
    approval_id: str = ""
    subject: str = ""
    decision: str = ""
    outcome: str = ""
    reason: str = ""
    input: dict[str, Any] | None = None
    input_sha256: str = ""
    digest: str = ""
    about: str = ""
    act: str = ""


class AuditQuery(Record):
    """Which entries.

    Attributes:
        since, until: Unix time: at or after, before.
        user: Of runs of this user.
        by: Done by them.
        tool: About this tool.
        run: Of this run.
        about: About this key, budget, agent, schedule or configuration.
        what: Of these kinds; all when empty.
    """

    since: float | None = None
    until: float | None = None
    user: str | None = None
    by: str | None = None
    tool: str | None = None
    run: str | None = None
    about: str | None = None
    what: tuple[What, ...] = ()

    def wants(self, entry: AuditEntry) -> bool:
        """Whether an entry is one of those."""
        return (
            (self.since is None or entry.at >= self.since)
            and (self.until is None or entry.at < self.until)
            and (not self.what or entry.what in self.what)
            and all(
                asked is None or asked == found
                for asked, found in (
                    (self.user, entry.user),
                    (self.by, entry.by),
                    (self.tool, entry.tool),
                    (self.run, entry.run_id),
                    (self.about, entry.about),
                )
            )
        )


class Kept(Record):
    """An entry as the store's own trail keeps it.

    Attributes:
        number: Its place in the trail: one more than that of the entry before.
        entry: What it says; of an act ``seq`` is the number, and ``digest`` the trail's head.
    """

    number: int
    entry: AuditEntry


class AuditBook(Protocol):
    """The store's own trail: acts that no run's log tells, and the accounts of runs that were removed.

    One chain of hashes over all of it, which only grows at its end and goes from its beginning, by age.
    """

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        """Keep entries; they are on the disk when this returns. One without a time (``at`` 0) is of now.

        Raises:
            StoreError: They cannot be written.
        """
        ...

    async def read(self, query: AuditQuery = AuditQuery(), *, after: int = 0, limit: int = 500) -> list[Kept]:
        """Return entries that a query describes, beyond a place, oldest first; some of them, if there are many."""
        ...

    async def began(self) -> int:
        """Return the place of the last entry that went by age; 0: none did."""
        ...

    async def faults(self) -> list[Fault]:
        """Return where the chain is broken: entries that were changed, or taken out, since they were written."""
        ...
