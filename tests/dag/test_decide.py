"""What follows from a run's state, without an event loop."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dag.decide import decide
from engine.dag.state import RunState
from schemas.events import ModelCalled, PlanStarted, PlanStep, RunStarted
from schemas.plan import Condition, Step
from schemas.result import StepResult, Usage
from schemas.tool import ToolSpec
from tests.dag.graphs import FAILED, TOOLS, World, done, step


def test_a_chain_starts_in_order() -> None:
    """B25: a→b→c starts exactly in that order, each when the one before has ended, however the plan lists them."""
    world = World([step("c", "look", "b"), step("a"), step("b", "look", "a")])
    assert world.started == ["a"]
    assert (world.end("a"), world.end("b"), world.end("c")) == (["b"], ["c"], [])


def test_a_join_runs_once_after_all() -> None:
    """B26: The join of an uneven diamond a→{b, d}, b→c→d starts once, after both a and c."""
    world = World([step("a"), step("b", "look", "a"), step("c", "look", "b"), step("d", "look", "a", "c")])
    assert [world.end("a"), world.end("b"), world.end("c"), world.end("d")] == [["b"], ["c"], ["d"], []]
    assert world.started == ["a", "b", "c", "d"]


def test_a_fast_branch_does_not_wait_for_a_slow_sibling() -> None:
    """B27: The successor of a fast branch starts at once, though a sibling of its level still runs."""
    world = World([step("slow"), step("fast"), step("next", "look", "fast"), step("join", "look", "slow", "next")])
    assert world.end("fast") == ["next"]
    assert world.end("next") == []
    assert world.end("slow") == ["join"]


def test_a_foreach_gives_results_in_item_order() -> None:
    """B31: A foreach starts one instance an item, under the cap, and gives the results in item order."""
    steps = [step(1), step(2, tool_input={"x": "{{item.n}}"}, foreach="{{1}}"), step(3, tool_input={"all": "{{2}}"})]
    world = World(steps, max_parallel=2)
    world.end("1", done([{"n": 10}, {"n": 20}, {"n": 30}]))
    assert world.running == ["2[0]", "2[1]"]
    assert [world.inputs[i] for i in world.running] == [{"x": 10}, {"x": 20}]
    for step_id, value in (("2[1]", "b"), ("2[2]", "c"), ("2[0]", "a")):
        world.end(step_id, done(value))
    assert world.inputs["3"] == {"all": ["a", "b", "c"]}
    assert world.most_at_once == 2


def test_a_foreach_over_nothing_is_done() -> None:
    """B31: A foreach over an empty list is done with an empty list, and what needs it runs."""
    world = World([step(1, foreach=[], tool_input={"x": "{{item}}"}), step(2, tool_input={"x": "{{1}}"})])
    assert world.ended["1"].status == "done"
    assert world.inputs == {"2": {"x": []}}


@pytest.mark.parametrize(("items", "told"), [("abc", "no list but str"), (list(range(6)), "6 items, at most 5")])
def test_a_foreach_over_what_it_cannot_take_fails(items: Any, told: str) -> None:
    """B31: A foreach over no list, or over more than max_items, is a failed step that says so; nothing is called."""
    world = World([step(1), step(2, foreach="{{1}}", max_items=5)])
    assert world.end("1", done(items)) == []
    error = world.ended["2"].error
    assert error is not None
    assert told in error.message


@pytest.mark.parametrize(("count", "calls"), [(4, 4), (5, 0)])
def test_a_foreach_beyond_the_budget_does_not_begin(count: int, calls: int) -> None:
    """B31: Items that would cost more than what is left of the run's budget fail the step before the first call."""
    dear = {**TOOLS, "dear": ToolSpec(name="dear", effects="none", expected_usd=0.05)}
    world = World([step(1), step(2, "dear", foreach="{{1}}")], tools=dear, budget_usd=0.5)
    world.take(ModelCalled(role="planner", model="m", usage=Usage(calls=1, cost_usd=0.3)))
    assert len(world.end("1", done(list(range(count))))) == calls
    error = world.ended["2"].error if "2" in world.ended else None
    assert (error.message if error else "") == (
        ""
        if calls
        else "step 2: foreach gives 5 items at about $0.05 a call of dear, $0.25 together,"
        " but $0.2 of the run's $0.5 are left"
    )
    assert error is None or error.code == "budget.cost"


def test_a_failed_item_fails_the_foreach() -> None:
    """One failed item fails the foreach with its index, after the others have ended."""
    world = World([step(1, foreach=[1, 2]), step(2, "look", 1)])
    world.end("1[1]", FAILED)
    world.end("1[0]")
    assert world.finish().statuses == {"1[1]": "failed", "1[0]": "done", "1": "failed", "2": "skipped"}
    error = world.ended["1"].error
    assert error is not None
    assert error.message == "1 of 2 items failed, first item 1: no"


def branching(*rest: Step) -> list[Step]:
    yes = [Condition(value="{{1.ok}}", op="eq", to=True)]
    no = [Condition(value="{{1.ok}}", op="eq", to=False)]
    return [step(1), step("yes", when=yes), step("no", when=no), *rest]


