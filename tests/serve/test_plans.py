"""What a plan would take, told before somebody decides on it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from engine.testing import FakeTool, ScriptedProvider
from tests.runs import engine_of
from tests.serve.serving import Served, served

ANY = {"type": "object"}
PLAN = {
    "goal": "g",
    "steps": [
        {"id": "1", "tool": "look", "tool_input": {}},
        {"id": "2", "tool": "send", "tool_input": {"to": "a"}},
        {"id": "3", "tool": "send", "tool_input": {"to": "{{1}}"}, "depends_on": ["1"]},
        {"id": "4", "tool": "pay", "tool_input": {"amount": "{{1}}"}},
    ],
}


def make() -> Any:
    """An engine with tools whose seconds and costs are declared."""
    tools = (
        FakeTool("look", 1, expected_s=4.0, expected_usd=0.25, input_schema=ANY),
        FakeTool("send", 1, approval="always", effects="effectful", expected_s=2.0, input_schema=ANY),
        FakeTool("pay", 1, approval={"rule": "amount > 5"}, effects="effectful", input_schema=ANY),
    )
    return engine_of(*tools, provider=ScriptedProvider(lambda _: "words"))


@pytest.fixture(scope="module")
def here() -> Generator[Served]:
    with served(make) as found:
        found.post("", {"plan": PLAN, "run_id": "waits", "approve": "plan", "wait": True})
        found.post("", {"plan": PLAN, "run_id": "asks", "wait": True})
        yield found


def test_the_plan_that_waits_is_estimated(here: Served) -> None:
    """B49: Seconds along its longest chain, money of all its calls, the model call that writes the answer."""
    told = here.post("/waits/estimate", {}, 200)
    assert (told["cost_usd"], told["model_calls"], told["steps_guessed"]) == (0.25, 1, 1)
    assert 6.0 < told["duration_s"] < 20.0


def test_what_changes_something_and_what_is_asked_again_is_told(here: Served) -> None:
    """B49: A call agreed to with its plan is not asked about again; one whose input is not known yet is, or may be."""
    for run_id, sure in (("waits", ""), ("asks", "always")):
        steps = here.post(f"/{run_id}/estimate", {}, 200)["steps"]
        assert [step["effects"] for step in steps] == ["none", "effectful", "effectful", "effectful"]
        assert [step["asks"] for step in steps] == ["", sure, "always", "rule"]


def test_a_plan_that_a_person_edited_is_estimated_or_refused(here: Served) -> None:
    """B49: An edited plan is told what it would take; one that cannot run, what is wrong with it and where."""
    fewer = here.post("/waits/estimate", {"plan": {**PLAN, "steps": PLAN["steps"][:1], "answer": "x"}}, 200)
    assert (len(fewer["steps"]), fewer["model_calls"], fewer["duration_s"]) == (1, 0, 4.0)
    wrong = here.post("/waits/estimate", {"plan": {"goal": "g", "steps": [{"id": "1", "tool": "lok"}]}}, 422)
    assert "'lok'" in wrong["error"]["message"]


def test_a_run_without_a_plan_says_so(here: Served) -> None:
    """Where nothing was planned there is nothing to estimate."""
    here.post("", {"task": "hello", "mode": "direct", "run_id": "direct", "wait": True})
    assert here.post("/direct/estimate", {}, 409)["error"]["message"] == "run direct has no plan yet"
