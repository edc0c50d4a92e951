"""LLMCompiler's plan text."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import pytest

from engine.planner.formats.loading import load_plan
from schemas.errors import PlanError
from schemas.plan import Plan
from tests.planner.formats.catalogue import TOOLS

PAPER = """Question: How high is the higher of the two?
1. search('Mount Everest')
2. math("half of Mount Everest height in meter?", ["$1"])
3. search("Mount Kilimanjaro")
4. math("double of its height?", ["${3}"]
Thought: the larger one counts
5. math("max($2, $4)")
Thought: I can answer the question now.
6. join()<END_OF_PLAN>
###
7. search("another question")
"""


def read(text: str) -> tuple[Plan, list[str]]:
    """Read a plan over the tools of these tests."""
    return load_plan(text, tools=TOOLS)


def inputs(text: str) -> list[Any]:
    """The arguments of each step."""
    return [step.tool_input for step in read(text)[0].steps]


def said(text: str) -> str:
    """What is wrong with a plan, all of it."""
    with pytest.raises(PlanError) as caught:
        read(text)
    return "\n".join(f"{p['path']}: {p['message']} ({p['hint']})" for p in caught.value.details["problems"])


def test_a_plan_as_the_paper_writes_it() -> None:
    """Positional arguments take their declared names, $ids become references, join() ends the plan."""
    plan, warnings = read(PAPER)
    assert plan.goal == "How high is the higher of the two?"
    assert [(step.id, step.tool, step.tool_input) for step in plan.steps] == [
        ("1", "search", {"query": "Mount Everest"}),
        ("2", "math", {"problem": "half of Mount Everest height in meter?", "context": ["{{1}}"]}),
        ("3", "search", {"query": "Mount Kilimanjaro"}),
        ("4", "math", {"problem": "double of its height?", "context": ["{{3}}"]}),
        ("5", "math", {"problem": "max({{2}}, {{4}})"}),
    ]
    assert plan.steps[4].rationale == "the larger one counts"
    assert warnings == ["line 5: the parenthesis of math( is not closed; taken as closed"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"say \\"hi\\" now"', 'say "hi" now'),
        ("'Mount Everest's height'", "Mount Everest's height"),
        ('"a (b), c"', "a (b), c"),
        ('"""two\nlines"""', "two\nlines"),
        ("Ronaldo, number of kids", "Ronaldo, number of kids"),
        ("query='x = 1'", "x = 1"),
        ("2024", "2024"),
        ('"{{1}} {x}"', "\\{{1}} {x}"),
        ('"it costs $1,000 or $2.50"', "it costs $1,000 or $2.50"),
        ('"C:\\\\temp"', "C:\\temp"),
        ('"größe 高度"', "größe 高度"),
    ],
)
def test_one_text(written: str, meant: str) -> None:
    """A text arrives as it is meant, whatever stands inside it."""
    assert inputs(f"1. search({written})") == [{"query": meant}]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"a", [1, 2.5, True, None, "x"]', {"problem": "a", "context": [1, 2.5, True, None, "x"]}),
        ('context=["$1", {"k": "$1"}], problem="b"', {"context": ["{{1}}", {"k": "{{1}}"}], "problem": "b"}),
        ('"a", ["$1", ("b", \'c\')],', {"problem": "a", "context": ["{{1}}", ["b", "c"]]}),
        ("$1.rows[0].name", {"problem": "{{1.rows[0].name}}"}),
        ('"it is ${1.km} of $1.Then"', {"problem": "it is {{1.km}} of {{1}}.Then"}),
        ("($1 + 2) * max($1, 3)", {"problem": "({{1}} + 2) * max({{1}}, 3)"}),
    ],
)
def test_arguments(written: str, meant: dict[str, Any]) -> None:
    """Lists, keywords, nested quotes, paths and bare expressions are read, with the references inside."""
    assert inputs(f'1. search("x")\n2. math({written})')[1] == meant


def test_more_than_nine() -> None:
    """$10 is step 10, not step 1 and a zero."""
    text = "\n".join(f'{number}. search("x")' for number in range(1, 11))
    assert inputs(f'{text}\n11. search("about $10 and $1")')[-1] == {"query": "about {{10}} and {{1}}"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('1. search("a")\n2. serch("b")', "line 2: there is no tool 'serch' (did you mean 'search'?"),
        ('1. search("a")\n\n2. math(qroblem="b")', "line 3: math has no argument 'qroblem' (did you mean 'problem'?)"),
        ('1. search("a", "b")', "line 1: search takes 1 argument (query), 2 are given"),
        ('1. search("$7")', "line 1: $7 refers to no step of the plan"),
        ('1. search("a")\n1. search("b")', "line 2: id '1' is already used by line 1"),
        ('1. search("$2")\n2. search("$1")', "line 1: the steps wait for each other: 1 → 2 → 1"),
        ('1. search("a b)', "line 1: the quote of"),
        ('1. search("a") and more', "line 1: there is text after the call: 'and more'"),
        ('1. search("a", query="b")', "line 1: search gets its argument 'query' twice"),
        ('1. math("a", "b")', "line 1, tool_input.context: expected array"),
    ],
)
def test_what_is_wrong_is_named_by_its_line(text: str, message: str) -> None:
    """B16: each error names the line and the nearest word, whether reading or checking found it."""
    assert message in said(text)


def test_without_tools() -> None:
    """Where the declarations are not known, arguments without a name get one, and a warning says so."""
    plan, warnings = load_plan('1. search("a", limit=3)')
    assert plan.steps[0].tool_input == {"arg1": "a", "limit": 3}
    assert "called arg1" in warnings[0]


HOSTILE = {
    "steps": "\n".join(f'{n}. math("a", ["${n - 1}"])' if n > 1 else '1. search("x")' for n in range(1, 5001)),
    "unknown": "\n".join(f'{n}. serch("${n + 9000}")' for n in range(1, 5001)),
    "quotes": "1. search(" + "'a' x, " * 5000 + ")",
    "brackets": "1. search(" + "[" * 50_000,
    "unclosed": "\n".join(f'{n}. search("' for n in range(1, 5001)),
    "references": "1. search(" + "$1" * 50_000 + ")",
    "blanks": "\n" * 50_000 + " " * 50_000 + "1. search(x)",
    "evidence": "\n".join(f"Plan: p\n#E{n} = search[#E{n - 1 or 2}]" for n in range(1, 5001)),
    "no evidence": "#E1 =\n" * 5000 + "#E1 = " + " a" * 50_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_time_is_linear(text: str) -> None:
    """Five thousand lines, or a line of fifty thousand signs, take well under a second of CPU, right or wrong."""
    began = time.process_time()
    with suppress(PlanError):
        read(text)
    assert time.process_time() - began < 2.0  # 0.3 s on an idle machine
