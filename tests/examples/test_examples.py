"""The examples: plans as published, run over their tools, and the data they stand on."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.tools.registry import Registry, from_settings
from schemas.errors import ToolFailedError
from schemas.plan import Plan
from schemas.settings import Settings
from tests.tools.context import Context

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def examples(tmp_path: Path) -> Iterator[Path]:
    """A copy of the examples, so that what they write stays out of the tree."""
    path = list(sys.path)
    yield Path(shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=shutil.ignore_patterns("ledger.json*")))
    sys.path[:] = path
    sys.modules.pop("finance_tools", None)


def declared(folder: Path) -> Registry:
    """The tools an example's engine.yaml declares."""
    return from_settings(Settings.model_validate(yaml.safe_load((folder / "engine.yaml").read_text())), folder)


async def run(folder: Path, name: str) -> dict[str, Any]:
    """Run a plan one step after another; a missing argument is the field of that name of a result before it."""
    tools, plan = declared(folder), Plan.model_validate_json((folder / name).read_text())
    results: dict[str, Any] = {}
    for step in plan.steps:
        known = {"company": plan.goal}
        for needed in step.depends_on:
            known |= results[needed]
        missing = [key for key in tools.specs()[step.tool].required if key not in (step.tool_input or {})]
        arguments = {**(step.tool_input or {}), **{key: known[key] for key in missing}}
        results[step.id] = await tools.get(step.tool).call(arguments, Context())
    return results


@pytest.mark.anyio
async def test_the_credit_memo_plan(examples: Path) -> None:
    """Every argument the published plan leaves out is a field of a result it depends on."""
    results = await run(examples / "finance", "credit_memo.json")
    assert results["1"]["ticker"] == "ACME"
    assert [filing["fiscal_year"] for filing in results["2"]["filings"]] == [2021, 2022, 2023]
    assert len(results["5"]["benchmarks"]) == 5
    assert results["6"]["headlines"] == ["ACME Corp under investigation after recall of 12,000 units"]


@pytest.mark.anyio
async def test_the_rebalancing_plan_reaches_its_target(examples: Path) -> None:
    """After the swaps the weights are 60/30/10, and a second run finds nothing to do."""
    first = await run(examples / "finance", "rebalance.json")
    assert first["6"] == {"executed": 2, "total_usd": 12360.0, "ledger": "ledger.json"}
    tools = declared(examples / "finance")
    held = await tools.get("get_balances").call({}, Context())
    prices = (await tools.get("get_prices").call({}, Context()))["prices"]
    values = {asset: amount * prices[asset] for asset, amount in held["balances"].items()}
    weights = [round(100 * value / sum(values.values()), 2) for value in values.values()]
    assert weights == [60, 30, 10]
    assert (await run(examples / "finance", "rebalance.json"))["3"]["swaps"] == []


@pytest.mark.anyio
async def test_the_writing_step_asks_simulates_and_writes_once(examples: Path) -> None:
    """B46: the writing tool needs approval, names its dry run, keeps its limit, and a repeated call writes once."""
    tools = declared(examples / "finance")
    spec, swap = tools.specs()["execute_swap"], {"sell": "USDC", "buy": "BTC", "usd": 50.0}
    assert (spec.effects, spec.asks, spec.simulate) == ("effectful", True, "simulate_swaps")
    for _ in range(2):
        await tools.get("execute_swap").call({"swaps": [swap]}, Context())
    assert len(json.loads((examples / "finance" / "data" / "ledger.json").read_text())) == 1
    with pytest.raises(ToolFailedError, match="outside the limit"):
        await tools.get("execute_swap").call({"swaps": [{**swap, "usd": 10_001}]}, Context())


@pytest.mark.anyio
async def test_too_much_slippage_blocks_the_swap(examples: Path) -> None:
    """A swap that would lose more than the portfolio's rules allow fails the check before the writing step."""
    tools = declared(examples / "finance")
    simulated = await tools.get("simulate_swaps").call(
        {"swaps": [{"sell": "ETH", "buy": "BTC", "usd": 30_000.0}]}, Context()
    )
    with pytest.raises(ToolFailedError, match=r"over 1\.0 %"):
        await tools.get("check_slippage").call({"swaps": simulated["swaps"]}, Context())


@pytest.mark.parametrize("name", ["credit_memo", "rebalance"])
def test_the_plans_are_as_published(name: str, bench_data: Path) -> None:
    """The plan files hold the published steps, unchanged."""
    published = json.loads((bench_data / "tutorial_plans.json").read_text())[name]
    ours = json.loads((EXAMPLES / "finance" / f"{name}.json").read_text())
    assert (ours["goal"], ours["steps"]) == (published["goal"], published["steps"])


def test_balance_sheets_balance() -> None:
    """In every filing assets are liabilities plus equity: a slip in a copied figure would show."""
    with (EXAMPLES / "finance" / "data" / "filings.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    for row in rows:
        assert int(row["total_assets"]) == int(row["total_liabilities"]) + int(row["equity"]), row


@pytest.mark.anyio
async def test_the_sales_query(examples: Path) -> None:
    """The query of the sales example gives revenue by region."""
    tasks = (examples / "sales" / "tasks.txt").read_text()
    sql = next(line for line in tasks.splitlines() if "SELECT" in line).split('"')[1]
    found = await declared(examples / "sales").get("query_table").call({"sql": sql}, Context())
    assert [row["region"] for row in found["rows"]] == ["south", "north", "west"]


def test_the_readme_names_files_that_are_there() -> None:
    """Every file the table of commands mentions exists."""
    text = (EXAMPLES / "README.md").read_text()
    for name in ("finance/credit_memo.json", "finance/rebalance.json", "sales/tasks.txt"):
        assert Path(name).name in text
        assert (EXAMPLES / name).is_file()
