"""When somebody is asked."""

from __future__ import annotations

from typing import Any

import pytest

from engine.dag.policy import asked_of_call, asked_of_cost, asked_of_cost_of
from schemas.events import RunStarted
from schemas.tool import ToolSpec

STARTED = RunStarted(task="t", mode="plan")


def pay(approval: Any = None, **spec: Any) -> ToolSpec:
    return ToolSpec.model_validate({"name": "pay", "approval": approval, **spec})


def test_a_rule_asks_with_its_reason() -> None:
    """A call beyond a rule is asked about, and the reason says what is beyond; one within is not."""
    spec = pay({"rule": ["amount_usd > 500", "currency != 'USD'"]})
    asking = asked_of_call(spec, {"amount_usd": 900, "currency": "EUR"}, STARTED)
    assert asking is not None
    assert asking.reason == "amount_usd is 900, above 500; currency is EUR, not USD"
    assert asked_of_call(spec, {"amount_usd": 9, "currency": "USD"}, STARTED) is None


def test_a_rule_that_cannot_be_told_asks() -> None:
    """B46: an input that a rule says nothing of is not let through: a person is asked."""
    asking = asked_of_call(pay({"rule": "amount_usd > 500"}), {"amount_usd": "900"}, STARTED)
    assert asking is not None
    assert "is not clear" in asking.reason


@pytest.mark.parametrize(
    ("spec", "started", "asks"),
    [
        (pay("always"), STARTED, True),
        (pay(), STARTED, False),
        (pay(), STARTED.model_copy(update={"ask_effectful": True}), True),
        (pay(effects="none"), STARTED.model_copy(update={"ask_effectful": True}), False),
        (pay("never"), STARTED.model_copy(update={"ask_effectful": True, "ask_over_usd": 0.1}), False),
        (pay({"rule": "n > 1"}), STARTED.model_copy(update={"ask_effectful": True}), False),
        (pay(expected_usd=0.5), STARTED.model_copy(update={"ask_over_usd": 0.4}), True),
        (pay(expected_usd=0.5), STARTED.model_copy(update={"ask_over_usd": 0.5}), False),
    ],
)
def test_who_is_asked(spec: ToolSpec, started: RunStarted, asks: bool) -> None:
    """A tool's own policy stands above the run's; the run's asks where it says nothing."""
    assert (asked_of_call(spec, {"n": 1}, started) is not None) is asks


def test_costs() -> None:
    """A foreach counts all its calls; what somebody agreed to is not asked about again; a plan by its estimate."""
    started = STARTED.model_copy(update={"ask_over_usd": 2.0})
    many = asked_of_cost_of(pay(expected_usd=0.5), 10, started)
    assert many is not None
    assert many.reason == "10 calls cost about $5, above approvals.over_usd 2"
    assert asked_of_cost_of(pay("never", expected_usd=0.5), 10, started) is None
    assert asked_of_call(pay(expected_usd=2.5), {}, started) is not None
    assert asked_of_call(pay(expected_usd=2.5), {}, started, agreed=True) is None
    assert asked_of_cost(2.0, started) is None
    assert asked_of_cost(None, started) is None
    assert asked_of_cost(2.5, started) is not None


def test_how_long_is_waited() -> None:
    """A policy's own time and default, else the run's."""
    started = STARTED.model_copy(update={"ask_timeout_s": 60.0, "ask_by_default": "approve"})
    own = asked_of_call(pay({"ask": "always", "timeout_s": 5, "by_default": "reject"}), {}, started)
    runs = asked_of_call(pay("always"), {}, started)
    assert own is not None
    assert runs is not None
    assert (own.timeout_s, own.by_default, runs.timeout_s, runs.by_default) == (5, "reject", 60, "approve")
