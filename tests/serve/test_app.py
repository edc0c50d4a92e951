"""The application as a whole: up, ready, in the documentation as it is, and after a signal."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from engine.api import Engine
from engine.durable.memory import MemoryLog
from tests.cli.command import clean_environ, engine, one_error_line
from tests.serve.serving import served
from tests.source import ROOT


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="curl or jq is not installed")
def test_the_page_shows_what_happens(tmp_path: Path) -> None:
    """Every command of docs/http.md, in order, against a server with the offline model, prints what the page says."""
    page = (ROOT / "docs/http.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```console\n(.*?)^```", page, re.M | re.S)
    with served(lambda: Engine({}, store=MemoryLog(), environ={})) as here:
        for block in shown:
            for command, expected in re.findall(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", block, re.M):
                real = command.replace("127.0.0.1:8765", here.url.removeprefix("http://"))
                done = subprocess.run(["bash", "-c", real], capture_output=True, text=True, timeout=30, check=False)
                assert done.stdout == expected, command
    assert len(shown) >= 6


@contextmanager
def process(folder: Path, *more: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    """Run ``engine serve`` as a user does, and give its address once it says so."""
    command = [sys.executable, "-m", "engine.cli", "serve", "--port", "0", "--store", str(folder / "runs.db"), *more]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, env=clean_environ()) as running:
        assert running.stderr is not None
        said = next(line for line in running.stderr if line.startswith(("engine serve:", "error:")))
        found = re.search(r"http://\S+", said)
        assert found is not None, said
        rest = threading.Thread(target=running.stderr.read, daemon=True)
        rest.start()
        try:
            yield running, found[0]
        finally:
            running.kill()


@pytest.mark.slow
def test_two_processes_share_a_file_and_survive_each_other(tmp_path: Path) -> None:
    """A run accepted by one process is seen through another, and goes on there when the first is told to stop."""
    task = {"task": "what is 12 percent of 3400?"}
    with process(tmp_path) as (first, one), process(tmp_path) as (_, two):
        run_id = httpx2.post(f"{one}/runs", json=task, timeout=20).json()["id"]
        first.send_signal(signal.SIGTERM)
        assert first.wait(20) == 0
        for _ in range(1_000):
            row = httpx2.get(f"{two}/runs/{run_id}", timeout=20).json()
            if row["status"] == "completed":
                break
            time.sleep(0.05)
        assert row["answer"]["text"].startswith("408")
        assert [line["id"] for line in httpx2.get(f"{two}/runs").json()["runs"]] == [run_id]


def test_a_port_in_use_ends_the_command(tmp_path: Path) -> None:
    """A port that is taken, or an open one without a token, is one line and the exit code of a wrong configuration."""
    with served(lambda: Engine({}, store=MemoryLog(), environ={})) as here:
        port = here.url.rpartition(":")[2]
        done = engine("serve", "--port", port, cwd=tmp_path)
        assert (done.returncode, "already in use" in one_error_line(done)) == (3, True)
    for open_port in (["--host", "0.0.0.0"], ["--token", ""]):
        done = engine("serve", "--port", "0", *open_port, cwd=tmp_path)
        assert (done.returncode, "token" in one_error_line(done)) == (3, True)


def test_health_is_told_apart_from_readiness() -> None:
    """A process whose store is away is up, but not ready."""

    class Away(MemoryLog):
        away = False

        async def now(self) -> float:
            if self.away:
                raise OSError("gone")
            return await super().now()

    store = Away()
    with served(lambda: Engine({}, store=store, environ={})) as here:
        assert here.client.get("/readyz").json()["status"] == "ready"
        store.away = True
        assert here.client.get("/readyz").status_code == 503
        assert here.client.get("/healthz").status_code == 200
