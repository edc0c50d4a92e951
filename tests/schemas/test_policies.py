"""Approval policies, as the configuration says them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from engine.config import parse_settings
from schemas.errors import ConfigError
from schemas.policies import Approval, ApprovalPolicy
from schemas.tool import ToolSpec

READ: TypeAdapter[ApprovalPolicy] = TypeAdapter(Approval)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("always", ApprovalPolicy()),
        ("never", ApprovalPolicy(ask="never")),
        ({"rule": "n > 3"}, ApprovalPolicy(ask="rule", rule=("n > 3",))),
        ({"rule": ["n > 3", "m"], "timeout_s": 5}, ApprovalPolicy(ask="rule", rule=("n > 3", "m"), timeout_s=5)),
        ({"ask": "always", "by_default": "approve"}, ApprovalPolicy(by_default="approve")),
    ],
)
def test_the_short_forms(said: Any, meant: ApprovalPolicy) -> None:
    """A word or a rule is a whole policy."""
    assert READ.validate_python(said) == meant


@pytest.mark.parametrize(
    "said",
    ["sometimes", {"rule": "n >"}, {"ask": "rule"}, {"ask": "never", "rule": "n > 3"}, {"timeout_s": 0}, {"rul": "n"}],
)
def test_what_is_no_policy(said: Any) -> None:
    """It is refused when it is read."""
    with pytest.raises(ValidationError):
        READ.validate_python(said)


def test_a_wrong_rule_is_refused_with_its_place() -> None:
    """The message names the file, the line, the key and what to write."""
    with pytest.raises(ConfigError) as caught:
        parse_settings('tools:\n  - python: "shop:pay"\n    approval: {rule: "amount_usd && x"}\n', "engine.yaml")
    assert caught.value.message.startswith("engine.yaml:3: tools[0].approval")
    assert "write and" in caught.value.message


def test_specs_of_older_logs() -> None:
    """What an older release wrote is read as what it meant."""
    assert ToolSpec.model_validate({"name": "pay", "needs_approval": True}).approval == ApprovalPolicy()
    assert ToolSpec.model_validate({"name": "pay", "needs_approval": False}).approval is None
