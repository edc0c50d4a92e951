"""Each format, fuzzed: what is written into it comes back, and garbage is a typed error."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.dag.build import dependencies
from engine.planner.formats.detect import Form, detect
from engine.planner.formats.loading import load_plan
from schemas.errors import PlanError
from schemas.plan import Plan
from tests.planner.formats.catalogue import TOOLS

Graph = list[list[int]]
"""Which earlier steps each step needs."""

TEXT = st.text(st.characters(codec="utf-8", categories=("L", "N", "Zs", "P")), max_size=12).filter(
    lambda text: not set(text) & set("\\$#<>{}[]\"'(),")
)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Draw up to fourteen steps (ids of two digits), each needing some earlier ones."""
    count = draw(st.integers(1, 14))
    earlier = [st.lists(st.integers(1, number), unique=True, max_size=3) for number in range(1, count)]
    return [[], *(sorted(draw(one)) for one in earlier)]


def llmcompiler(graph: Graph, text: str) -> str:
    """Write a plan as LLMCompiler does."""
    lines = [
        f"{number}. math({json.dumps(f'{text} ', ensure_ascii=False)}, {json.dumps([f'${n}' for n in needed])})"
        for number, needed in enumerate(graph, 1)
    ]
    return "\n".join([*lines, f"{len(lines) + 1}. join()<END_OF_PLAN>"])


def rewoo(graph: Graph, text: str) -> str:
    """Write a plan as ReWOO does."""
    return "\n".join(
        f"Plan: {number}\n#E{number} = search[{text} {' and '.join(f'#E{n}' for n in needed)}]"
        for number, needed in enumerate(graph, 1)
    )


def hugginggpt(graph: Graph, text: str) -> str:
    """Write a plan as HuggingGPT does."""
    return json.dumps(
        [
            {
                "task": "search",
                "id": number,
                "dep": needed or [-1],
                "args": {"query": " ".join([f"{text}.", *(f"<GENERATED>-{n}" for n in needed)])},
            }
            for number, needed in enumerate(graph, 1)
        ]
    )


def node_edges(graph: Graph, text: str) -> str:
    """Write a plan as nodes and edges."""
    del text
    nodes = [{"name": str(number), "tool": "fetch"} for number in range(1, len(graph) + 1)]
    edges = [
        {"from": str(n) if n else "START", "to": str(number)}
        for number, needed in enumerate(graph, 1)
        for n in needed or [0]
    ]
    return json.dumps({"nodes": nodes, "edges": edges})


def nestful(graph: Graph, text: str) -> str:
    """Write a plan as NESTFUL does."""
    return json.dumps(
        [
            {
                "name": "math",
                "label": f"var{number}",
                "arguments": {"problem": text, "context": [f"$var{n}.x$" for n in needed]},
            }
            for number, needed in enumerate(graph, 1)
        ]
    )


WRITERS = {
    "llmcompiler": llmcompiler,
    "rewoo": rewoo,
    "hugginggpt": hugginggpt,
    "graph": node_edges,
    "nestful": nestful,
}


def shape(plan: Plan) -> Graph:
    """The graph of a plan whose ids end in numbers."""
    return [sorted(int(needed.strip("Evar")) for needed in dependencies(step)) for step in plan.steps]


@pytest.mark.parametrize("form", WRITERS)
@given(graph=graphs(), text=TEXT)
def test_what_is_written_comes_back(form: str, graph: Graph, text: str) -> None:
    """A random plan written in a format is told from the others and gives the same graph, in the same order."""
    written = WRITERS[form](graph, text)
    assert detect(written) == form
    assert shape(load_plan(written, tools=TOOLS)[0]) == graph


PIECES = [*"1$#E{}[]()\"'`,.:=\\ \n-<>aN", "search", "Plan:", "#E1 = ", "1. search(", "$1", "math("]
SIGNS = st.lists(st.sampled_from(PIECES)).map("".join)
LEAVES = st.none() | st.booleans() | st.integers(-1, 3) | st.floats()
WORDS = st.sampled_from(["a", "$var1$", "START", "<GENERATED>-0", "1", "else", "a > 1"])
KEYS = (
    "steps id tool tool_input task dep args nodes edges name from to condition tasks adequate agent_name query "
    "label arguments output when foreach question answer"
)
JSONISH = st.recursive(
    LEAVES | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS.split(" ")), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("form", [None, *get_args(Form)])
@given(text=SIGNS | st.text() | JSONISH.map(json.dumps))
@example(text="\ud800")
@example(text="[" * 5000)
@example(text='1. search("\\ud800")')
@example(text="1. search(" + "9" * 5000 + ", 1e999)")
@example(text='{"nodes": [{"name": "a", "args": {"x": {}}}], "edges": [{"from": "a", "to": "a", "condition": "a > "}]}')
def test_garbage_is_a_typed_error(form: Form | None, text: str) -> None:
    """B7: whatever the text, reading it as any format gives a plan or a PlanError, never another exception."""
    for tools in (None, TOOLS):
        with suppress(PlanError):
            assert isinstance(load_plan(text, form, tools=tools)[0], Plan)
