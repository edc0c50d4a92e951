"""The finance and operations suites."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from benchmarks.orchestration import own
from benchmarks.orchestration.case import Case
from benchmarks.orchestration.ours import Ours
from benchmarks.orchestration.runner import Plan, perform
from benchmarks.simulated.oracle import Asked, Turn, plan
from benchmarks.simulated.profile import PROFILES
from tests.benchmarks.orchestration.plans import problems

CASES = [case for suite in own.named() for case in own.cases(suite, Path())]
FAST = replace(PROFILES["plain"], speed=200)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_right_plan_passes_the_plan_check(case: Case) -> None:
    """The engine's own check finds nothing wrong with it, fields of results and their types included."""
    assert problems(case) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_right_answer_is_right(case: Case) -> None:
    """The oracle's answer holds what is expected of an answer, and one without results does not."""
    assert case.right(case.told())
    assert not case.right("I do not know.")


def test_the_suites_are_varied() -> None:
    """Twelve cases at least of 3 to 25 steps, some with approval, some whose answer somebody has to word."""
    assert len(CASES) >= 12
    assert min(len(case.steps) for case in CASES) == 3
    assert 20 <= max(len(case.steps) for case in CASES) <= 25
    assert {bool(case.approves) for case in CASES} == {case.templated for case in CASES} == {True, False}
    assert all(case.tool(name).effects == "effectful" for case in CASES for name in case.approves)


@pytest.mark.parametrize(("name", "lists"), [("compliance_check", 1), ("incident_triage", 1), ("access_review", 2)])
def test_what_nobody_can_count_beforehand_is_one_step_for_each_item(name: str, lists: int) -> None:
    """A plan does not know how many owners, services or accounts there will be: it says ``foreach``."""
    case = next(case for case in CASES if case.id == name)
    items = json.loads(plan(case, Asked("planner", (Turn("user", "<first_id>1</first_id>"),))).text)["steps"]
    assert [item["foreach"].startswith("{{") for item in items if "foreach" in item] == [True] * lists
    assert len(items) == len(case.items()) + 1 < len(case.steps) + 1
    assert "[0]" not in json.dumps(items)


def test_all_results_of_a_foreach_are_taken_together() -> None:
    """By a plan as one reference; by turns as the values that came, in the order of the items."""
    case = next(case for case in CASES if case.id == "compliance_check")
    rate = next(step for step in case.steps if step.tool == "rate_risk")
    assert rate.planned is not None
    assert rate.planned["owner_matches"] == "{{5[*].matches}}"
    assert (rate.needs, case.resolved(rate)["owner_matches"]) == (("1", "3", "5a", "5b", "4"), [0, 1])
    assert [[step.id for step in steps] for steps in case.items()][4:6] == [["5a", "5b"], ["6"]]


@pytest.mark.slow
def test_every_case_comes_to_its_right_answer(tmp_path: Path) -> None:
    """By a plan, and by turns with parallel calls: each call once, in an order that what it needs allows."""
    made = Plan(CASES, (Ours("plan"), Ours("react-parallel")), FAST)
    outcomes = anyio.run(perform, made, tmp_path, lambda *_: None)
    assert [(one.system, one.case, one.reason) for one in outcomes if not one.right] == []
    steps = {case.name: len(case.steps) for case in CASES}
    assert all(one.tool_calls == steps[f"{one.suite}/{one.case}"] for one in outcomes)
