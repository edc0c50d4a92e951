"""Drivers are killed and frozen at any moment: nothing finished is done again, no run is lost."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

import anyio
import pytest

from tests.durable.cluster import Cluster, running
from tests.durable.kills.firing import doubled, fired
from tests.durable.kills.killing import Plot, kind_of, suffer
from tests.durable.kills.world import TASKS

LONG = int(os.environ.get("ENGINE_TEST_KILLS", "500"))


@cache
def undisturbed() -> dict[str, str]:
    """The answers of runs of every kind that were left in peace."""
    with tempfile.TemporaryDirectory() as folder:
        plot = Plot(f"sqlite:{folder}/runs.db", Path(folder), 1, runs=len(TASKS), workers=1)
        return {kind_of(run_id): answer for run_id, answer in anyio.run(suffer, plot).items()}


def trial(plot: Plot) -> None:
    """Kill and freeze, and compare the answers with those of undisturbed runs."""
    for run_id, answer in anyio.run(suffer, plot).items():
        assert answer == undisturbed()[kind_of(run_id)], run_id


def url_of(store: str, folder: Path, server: Cluster) -> str:
    """A new store of a kind."""
    return f"sqlite:{folder / 'runs.db'}" if store == "sqlite" else server.database()


@pytest.mark.parametrize(("store", "workers"), [("sqlite", 2), ("postgres", 1)])
def test_killed(store: str, workers: int, tmp_path: Path, cluster: Cluster) -> None:
    """B62: kill −9 at random moments: finished steps stay done, effects happen once, the answers are the same."""
    trial(Plot(url_of(store, tmp_path, cluster), tmp_path, 2, runs=6, workers=workers, kills=4))


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_frozen_and_woken(store: str, tmp_path: Path, cluster: Cluster) -> None:
    """B62: a driver that was silent too long has lost its runs: when it wakes it starts nothing."""
    trial(Plot(url_of(store, tmp_path, cluster), tmp_path, 3, runs=6, workers=2, kills=1, freezes=2, timeout_s=0.5))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_killed_at_length(store: str, workers: int, tmp_path: Path) -> None:
    """B62: hundreds of kills and some freezes, every commit synced."""
    server = running({"fsync": "on"})
    try:
        kills = LONG // 4
        plot = Plot(url_of(store, tmp_path, server), tmp_path, 4, 15, workers, kills, freezes=kills // 20)
        trial(plot)
    finally:
        server.remove()


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_schedules_fire_once(store: str, tmp_path: Path, cluster: Cluster) -> None:
    """B59: kill −9 of processes that fire the same schedule: each time starts one run, or is told as missed."""
    times, told = anyio.run(fired, url_of(store, tmp_path, cluster), 3, 5)
    assert doubled(times) == []
    missed = sum(firing.missed for firing in told)
    assert len(times) + missed >= max(times) - min(times) + 1
    assert len(times) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_schedules_fire_once_at_length(store: str, tmp_path: Path, cluster: Cluster) -> None:
    """B59: the same with many kills."""
    times, _ = anyio.run(fired, url_of(store, tmp_path, cluster), LONG // 20, 6)
    assert doubled(times) == []
