"""What auto means for a task."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import ANY

import pytest

from engine.planner.triage import Triage, triage
from schemas.tool import ToolSpec
from tests.planner.doubles import tool
from tests.planner.triage_tasks import TASKS, tools_of

WEATHER = ToolSpec(name="get_weather", description="The current weather of a city.")
STOCKS = ToolSpec(name="quote_tool", description="查一只股票的价格和涨跌")
FILES = ToolSpec(name="read_file", description="Read the text of a file.")


@pytest.mark.parametrize(
    ("task", "mode"),
    [
        ("Hi there!", "direct"),
        ("thanks a lot", "direct"),
        ("你好!", "direct"),
        ("こんにちは。", "direct"),
        ("안녕하세요?", "direct"),
        ("", "direct"),
        ("Write a haiku about the sea", "direct"),
        ("Explore the files in this folder", "react"),
        ("Please investigate the outage", "react"),
        ("Read the log and figure out why the build fails", "react"),
        ("调查一下服务器变慢的原因", "react"),
        ("サーバーが遅い原因を調査して", "react"),
        ("서버가 느린 원인을 찾아줘", "react"),
        ("What is the weather in Paris and in Rome?", "plan"),
        ("Which city is warmer?", "plan"),
        ("Wie warm ist es in Berlin?", "plan"),
        ("Say hello in the weather report for Oslo", "plan"),
        ("What is 17 * 23?", "plan"),
        ("苹果的股价是多少", "plan"),
        ("What did Internet Explorer's reading mode do?", "plan"),
    ],
)
def test_modes(task: str, mode: str) -> None:
    """B53: The task decides between a direct answer, exploring and a plan, in any language; in doubt it is a plan."""
    assert triage(task, [WEATHER, FILES]).mode == mode


def test_no_tools() -> None:
    """Without a usable tool there is only the direct answer."""
    hidden = [tool("a").model_copy(update={"hidden": True}), tool("b").model_copy(update={"enabled": False})]
    assert triage("Compare the weather of Paris and Rome", hidden) == Triage("direct", "there are no tools")


def test_look_up() -> None:
    """A tool that looks anything up has to do with every question."""
    lookup = ToolSpec(name="wikipedia", description="Search articles.")
    assert triage("Who is the mayor of Oslo?", [lookup]).mode == "plan"


def test_languages_apart() -> None:
    """Where task and tools share no script, a missing common word says nothing."""
    assert triage("苹果的股价是多少", [STOCKS]).mode == "plan"
    assert triage("给我讲个笑话", [STOCKS]).mode == "direct"
    assert triage("月亮为什么会发光", [WEATHER]).mode == "plan"
    assert triage("What is the share price?", [STOCKS]).mode == "plan"


def test_long_tasks() -> None:
    """A long text is decided at once."""
    assert triage("ok " * 5_000 + "x", [WEATHER]).mode in ("plan", "direct")


@pytest.mark.parametrize("part", ["shown", "held out"])
def test_labelled_tasks(part: str, record_property: Callable[[str, object], None]) -> None:
    """B53: rules alone choose the mode a person would for nine of ten labelled tasks, also of those held out."""
    tasks = TASKS[0 if part == "shown" else 1 :: 2]
    wrong = [(task, want, triage(task, tools_of(names))) for names, task, want in tasks]
    wrong = [(task, want, got.mode) for task, want, got in wrong if got.mode != want]
    record_property("accuracy", 1 - len(wrong) / len(tasks))
    assert len(wrong) <= len(tasks) // 10, wrong


def test_a_needed_tool_is_never_left_out_surely() -> None:
    """A task that needs a tool is answered without one only where the rules say that they are not sure."""
    found = [(task, triage(task, tools_of(names))) for names, task, want in TASKS if want != "direct"]
    assert [task for task, got in found if got.mode == "direct" and got.sure] == []


@pytest.mark.parametrize(
    ("task", "mode", "sure"),
    [
        ("Write a haiku about the sea", "direct", True),
        ("Write a poem about the current weather", "plan", False),
        ("Why is the grass green?", "direct", False),
        ("Is it raining in Oslo?", "plan", True),
        ("How is it now?", "plan", True),
        ("Keep trying until it works", "react", True),
    ],
)
def test_doubts(task: str, mode: str, sure: bool) -> None:
    """B53: rules that only guess say so; a name or a word like now speaks for a tool."""
    assert triage(task, [WEATHER, FILES]) == Triage(triage(task, [WEATHER, FILES]).mode, ANY, sure)
    assert triage(task, [WEATHER, FILES]).mode == mode


SIDE_BY_SIDE = "What is the weather in Paris and in Rome?"


def test_one_question_of_several_things() -> None:
    """B53: calls side by side are not worth a planner's prompt, unless a plan can hold the answer or costs nothing."""
    known = WEATHER.model_copy(update={"output_schema": {"type": "string"}})
    assert triage(SIDE_BY_SIDE, [WEATHER, FILES], paid=True).mode == "react"
    assert triage(SIDE_BY_SIDE, [WEATHER, FILES]).mode == "plan"
    assert triage(SIDE_BY_SIDE, [known], paid=True).mode == "plan"


def test_labelled_tasks_are_the_same_where_plans_are_paid_for() -> None:
    """B53: no labelled task is chosen otherwise because a language model plans."""
    moved = [task for names, task, _ in TASKS if _paid(names, task)]
    assert moved == []


def _paid(names: str, task: str) -> bool:
    """Whether a task is chosen otherwise where a language model plans."""
    return triage(task, tools_of(names)) != triage(task, tools_of(names), paid=True)
