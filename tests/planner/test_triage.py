"""What auto means for a task."""

from __future__ import annotations

import pytest

from engine.planner.triage import choose_mode
from schemas.tool import ToolSpec
from tests.planner.doubles import tool

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
    assert choose_mode(task, [WEATHER, FILES])[0] == mode


def test_no_tools() -> None:
    """Without a usable tool there is only the direct answer."""
    hidden = [tool("a").model_copy(update={"hidden": True}), tool("b").model_copy(update={"enabled": False})]
    assert choose_mode("Compare the weather of Paris and Rome", hidden) == ("direct", "there are no tools")


def test_look_up() -> None:
    """A tool that looks anything up has to do with every question."""
    lookup = ToolSpec(name="wikipedia", description="Search articles.")
    assert choose_mode("Who is the mayor of Oslo?", [lookup])[0] == "plan"


def test_languages_apart() -> None:
    """Where task and tools share no script, a missing common word says nothing."""
    assert choose_mode("苹果的股价是多少", [STOCKS])[0] == "plan"
    assert choose_mode("给我讲个笑话", [STOCKS])[0] == "direct"
    assert choose_mode("给我讲个笑话", [WEATHER])[0] == "plan"
    assert choose_mode("What is the share price?", [STOCKS])[0] == "plan"


def test_long_tasks() -> None:
    """A long text is decided at once."""
    assert choose_mode("ok " * 5_000 + "x", [WEATHER])[0] in ("plan", "direct")
