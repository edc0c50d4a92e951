"""Who did what, and when: an account of runs, read from their logs and from nothing else.

Every request to somebody outside and every decision (by whom, through what), every call that may change something (its
input and what became of it), every new goal, cancel and fork. A run's log is append-only, so its account can be proved:
each entry carries ``digest``, the head of a hash chain over the run's whole log up to its event. An account that was
exported once tells later whether a log was changed since (``changed``). With a run its account goes, when the store is
pruned: what must be kept for longer is exported before.

Source: Crosby, Wallach: Efficient Data Structures for Tamper-Evident Logging (USENIX Security 2009), section 2 (a chain
of hashes shows that a prefix is what it was).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Literal

from engine.durable.encoding import encode
from schemas.errors import NotFoundError
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
from schemas.result import Record
from schemas.runs import RunQuery
from schemas.stores import RunStore

What = Literal["started", "forked", "asked", "decided", "called", "steered", "cancelled"]
_PAGE = 200


class AuditEntry(Record):
    """One thing that somebody did, or was asked.

    Attributes:
        at: Unix time.
        run_id, seq: The event it is told by.
        user: Whose run it is.
        what: started or forked (a run), asked (somebody outside), decided (by ``by``), called (a tool that may change
            something), steered, cancelled.
        by: Who did it; empty: the engine itself, or nobody said.
        through: How it was said: terminal, http, chat, mcp, library; timeout, where nobody answered in time.
        tool, step_id: What it is about.
        approval_id, subject: Of what was asked and decided.
        decision: approve, reject, edit or done.
        outcome: What became of a call: done, failed, cancelled …; in doubt; running, where it has not ended.
        reason: Why it was asked, rejected, cancelled; of a run what it is for; of a failed call its error.
        input: The exact input that was shown, edited or sent.
        input_sha256: The hash of its canonical JSON (sorted keys, no spaces); empty without one.
        digest: The head of the hash chain over the run's log up to this event.
    """

    at: float
    run_id: str
    seq: int
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


class AuditQuery(Record):
    """Which entries.

    Attributes:
        since, until: Unix time: at or after, before.
        user: Of runs of this user.
        by: Done by them.
        tool: About this tool.
        run: Of this run.
        what: Of these kinds; all when empty.
    """

    since: float | None = None
    until: float | None = None
    user: str | None = None
    by: str | None = None
    tool: str | None = None
    run: str | None = None
    what: tuple[What, ...] = ()

    def wants(self, entry: AuditEntry) -> bool:
        """Whether an entry of a run that it wants is one of those."""
        return (
            (self.since is None or entry.at >= self.since)
            and (self.until is None or entry.at < self.until)
            and (self.by is None or entry.by == self.by)
            and (self.tool is None or entry.tool == self.tool)
            and (not self.what or entry.what in self.what)
        )


async def audit(store: RunStore, query: AuditQuery) -> AsyncGenerator[AuditEntry]:
    """Yield the entries of a store, the newest run first, each run's in order.

    Cost: the log of each run that was written to in that time is read, one at a time.

    Raises:
        NotFoundError: The one run that is asked for is not there.
        StoreError: The store cannot be read.
    """
    async with aclosing(_runs(store, query)) as found:
        async for run_id in found:
            try:
                records = await store.load(run_id)
            except NotFoundError:
                if query.run is not None:
                    raise
                continue  # removed meanwhile
            for entry in entries(records):
                if query.wants(entry):
                    yield entry


async def _runs(store: RunStore, query: AuditQuery) -> AsyncGenerator[str]:
    if query.run is not None:
        if query.user is None or (await store.summary(query.run)).user == query.user:
            yield query.run
        return
    seen: set[str] = set()
    offset = 0
    while True:
        rows = await store.find(RunQuery(user=query.user, before=query.until, limit=_PAGE, offset=offset))
        for row in rows:
            if row.id not in seen and (query.since is None or row.updated_at >= query.since):
                seen.add(row.id)
                yield row.id
        if len(rows) < _PAGE:
            return
        offset += len(rows)


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
        found = fields.get("input")
        hashed = {} if found is None else {"input_sha256": hashlib.sha256(canonical(found)).hexdigest()}
        told.append(AuditEntry(**head, **hashed, **fields))
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


def chained(records: Iterable[LoggedRecord]) -> Iterator[tuple[LoggedRecord, str]]:
    """Yield each record of a run with the head of the hash chain up to it."""
    head = ""
    for record in records:
        stored = json.loads(encode(record.event))  # without defaults: a field that comes later changes no digest
        line = canonical([record.run_id, record.seq, record.at, record.event.kind, stored])
        head = hashlib.sha256(head.encode() + line).hexdigest()
        yield record, head


def row_of(cells: Sequence[Any]) -> bytes:
    """Return one line of CSV; no text in it is a formula for a spreadsheet.

    Source: RFC 4180; OWASP, "CSV Injection".
    """
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([_cell(value) for value in cells])
    return line.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def canonical(value: Any) -> bytes:
    """Return JSON in its one form: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()


async def changed(store: RunStore, exported: AsyncIterable[Mapping[str, Any]]) -> AsyncGenerator[str]:
    """Yield one line on each exported entry whose run says something else now.

    What came after it is no change; a run that is gone (pruned, deleted) is said, since nothing of it can be proved.

    Raises:
        StoreError: The store cannot be read.
    """
    heads: dict[str, dict[int, str] | None] = {}
    async for entry in exported:
        run_id, seq = str(entry.get("run_id", "")), entry.get("seq")
        if run_id not in heads:
            try:
                records = await store.load(run_id)
                heads = {run_id: {record.seq: digest for record, digest in chained(records)}}
            except NotFoundError:
                heads = {run_id: None}
                yield f"run {run_id}: it is gone; what was exported of it stands alone"
        found = heads[run_id]
        if found is not None and found.get(seq if isinstance(seq, int) else 0) != entry.get("digest"):
            yield f"run {run_id}, event {seq}: its log is not what it was when this was exported"
