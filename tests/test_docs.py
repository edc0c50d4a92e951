"""What the documentation shows is what the code accepts."""

from __future__ import annotations

import json
import re

import pytest

from engine.cli import main
from engine.cli.table import COMMANDS, EXIT_CODES
from engine.config import parse_settings
from engine.dag.build import graph
from schemas.approving import Approvals
from schemas.gateway import (
    BudgetRule,
    CacheSettings,
    Fallbacks,
    FilterSettings,
    GatewaySettings,
    Listener,
    RateLimits,
    Webhook,
)
from schemas.plan import Plan, Step
from schemas.presets import presets
from schemas.schedules import ScheduleSettings
from schemas.settings import (
    Budget,
    Durability,
    FetchSettings,
    Limits,
    McpSettings,
    McpToolSettings,
    ModelProvider,
    ModelSettings,
    PythonSettings,
    Settings,
    StoreSettings,
    Telemetry,
    ToolSettings,
    Workers,
)
from schemas.tool import SpendingLimits
from tests.source import ROOT

LATER = {"agents", "assistants"}


def blocks(name: str, language: str) -> list[str]:
    """Return the fenced blocks of a language in a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "docs" / name).read_text(encoding="utf-8"), re.M | re.S)


def test_the_configuration_shown_is_valid() -> None:
    """Every YAML block of docs/configuration.md is a configuration."""
    for block in blocks("configuration.md", "yaml"):
        settings = parse_settings(block, "docs/configuration.md")
        assert settings.roles.planner


@pytest.mark.parametrize(
    "record",
    [
        Settings,
        ModelProvider,
        ModelSettings,
        ToolSettings,
        SpendingLimits,
        McpSettings,
        McpToolSettings,
        PythonSettings,
        FetchSettings,
        Budget,
        Limits,
        Approvals,
        StoreSettings,
        Durability,
        Telemetry,
        Workers,
        ScheduleSettings,
        Listener,
        RateLimits,
        FilterSettings,
        GatewaySettings,
        BudgetRule,
        Fallbacks,
        CacheSettings,
        Webhook,
    ],
)
def test_every_setting_is_documented(record: type[Settings]) -> None:
    """Every field of the configuration is named in docs/configuration.md."""
    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    assert [name for name in record.model_fields if name not in LATER and f"`{name}`" not in text] == []


def test_the_tools_shown_are_configured_like_that() -> None:
    """Every YAML block of docs/tools.md is a configuration."""
    shown = blocks("tools.md", "yaml")
    assert shown
    for block in shown:
        parse_settings(block, "docs/tools.md")


def test_the_schedules_shown_are_configured_like_that() -> None:
    """Every YAML block of docs/schedules.md is a configuration."""
    for block in blocks("schedules.md", "yaml"):
        assert parse_settings(block, "docs/schedules.md").schedules


def test_the_budgets_shown_are_configured_like_that() -> None:
    """Every YAML block of docs/budgets.md is a configuration."""
    for block in blocks("budgets.md", "yaml"):
        parse_settings(block, "docs/budgets.md")


def test_the_gateways_shown_are_configured_like_that() -> None:
    """Every YAML block of docs/gateway.md is a configuration."""
    shown = blocks("gateway.md", "yaml")
    assert shown
    for block in shown:
        parse_settings(block, "docs/gateway.md")


def test_the_assistants_shown_are_configured_like_that() -> None:
    """Every YAML block of docs/assistants.md is a configuration."""
    for block in blocks("assistants.md", "yaml"):
        parse_settings(block, "docs/assistants.md")


def test_the_plan_shown_is_valid() -> None:
    """Every JSON block of docs/plans.md is a plan without a cycle."""
    for block in blocks("plans.md", "json"):
        plan = Plan.model_validate(json.loads(block))
        assert len(graph(plan)) == len(plan.steps)


def test_every_field_of_a_step_is_documented() -> None:
    """Every field of a step is named in docs/plans.md."""
    text = (ROOT / "docs/plans.md").read_text(encoding="utf-8")
    assert [name for name in Step.model_fields if f"`{name}`" not in text] == []


def test_every_command_is_documented() -> None:
    """Every command of the CLI is named in docs/cli.md, and no other."""
    text = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`engine ([a-z]+)", text)) == COMMANDS.keys()


def test_every_option_of_run_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    """Every option of ``engine run`` is named in docs/cli.md."""
    assert main(["run", "--help"]) == 0
    options = set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out)) - {"--help"}
    text = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    assert options
    assert [option for option in sorted(options) if f"`{option}`" not in text] == []


def test_the_exit_codes_are_those_of_the_program() -> None:
    """The table of exit codes says what ``engine --help`` says."""
    text = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    table = {int(code): meaning for code, meaning in re.findall(r"^\| (\d+) \| (.+) \|$", text, re.M)}
    assert table == EXIT_CODES


def test_every_preset_is_documented() -> None:
    """The table of well-known services has all of them, with the formats each takes."""
    table = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|", (ROOT / "docs/configuration.md").read_text(), re.M)
    listed = {name: tuple(re.findall(r"`(\w+)`", formats)) for name, formats in table}
    expected = {name: preset.formats or ("messages",) for name, preset in presets().items()}
    assert {name: listed.get(name) for name in expected} == expected
