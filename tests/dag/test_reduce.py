"""Several steps that feed one value: what each reducer makes of them, in which order, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dag.build import check_plan
from engine.dag.reduce import merge
from engine.dag.render import edges, to_dot, to_mermaid
from schemas.errors import StepInputError
from schemas.plan import Step
from schemas.tool import ToolSpec
from tests.dag.graphs import FAILED, TOOLS, World, done, plan, step


def reduce(step_id: int | str, *values: Any, **settings: Any) -> Step:
    """A step that merges."""
    return step(step_id, "reduce", tool_input={"values": list(values), **settings})


def fed(*values: Any) -> list[tuple[str, Any]]:
    """Values of the steps 1, 2, 3 …"""
    return [(f"step {number}", value) for number, value in enumerate(values, 1)]


@pytest.mark.parametrize(
    ("values", "by", "key", "merged"),
    [
        (["a", ["b", "c"], {"d": 1}, None], "append", None, ["a", "b", "c", {"d": 1}, None]),
        ([1, [2], "last"], "overwrite", None, "last"),
        ([1, 2, 3], "add", None, 6),
        ([0.1, 0.2, 0.3, 1e16, -1e16], "add", None, 0.6),
        ([{"a": 1, "b": {"c": 1}}, {"a": 2, "b": {"c": 3, "d": 4}}], "add", None, {"a": 3, "b": {"c": 4, "d": 4}}),
        ([{"a": 1, "b": 1}, {"b": 2}], "key", None, {"a": 1, "b": 2}),
        (
            [[{"id": 1, "n": "old"}, {"id": 2}], {"id": 1, "n": "new"}, [{"id": "1"}]],
            "key",
            "id",
            [{"id": 1, "n": "new"}, {"id": 2}, {"id": "1"}],
        ),
    ],
)
def test_each_reducer(values: list[Any], by: str, key: str | None, merged: Any) -> None:
    """B82: append joins lists, overwrite takes the last, add sums fields too, key lets the later win in its place."""
    assert merge(fed(*values), by, key) == merged


REFUSED: list[tuple[list[Any], str, str | None, str]] = [
    ([1, "x"], "add", None, "step 2 gave a text"),
    ([1, True], "add", None, "step 2 gave true or false"),
    ([{"a": {"b": 1}}, {"a": {"b": []}}], "add", None, "step 2 gave a list at a.b"),
    ([1e308, 1e308], "add", None, "too large"),
    ([{}, []], "key", None, "step 2 gave a list"),
    ([[{"id": 1}], [{"no": 1}]], "key", "id", "step 2 is one without it"),
    ([[{"id": [1]}]], "key", "id", "no plain value"),
    ([[3]], "key", "id", "step 1 gave a number"),
    ([1], "sum", None, "no reducer 'sum'"),
]


@pytest.mark.parametrize(("values", "by", "key", "told"), REFUSED)
def test_what_a_reducer_cannot_take(values: list[Any], by: str, key: str | None, told: str) -> None:
    """B82: a value that a reducer cannot take is an error that names the step it came from and what it is."""
    with pytest.raises(StepInputError, match=told):
        merge(fed(*values), by, key)


@given(st.permutations(["1", "2", "3", "4"]), st.sampled_from(["append", "overwrite", "add", "key"]))
def test_the_order_of_completion_changes_nothing(order: list[str], by: str) -> None:
    """B82: whichever feeder ends first, and however the references are listed, values merge in the plan's order."""
    feeders = [step(number) for number in (1, 2, 3, 4)]
    world = World(
        [*feeders, reduce("all", "{{3}}", "{{1}}", "{{4}}", "{{2}}", by=by), step(6, tool_input={"x": "{{all}}"})]
    )
    for step_id in order:
        world.end(step_id, done({step_id: int(step_id), "last": 10 ** int(step_id)}))
    each = [{number: int(number), "last": 10 ** int(number)} for number in ("1", "2", "3", "4")]
    assert world.inputs["6"]["x"] == merge(fed(*each), by)


def test_nothing_is_called_and_nothing_stored_twice() -> None:
    """B82: the scheduler merges by itself: no step starts for it, and its event carries no copy of the values."""
    world = World([step(1), reduce(2, "{{1.rows}}", "{{1.more}}")])
    assert world.end("1", done({"rows": [1, 2], "more": 3})) == []
    assert (world.ended["2"].status, world.ended["2"].value) == ("done", None)
    assert world.state.graph.values["2"] == [1, 2, 3]


