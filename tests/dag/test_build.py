"""Checks of a plan before anything of it runs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.data import parallelqa
from engine.dag.build import Problem, check_plan, check_step, dependencies, graph, in_dependency_order, plan_error
from schemas.errors import PlanGraphError, PlanParseError, PlanSchemaError
from schemas.plan import Condition, Plan, Step
from schemas.planning import PastStep
from schemas.tool import ToolSpec
from tests.dag.graphs import TOOLS, plan, step


def found(checked: Plan, **rest: Any) -> list[tuple[str, str]]:
    """Code and path of every problem."""
    return [(problem.code, problem.path) for problem in check_plan(checked, TOOLS, **rest)]


def test_an_unknown_tool_is_named_with_what_there_is() -> None:
    """B14: One undeclared tool of five is rejected with its path, the available names and the nearest one."""
    (problem,) = check_plan(plan(*(step(i) for i in range(4)), step(4, "serch")), TOOLS)
    assert (problem.code, problem.path) == ("tool", "$.steps[4].tool")
    assert "no tool 'serch'" in problem.message
    assert problem.hint == "did you mean 'search'? available: look, read, search, send, write"


def test_a_disabled_or_hidden_tool_is_unknown() -> None:
    """B15: A disabled or hidden tool is rejected like an unknown one, and never suggested."""
    problems = check_plan(plan(step(1, "old"), step(2, "secret")), TOOLS)
    assert [problem.code for problem in problems] == ["tool", "tool"]
    assert not any("old" in problem.hint or "secret" in problem.hint for problem in problems)


def test_a_missing_step_is_named_with_its_path() -> None:
    """B16: depends_on, a reference, a condition, a foreach and the answer are each held to steps that are there."""
    needing = step(2, "search", 9, tool_input={"query": "{{8.x}}"}, when=[Condition(value="{{7}}", op="eq", to=1)])
    assert found(plan(needing, step(3, foreach="{{6}}"), answer="so {{5}}")) == [
        ("missing_step", "$.steps[0].depends_on[0]"),
        ("missing_step", "$.steps[0].tool_input.query"),
        ("missing_step", "$.steps[0].when[0].value"),
        ("missing_step", "$.steps[1].foreach"),
        ("missing_step", "$.answer"),
    ]


@pytest.mark.parametrize("size", [2, 3, 1000])
def test_a_cycle_is_printed(size: int) -> None:
    """B17: A ring of steps is rejected with the cycle written out, in under a second."""
    began = time.process_time()
    (problem,) = check_plan(plan(*(step(i, "look", (i + 1) % size) for i in range(size))), TOOLS)
    assert time.process_time() - began < 1
    assert problem.code == "cycle"
    assert len(problem.message.split(": ")[1].split(" → ")) == size + 1


def test_a_step_that_needs_itself() -> None:
    """B17: A step that depends on itself, or refers to itself, is a cycle of one."""
    itself = plan(step(1, "look", 1), step(2, tool_input={"x": "{{2}}"}), step(3, foreach="{{3.items}}"))
    problems = check_plan(itself, TOOLS)
    assert [(problem.code, problem.message.split(": ")[1]) for problem in problems] == [
        ("cycle", "1 → 1"),
        ("cycle", "2 → 2"),
        ("cycle", "3 → 3"),
    ]


def test_each_cycle_is_printed_as_its_own() -> None:
    """B17: Two cycles, one behind the other, are two problems, and each shows its own steps."""
    steps = [step("a", "look", "b"), step("b", "look", "a"), step("c", "look", "a", "d"), step("d", "look", "c")]
    problems = check_plan(plan(*steps), TOOLS)
    shown = {frozenset(problem.message.split(": ")[1].split(" → ")) for problem in problems}
    assert shown == {frozenset("ab"), frozenset("cd")}


def test_a_cycle_through_a_foreach_and_a_condition() -> None:
    """B17: What a foreach or a condition refers to counts as needed."""
    steps = [step(1, foreach="{{2}}"), step(2, when=[Condition(value="{{1}}", op="eq", to=1)])]
    assert [code for code, _ in found(plan(*steps))] == ["cycle"]


def test_a_duplicate_id_is_refused() -> None:
    """B18: An id used twice in a plan, or already used in the run, is rejected with the other place."""
    past = {"7": PastStep(step=step(7), status="done")}
    problems = check_plan(plan(step(1), step("1"), step(7)), TOOLS, known=past)
    assert [(problem.code, problem.path) for problem in problems] == [
        ("duplicate", "$.steps[1].id"),
        ("duplicate", "$.steps[2].id"),
    ]
    assert "$.steps[0]" in problems[0].message


def test_arguments_are_checked_with_their_path() -> None:
    """B20: A wrong type, an unknown argument and, with nobody to fill it, a missing one are rejected with the path."""
    checked = plan(step(1, "search", tool_input={"query": 3, "limit": "many", "page": 1}), step(2, "search"))
    assert found(checked, fills=False) == [
        ("input", "$.steps[0].tool_input.query"),
        ("input", "$.steps[0].tool_input.limit"),
        ("input", "$.steps[0].tool_input"),
        ("input", "$.steps[1].tool_input"),
    ]


def test_what_is_settled_later_is_let_pass() -> None:
    """B20: A reference stands for any type, and a missing argument may be left to the executor model."""
    later = step(2, "search", tool_input={"limit": "{{1.n}}"})
    assert found(plan(step(1), later)) == []
    text = step(2, "search", tool_input={"query": "x", "limit": "about {{1.n}}"})
    assert found(plan(step(1), text)) == [("input", "$.steps[1].tool_input.limit")]


@pytest.mark.parametrize(
    ("value", "op", "to"),
    [
        (1, "eq", 1),
        ("{{1}}", "lt", None),
        ("{{1}}", "gt", [1]),
        (True, "ge", "{{1}}"),
        ("{{1}}", "in", 5),
        ("yes {{1}}", "exists", None),
        ("{{1}}", "exists", 1),
        ("{{1}}", "exists", "no"),
        ("{{1.[}}", "eq", 1),
    ],
)
def test_a_condition_nobody_can_evaluate(value: Any, op: Any, to: Any) -> None:
    """B21: A condition that compares nothing, or what cannot be compared, is rejected with its path."""
    guarded = step(2, when=[Condition(value=value, op=op, to=to)])
    problems = found(plan(step(1), guarded))
    assert problems
    assert all(path.startswith("$.steps[1].when[0]") for _, path in problems)


def test_a_reference_implies_the_dependency() -> None:
    """B22: References in input, condition and foreach are dependencies, each once, after the declared ones."""
    needing = step(5, "look", 4, 4, tool_input={"a": "{{1.rows[0].price}} {{1}}", "b": ["{{2}}"]}, foreach="{{3}}")
    assert dependencies(needing) == ("4", "3", "1", "2")
    assert dependencies(step(5, "look", 4, 4)) == ("4",)


def test_too_many_steps() -> None:
    """A plan of more steps than allowed is one problem that says both numbers."""
    (problem,) = check_plan(plan(*(step(i) for i in range(4))), TOOLS, max_steps=3)
    assert (problem.code, problem.message) == ("size", "4 steps, at most 3 are allowed")


def test_a_plan_of_nothing() -> None:
    """A plan has steps, a question or an answer; a question stands alone."""
    assert found(plan()) == [("empty", "$.steps")]
    assert found(plan(question="which?")) == found(plan(answer="42")) == []
    assert found(plan(step(1), question="which?")) == [("field", "$.question")]


def test_a_failed_step_has_no_result() -> None:
    """A step of an earlier plan may be referred to unless it failed."""
    past = {str(i): PastStep(step=step(i), status=status) for i, status in enumerate(("done", "running", "failed"))}
    needing = plan(step(5, "look", 0, 1, 2))
    assert found(needing, known=past) == [("missing_step", "$.steps[0].depends_on[2]")]


def test_an_item_belongs_to_a_foreach() -> None:
    """{{item}} outside a foreach, in its list, its conditions or the answer, is a problem; 'item' is no id."""
    outside = step(1, tool_input={"x": "{{item}}"})
    inside = step(2, tool_input={"x": "{{item}}"}, foreach=[1], when=[Condition(value="{{item}}", op="eq", to=1)])
    assert found(plan(outside, inside, step("item"))) == [
        ("field", "$.steps[2].id"),
        ("reference", "$.steps[0].tool_input.x"),
        ("reference", "$.steps[1].when[0].value"),
    ]


@pytest.mark.parametrize("bad", ["", "a b", "x" * 201, "1\n", "a.b", "1[0]", "{{1}}", "x" * 10_000])
def test_what_is_no_id(bad: str) -> None:
    """An id is up to 200 letters, digits, _ and -, and the message about a long one is short."""
    (problem,) = check_plan(plan(step(bad)), TOOLS)
    assert (problem.code, problem.path) == ("field", "$.steps[0].id")
    assert len(str(problem)) < 200


def test_ids_of_any_script() -> None:
    """Ids in any script, superscripts included, are fine and run."""
    assert found(plan(step("первый"), step("²"), step("一"), step("٣", "look", "一"))) == []


def nested(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "tool_input",
    [
        {"x": nested(100)},
        {"x": nested(20_000)},
        {"x": "\ud800"},
        {"\udfff": 1},
        {"x": float("nan")},
        {"x": 10**400},
        {"x": {1: 2}},
        {"x": {1, 2}},
        {"{{1}}": 1},
        {"x": [{"a {{1.b}}": 1}]},
        {"x": "{{1" + "[" * 5000 + "}}"},
        {"x": "{{1[" + "9" * 5000 + "]}}"},
        {"x": "{{" + "y" * 10_000 + "}}"},
        {"x": "{{}}"},
    ],
)
def test_hostile_input_is_a_problem(tool_input: dict[str, Any]) -> None:
    """Too deep, no JSON, half a character, a reference in a key or unreadable: a short problem, no exception."""
    hostile = Step.model_construct(**{**step(2).__dict__, "tool_input": tool_input})
    problems = check_plan(plan(step(1), hostile), TOOLS)
    assert problems
    assert all(problem.path.startswith("$.steps[1].tool_input") for problem in problems)
    assert all(len(problem.message) < 400 for problem in problems)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strin"},
        {"pattern": "("},
        {"$ref": "http://127.0.0.1:9/x.json"},
        {"properties": {"a": {"$ref": "file:///etc/passwd"}}},
        {"enum": nested(5000)},
    ],
)
def test_an_expected_output_that_is_no_schema(schema: dict[str, Any]) -> None:
    """A schema that is wrong, or leads out of itself, is refused in the plan: nothing is ever fetched."""
    assert found(plan(step(1, expected_output=schema))) == [("field", "$.steps[0].expected_output")]


def test_many_wrong_names_are_answered_at_once() -> None:
    """A thousand unknown tools among two hundred are told in under a second."""
    tools = {f"tool_{i}_name": ToolSpec(name=f"tool_{i}_name") for i in range(200)}
    began = time.process_time()
    problems = check_plan(plan(*(step(i, f"tol_{i}_nam") for i in range(1000))), tools)
    assert time.process_time() - began < 1
    assert len(problems) == 1000


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.sampled_from("{}[]1a.\\\"' ²\ud800"), max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("{}1a", max_size=6), inner, max_size=3),
    max_leaves=8,
)
OPERATORS = st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge", "in", "contains", "exists"])


@given(
    step_id=st.text("12a²\n{", max_size=3),
    needs=st.lists(st.text("12a", max_size=2), max_size=3),
    tool=st.sampled_from(["look", "search", "", "nope"]),
    tool_input=st.none() | st.dictionaries(st.text("ax{}1", max_size=6), JSON, max_size=3),
    foreach=JSON,
    value=JSON,
    op=OPERATORS,
)
def test_no_plan_breaks_the_check(
    step_id: str, needs: list[str], tool: str, tool_input: Any, foreach: Any, value: Any, op: Any
) -> None:
    """Whatever stands in a plan, the check answers with problems, and what it lets pass can be ordered and keyed."""
    hostile = Step(
        id=step_id,
        tool=tool,
        tool_input=tool_input,
        depends_on=tuple(needs),
        foreach=foreach,
        when=(Condition(value=value, op=op, to=foreach),),
    )
    checked = plan(step(1), hostile, answer="{{1}}")
    problems = check_plan(checked, TOOLS)
    if not problems:
        assert len(in_dependency_order(checked.steps)) == len(graph(checked)) == 2
        json.dumps(checked.model_dump(mode="json"))


def test_a_streamed_step_is_checked_against_what_came_before() -> None:
    """A step of a plan that is still streaming may refer to earlier ones only."""
    assert check_step(step(2, "look", 1), TOOLS, ids={"1"}) == []
    assert [problem.path for problem in check_step(step(2, "look", 3), TOOLS, ids={"1"})] == ["$.depends_on[0]"]


@pytest.mark.parametrize(
    ("codes", "cls"),
    [(("tool", "parse"), PlanParseError), (("tool", "cycle"), PlanGraphError), (("input",), PlanSchemaError)],
)
def test_the_error_says_every_problem(codes: tuple[str, ...], cls: type[Exception]) -> None:
    """The exception's class follows the gravest problem, its details hold all of them."""
    error = plan_error([Problem(code, "$.steps", "wrong") for code in codes])
    assert type(error) is cls
    assert [problem["code"] for problem in error.details["problems"]] == list(codes)


