"""The map of where a plan is worth it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from benchmarks.orchestration import line, synthetic
from benchmarks.orchestration.runner import Plan, perform, untold
from benchmarks.simulated.profile import PROFILES


def test_no_question_is_wider_than_it_has_steps() -> None:
    """The map has 155 places: every step count up to 20, every width up to 10 that it allows."""
    assert line.places([1, 3], [1, 2, 5]) == [(1, 1), (3, 1), (3, 2)]
    assert len(line.places()) == 155


@pytest.mark.parametrize(("react", "plan", "which"), [(1.0, 1.04, "even"), (1.0, 1.1, "react"), (3.0, 2.0, "plan")])
def test_a_small_difference_is_none(react: float, plan: float, which: str) -> None:
    """Within 5 % neither side is better."""
    assert line.side(react, plan) == which


@pytest.mark.slow
def test_a_chain_is_for_a_plan(tmp_path: Path) -> None:
    """Three look-ups that need each other are faster and cheaper planned; the counts say so, not the clock."""
    profile = replace(PROFILES["plain"], speed=40.0)
    cases = {(3, 1): synthetic.case(3, 1)}
    plan = Plan(list(cases.values()), line.systems(), profile)
    outcomes = anyio.run(lambda: perform(plan, tmp_path, untold))
    found = line.cells(cases, outcomes, profile)
    assert [(one.executor, one.faster, one.better) for one in found] == [
        ("big", "plan", "plan"),
        ("small", "plan", "plan"),
    ]
    assert all(one.auto == "plan" and one.chose_well for one in found)
    assert line.heat(found, "better", "big").splitlines()[1].split() == ["1", "P"]
