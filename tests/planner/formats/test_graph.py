"""Graphs of nodes and edges."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.planner.formats.loading import load_plan
from engine.testing import Calls, FakeTool, ScriptedProvider, scripted_engine
from engine.tools.judge import ask_judge
from schemas.errors import PlanError
from schemas.plan import Plan
from schemas.settings import ModelProvider, ModelSettings
from tests.planner.formats.catalogue import TOOLS

pytestmark = pytest.mark.anyio


def graph(*edges: str, nodes: Any = ("fetch", "validate", "save", "log")) -> str:
    """Return a graph; an edge is written ``a → b`` or ``a → b: condition``."""
    listed: list[dict[str, str]] = []
    for edge in edges:
        ends, _, condition = edge.partition(": ")
        source, target = ends.split(" → ")
        listed.append({"from": source, "to": target, **({"condition": condition} if condition else {})})
    named = [{"name": node, "type": "process"} if isinstance(node, str) else node for node in nodes]
    return json.dumps({"nodes": named, "edges": listed})


def read(*edges: str, **options: Any) -> Plan:
    """Read a graph over the tools of these tests."""
    return load_plan(graph(*edges), tools=TOOLS, **options)[0]


def said(*edges: str) -> str:
    """The first thing wrong with a graph."""
    with pytest.raises(PlanError) as caught:
        read(*edges)
    return f"{caught.value.message} ({caught.value.hint})"


def needs(plan: Plan) -> dict[str, tuple[str, ...]]:
    """The dependencies of each step."""
    return {step.id: step.depends_on for step in plan.steps}


def test_both_edges_from_start_count() -> None:
    """Two edges from START are two steps that start at once; a join waits for both, once."""
    plan = read("START → fetch", "START → validate", "fetch → save", "validate → save", "save → log", "log → END")
    assert needs(plan) == {"fetch": (), "validate": (), "save": ("fetch", "validate"), "log": ("save",)}


def test_an_uneven_join_is_one_step() -> None:
    """B26: a → {b, d}, b → c → d is d once, after a and c."""
    plan = read("START → fetch", "fetch → validate", "fetch → log", "validate → save", "save → log", "log → END")
    assert needs(plan)["log"] == ("fetch", "save")


@pytest.mark.parametrize(
    ("words", "value", "op", "to"),
    [
        ("if score > 0.8", "{{validate.score}}", "gt", 0.8),
        ("score is at least 5", "{{validate.score}}", "ge", 5),
        ("status == open", "{{validate.status}}", "eq", "open"),
        ("status is not 'on hold'", "{{validate.status}}", "ne", "on hold"),
        ("result contains error", "{{validate}}", "contains", "error"),
        ("validate.status in ['a', 'b']", "{{validate.status}}", "in", ["a", "b"]),
        ("status exists", "{{validate.status}}", "exists", True),
        ("valid", "{{validate.valid}}", "eq", True),
        ("not valid", "{{validate.valid}}", "eq", False),
        ("如果 score >= 3", "{{validate.score}}", "ge", 3),
    ],
)
def test_plain_conditions(words: str, value: str, op: str, to: Any) -> None:
    """B21: a condition in plain words is a comparison, with no model asked."""
    plan = read("START → fetch", "fetch → validate", f"validate → save: {words}", "START → log")
    (condition,) = plan.steps[2].when or ()
    assert (condition.value, condition.op, condition.to) == (value, op, to)


def test_else_is_the_opposite_of_what_stands_beside_it() -> None:
    """B21: else holds when no other condition of the node does; one of two ways is taken, never the last."""
    plan = read("START → fetch", "fetch → validate", "validate → save: score > 0.8", "validate → log: otherwise")
    assert [(step.when or ())[0].op for step in plan.steps[2:]] == ["gt", "le"]


@pytest.mark.parametrize(("score", "ran"), [(0.9, "save"), (0.5, "log")])
async def test_one_branch_runs(score: float, ran: str) -> None:
    """B21: the branch whose condition holds runs, the other is skipped, and what both lead to runs once."""
    names = ("fetch", "validate", "save", "log", "report")
    tools = [FakeTool(name, {"score": score} if name == "validate" else name) for name in names]
    engine = scripted_engine(ScriptedProvider(["done"]), tools=tools)
    edges = ("START → fetch", "fetch → validate", "validate → save: score > 0.8", "validate → log: else")
    plan, _ = engine.load(graph(*edges, "save → report", "log → report", "report → END", nodes=names))
    result = await engine.apply(plan)
    assert [step for step in ("save", "log") if result.steps[step].status == "done"] == [ran]
    assert (result.steps["report"].status, len(tools[4].calls)) == ("done", 1)


PROMISING = ("START → fetch", "fetch → validate", "validate → save: it looks promising", "validate → log: else")


@pytest.mark.parametrize("holds", [True, False])
async def test_the_judge_decides_what_only_words_say(holds: bool) -> None:
    """B21: with a model configured, a condition in words is asked of the judge once, and both ways heed it."""
    provider = ScriptedProvider([Calls((("verdict", {"holds": holds, "reason": "so"}),)), "done"])
    models = (ModelProvider(name="scripted", kind="openai", models=(ModelSettings(name="script"),), local=True),)
    tools = [FakeTool(name, "fine") for name in ("fetch", "validate", "save", "log")]
    engine = scripted_engine(provider, tools=tools, model_providers=models)
    plan, _ = engine.load(graph(*PROMISING))
    result = await engine.apply(plan)
    assert [step.tool for step in plan.steps].count("ask_judge") == 1
    assert provider.requests[0].tool_choice == "verdict"
    assert result.steps["save" if holds else "log"].status == "done"
    assert result.steps["log" if holds else "save"].status == "skipped"


def test_without_a_model_words_are_refused() -> None:
    """B21: where nobody could decide it, the condition is refused in one line that says how to write it."""
    message = said("START → fetch", "fetch → validate", "validate → save: it looks promising", "START → log")
    assert message.startswith("$.edges[2].condition: 'it looks promising' cannot be decided without a model")
    assert "score > 0.8" in message


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        (["START → fetch", "fetch → sav"], "$.edges[1].to: there is no node 'sav' (did you mean 'save'?)"),
        (
            ["START → fetch", "fetch → save", "save → validate", "validate → fetch", "START → log"],
            "$.nodes[0]: the steps wait for each other: fetch → save → validate → fetch",
        ),
        (["START → fetch"], "$.nodes[1]: no edge leads to 'validate'"),
        (["START → fetch: x > 1"], "$.edges[0].condition: nothing has run yet at START"),
        (
            ["START → fetch", "START → validate", "fetch → save: x > 1", "validate → save", "START → log"],
            "$.edges[2].condition: 'save' can be reached in several ways, of which some have conditions: fetch [x > 1]",
        ),
        (
            ["START → fetch", "fetch → save: else", "fetch → log", "log → validate"],
            "$.edges[1].condition: 'else' has no condition beside it",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_edge(edges: list[str], message: str) -> None:
    """B17: a cycle is refused with its path; every error names the node or edge, and the nearest word."""
    assert message in said(*edges)


def test_langgraph_names() -> None:
    """The JSON that LangGraph draws from is read too: source, target, __start__, ids, inputs by node."""
    nodes = [{"id": "__start__"}, {"id": "look up", "tool": "search", "args": {"query": "x"}}, {"id": "log"}]
    edges = [{"source": "__start__", "target": "look up"}, {"source": "look up", "target": "log"}]
    plan, _ = load_plan(json.dumps({"nodes": nodes, "edges": edges}), tools=TOOLS)
    assert needs(plan) == {"look_up": (), "log": ("look_up",)}
    assert plan.steps[0].tool_input == {"query": "x"}


def test_the_judge_is_read_only() -> None:
    """The judge's tool changes nothing, so that it may run beside anything."""
    assert ask_judge.spec.read_only