def test_dependency_order_keeps_the_plan_order_where_it_can() -> None:
    """Steps written before what they need move behind it; all others stay."""
    steps = [step(1, "look", 3), step(2), step(3), step(4)]
    assert [one.id for one in in_dependency_order(steps)] == ["2", "3", "1", "4"]


@pytest.mark.parametrize("name", ["credit_memo", "rebalance"])
def test_the_published_plans_load_as_they_are(bench_data: Path, name: str) -> None:
    """The tutorial's plans, with integer ids and without inputs, pass the check once their tools are declared."""
    published = json.loads((bench_data / "tutorial_plans.json").read_text(encoding="utf-8"))[name]
    published.pop("note", None)
    loaded = Plan.model_validate(published)
    tools = {one.tool: ToolSpec(name=one.tool, input_schema={"type": "object"}) for one in loaded.steps}
    assert len(loaded.steps) == 6
    assert check_plan(loaded, tools) == []


def test_the_oracle_plans_pass(bench_data: Path) -> None:
    """All 56 ParallelQA plans, with their results referred to in text, pass the check."""
    tools = {name: ToolSpec(name=name, effects="none", input_schema=QUESTION) for name in ("search", "math")}
    plans = parallelqa(bench_data)
    assert len(plans) == 56
    for calls in plans.values():
        steps = [step(call.number, call.tool, tool_input={"question": call.text}) for call in calls]
        assert check_plan(plan(*steps), tools, fills=False) == []
        assert [set(dependencies(one)) for one in steps] == [{str(i) for i in call.after} for call in calls]


QUESTION = {"type": "object", "properties": {"question": {"type": "string"}}, "required": ["question"]}


@pytest.mark.slow
def test_checking_a_thousand_steps_is_quick() -> None:
    """A plan of 1,000 steps with references is checked in at most 60 ms, best of five."""
    first = step(0, "search", tool_input={"query": "x"})
    rest = [
        step(i, "search", tool_input={"query": f"about {{{{{i - 1}.rows[0].price}}}}", "limit": 3})
        for i in range(1, 1000)
    ]
    took: list[float] = []
    for _ in range(5):
        began = time.process_time()
        assert check_plan(plan(first, *rest), TOOLS) == []
        took.append(time.process_time() - began)
    assert min(took) <= 0.060
