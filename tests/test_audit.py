"""Who did what, and when, as the logs of runs tell it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from engine.api import Engine
from engine.audit import audit, changed
from engine.durable.audit import canonical, chained
from engine.testing import FakeTool
from schemas.audit import AuditEntry, AuditQuery
from schemas.errors import NotFoundError
from schemas.events import PlanStarted
from tests.runs import engine_of, plan_of, step

PAY = {"type": "object", "properties": {"amount_usd": {"type": "number"}}}
LARGE = plan_of(step("1", "pay", tool_input={"amount_usd": 900}), step("2", "look"))


def desk() -> Engine:
    pay = FakeTool("pay", "paid", effects="effectful", approval={"rule": "amount_usd > 500"}, input_schema=PAY)
    return engine_of(pay, FakeTool("look", 1))


async def said(engine: Engine, **query: Any) -> list[AuditEntry]:
    return [entry async for entry in audit(engine.store, AuditQuery(**query))]


async def paid(engine: Engine, run_id: str, user: str = "ann") -> None:
    async with engine.start(plan=LARGE, user=user, run_id=run_id, park=True) as run:
        await run.done()
    await engine.attach(run_id, through="http").approve(by=user)
    await engine.drive(run_id)


pytestmark = pytest.mark.anyio


async def test_who_asked_who_decided_and_what_was_done() -> None:
    """Requests, decisions and calls with effects are told in order, with input, reason, by whom and through what."""
    engine = desk()
    await paid(engine, "r1")
    started, asked, decided, called = await said(engine)
    assert (started.what, started.by) == ("started", "ann")
    assert (asked.what, asked.tool, asked.input) == ("asked", "pay", {"amount_usd": 900})
    assert asked.reason == "amount_usd is 900, above 500"
    assert (decided.decision, decided.by, decided.through, decided.tool) == ("approve", "ann", "http", "pay")
    assert (called.what, called.outcome, called.input_sha256) == ("called", "done", asked.input_sha256)
    assert len(called.input_sha256) == 64


async def test_a_query() -> None:
    """By user, by tool, by kind, by run and by time; a run that is not there is said."""
    engine = desk()
    await paid(engine, "r1")
    await paid(engine, "r2", "bob")
    assert {entry.run_id for entry in await said(engine, user="bob")} == {"r2"}
    assert [entry.what for entry in await said(engine, run="r1", what=("decided",), by="ann")] == ["decided"]
    assert {entry.what for entry in await said(engine, tool="pay", run="r1")} == {"asked", "decided", "called"}
    assert await said(engine, until=1.0) == []
    assert await said(engine, since=4e9) == []
    with pytest.raises(NotFoundError):
        await said(engine, run="r3")


async def test_a_log_that_was_changed_is_found() -> None:
    """What was exported once tells whether a log is still what it was; what came after it is no change."""
    engine = desk()
    await paid(engine, "r1")
    exported = [entry.model_dump() for entry in await said(engine)]
    assert await faults(engine, exported[:2]) == []
    tampered = [{**exported[-1], "digest": "0" * 64}, {**exported[0], "run_id": "gone"}]
    first, second = await faults(engine, tampered)
    assert "its log is not what it was" in first
    assert second.startswith("run gone: it is gone")


async def test_every_event_is_in_the_chain() -> None:
    """The digest of an entry depends on every event before it, those too that no entry tells."""
    engine = desk()
    await paid(engine, "r1")
    records = await engine.store.load("r1")
    other = list(records)
    other[1] = replace(records[1], event=PlanStarted(revision=7))
    first, second = ([digest for _, digest in chained(log)] for log in (records, other))
    assert (first[0] == second[0], first[-1] == second[-1]) == (True, False)


async def faults(engine: Engine, exported: list[dict[str, Any]]) -> list[str]:
    async def lines() -> AsyncGenerator[dict[str, Any]]:
        for entry in exported:
            yield entry

    return [line async for line in changed(engine.store, lines())]


def test_one_form_of_json() -> None:
    """The order of keys does not change a hash."""
    assert canonical({"b": 1, "a": "é"}) == canonical({"a": "é", "b": 1}) == b'{"a":"\\u00e9","b":1}'
