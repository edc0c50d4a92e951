"""Writes the file that this release's schema is remembered by: ``python -m tests.durable.sqlite.fixture``.

A released one is never written again: later releases must open it as it is. It holds a run of every status, results
in and beside the log, a driver, live text, budgets, notes; from the second on a key, usage and a kept answer; from the
fourth on an entry of the audit trail.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import anyio

from engine.durable.sqlite.schema import VERSION
from engine.durable.sqlite.store import SqliteStore
from schemas.audit import AuditEntry
from schemas.bookkeeping import ApiKey, UsageLine
from schemas.driving import RunClaimed, RunParked
from schemas.events import Answer, LoggedEvent, ModelCalled, PlanStarted, RunEnded, RunStarted, StepEnded
from schemas.model import TextPart
from schemas.plan import Plan, Step
from schemas.result import ArtifactRef, ErrorInfo, StepResult, Usage
from schemas.runs import Driver
from tests.durable.contract import text
from tests.source import ROOT

FOLDER = ROOT / "tests/data/stores"
LARGE = b'["large"]' * 20
KEY = ApiKey(id="k_1", name="app", hash="0" * 64, previous_hash="1" * 64, models=("fast",), usd=5.0)
TOLD = AuditEntry(at=1.0, what="key", about="app", act="created", input={"usd": 5.0})
USED = UsageLine(day="2026-11-21", key="k_1", model="m", run_id="completed", usage=Usage(calls=1), cost_nano_usd=7)


def runs(artifact: ArtifactRef) -> dict[str, list[LoggedEvent]]:
    """The runs that are in it."""
    plan = Plan(goal="g", steps=(Step(id="1", tool="t", tool_input={"q": "é"}),))
    called = ModelCalled(role="planner", model="m", parts=(TextPart(text="…"),), usage=Usage(calls=1, cost_usd=0.25))
    return {
        "queued": [RunStarted(task="Ask ÄÖ", mode="plan", plan=plan, user="ann")],
        "running": [RunStarted(task="t", mode="plan", driver="d1"), PlanStarted(), called],
        "waiting": [RunStarted(task="t", mode="plan"), RunClaimed(driver="d1"), RunParked(reason="timer", until=9e9)],
        "completed": [
            RunStarted(task="t", mode="plan", driver="d1"),
            StepEnded(step_id="1", result=StepResult(status="done", value={"text": "long " * 500})),
            StepEnded(step_id="2", result=StepResult(status="done", artifact=artifact)),
            Answer(text="42"),
            RunEnded(status="completed"),
        ],
        "failed": [
            RunStarted(task="t", mode="react", driver="d1"),
            RunEnded(status="failed", error=ErrorInfo(code="x", message="m")),
        ],
        "cancelled": [RunStarted(task="t", mode="plan", driver="d1"), RunEnded(status="cancelled")],
    }


async def fill(store: SqliteStore) -> None:
    """Write the runs and what stands beside them."""
    ref = ArtifactRef(sha256=await store.put_artifact(LARGE), size_bytes=len(LARGE), preview="[…")
    for run_id, events in runs(ref).items():
        await store.append(run_id, 0, events)
    await store.put_live("running", [text("half an ans", 0)])
    await store.enroll(Driver(id="d1", kind="worker", host="h", pid=1))
    await store.ledger().open("key:1", {"usd": 5.0})
    await store.notes.add("tool", [("search", "line")], keep=9)
    await store.key_store.add(KEY)
    await store.usage_book.add([USED], batch="b1")
    await store.answer_cache.put("a", b"{}", 1e9)
    await store.audit_book.add([TOLD])


def dump(path: Path) -> str:
    """Return a file as SQL text, with what says which schema it has."""
    with closing(sqlite3.connect(path)) as db:
        marks = [f"PRAGMA {name} = {db.execute(f'PRAGMA {name}').fetchone()[0]};" for name in MARKS]
        return "\n".join([*marks, *db.iterdump(), ""])


MARKS = ("application_id", "user_version")


async def main() -> None:
    """Write the fixture of this schema."""
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "runs.db")
        await fill(store)
        await store.aclose()
        (FOLDER / f"sqlite-{VERSION}.sql").write_text(dump(store.path), encoding="utf-8")


if __name__ == "__main__":
    anyio.run(main)
