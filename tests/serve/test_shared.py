"""Servers on a store that machines share: they accept and stream, workers drive."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.api import Engine
from schemas.events import LoggedRecord
from tests.cli.command import clean_environ
from tests.serve.serving import messages, read_bytes, served

pytestmark = pytest.mark.slow


@contextmanager
def worker(folder: Path, url: str) -> Generator[None]:
    """A worker process on a store."""
    command = [sys.executable, "-m", "engine.cli", "worker", "--store", url]
    with subprocess.Popen(command, cwd=folder, env=clean_environ(), stderr=subprocess.DEVNULL) as running:
        try:
            yield
        finally:
            running.terminate()


def test_accepted_here_driven_there_watched_elsewhere(tmp_path: Path, postgres_url: str) -> None:
    """B60: a run accepted by one server is driven by a worker, and streamed by another server from event to event."""

    def make() -> Engine:
        return Engine({}, store=postgres_url, environ=dict(os.environ))

    with served(make, drives=False) as one, served(make, drives=False) as two, worker(tmp_path, postgres_url):
        run_id = one.post("", {"task": "what is 12 percent of 3400?"}, 201)["id"]
        seen = [m.item for m in messages(read_bytes(two.url, f"/runs/{run_id}/events", "", 10**7)[0])]
        assert two.get(f"/{run_id}")["answer"]["text"].startswith("408")
    numbers = [item.seq for item in seen if isinstance(item, LoggedRecord)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert getattr(seen[-1], "event", None) is not None


def test_a_server_may_drive_beside_workers(postgres_url: str) -> None:
    """With ``--drive`` a server drives what it accepts on a shared store, with no worker there."""
    with served(lambda: Engine({}, store=postgres_url, environ=dict(os.environ))) as here:
        done = here.post("", {"task": "what is 12 percent of 3400?", "wait": True}, 200)
        assert done["answer"]["text"].startswith("408")
