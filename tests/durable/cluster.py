"""A real Postgres for tests: a private cluster in a temporary folder, started once a process, stopped at its end.

Fixtures: ``cluster`` (the running server, once a session) and ``postgres_url`` (an empty database for each test).
ENGINE_TEST_POSTGRES names another server's URL (its user may create databases); nothing is started or stopped then.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import pytest

from benchmarks import server
from benchmarks.server import PASSWORD, SETTINGS, START_S, USER, Cluster, NotInstalledError, with_database

__all__ = ["PASSWORD", "SETTINGS", "START_S", "USER", "Cluster", "running", "with_database"]

NO_POSTGRES = "initdb is not installed: tests on a real Postgres are skipped"
NO_CONTROL = "ENGINE_TEST_POSTGRES is set: tests that stop the server are skipped"

_spare: list[str] = []
"""URLs of empty databases, of this process's cluster."""


class _Given(Cluster):
    """The server of ENGINE_TEST_POSTGRES: databases come and go, the server stays as it is."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._databases = itertools.count(1)
        self._made: list[str] = []

    def database(self) -> str:
        url = super().database()
        self._made.append(urlsplit(url).path.lstrip("/"))
        return url

    def start(self) -> None:
        pytest.skip(NO_CONTROL)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        pytest.skip(NO_CONTROL)

    def remove(self) -> None:
        for name in self._made:
            self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def running(settings: Mapping[str, str] | None = None) -> Cluster:
    """Start a cluster of one's own; without Postgres the test is skipped, and fails in CI."""
    try:
        return server.running(settings)
    except NotInstalledError as exc:
        if os.environ.get("CI", "") not in ("", "0", "false"):
            pytest.fail(f"in CI nothing is skipped: {exc}")
        pytest.skip(NO_POSTGRES)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A Postgres server for everyday tests: it is fast, and does not fsync."""
    given = os.environ.get("ENGINE_TEST_POSTGRES")
    server = _Given(given) if given else running()
    yield server
    server.remove()


@pytest.fixture
def postgres_url(cluster: Cluster) -> Iterator[str]:
    """The URL of an empty database."""
    url = _spare.pop() if _spare else cluster.database()
    yield url
    cluster.empty(url)
    _spare.append(url)
