"""Whatever the task says, there is a reply that can be read."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gateway.providers.offline.asking import plan, plan_request, reply
from tests.gateway.providers.offline.test_plan import ALL
from tests.gateway.providers.offline.test_turn import turn

PIECES = st.sampled_from(
    [
        "Read",
        "write",
        "the",
        "it",
        "both",
        "then,",
        "and",
        "if",
        "is",
        "above",
        "5",
        "{{1}}",
        "{{",
        "}}",
        "[1,2",
        "'a'",
        '"b"',
        "2024-01-05",
        "2024-13-40",
        "5%",
        "$3",
        "a.txt",
        "x@y.zz\n",
        "",
        "",
        "",
        "计算",
        "3",
        "的",
        "翻译",
        "から",
        "まで",
        "결과",
        "weather",
        "of",
        "between",
        "New",
        "York",
        "Rome",
        "each",
        "file",
        ".",
        ";",
        "\n",
        "1.",
        "2.",
        "sum",
        "3*(4",
        "**",
        "/",
        "email",
    ]
)
TASKS = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=25).map(" ".join))


@given(TASKS)
def test_any_task_gets_a_plan(task: str) -> None:
    """Every task gets items of the compact grammar, with calls of tools that are there."""
    steps = json.loads(reply(plan_request(task, ALL)).text)["steps"]
    names = {tool.name for tool in ALL}
    for item in steps:
        call = item.get("step", item)
        assert set(call) <= names | {"answer", "ask"}


@given(TASKS)
def test_any_task_gets_a_turn(task: str) -> None:
    """Every task gets calls or an answer."""
    response = turn(task, ("read_file", {"path": "a.txt"}, {"text": "abc"}))
    assert response.tool_calls or response.text


@pytest.mark.parametrize("unit", ["a", "A", "1.", "a/", "水火", "a@"])
def test_a_word_without_end_is_read_in_no_time(unit: str) -> None:
    """A single word of 20,000 characters costs milliseconds of CPU, not the square of its length."""
    began = time.thread_time()
    plan(f"Search for {unit * (20_000 // len(unit))}", ALL)
    assert time.thread_time() - began < 2.0
