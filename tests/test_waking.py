"""Runs that wait for a budget go on once it is granted."""

from __future__ import annotations

from typing import Any

import pytest

from engine.durable.memory import MemoryLog
from engine.waking import wake
from schemas.driving import PlanningPostponed, RunParked, StepPostponed, TimeCame
from schemas.events import RunLimits, RunStarted
from schemas.gateway import BudgetRule, GatewaySettings
from tests.runs import FakeTool, engine_of, virtually

FAR = 4_000_000_000.0


def test_b80_a_run_goes_on_once_its_budget_is_resumed() -> None:
    """B80: a run parked for a paused budget goes on when that is resumed by hand, before its next period."""

    async def main() -> tuple[list[str], str, str]:
        rule = BudgetRule(of="all", tokens=1_000_000, per="month")
        script: list[Any] = [{"steps": [{"look": {}}]}, "seen it"]
        engine = engine_of(FakeTool("look", "seen"), script=script, gateway=GatewaySettings(budgets=(rule,)))
        ledger = engine.gateway.ledger
        await ledger.open("all@month", {"tokens": 1_000_000}, period="month")
        await ledger.settle(await ledger.reserve(["all@month"], {"tokens": 999_999}), {})
        async with engine.start("do 5 things", mode="plan", park=True) as run:
            await run.done()
        await ledger.resume("all@month")
        woken = await wake(engine.store, "all")
        queued = (await engine.store.summary(run.run_id)).status
        assert woken == [run.run_id]
        return woken, queued, (await engine.drive(run.run_id)).status

    _, queued, ended = virtually(main)
    assert (queued, ended) == ("queued", "completed")


@pytest.mark.parametrize(
    ("reasons", "woken"),
    [
        (["agent:writer is paused: all of it is spent"], 1),
        (["agent:other is paused: all of it is spent"], 0),
        (["agent:writer is paused: …", "the service asks for patience"], 0),
    ],
)
def test_what_waits_for_something_else_is_left(reasons: list[str], woken: int) -> None:
    """Another budget's runs, and those that wait for more than the budget, keep their time; nobody is woken twice."""

    async def main() -> int:
        store = MemoryLog()
        started = RunStarted(task="t", mode="plan", limits=RunLimits(), approve="none")
        waits = [StepPostponed(step_id=str(at), until=FAR, reason=reason) for at, reason in enumerate(reasons)]
        await store.append("r", 0, [started, *waits, RunParked(reason="rate_limit", until=FAR)])
        found = len(await wake(store, "agent:writer"))
        return found + len(await wake(store, "agent:writer"))

    assert virtually(main) == woken


def test_a_run_whose_planner_waits_is_woken_by_its_time() -> None:
    """What is written is the time it waited for, so that whoever drives it asks again at once."""

    async def main() -> Any:
        store = MemoryLog()
        started = RunStarted(task="t", mode="plan", limits=RunLimits(), approve="none")
        put_off = PlanningPostponed(role="planner", until=FAR, reason="key:k1 is paused: …")
        await store.append("r", 0, [started, put_off, RunParked(reason="rate_limit", until=FAR)])
        await wake(store, "key:k1")
        return (await store.load("r"))[-1].event

    assert virtually(main) == TimeCame(until=FAR)
