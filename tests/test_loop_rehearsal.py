"""Dry runs before somebody is asked."""

from __future__ import annotations

from typing import Any

import pytest

from engine.api import Engine
from engine.testing import FakeTool
from tests.runs import engine_of, plan_of, step

AMOUNT = {"type": "object", "properties": {"amount_usd": {"type": "number"}}, "required": ["amount_usd"]}
PAYS = plan_of(step("1", "pay", tool_input={"amount_usd": 900}, rationale="the invoice is due"))
pytestmark = pytest.mark.anyio


def desk(shown: Any) -> tuple[Engine, FakeTool, FakeTool]:
    """An engine that pays after a dry run, which gives (or raises) what is shown."""
    pay = FakeTool(
        "pay", "paid", effects="effectful", approval={"rule": "amount_usd > 500"}, simulate="quote", input_schema=AMOUNT
    )
    quote = FakeTool("quote", shown, effects="none", input_schema=AMOUNT)
    return engine_of(pay, quote), pay, quote


async def test_the_dry_run_is_shown_with_the_question() -> None:
    """B50: whoever is asked sees what the dry run gave, why they are asked, and what the step is for."""
    engine, pay, quote = desk({"fee": 3})
    async with engine.start(plan=PAYS, run_id="r", park=True) as run:
        await run.done()
    (asked,) = await engine.attach("r").pending()
    assert (asked.dry_run, asked.reason) == ({"fee": 3}, "amount_usd is 900, above 500")
    assert (asked.rationale, asked.input) == ("the invoice is due", {"amount_usd": 900})
    assert (len(quote.calls), len(pay.calls)) == (1, 0)
    await engine.attach("r").approve()
    await engine.drive("r")
    assert ((await engine.attach("r").result()).status, len(pay.calls)) == ("completed", 1)


async def test_a_dry_run_that_fails_is_not_asked_about() -> None:
    """B50: where the dry run fails nobody is asked, and the call is not made."""
    engine, pay, _ = desk(ValueError("no funds"))
    async with engine.start(plan=PAYS) as run:
        result = await run.result()
    error = result.steps["1"].error
    assert error is not None
    assert "its dry run quote failed" in error.message
    assert "no funds" in error.message
    kinds = [record.event.kind for record in await engine.store.load(result.run_id)]
    assert ("approval_requested" in kinds, len(pay.calls)) == (False, 0)


async def test_an_edited_input_is_rehearsed_again() -> None:
    """What is called is what was rehearsed last: an edited input gets its own dry run before the call."""
    engine, pay, quote = desk(1)
    async with engine.start(plan=PAYS, run_id="r", park=True) as run:
        await run.done()
    await engine.attach("r").approve(tool_input={"amount_usd": 700})
    await engine.drive("r")
    assert [call["amount_usd"] for call in quote.calls] == [900, 700]
    assert [call["amount_usd"] for call in pay.calls] == [700]


async def test_a_rehearsed_run_replays() -> None:
    """A replay needs neither the dry run nor a person: event for event as it was."""
    engine, _, quote = desk(1)
    async with engine.start(plan=PAYS, run_id="r", park=True) as run:
        await run.done()
    await engine.attach("r").approve()
    await engine.drive("r")
    before = await engine.store.load("r")
    replayed = [item async for item in engine.replay(before)]
    assert [item.event.kind for item in replayed if hasattr(item, "event")] == [r.event.kind for r in before]
    assert len(quote.calls) == 2


async def test_a_dear_plan_is_asked_about_first() -> None:
    """A plan that is expected to cost more than approvals.over_usd waits for a person, who is told what it costs."""
    dear = FakeTool("dear", 1, effects="effectful", expected_usd=0.75, input_schema={"type": "object"})
    engine = engine_of(dear)
    started = {"over_usd": 1.0}
    approvals = engine.settings.approvals.model_copy(update=started)
    engine.settings = engine.settings.model_copy(update={"approvals": approvals})
    async with engine.start(plan=plan_of(step("1", "dear"), step("2", "dear")), run_id="r", park=True) as run:
        await run.done()
    (asked,) = await engine.attach("r").pending()
    assert (asked.subject, asked.expected_usd, len(dear.calls)) == ("plan", 1.5, 0)
    assert asked.reason == "the plan costs about $1.5, above approvals.over_usd 1"
    await engine.attach("r").approve()
    await engine.drive("r")
    assert len(dear.calls) == 2
