"""The accounts that runs' logs give, the chains of hashes that prove them, and the trail of a store in memory.

Each entry of an account carries ``digest``, the head of a hash chain over the run's whole log up to its event. What no
run tells (keys, budgets, agents, configurations), and the accounts of runs that are removed, stand in the store's own
trail, in one chain: of a trail that was exported once, an entry that was changed or taken out since is found.

Source: Crosby, Wallach: Efficient Data Structures for Tamper-Evident Logging (USENIX Security 2009), section 2 (a chain
of hashes shows that a prefix is what it was).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from engine.durable.encoding import encode
from schemas.audit import AuditBook, AuditEntry, AuditQuery, Kept
from schemas.care import Fault
from schemas.errors import EngineError
from schemas.events import (
    ApprovalAnswered,
    ApprovalRequested,
    CancelRequested,
    GoalChanged,
    LoggedRecord,
    RunStarted,
    StepEnded,
    StepStarted,
)

KEPT_INPUT_BYTES = 4_000
_KEPT_CHARS = 2_000

# ---------------------------------------------------------------------- what a run's log tells


def entries(records: Iterable[LoggedRecord]) -> Iterator[AuditEntry]:
    """Yield the entries of one run, from its log."""
    told: list[AuditEntry] = []
    calls: dict[str, int] = {}
    tools: dict[str, bool] = {}
    asked: dict[str, dict[str, Any]] = {}
    user = ""
    for record, digest in chained(records):
        event = record.event
        if isinstance(event, RunStarted):
            user = event.user
            tools = {tool.name: tool.read_only for tool in event.tools}
        if isinstance(event, StepEnded) and event.step_id in calls:
            place = calls.pop(event.step_id)
            told[place] = told[place].model_copy(update=_outcome(event))
        if isinstance(event, StepStarted) and tools.get(event.tool):
            continue
        fields = _fields(event)
        if fields is None:
            continue
        if isinstance(event, ApprovalRequested):
            asked[event.approval_id] = _about(event)
        if isinstance(event, ApprovalAnswered):
            fields = {**asked.get(event.approval_id, {}), **fields}
        if isinstance(event, StepStarted):
            calls[event.step_id] = len(told)
        head = {"at": record.at, "run_id": record.run_id, "seq": record.seq, "user": user, "digest": digest}
        told.append(AuditEntry(**head, **_hashed(fields.get("input")), **fields))
    yield from told


def _fields(event: object) -> dict[str, Any] | None:
    """What an event says to an account; None: nothing."""
    match event:
        case RunStarted():
            what = "forked" if event.forked_from else "started"
            reason = f"from {event.forked_from}: {event.task}" if event.forked_from else event.task
            return {"what": what, "by": event.user, "reason": reason}
        case ApprovalRequested():
            return {"what": "asked", **_about(event), "reason": event.reason or event.question, "input": event.input}
        case ApprovalAnswered():
            said = {"what": "decided", "approval_id": event.approval_id, "decision": event.decision}
            return {**said, **_whose(event), "reason": event.reason, "input": event.input}
        case StepStarted():
            return {
                "what": "called",
                "tool": event.tool,
                "step_id": event.step_id,
                "input": event.input,
                "outcome": "running",
            }
        case GoalChanged():
            return {"what": "steered", **_whose(event), "reason": event.task}
        case CancelRequested():
            return {"what": "cancelled", **_whose(event), "reason": event.reason}
        case _:
            return None


def _about(event: ApprovalRequested) -> dict[str, Any]:
    about = {"approval_id": event.approval_id, "subject": event.subject, "tool": event.tool}
    return {**about, "step_id": event.step_id or ""}


def _whose(event: ApprovalAnswered | GoalChanged | CancelRequested) -> dict[str, Any]:
    return {"by": event.by, "through": event.through}


def _outcome(event: StepEnded) -> dict[str, Any]:
    result = event.result
    outcome = "in doubt" if result.in_doubt else result.status
    return {"outcome": outcome, "reason": result.error.message if result.error is not None else result.reason}


def _hashed(found: Mapping[str, Any] | None) -> dict[str, str]:
    return {} if found is None else {"input_sha256": hashlib.sha256(canonical(found)).hexdigest()}


def chained(records: Iterable[LoggedRecord]) -> Iterator[tuple[LoggedRecord, str]]:
    """Yield each record of a run with the head of the hash chain up to it."""
    head = ""
    for record in records:
        stored = json.loads(encode(record.event))  # without defaults: a field that comes later changes no digest
        line = canonical([record.run_id, record.seq, record.at, record.event.kind, stored])
        head = hashlib.sha256(head.encode() + line).hexdigest()
        yield record, head


def canonical(value: Any) -> bytes:
    """Return JSON in its one form: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()


