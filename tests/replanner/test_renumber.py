"""Ids of a planning reply, as the run gives them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.dag.decide import decide
from engine.dag.refs import Reference, parse
from engine.dag.state import RunState
from engine.replanner.renumber import Renumbering, rename
from schemas.events import PlanRepair, PlanStarted, PlanStep, ReplanStarted, RunStarted, StepEnded
from schemas.plan import Condition, Plan, Step
from schemas.trigger import Trigger
from tests.dag.graphs import TOOLS, done, plan, step


def streaming(*drafts: Step, ended: tuple[str, ...] = ()) -> RunState:
    """A run whose first reply gave these drafts (read-only ones run), and then turned out to be no plan."""
    state = RunState("r", TOOLS)
    for event in (RunStarted(task="t", mode="plan"), PlanStarted()):
        state.apply(event)
    for draft in drafts:
        state.apply(PlanStep(revision=1, step=draft))
        decide(state, state.apply)
    for step_id in ended:
        state.apply(StepEnded(step_id=step_id, result=done()))
    state.apply(PlanRepair(revision=1, attempt=1, errors=("bad",)))
    return state


def ids(given_plan: Plan) -> list[str]:
    return [one.id for one in given_plan.steps]


def test_a_first_plan_keeps_its_ids() -> None:
    """Where nothing was numbered yet, a plan stays as it is."""
    first = plan(step(1), step("x", "look", 1), answer="{{x}}")
    assert Renumbering().plan(first, RunState("r", TOOLS)) == first


def test_ids_are_never_used_again() -> None:
    """A repaired plan that counts from 1 again gets fresh numbers, in every place that names them."""
    state = streaming(step(1, "send"), step(2, "send"))
    again = plan(
        step(1, "search", tool_input={"query": "other"}),
        step(2, "look", 1, tool_input={"a": ["{{1.x}} {{9}}"], "b": r"\{{1}}"}, foreach="{{1.rows}}"),
        step(3, when=[Condition(value="{{2}}", op="eq", to="{{1}}")]),
        answer="so {{3}}",
    )
    found = Renumbering().plan(again, state)
    assert ids(found) == ["3", "4", "5"]
    assert (found.steps[1].depends_on, found.steps[1].foreach) == (("3",), "{{3.rows}}")
    assert found.steps[1].tool_input == {"a": ["{{3.x}} {{9}}"], "b": r"\{{1}}"}
    assert found.steps[2].when == (Condition(value="{{4}}", op="eq", to="{{3}}"),)
    assert found.answer == "so {{5}}"


def test_a_reference_ahead_is_renamed_too() -> None:
    """A step that refers to a later one of its plan is given the later one's new id, never an old step's."""
    state = streaming(step(1, "send"), step(2, "send"))
    found = Renumbering().plan(plan(step(1, tool_input={"x": "{{2}}"}), step(2)), state)
    assert ids(found) == ["3", "4"]
    assert found.steps[0].tool_input == {"x": "{{4}}"}


def test_a_started_read_only_draft_is_adopted() -> None:
    """A read-only draft that runs, or is done, with the same tool and input keeps its id and is not run again."""
    drafts = (step(1, "search", tool_input={"query": "a"}), step(2, "search", tool_input={"query": "b"}))
    state = streaming(*drafts, step(3, "send"), ended=("1",))
    again = plan(drafts[1].model_copy(update={"id": "1"}), step(2, "send"), drafts[0].model_copy(update={"id": "3"}))
    assert ids(Renumbering().plan(again, state)) == ["2", "4", "1"]


def test_two_equal_steps_adopt_one_draft_only() -> None:
    """A draft is adopted once; its twin in the new plan is a step of its own."""
    twin = step(1, "search", tool_input={"query": "a"})
    state = streaming(twin)
    assert ids(Renumbering().plan(plan(twin, twin.model_copy(update={"id": "2"})), state)) == ["1", "2"]


def test_a_changed_draft_is_not_adopted() -> None:
    """With another input, tool or dependency a step is new."""
    state = streaming(step(1, "search", tool_input={"query": "a"}), step(2, tool_input={"x": 1}))
    again = plan(step(1, "search", tool_input={"query": "A"}), step(2, "look", 1, tool_input={"x": 1}))
    assert ids(Renumbering().plan(again, state)) == ["3", "4"]


def test_a_step_handed_on_keeps_its_id_in_the_whole_plan() -> None:
    """What was streamed under an id stands under it in the finished plan."""
    state = streaming(step(1, "send"))
    numbering = Renumbering()
    early = numbering.step(step(1, "look"), state)
    state.apply(PlanStep(revision=1, step=early))
    assert ids(numbering.plan(plan(step(1, "look"), step(2)), state)) == [early.id, "3"]


def test_steps_of_an_accepted_plan_are_not_adopted() -> None:
    """What an accepted plan did stays done under its id; the same call in a new plan is a call of its own."""
    state = streaming(step(1))
    state.apply(ReplanStarted(revision=2, triggers=(Trigger(kind="requested"),), asked_at=3))
    done_before = {step_id for step_id, one in state.graph.steps.items() if one.phase == "ended"}
    assert set(ids(Renumbering().plan(plan(step(1, "send"), step(2, "send")), state))) & done_before == set()


TEXTS = st.lists(
    st.sampled_from(
        ["{{1}}", "{{2.a[0]}}", "{{x}}", r"\{{", "{", "}", "{{", "}}", "text", "{{1.{a: b}}}", "\\", "{{}}"]
    ),
    max_size=6,
).map("".join)


@given(TEXTS)
def test_renaming_changes_ids_only(text: str) -> None:
    """Literals, escapes and paths survive a renaming, and renaming back gives the same reading."""

    def reading(value: Any, swap: dict[str, str]) -> list[Any]:
        return [
            (swap.get(part.step_id, part.step_id), part.path) if isinstance(part, Reference) else part
            for part in parse(value)
        ]

    there = {"1": "71", "2": "1"}
    assert reading(rename(text, there), {}) == reading(text, there)
