"""Scoring plans beside the right ones."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.quality.attempts import Attempt
from benchmarks.quality.plansets import GoldCall, PlanSet
from benchmarks.quality.scores import Score, score

TASK = "Weather in Paris and Rome"
RIGHT = (GoldCall("weather", {"city": "Paris"}), GoldCall("weather", {"city": "Rome"}))
READ = (GoldCall("read_text", {"path": "a.txt"}), GoldCall("shorten", {"text": "{{1.text}}"}))


def step(label: str, tool: str, **arguments: Any) -> dict[str, Any]:
    """A step of a plan."""
    return {"id": label, "tool": tool, "input": arguments, "foreach": None}


def scored(gold: tuple[GoldCall, ...], *steps: dict[str, Any], **told: Any) -> Score:
    """The score of one attempt at one task."""
    plans = PlanSet("one", (), ((TASK, gold),))
    return score(plans, [Attempt("one", 0, TASK, "offline", steps, **told)])


def test_a_right_plan_is_exact_whatever_its_ids() -> None:
    """Tools, edges, argument names and values are right; a reference is to a tool's call, not to an id."""
    found = scored(READ, step("x", "read_text", path="A.txt"), step("y", "shorten", text="{{x.text}}"))
    assert (found.exact, set(found.f1.values()), found.misses) == (1, {1.0}, [])


def test_a_wrong_plan_says_what_is_wrong() -> None:
    """What is too much and what is missing stands under the task."""
    found = scored(READ[:1], step("1", "read_text", path="b.txt"))
    assert (found.f1["tools"], found.f1["values"]) == (1.0, 0.0)
    assert found.misses == [f'{TASK}\n  + values: read_text path "b.txt"\n  - values: read_text path "a.txt"']


def test_every_call_counts() -> None:
    """A tool that is to be called twice is not right when it is called once."""
    found = scored(RIGHT, step("1", "weather", city="Paris"))
    assert found.f1["tools"] == pytest.approx(2 / 3)


def test_a_task_without_a_plan_is_missing() -> None:
    """A refused plan hits nothing, and a tool that it made up counts against it."""
    found = scored(RIGHT, error="plan.schema: no valid plan", unknown=("climate",))
    assert (found.refused, found.unknown, found.exact, found.f1["tools"]) == (1, 1, 0, 0.0)
    assert "+ tools: climate" in found.misses[0]
    assert "no plan: plan.schema" in found.misses[0]


def test_a_task_without_a_tool_counts_when_nothing_is_called() -> None:
    """Where no tool fits, no call is the right plan."""
    found = scored(())
    assert (found.kept_out, found.unfit, found.exact) == (1, 1, 1)


@pytest.mark.parametrize(
    ("given", "exact"),
    [
        ({"city": "san francisco,CA"}, 1),
        ({"city": "SF", "unit": "celsius"}, 1),
        ({"city": "SF", "unit": "kelvin"}, 0),
        ({"city": "Oakland"}, 0),
        ({"unit": "celsius"}, 0),
    ],
)
def test_any_accepted_value_is_right(given: dict[str, str], exact: int) -> None:
    """Where several values are right, each is; what may be left out need not be there."""
    accepts = {"city": ("San Francisco, CA", "SF"), "unit": ("", "celsius")}
    gold = (GoldCall("weather", {"city": "San Francisco, CA", "unit": "celsius"}, accepts=accepts),)
    assert scored(gold, step("1", "weather", **given)).exact == exact


def test_calls_of_one_tool_are_told_apart() -> None:
    """Whatever the order, each step stands beside the call that it makes."""
    gold = tuple(GoldCall("f", {"x": one}, accepts={"x": (one, one + 1)}) for one in (1, 2))
    assert scored(gold, step("1", "f", x=3), step("2", "f", x=1)).exact == 1
    assert scored(gold, step("1", "f", x=3), step("2", "f", x=3)).exact == 0
