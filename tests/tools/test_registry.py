"""The declared tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.tools.builtin import BUILTIN_NAMES, standard_names
from engine.tools.function import tool
from engine.tools.registry import RESERVED, Registry, from_settings
from schemas.errors import ConfigError, ToolNotFoundError
from schemas.settings import FetchSettings, Settings, ToolSettings
from schemas.tool import ToolSpec
from tests.tools.context import Context


@tool(effects="none")
async def search(query: str) -> str:
    """Search."""
    return query


def settings(*entries: dict[str, Any], **rest: Any) -> Settings:
    """Settings with these entries of ``tools``."""
    return Settings(tools=tuple(ToolSettings(**entry) for entry in entries), **rest)


def refusal(folder: Path, *entries: dict[str, Any], **rest: Any) -> ConfigError:
    """The error these entries give."""
    with pytest.raises(ConfigError) as caught:
        from_settings(settings(*entries, **rest), folder)
    return caught.value


def test_changes_show_in_the_next_specs() -> None:
    """Adding, disabling, enabling and removing take effect from the next ``specs()``; a snapshot stays."""
    registry = Registry([search])
    before = registry.specs()
    registry.add(lambda_tool := tool(name="other")(lambda x: x))
    registry.disable("search")
    assert (list(before), list(registry.specs())) == (["search"], ["other", "search"])
    assert (before["search"].enabled, registry.specs()["search"].enabled) == (True, False)
    registry.remove("other")
    registry.enable("search")
    assert (list(registry.specs()), registry.get("search")) == (["search"], search)
    assert lambda_tool.spec.name == "other"


def test_a_disabled_tool_cannot_be_had() -> None:
    """B15: ``get`` knows no disabled tool, ``specs`` still shows that it is declared."""
    registry = Registry([search])
    registry.disable("search")
    with pytest.raises(ToolNotFoundError, match="disabled"):
        registry.get("search")
    assert "search" in registry.specs()


def test_an_unknown_tool_names_the_nearest() -> None:
    """A misspelt name gets a suggestion, everywhere."""
    registry = Registry([search])
    for ask in (registry.get, registry.remove, registry.disable, registry.enable):
        with pytest.raises(ToolNotFoundError) as caught:
            ask("serch")
        assert caught.value.hint == "did you mean 'search'?"


@pytest.mark.parametrize("name", RESERVED)
def test_reserved_names_are_refused(name: str) -> None:
    """Words that mean something in a plan cannot name a tool."""
    with pytest.raises(ConfigError, match=f"cannot be called '{name}'"):
        Registry([tool(name=name)(lambda: 1)])


def test_a_name_declared_twice_names_both_places(tmp_path: Path) -> None:
    """Two tools of one name are refused, and both entries are named."""
    error = refusal(tmp_path, {"builtin": "calculate"}, {"builtin": "date_time", "name": "calculate"})
    assert "tools[1] (built-in date_time)" in error.message
    assert "tools[0] (built-in calculate)" in error.message


def test_without_tools_there_are_all_built_in_ones(tmp_path: Path) -> None:
    """A configuration that names no tool gets the standard built-in ones; one that names some gets those."""
    assert tuple(from_settings(Settings(), tmp_path).specs()) == standard_names(Settings())
    assert list(from_settings(settings({"builtin": "calculate"}), tmp_path).specs()) == ["calculate"]


def test_an_entry_of_its_own_refines_one_of_all(tmp_path: Path) -> None:
    """``builtin: all`` beside a built-in tool with other settings is every one, once."""
    registry = from_settings(settings({"builtin": "all"}, {"builtin": "calculate", "timeout_s": 2}), tmp_path)
    assert tuple(registry.specs()) == standard_names(Settings())
    assert registry.specs()["calculate"].timeout_s == 2


def test_the_web_is_reached_only_where_somebody_says_so(tmp_path: Path) -> None:
    """``fetch_url`` is no part of ``all`` until it is named, or its section is there."""
    assert set(BUILTIN_NAMES) - set(standard_names(Settings())) == {"fetch_url"}
    for configured in (
        settings({"builtin": "all"}, {"builtin": "fetch_url"}),
        settings({"builtin": "all"}, fetch_url=FetchSettings()),
        Settings(fetch_url=FetchSettings(only=("example.com",))),
    ):
        assert tuple(from_settings(configured, tmp_path).specs()) == tuple(sorted(BUILTIN_NAMES))
    assert "10.0.0.0/99" in refusal(tmp_path, fetch_url=FetchSettings(allow=("10.0.0.0/99",))).message


@pytest.mark.anyio
async def test_python_tools_with_settings_on_top(tmp_path: Path) -> None:
    """A plain function is a tool, and the configuration has the last word on its spec."""
    (tmp_path / "my_registry_tools.py").write_text("def shout(text: str) -> str:\n    return text.upper()")
    entry = {"python": "my_registry_tools:shout", "name": "loud", "effects": "none", "max_attempts": 1}
    registry = from_settings(settings({**entry, "reads": ["db"]}), tmp_path)
    spec = registry.specs()["loud"]
    assert (spec.effects, spec.reads, spec.retry.max_attempts) == ("none", ("db",), 1)
    assert await registry.get("loud").call({"text": "hi"}, Context()) == "HI"


def test_any_object_with_spec_and_call_is_a_tool(tmp_path: Path) -> None:
    """A tool need not be a function; settings apply to it too."""
    (tmp_path / "my_object_tools.py").write_text(
        "from schemas.tool import ToolSpec\n"
        "class Thing:\n    spec = ToolSpec(name='thing')\n    async def call(self, arguments, context): return 1\n"
        "thing = Thing()\n"
    )
    registry = from_settings(settings({"python": "my_object_tools:thing", "effects": "none"}), tmp_path)
    assert registry.get("thing").spec == ToolSpec(name="thing", effects="none")


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([{}], "has none of them"),
        ([{"python": "a:b", "builtin": "all"}], "has python and builtin"),
        ([{"openapi": "x.yaml"}], "tools[0].openapi: x.yaml: cannot be read"),
        ([{"builtin": "calculat"}], "no built-in tool 'calculat'"),
        ([{"builtin": "all", "name": "x"}], "cannot have one name"),
        ([{"builtin": "calculate", "name": "no spaces"}], "tools[0]: tool 'calculate': name"),
        ([{"builtin": "calculate", "simulate": "nothing"}], "simulate: 'nothing'"),
        ([{"builtin": "calculate", "spending": {"argument": "expresion", "per_day": 1}}], "no argument 'expresion'"),
        ([{"mcp": "server", "spending": {"argument": "amount", "per_day": 1}}], "a whole server"),
        ([{"builtin": "calculate", "simulate": "calculate"}], "no other declared tool"),
        ([{"python": "my_numbers:PI"}], "no function but of type float"),
    ],
)
def test_wrong_entries_are_named(tmp_path: Path, entries: list[dict[str, Any]], said: str) -> None:
    """Every mistake in ``tools`` names its entry and what would be right."""
    (tmp_path / "my_numbers.py").write_text("PI = 3.14")
    assert said in refusal(tmp_path, *entries).message


def test_a_workspace_that_is_missing_is_said(tmp_path: Path) -> None:
    """``workspace`` must name a folder."""
    assert "no folder data" in refusal(tmp_path, workspace="data").message