def test_only_the_branch_whose_condition_holds_runs() -> None:
    """B21: The branch whose condition holds runs; the other is skipped, and with it what depends on it alone."""
    world = World(branching(step("after", "look", "no"), step("last", "look", "after")))
    assert world.end("1", done({"ok": True})) == ["yes"]
    assert world.finish().statuses == {
        "1": "done",
        "no": "skipped",
        "after": "skipped",
        "last": "skipped",
        "yes": "done",
    }
    assert world.ended["no"].reason == "its condition does not hold: {{1.ok}} eq false"


def test_a_join_of_two_branches_reads_the_skipped_one_as_null() -> None:
    """B21: What depends on a skipped and on a done step runs, and every path into the skipped one is null."""
    world = World(branching(step("join", tool_input={"a": "{{yes.text}}", "b": "{{no.rows[0].text}}"})))
    world.end("1", done({"ok": False}))
    world.end("no", done({"rows": [{"text": "x"}]}))
    assert world.inputs["join"] == {"a": None, "b": "x"}


def test_a_condition_that_cannot_be_evaluated_fails_the_step() -> None:
    """A condition over values that turn out not to compare is a failed step; the tool is not called."""
    world = World([step(1), step(2, when=[Condition(value="{{1}}", op="lt", to=3)])])
    assert world.end("1", done("many")) == []
    error = world.ended["2"].error
    assert error is not None
    assert error.code == "step.input"


def test_an_absent_path_fails_the_step() -> None:
    """B22: A path absent in the result fails the step that wants it, naming path and keys; the tool is not called."""
    world = World([step(1), step(2, tool_input={"x": "{{1.rows[0].price}}"}), step(3, tool_input={"x": "{{1.n}}"})])
    assert world.end("1", done({"rows": [{"cost": 2}], "n": 5})) == ["3"]
    assert world.inputs["3"] == {"x": 5}
    error = world.ended["2"].error
    assert error is not None
    assert "{{1.rows[0].price}}" in error.message
    assert "keys there: cost" in error.message


def test_a_cap_is_kept_and_used_up() -> None:
    """Of twenty ready steps under a cap of four, four run at any time until all have run."""
    world = World([step(i) for i in range(20)], max_parallel=4)
    assert len(world.running) == 4
    assert len(world.finish().statuses) == 20
    assert world.most_at_once == 4


def test_effects_wait_for_the_whole_plan() -> None:
    """While a plan streams, read-only steps start at once, and steps with effects are held."""
    state = RunState("r", TOOLS)
    started: list[str] = []

    def take(event: Any) -> None:
        state.apply(event)
        if event.kind == "step_started":
            started.append(event.step_id)

    for event in (RunStarted(task="t", mode="plan"), PlanStarted()):
        take(event)
    for drafted in (step(1), step(2, "write", tool_input={"path": "a"}), step(3, "look", 1)):
        take(PlanStep(revision=1, step=drafted))
        decide(state, take)
    assert started == ["1"]


def test_a_plan_edited_against_its_own_order_still_runs() -> None:
    """Drafts turned round by an edit, both writing one file, run as the edited plan says and do not lock up."""
    path = {"tool_input": {"path": "a"}}
    drafts = [PlanStep(revision=1, step=step(i, "write", **path)) for i in (1, 2)]
    world = World([step(1, "write", 2, **path), step(2, "write", **path)], drafts=drafts)
    assert world.started == ["2"]
    assert world.end("2") == ["1"]


def test_a_draft_that_gained_an_input_waits_for_it() -> None:
    """A draft that was ready but found no slot, and then is changed to need another step, waits for that step."""
    drafts = [PlanStep(revision=1, step=step(i)) for i in (1, 2, 3)]
    edited = [step(1), step(2, tool_input={"x": "{{3.n}}"}), step(3)]
    world = World(edited, max_parallel=1, drafts=drafts, eager=True)
    world.end("1")
    assert world.running == ["3"]
    assert world.end("3", done({"n": 7})) == ["2"]
    assert world.inputs["2"] == {"x": 7}


@given(st.data(), st.integers(1, 20), st.sampled_from([None, 1, 3]))
def test_any_plan_runs_every_step_once_after_its_inputs(data: st.DataObject, size: int, cap: int | None) -> None:
    """Whatever the shape, the outcomes and the cap: each step ends once, after what it needs, and none over the cap."""
    steps = [
        step(i, data.draw(st.sampled_from(["look", "send"])), *data.draw(st.sets(st.integers(0, i - 1), max_size=3)))
        if i
        else step(0)
        for i in range(size)
    ]
    world = World(steps, max_parallel=cap)
    while world.running:
        at = data.draw(st.sampled_from(world.running))
        world.end(at, data.draw(st.sampled_from([done(), done(), FAILED, StepResult(status="cancelled")])))
    world.finish()
    assert sorted(world.ended, key=int) == [one.id for one in steps]
    assert len(world.started) == len(set(world.started))
    for one in steps:
        if one.id in world.started:
            assert all(world.statuses[needed] == "done" for needed in one.depends_on)
        else:
            assert any(world.statuses[needed] != "done" for needed in one.depends_on)
    assert cap is None or world.most_at_once <= cap
