"""Chaos on the whole engine: start, steer, approve, reject, cancel, faults of tools and models, in any order."""

from __future__ import annotations

import logging

import pytest
from hypothesis import HealthCheck, given, settings

from tests.properties.clock import virtually
from tests.properties.history import HISTORIES, History
from tests.properties.invariants import check
from tests.properties.playing import Scene, play
from schemas.events import LoggedRecord


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(history=HISTORIES)
def test_whatever_happens(backend: str, history: History) -> None:
    """Every run ends once, caps hold, no finished step is repeated, nothing is left behind."""
    virtually(backend, lambda: _tried(history))


async def _tried(history: History) -> None:
    scene = await play(history)
    check(scene)
    for played in scene.runs:
        replayed = [record async for record in scene.engine.replay(played.records)]
        assert replayed == played.records
