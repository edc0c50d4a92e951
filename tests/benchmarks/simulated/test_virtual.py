"""The simulated model on a virtual clock."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
import pytest

from benchmarks.orchestration.ours import Ours
from benchmarks.orchestration.outcome import Outcome
from benchmarks.orchestration.runner import Plan, perform, performed_by, untold
from benchmarks.simulated.clock import virtually
from benchmarks.simulated.profile import PROFILES, Profile
from benchmarks.simulated.virtual import CLOCK, VirtualProvider
from gateway.upstream.base import Sent
from schemas.errors import ModelUnavailableError
from tests.benchmarks.orchestration.trips import TRIP

PLAIN = PROFILES["plain"]


def ran(folder: Path, name: str = "plan", profile: Profile = PLAIN) -> Outcome:
    """One run of the trip."""
    provider = VirtualProvider()
    plan = Plan([TRIP], [Ours(name, carrier=provider)], profile, at_once=1, clock=CLOCK)
    (outcome,) = virtually(partial(performed_by, provider, plan, folder, untold))[0]
    return outcome


def test_a_plan_takes_its_lower_bound_exactly(tmp_path: Path) -> None:
    """No time passes but the models' and the tools', so that the engine adds nothing to the bound."""
    outcome = ran(tmp_path)
    assert outcome.right
    assert outcome.seconds == pytest.approx(outcome.bound_s, abs=1e-6)


@pytest.mark.parametrize("name", ["react", "react@messages", "plan@messages"])
def test_both_formats_are_carried(name: str, tmp_path: Path) -> None:
    """A run is right in either format, and its last call ends when the run does."""
    outcome = ran(tmp_path, name)
    assert outcome.right
    assert max(call["ended"] for call in outcome.calls) == pytest.approx(outcome.seconds)


def test_faults_strike_here_too(tmp_path: Path) -> None:
    """An overloaded model and a cut stream are what they are over HTTP: calls that count, and cost what was sent."""
    for fault, status in (("overloaded", 529), ("cut", 499)):
        outcome = ran(tmp_path / fault, profile=replace(PLAIN, faults={fault: 1.0}))
        assert outcome.status == "failed"
        assert {call["status"] for call in outcome.calls} == {status}


def test_an_address_that_nobody_registered() -> None:
    """A request for no run is an error of the provider's."""
    provider = VirtualProvider()
    with pytest.raises(ModelUnavailableError, match="'nobody'"):
        anyio.run(provider.send, Sent("simulated/big", "http://virtual.invalid/nobody/v1", b"{}", {}, 1.0))


@pytest.mark.slow
def test_counts_are_those_over_http(tmp_path: Path) -> None:
    """The same run over a socket makes the same calls with the same tokens."""
    plan = Plan([TRIP], [Ours("plan")], replace(PLAIN, speed=40.0))
    (over_http,) = anyio.run(perform, plan, tmp_path / "http", untold)
    counts = [
        [(call["part"], call["prompt_tokens"], call["completion_tokens"], call["cost_usd"]) for call in one.calls]
        for one in (over_http, ran(tmp_path / "virtual"))
    ]
    assert counts[0] == counts[1]
