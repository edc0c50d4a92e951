"""Conversations over stateful environments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from benchmarks.orchestration import bfcl
from benchmarks.orchestration.ours import Ours
from benchmarks.orchestration.outcome import Outcome
from benchmarks.orchestration.runner import Plan, perform
from benchmarks.simulated.profile import PROFILES
from tests.benchmarks.orchestration.plans import problems

pytestmark = pytest.mark.slow
FAST = replace(PROFILES["plain"], speed=40)


def performed(folder: Path, suite: str, *systems: str) -> list[Outcome]:
    """What came of every fifth conversation."""
    plan = Plan(bfcl.cases(suite, folder)[::5], [Ours(name) for name in systems], FAST)
    return anyio.run(perform, plan, folder, lambda *_: None)


def test_right_plans_pass_the_plan_check() -> None:
    """The engine's own check finds nothing wrong with any of the 200 plans."""
    cases = bfcl.cases("bfcl", Path())
    assert len(cases) == 200
    assert {case.name: found for case in cases if (found := problems(case))} == {}


def test_with_hazards_every_final_state_is_right(tmp_path: Path) -> None:
    """By a plan whose calls run side by side, and by turns with parallel calls."""
    outcomes = performed(tmp_path, "bfcl", "plan", "react-parallel")
    assert [(one.system, one.case, one.reason) for one in outcomes if not one.right] == []
    assert max(one.peak_parallel for one in outcomes if one.system == "plan") > 1


def test_without_hazards_the_same_plans_go_wrong(tmp_path: Path) -> None:
    """Tools that declare nothing are called in any order: what comes of that is seen, and said."""
    wrong = [one for one in performed(tmp_path, "bfcl-blind", "plan") if not one.right]
    assert len(wrong) >= 8
    assert all(one.reason.startswith("not as it should be: ") for one in wrong)
