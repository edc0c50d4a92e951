"""Items of a plan, read and written."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dag.build import check_plan
from engine.planner.arguments import Dialect
from engine.planner.items import Answer, Ask, Notes, compact, expand, read_item
from schemas.errors import PlanSchemaError
from schemas.plan import Condition, Operator, Plan, Step
from tests.planner.doubles import BY_NAME, TOOLS, tool

DIALECTS: tuple[Dialect, ...] = get_args(Dialect)
TEXTS = st.text(max_size=8) | st.sampled_from(["{{1.a}}", "x {{1}} y", "3", "null", "[1]", '"q"', "{{item}}"])
VALUES = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | TEXTS
INPUTS = {
    "search": st.fixed_dictionaries({"query": TEXTS}, optional={"limit": st.integers() | TEXTS}),
    "convert": st.fixed_dictionaries({"value": st.integers() | st.floats(-9, 9) | TEXTS, "to": TEXTS}),
    "merge": st.fixed_dictionaries(
        {"parts": st.lists(TEXTS) | TEXTS}, optional={"options": st.dictionaries(st.text(max_size=3), VALUES) | TEXTS}
    ),
}


@st.composite
def steps(draw: st.DrawFn, position: int) -> Step:
    """A step as a planner or a person may write it."""
    name = draw(st.sampled_from(sorted(INPUTS)))
    conditions = st.builds(Condition, value=VALUES, op=st.sampled_from(get_args(Operator)), to=VALUES)
    return Step(
        id=draw(st.just(str(position)) | st.sampled_from(["s", f"x{position}"])),
        tool=name,
        tool_input=draw(st.none() | INPUTS[name]),
        depends_on=draw(st.sampled_from([(), ("7",), ("s-1", "8"), ("07",)])),
        when=draw(st.none() | st.lists(conditions, min_size=1, max_size=2).map(tuple)),
        foreach=draw(st.sampled_from([None, "{{9.items}}", [1, 2]])),
        max_items=draw(st.sampled_from([100, 5])),
        rationale=draw(st.none() | st.text(min_size=1, max_size=5)),
        expected_output=draw(st.sampled_from([None, "a number", {"type": "number"}])),
        critical=draw(st.booleans()),
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A plan of up to three steps."""
    found = [draw(steps(position)) for position in range(1, draw(st.integers(0, 3)) + 1)]
    filled = st.text(min_size=1).filter(str.strip)
    return Plan(steps=tuple(found), answer=draw(st.none() | filled), question=draw(st.none() | filled))


def without_empty_options(step: Step) -> Step:
    """The step without optional arguments that are an empty text."""
    required = BY_NAME[step.tool].required
    given = {key: item for key, item in (step.tool_input or {}).items() if item != "" or key in required}
    return step.model_copy(update={"tool_input": None if step.tool_input is None else given})


@pytest.mark.parametrize("dialect", DIALECTS)
@given(plan=plans())
def test_round_trip(dialect: Dialect, plan: Plan) -> None:
    """What is written in the compact grammar is read back as it was; ``filled`` leaves empty options out."""
    if dialect == "filled":
        plan = plan.model_copy(update={"steps": tuple(map(without_empty_options, plan.steps))})
    items = compact(plan, TOOLS, dialect)["steps"]
    read = [expand(item, position, TOOLS, dialect) for position, item in enumerate(items, 1)]
    assert tuple(item for item in read if isinstance(item, Step)) == plan.steps
    assert [item.text for item in read if isinstance(item, Answer)] == ([plan.answer] if plan.answer else [])
    assert [item.text for item in read if isinstance(item, Ask)] == ([plan.question] if plan.question else [])


@pytest.mark.parametrize(
    ("item", "tool_input"),
    [
        ({"search": "a"}, {"query": "a"}),
        ({"search": {"query": "a", "limit": None}}, {"query": "a"}),
        ({"search": None}, None),
        ({"merge": ["a", "b"]}, {"parts": ["a", "b"]}),
        ({"step": {"search": "a"}, "depends_on": None, "when": [], "foreach": None, "rationale": ""}, {"query": "a"}),
        ({"search": "a", "rationale": "why"}, {"query": "a"}),
        ({"id": "9", "tool": "search", "tool_input": {"query": "a"}}, {"query": "a"}),
    ],
)
def test_forms(item: Any, tool_input: Any) -> None:
    """A call may stand bare, with its arguments, in a step, with a null for what is left out, or canonical."""
    step = expand(item, 3, BY_NAME, "unions")
    assert isinstance(step, Step)
    assert step.tool_input == tool_input
    assert (step.depends_on, step.when, step.foreach) == ((), None, None)


@pytest.mark.parametrize(
    ("item", "path"),
    [
        (3, "$"),
        ({}, "$"),
        ({"search": "a", "convert": "b"}, "$"),
        ({"step": {}}, "$"),
        ({"convert": "a"}, "$.convert"),
        ({"ask": " "}, "$.ask"),
        ({"answer": {"text": "a"}}, "$.answer"),
        ({"search": "a", "critical": "maybe"}, "$.critical"),
        ({"tool": "search", "id": 1.5}, "$.id"),
    ],
)
def test_wrong_items(item: Any, path: str) -> None:
    """What is no item is an error with its path."""
    with pytest.raises(PlanSchemaError) as caught:
        expand(item, 1, TOOLS, "unions")
    assert caught.value.details["problems"][0]["path"] in (path, f"{path}.id")


@pytest.mark.parametrize("name", ["id", "tool", "when", "foreach"])
def test_tools_named_like_fields(name: str) -> None:
    """A tool may have the name of a step's field."""
    step = expand({name: "a"}, 1, [tool(name, ["x"], x="string")], "unions")
    assert isinstance(step, Step)
    assert (step.tool, step.tool_input) == (name, {"x": "a"})


def test_implied_dependencies() -> None:
    """A model does not write what a reference says."""
    step = Step(id="2", tool="search", tool_input={"query": "{{1}}"}, depends_on=("1",))
    assert compact(Plan(steps=(step,)), TOOLS, first_id=2) == {"steps": [{"search": "{{1}}"}]}


def test_conditions_as_text() -> None:
    """In the strings dialect the two sides of a condition are read out of their text."""
    when = [{"value": "{{1.n}}", "op": "gt", "to": "3"}]
    step = expand({"step": {"search": "a"}, "when": when}, 2, TOOLS, "strings")
    assert isinstance(step, Step)
    assert step.when == (Condition(value="{{1.n}}", op="gt", to=3),)


def test_second_meaning() -> None:
    """What stands beside an answer is ignored with a warning."""
    notes = Notes()
    assert read_item({"answer": "a", "mood": 1}, "1", BY_NAME, "unions", "$", notes) == Answer("a")
    assert notes.warnings == ["$.mood: unknown field, ignored"]


def test_left_out() -> None:
    """B20: Where all arguments are written, an empty text leaves an optional one out; a required one stays empty."""
    item = {
        "step": {"search": {"query": "", "limit": ""}},
        "depends_on": [],
        "when": [],
        "foreach": "",
        "rationale": "",
    }
    step = expand(item, 1, TOOLS, "filled")
    assert isinstance(step, Step)
    assert step.tool_input == {"query": ""}
    assert check_plan(Plan(steps=(step,)), BY_NAME) == []
