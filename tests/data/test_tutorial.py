"""The tutorial's two plans, as published and as the examples hold them, over the tools of examples/finance."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.api import Engine
from engine.planner.formats.loading import load_plan
from schemas.events import LoggedRecord
from schemas.plan import Plan

pytestmark = pytest.mark.anyio
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def finance(tmp_path: Path) -> Iterator[Path]:
    """A copy of the example, without a ledger."""
    path = list(sys.path)
    yield Path(shutil.copytree(EXAMPLES / "finance", tmp_path / "f", ignore=shutil.ignore_patterns("ledger.json*")))
    sys.path[:] = path
    sys.modules.pop("finance_tools", None)


@pytest.fixture(params=["published", "example"])
def source(request: pytest.FixtureRequest, finance: Path) -> Path:
    """Where the plans are read from."""
    return finance if request.param == "example" else request.getfixturevalue("bench_data")


def plan_named(source: Path, name: str) -> Plan:
    """Load a plan as it lies there."""
    own = source / f"{name}.json"
    text = (
        own.read_text() if own.exists() else json.dumps(json.loads((source / "tutorial_plans.json").read_text())[name])
    )
    return load_plan(text)[0]


def ledger(finance: Path) -> list[Any]:
    """What was written."""
    path = finance / "data" / "ledger.json"
    return json.loads(path.read_text()) if path.exists() else []


async def test_the_credit_memo_runs_as_it_is(finance: Path, source: Path) -> None:
    """The published plan, with most inputs left out, runs to its end: the executor model fills them from results."""
    async with Engine(str(finance / "engine.yaml"), environ={}) as engine:
        result = await engine.apply(plan_named(source, "credit_memo"))
    assert (result.status, result.error, result.partial) == ("completed", None, False)
    assert [step.status for step in result.steps.values()] == ["done"] * 6
    assert [filing["fiscal_year"] for filing in result.steps["2"].value["filings"]] == [2021, 2022, 2023]
    assert result.steps["6"].value["headlines"] == ["ACME Corp under investigation after recall of 12,000 units"]
    assert "investigation" in result.answer


async def test_the_credit_memo_keeps_the_plans_order(finance: Path, source: Path) -> None:
    """B25: every step starts only after those it depends on, and what depends on one step alone runs beside others."""
    order: list[tuple[str, str]] = []
    async with Engine(str(finance / "engine.yaml"), environ={}) as engine:

        @engine.on()
        def note(record: LoggedRecord) -> None:
            if record.event.kind == "step_started" or record.event.kind == "step_ended":
                order.append((record.event.kind, record.event.step_id))

        plan = plan_named(source, "credit_memo")
        await engine.apply(plan)
    for step in plan.steps:
        started = order.index(("step_started", step.id))
        assert all(order.index(("step_ended", needed)) < started for needed in step.depends_on)


async def test_a_denied_swap_fails_the_run_and_writes_nothing(finance: Path, source: Path) -> None:
    """B46: without approval the swap is a failed step that names it, and no ledger is written."""
    async with Engine(str(finance / "engine.yaml"), environ={}) as engine:
        result = await engine.apply(plan_named(source, "rebalance"), approve="none")
    assert result.status == "failed"
    assert result.error is not None
    assert "step 6 (execute_swap)" in result.error.message
    assert "6" in result.missing[0]
    assert [result.steps[i].status for i in "12345"] == ["done"] * 5
    assert ledger(finance) == []


async def test_a_rejected_swap_carries_the_persons_reason(finance: Path, source: Path) -> None:
    """B46: the person sees the swaps as they will be sent; the reason of a rejection stands in the result."""
    async with (
        Engine(str(finance / "engine.yaml"), environ={}) as engine,
        engine.start(plan=plan_named(source, "rebalance"), approve="ask") as run,
    ):
        async for item in run.events():
            if isinstance(item, LoggedRecord) and item.event.kind == "approval_requested":
                assert item.event.input is not None
                assert [swap["usd"] for swap in item.event.input["swaps"]] == [7140.0, 5220.0]
                await run.reject(item.event.approval_id, "not this week")
        result = await run.result()
    assert result.status == "failed"
    assert "not this week" in result.answer
    assert ledger(finance) == []


async def test_an_approved_swap_is_simulated_and_written_once(finance: Path, source: Path) -> None:
    """B46: approved, the swaps are written to the ledger once, after their simulation went through."""
    async with (
        Engine(str(finance / "engine.yaml"), environ={}) as engine,
        engine.start(plan=plan_named(source, "rebalance"), approve="ask") as run,
    ):
        async for item in run.events():
            if isinstance(item, LoggedRecord) and item.event.kind == "approval_requested":
                assert ledger(finance) == []
                await run.approve(item.event.approval_id)
        result = await run.result()
    assert (result.status, result.steps["6"].value["executed"], result.steps["6"].attempts) == ("completed", 2, 1)
    (entry,) = ledger(finance)
    assert entry["key"] == f"{result.run_id}:6"
    assert sum(swap["usd"] for swap in entry["swaps"]) == pytest.approx(12_360)


async def test_a_failed_simulation_blocks_the_swap(finance: Path, source: Path) -> None:
    """B50: the dry run is called first, and its failure keeps the real call from being made."""
    plan = plan_named(source, "rebalance")
    hasty = plan.steps[-1].model_copy(
        update={"depends_on": (), "tool_input": {"swaps": [{"sell": "GOLD", "buy": "BTC", "usd": 10.0}]}}
    )
    async with Engine(str(finance / "engine.yaml"), environ={}) as engine:
        result = await engine.apply(plan.model_copy(update={"steps": (hasty,)}), approve="all")
    assert result.error is not None
    assert "its dry run simulate_swaps failed" in result.error.message
    assert (result.steps["6"].attempts, ledger(finance)) == (0, [])