# ---------------------------------------------------------------------- the store's own trail


def farewell(records: Sequence[LoggedRecord], by: str = "", through: str = "") -> list[AuditEntry]:
    """Return what the trail keeps of a run that is removed: its account, and that it went.

    A long input is kept by its hash alone, for runs are removed to make room. The digest of the last entry is of the
    whole log: whoever has an export of the run can show it is the one.
    """
    told = [_short(entry) for entry in entries(records)]
    user = told[0].user if told else ""
    last, digest = deque(chained(records), maxlen=1)[0]
    gone = {"at": 0.0, "run_id": last.run_id, "seq": last.seq, "user": user, "what": "removed", "digest": digest}
    return [*told, AuditEntry.model_validate({**gone, "by": by, "through": through})]


def _short(entry: AuditEntry) -> AuditEntry:
    found: dict[str, Any] = {}
    if entry.input is not None and len(canonical(entry.input)) > KEPT_INPUT_BYTES:
        found["input"] = None
    if len(entry.reason) > _KEPT_CHARS:
        found["reason"] = f"{entry.reason[:_KEPT_CHARS]}…"
    return entry.model_copy(update=found)


def unreadable(run_id: str, why: str, by: str = "", through: str = "") -> list[AuditEntry]:
    """Return what the trail keeps of a removed run whose log this release cannot read."""
    reason = f"its log could not be read: {why}"
    return [AuditEntry(at=0.0, run_id=run_id, what="removed", by=by, through=through, reason=reason)]


def body_of(entry: AuditEntry, now: float) -> tuple[AuditEntry, str]:
    """Return an entry with its time, and as the trail keeps it."""
    timed = entry if entry.at else entry.model_copy(update={"at": now})
    return timed, canonical(timed.model_dump(exclude_defaults=True)).decode()


def link(head: str, number: int, body: str) -> str:
    """Return the chain's head once an entry is in it. It is of the body's hash, not of its text."""
    digest = hashlib.sha256(body.encode()).hexdigest()
    return hashlib.sha256(f"{head}\n{number}\n{digest}".encode()).hexdigest()


def kept(number: int, body: str, head: str) -> Kept:
    """Return an entry from the row that keeps it."""
    entry = AuditEntry.model_validate(json.loads(body))
    own = {} if entry.run_id else {"seq": number, "digest": head}
    return Kept(number=number, entry=entry.model_copy(update=own))


def chain_faults(rows: Iterable[tuple[int, str, str]], number: int, head: str) -> Iterator[Fault]:
    """Yield where (number, body, head) of rows do not follow on (number, head) of what went before them."""
    for found, body, told in rows:
        number += 1
        if found != number:
            lost = f"entry {number} of the audit trail is missing"
            yield Fault(code="audit", message=lost if found == number + 1 else f"{lost}, and those up to {found - 1}")
        elif told != link(head, number, body):
            yield Fault(code="audit", message=f"entry {number} of the audit trail is not what was written")
        number, head = found, told


@asynccontextmanager
async def accounted(book: AuditBook, entry: AuditEntry) -> AsyncGenerator[None]:
    """Write an act into the trail before the block does it; where it fails, that too.

    An act that is not in the trail was not begun: what cannot be written down is not done.

    Raises:
        StoreError: The trail cannot be written.
    """
    told = entry.model_copy(update=_hashed(entry.input))
    await book.add([told])
    try:
        yield
    except EngineError as exc:
        await book.add([told.model_copy(update={"outcome": "failed", "reason": exc.message})])
        raise


class MemoryAudit:
    """A trail as long as the process lives (implements ``schemas.audit.AuditBook``).

    Args:
        clock: Gives Unix time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._rows: list[tuple[int, str, str]] = []

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        """Keep entries."""
        self.keep(entries)

    def keep(self, entries: Sequence[AuditEntry]) -> None:
        """Keep entries, at once."""
        for entry in entries:
            number, _, head = self._rows[-1] if self._rows else (0, "", "")
            _, body = body_of(entry, self._clock())
            self._rows.append((number + 1, body, link(head, number + 1, body)))

    async def read(self, query: AuditQuery = AuditQuery(), *, after: int = 0, limit: int = 500) -> list[Kept]:
        """Return entries beyond a place, oldest first."""
        found = (kept(*row) for row in self._rows[after:])
        return [one for one in found if query.wants(one.entry)][:limit]

    async def began(self) -> int:
        """None goes by age."""
        return 0

    async def faults(self) -> list[Fault]:
        """Return where the chain is broken."""
        return list(chain_faults(self._rows, 0, ""))
