"""Specs of the tools a server lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.tools.mcp.base import ListedTool
from engine.tools.mcp.entry import server_entries
from engine.tools.mcp.listing import offered, tool_name
from schemas.settings import ToolSettings
from schemas.tool import ToolSpec

OBJECT: dict[str, Any] = {"type": "object"}


def specs(*tools: ListedTool, mcp: dict[str, Any] | None = None, **entry: Any) -> tuple[dict[str, ToolSpec], list[str]]:
    """Return what a server called git offers, and what is left out."""
    settings = ToolSettings.model_validate({"mcp": {"command": "git", **(mcp or {})}, "name": "git", **entry})
    found, left_out = offered(server_entries(settings, Path(), "tools[0]")[0], list(tools))
    return {one.tool: one.spec for one in found}, left_out


def listed(name: str = "log", **more: Any) -> ListedTool:
    """A tool as a server lists it."""
    return ListedTool(name, **{"input_schema": OBJECT, **more})


@pytest.mark.parametrize(
    ("prefix", "tool", "name"),
    [
        ("git_", "log", "git_log"),
        ("git_", "git_log", "git_log"),
        ("git_", "Git_log", "Git_log"),
        ("", "log", "log"),
        ("fs_", "a/b.c d", "fs_a_b_c_d"),
        ("", "-x", "_x"),
        ("", "", "tool"),
        ("", "读取", "__"),
    ],
)
def test_names_fit_a_plan(prefix: str, tool: str, name: str) -> None:
    """A tool's name begins with its server's, once, and holds only what a plan and every provider take."""
    assert tool_name(prefix, tool) == name


def test_long_names_stay_apart() -> None:
    """Names beyond 64 characters are cut, and still differ where the tools do."""
    names = {tool_name("p_", "x" * 90 + end) for end in "ab"}
    assert {len(name) for name in names} == {64}
    assert len(names) == 2


def test_a_tool_counts_as_effectful_whatever_its_server_says() -> None:
    """Hints of the server count only where the configuration says so."""
    tools = (listed("read", read_only=True), listed("put", idempotent=True), listed("send", read_only=False))
    untrusted, _ = specs(*tools)
    trusted, _ = specs(*tools, mcp={"trust_annotations": True})
    assert [spec.effects for spec in untrusted.values()] == ["effectful"] * 3
    assert [spec.effects for spec in trusted.values()] == ["none", "idempotent", "effectful"]


def test_the_configuration_decides() -> None:
    """What is said of one tool comes before what is said of all, and that before any hint."""
    mcp = {
        "trust_annotations": True,
        "tools": {"log": {"name": "history", "effects": "none", "reads": ["repo:{path}"]}},
    }
    found, left_out = specs(listed(), listed("push", read_only=True), mcp=mcp, effects="idempotent", approval="always")
    assert (found["log"].name, found["log"].effects, found["log"].reads) == ("history", "none", ("repo:{path}",))
    assert (found["push"].effects, found["push"].asks, left_out) == ("idempotent", True, [])


def test_a_call_has_a_deadline() -> None:
    """A call has 60 s where the configuration names no time limit."""
    found, _ = specs(listed(), listed("fetch"), mcp={"tools": {"fetch": {"timeout_s": 300}}})
    assert (found["log"].timeout_s, found["fetch"].timeout_s, found["log"].kind) == (60, 300, "mcp")


@pytest.mark.parametrize(
    ("tools", "said"),
    [
        ([listed(input_schema={"type": "object", "properties": {"a": {"type": "things"}}})], "log of the MCP server"),
        ([listed(input_schema={"type": "array"})], "not an object"),
        ([listed(input_schema={"type": "object", "$ref": "http://127.0.0.1/x"})], "leads out of the schema"),
    ],
)
def test_a_tool_with_a_wrong_schema_is_left_out(tools: list[ListedTool], said: str) -> None:
    """A schema that cannot be applied costs one tool, with a line that names it."""
    found, left_out = specs(*tools, listed("status"))
    assert list(found) == ["status"]
    assert [said in line for line in left_out] == [True]


def test_a_wrong_output_schema_is_dropped() -> None:
    """A tool whose output schema cannot be applied is used without it."""
    found, left_out = specs(listed(output_schema={"type": "things"}))
    assert (found["log"].output_schema, left_out) == (None, [])


def test_the_first_of_two_of_one_name_is_used() -> None:
    """Two tools of one name are one, with a line that says so."""
    found, left_out = specs(listed("log", description="first"), listed("git_log", description="second"))
    assert [spec.description for spec in found.values()] == ["first"]
    assert "two tools called git_log" in left_out[0]


def test_the_configuration_names_a_tool_that_is_not_there() -> None:
    """A tool the configuration speaks of and the server does not list is named."""
    _, left_out = specs(listed(), mcp={"tools": {"lgo": {"effects": "none"}}})
    assert left_out == ["tools[0].mcp.tools: the MCP server 'git' lists no tool 'lgo'"]
