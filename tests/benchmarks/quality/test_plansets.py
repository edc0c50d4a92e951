"""Tasks with their right plans."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.quality.plansets import PlanSet, own_sets, public_sets

REFERENCE = "{{"


@pytest.mark.parametrize("plans", own_sets(), ids=lambda one: one.name)
def test_gold_plans_keep_to_their_catalogue(plans: PlanSet) -> None:
    """Every right call names a tool of the set, gives each required argument and none that is unknown."""
    tools = {tool.name: tool for tool in plans.tools}
    for task, calls in plans.tasks:
        for call in calls:
            given = set(call.arguments or {})
            assert set(tools[call.tool].required) <= given <= set(tools[call.tool].parameters), task


def test_forty_tasks_are_chinese() -> None:
    """The sets of our own hold 40 Chinese tasks, and English ones in two halves of 30."""
    sizes = {plans.name: len(plans.tasks) for plans in own_sets()}
    assert sizes["chinese"] + sizes["chinese mixed"] == 40
    assert sizes["english tuned"] == sizes["english kept"] == 30


def test_random_names_change_nothing_else(bench_data: Path) -> None:
    """Renamed, a set has other tool names, the same ones in its plans, and the same descriptions."""
    plans, renamed, _ = public_sets(bench_data)
    assert not {tool.name for tool in plans.tools} & {tool.name for tool in renamed.tools}
    assert [tool.description for tool in plans.tools] == [tool.description for tool in renamed.tools]
    assert [len(calls) for _, calls in plans.tasks] == [len(calls) for _, calls in renamed.tasks]


def test_public_plans_refer_as_ours_do(bench_data: Path) -> None:
    """The labels of NESTFUL's calls are read as references by number."""
    plans = public_sets(bench_data)[0]
    texts = [str(value) for _, calls in plans.tasks for call in calls for value in (call.arguments or {}).values()]
    assert any(text.startswith("{{1.") for text in texts)
    assert not any("$var" in text for text in texts)
