"""Chaos on the whole engine: start, steer, approve, reject, cancel, faults of tools and models, in any order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

import pytest
import structlog
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.properties.clock import virtually
from tests.properties.history import HISTORIES, History
from tests.properties.invariants import check, check_replay
from tests.properties.playing import play

BACKENDS = ("asyncio", "trio")
EVERY_DAY = 100
AT_LENGTH = 20_000
PARTS = 10  # each is a test of its own, so that several processes share them


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Log nothing: every fault of a hook would be told with its traceback."""

    def drop(*_: object) -> NoReturn:
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[drop])
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("backend", BACKENDS)
def test_whatever_happens_a_run_ends_once_and_keeps_its_caps(backend: str) -> None:
    """B35: in any history every run ends once, repeats no finished step, keeps its caps, and plays again exactly."""
    explore(backend, EVERY_DAY, 0)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("backend", BACKENDS)
def test_at_length(backend: str, part: int) -> None:
    """The same over 20,000 histories on each event loop."""
    explore(backend, AT_LENGTH // PARTS, 1 + part)


def explore(backend: str, examples: int, number: int) -> None:
    """Try so many histories; what fails is shrunk, and its repr is the whole history."""

    @settings(
        max_examples=examples,
        derandomize=False,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
    )
    @seed(number)
    @given(history=HISTORIES)
    def one(history: History) -> None:
        virtually(backend, lambda: _tried(history))

    one()


async def _tried(history: History) -> None:
    scene = await play(history)
    check(scene)
    await check_replay(scene)
