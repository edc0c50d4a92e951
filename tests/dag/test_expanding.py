"""A foreach whose calls together cost much: somebody is asked once, and agrees to all, to the first few, or to none."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from engine.api import Engine
from engine.testing import FakeTool
from schemas.errors import ToolArgumentsError
from tests.runs import Run, engine_of, plan_of, step

pytestmark = pytest.mark.anyio
PLAN = plan_of(step("1", "rows"), step("2", "buy", "1", tool_input={"of": "{{item}}"}, foreach="{{1}}"), answer="{{2}}")
OF = {"type": "object", "properties": {"of": {"type": "integer"}}, "required": ["of"]}


def shop(over_usd: float = 3, usd: float = 1.0, **spec: Any) -> tuple[Engine, FakeTool]:
    """An engine whose one tool gives five rows, and whose other costs money."""
    buy = FakeTool("buy", lambda given: given["of"], expected_usd=usd, effects="idempotent", input_schema=OF, **spec)
    return engine_of(FakeTool("rows", lambda _: [1, 2, 3, 4, 5]), buy, approvals={"over_usd": over_usd}), buy


async def answered(engine: Engine, decision: Any, *, first: str = "", **how: Any) -> tuple[Run, list[Any]]:
    """Run, answer the first thing that is asked, and return the run and all that was asked; it plays again."""
    async with engine.start(plan=PLAN) as run:
        while not (asked := await run.pending()) or asked[0].subject == first:
            await anyio.sleep(0.005)
            if asked:
                await run.approve()
        assert asked[0].step_id == "2"
        await run.answer(None, decision, **how)
        result = await run.result()
    records = await engine.store.load(run.run_id)
    async for _ in engine.replay(records):
        pass
    return Run(result, records, 0.0), [r.event for r in records if r.event.kind == "approval_requested"]


async def test_all_calls_are_asked_about_once() -> None:
    """Five calls at $1 above $3 are one question with their number, list and sum; agreed to, all are made."""
    engine, buy = shop()
    run, (asked,) = await answered(engine, "approve")
    assert asked.reason == "5 calls cost about $5, above approvals.over_usd 3"
    assert (asked.expected_usd, asked.input) == (5.0, {"calls": 5, "items": [1, 2, 3, 4, 5]})
    assert (run.result.status, len(buy.calls)) == ("completed", 5)


async def test_what_is_agreed_as_a_whole_is_not_asked_of_each() -> None:
    """Where each call alone is dear, the plan is asked about by one of them, then all together; none by itself."""
    engine, buy = shop(over_usd=0.5)
    _, asked = await answered(engine, "approve", first="plan")
    assert ([one.subject for one in asked], len(buy.calls)) == (["plan", "step"], 5)


async def test_the_first_few_may_be_agreed_to() -> None:
    """Edited to fewer calls, only the first of the list are made."""
    engine, buy = shop()
    run, _ = await answered(engine, "edit", tool_input={"calls": 2})
    assert (run.result.steps["2"].value, len(buy.calls)) == ([1, 2], 2)


@pytest.mark.parametrize("edited", [{"calls": 0}, {"calls": 6}, {"calls": 2, "items": [9]}, {"of": 1}])
async def test_an_edit_that_is_none(edited: dict[str, Any]) -> None:
    """More calls, none, or another list are no edit of the question: nothing is decided."""
    engine, buy = shop()
    with pytest.raises(ToolArgumentsError):
        await answered(engine, "edit", tool_input=edited)
    assert not buy.calls


async def test_none_may_be_agreed_to() -> None:
    """Refused, no call is made, and the step says why."""
    engine, buy = shop()
    run, _ = await answered(engine, "reject", reason="too dear")
    assert (run.result.status, len(buy.calls)) == ("failed", 0)
    assert "too dear" in run.result.missing[0]


async def test_cheap_ones_are_not_asked_about() -> None:
    """Calls whose sum stays below run as they are; so do those of a tool whose policy is never."""
    for engine, buy in (shop(over_usd=5), shop(approval="never")):
        async with engine.start(plan=PLAN) as run:
            assert (await run.result()).status == "completed"
        assert len(buy.calls) == 5


async def test_it_waits_over_a_restart() -> None:
    """A run that is taken over while it waits asks the same, and goes on with the answer."""
    engine, buy = shop()
    run_id = await engine.submit(plan=PLAN)
    await engine.drive(run_id)
    (asked,) = await engine.attach(run_id).pending()
    await engine.attach(run_id).answer(asked.approval_id, "edit", tool_input={"calls": 3})
    assert (await engine.drive(run_id)).status == "completed"
    assert len(buy.calls) == 3
