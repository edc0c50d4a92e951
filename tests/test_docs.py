"""What the documentation shows is what the code accepts."""

from __future__ import annotations

import json
import re

import pytest

from engine.config import parse_settings
from engine.dag.build import graph
from schemas.plan import Plan, Step
from schemas.settings import Approvals, Budget, Limits, ModelProvider, ModelSettings, Settings, Telemetry, ToolSettings
from tests.source import ROOT

LATER = {"store", "agents", "assistants", "listeners", "filters", "mcp", "openapi"}


def blocks(name: str, language: str) -> list[str]:
    """Return the fenced blocks of a language in a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "docs" / name).read_text(encoding="utf-8"), re.M | re.S)


def test_the_configuration_shown_is_valid() -> None:
    """Every YAML block of docs/configuration.md is a configuration."""
    for block in blocks("configuration.md", "yaml"):
        settings, _ = parse_settings(block, "docs/configuration.md")
        assert settings.roles.planner


@pytest.mark.parametrize(
    "record", [Settings, ModelProvider, ModelSettings, ToolSettings, Budget, Limits, Approvals, Telemetry]
)
def test_every_setting_is_documented(record: type[Settings]) -> None:
    """Every field of the configuration is named in docs/configuration.md."""
    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    assert [name for name in record.model_fields if name not in LATER and f"`{name}`" not in text] == []


def test_the_plan_shown_is_valid() -> None:
    """Every JSON block of docs/plans.md is a plan without a cycle."""
    for block in blocks("plans.md", "json"):
        plan = Plan.model_validate(json.loads(block))
        assert len(graph(plan)) == len(plan.steps)


def test_every_field_of_a_step_is_documented() -> None:
    """Every field of a step is named in docs/plans.md."""
    text = (ROOT / "docs/plans.md").read_text(encoding="utf-8")
    assert [name for name in Step.model_fields if f"`{name}`" not in text] == []
