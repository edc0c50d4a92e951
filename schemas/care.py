"""What looking after a store gives back: its figures, its faults, what was removed."""

from __future__ import annotations

from pydantic import Field

from schemas.result import Record
from schemas.runs import RunPhase


class Migrated(Record):
    """What bringing a store to this release's schema did.

    Attributes:
        before: The schema's version as it was found (0: there was none), ``after`` as it is now.
        backup: The copy that was made first; empty where none was needed or the store makes none.
    """

    before: int
    after: int
    backup: str = ""


class Retention(Record):
    """How much of the past is kept. Runs that go on or wait are kept in any case.

    Attributes:
        older_than_s: Ended runs whose last event is older than this go; None: age is no reason.
        keep_bytes: Then the oldest of the others, until the store takes no more; None: size is no reason.
        usage_older_than_s: Counted usage of days that ended longer ago goes; None: never.
        audit_older_than_s: The beginning of the audit trail goes, up to the first entry that is not older; None: never.
    """

    older_than_s: float | None = Field(default=None, ge=0)
    keep_bytes: int | None = Field(default=None, ge=0)
    usage_older_than_s: float | None = Field(default=None, ge=0)
    audit_older_than_s: float | None = Field(default=None, ge=0)

    @property
    def everything(self) -> bool:
        """Whether nothing is ever to go."""
        return self == KEEP_ALL


KEEP_ALL = Retention()


class Fault(Record):
    """One thing that is wrong in a store.

    Attributes:
        code: damaged, head, gap, unreadable, summary, missing_artifact, orphaned_artifact, or another stable word.
        message: One line, without the place.
        run_id: The run it is about; empty: none.
        artifact: The SHA-256 it is about; empty: none.
        harmless: Nothing is lost by it; an orphaned artifact goes by a prune.
    """

    code: str
    message: str
    run_id: str = ""
    artifact: str = ""
    harmless: bool = False


class KindFigures(Record):
    """How many events of one kind there are, and the bytes of their bodies."""

    count: int
    size_bytes: int


class StoreFigures(Record):
    """What is in a store.

    Attributes:
        where: The store, as a person names it; never a password.
        schema_version: Of its tables.
        runs: How many by status.
        events: All of them; ``kinds`` by kind.
        artifacts: How many, and their bytes in ``artifact_bytes``.
        live_bytes: Live text of runs that go on.
        size_bytes: All it takes on disk, artifacts and journals included.
        free_bytes: What of that is free for what comes next.
        oldest_at: Unix time of the oldest run's first event; None when there is no run.
        keys: API keys, revoked ones included.
        usage_lines: Sums of counted usage.
        answers: Kept answers, and their bytes in ``answer_bytes``.
        audit_entries: What the audit trail holds beside the logs of the runs that are here.
    """

    where: str
    schema_version: int
    runs: dict[RunPhase, int] = Field(default_factory=dict[RunPhase, int])
    events: int = 0
    kinds: dict[str, KindFigures] = Field(default_factory=dict)
    artifacts: int = 0
    artifact_bytes: int = 0
    live_bytes: int = 0
    size_bytes: int = 0
    free_bytes: int = 0
    oldest_at: float | None = None
    keys: int = 0
    usage_lines: int = 0
    answers: int = 0
    answer_bytes: int = 0
    audit_entries: int = 0


class Pruned(Record):
    """What a prune removed, or with ``dry_run`` would remove.

    Attributes:
        runs: Ids of ended runs, oldest first.
        events: Their events.
        artifacts: Artifacts that no run refers to any more, in ``artifact_bytes``.
        usage_lines: Sums of usage of days that are no longer kept.
        answers: Kept answers whose time was over.
        audit_entries: Entries of the audit trail that are no longer kept.
        freed_bytes: How much smaller the store is on disk; of a dry run an estimate.
        dry_run: Nothing was removed.
    """

    runs: tuple[str, ...] = ()
    events: int = 0
    artifacts: int = 0
    artifact_bytes: int = 0
    usage_lines: int = 0
    answers: int = 0
    audit_entries: int = 0
    freed_bytes: int = 0
    dry_run: bool = False