def test_a_skipped_feeder_is_absent() -> None:
    """B82: a skipped feeder leaves no null behind; when all are skipped, so is the merge and what needs only it."""
    never = [{"value": "{{1}}", "op": "eq", "to": "no"}]
    steps = [
        step(1),
        step(2, "look", 1, when=never),
        reduce(3, "{{1}}", "{{2}}"),
        reduce(4, "{{2}}"),
        step(5, "look", 4),
    ]
    world = World(steps)
    world.end("1", done("yes"))
    assert world.state.graph.values["3"] == ["yes"]
    assert {i: world.statuses[i] for i in ("2", "4", "5")} == dict.fromkeys(("2", "4", "5"), "skipped")


def test_a_failed_feeder_blocks_the_value() -> None:
    """B82: a failed feeder blocks the merge as any dependency does, and what needs it; its siblings stay done."""
    world = World([step(1), step(2), reduce(3, "{{1}}", "{{2}}"), step(4, tool_input={"x": "{{3}}"})])
    world.end("2", FAILED)
    assert world.finish().statuses == {"1": "done", "2": "failed", "3": "skipped", "4": "skipped"}
    assert world.ended["3"].reason == "it needs step 2, which failed"


def test_a_foreach_feeds_as_one_list() -> None:
    """B82: a foreach feeds the list of its items' results; as ``values`` itself, each item is a value of its own."""
    each = step(2, tool_input={"x": "{{item}}"}, foreach=[1, 2])
    flat = step("flat", "reduce", tool_input={"values": "{{2}}"})
    world = World([step(1), each, reduce("all", "{{1}}", "{{2}}"), flat])
    for step_id, value in (("2[1]", ["d"]), ("1", "a"), ("2[0]", ["b", "c"])):
        world.end(step_id, done(value))
    assert world.state.graph.values["all"] == ["a", ["b", "c"], ["d"]]
    assert world.state.graph.values["flat"] == ["b", "c", "d"]


def test_a_value_that_cannot_be_merged_is_a_failed_step() -> None:
    """B82: a mismatch at run time fails the merge with one line; the run goes on."""
    world = World([step(1), reduce(2, 5, "{{1}}", by="add")])
    world.end("1", done("five"))
    error = world.ended["2"].error
    assert error is not None
    assert error.message == "reduce by add takes numbers, or objects of numbers; step 1 gave a text"


def test_a_merge_is_held_to_expected_output() -> None:
    """B41: a merged value that contradicts its schema fails the step as a contradiction."""
    world = World([step(1), step(2, "reduce", tool_input={"values": ["{{1}}"]}, expected_output={"minItems": 2})])
    world.end("1", done("a"))
    error = world.ended["2"].error
    assert error is not None
    assert error.details["contradicts"] is True


@pytest.mark.parametrize(
    ("last", "told"),
    [
        (reduce(2, "{{1}}", by="sum"), "'sum' is not one of 'append', 'overwrite', 'add', 'key'"),
        (reduce(2, "{{9}}"), "there is no step '9'"),
        (reduce(2, "{{2}}"), "step 2 refers to itself"),
        (reduce(2, "{{1}}", by="add"), "add takes number or integer or object; step 1 gives string"),
        (step(2, "reduce", tool_input={"values": "{{1}}", "of": 1}), "'of' was unexpected"),
    ],
)
def test_the_check_of_a_plan(last: Step, told: str) -> None:
    """B82: an unknown reducer, a feeder that is not there or a result of the wrong kind is refused before the run."""
    say = ToolSpec(name="say", effects="none", output_schema={"type": "string"})
    problems = check_plan(plan(step(1, "say"), last), {**TOOLS, "say": say})
    assert [told in problem.message for problem in problems] == [True]


def test_pictures_hold_every_feeder_once() -> None:
    """B82: a merge is drawn as a step with one edge from each feeder."""
    drawn = plan(step(1), step(2), reduce("all", "{{1}}", "{{2}}", "{{1.x}}"), step(4, tool_input={"x": "{{all}}"}))
    assert edges(drawn) == [("1", "all"), ("2", "all"), ("all", "4")]
    assert (to_mermaid(drawn).count("-->"), to_dot(drawn).count("->")) == (3, 3)


def test_a_tool_of_ones_own_is_called() -> None:
    """B82: a user's own tool called reduce is called as any other."""
    own = ToolSpec(name="reduce", effects="none", input_schema={"type": "object"})
    world = World([reduce(1, 1, 2)], {**TOOLS, "reduce": own})
    assert world.started == ["1"]
