"""engine gateway, as a user starts, changes and stops it."""

from __future__ import annotations

import os
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

from tests.cli.command import clean_environ, engine, one_error_line
from tests.wire.replies import say
from tests.wire.server import WireServer

PATIENCE_S = 40.0
CONFIG = """
model_providers:
  - {name: here, kind: offline}
aliases: {fast: here/offline}
listeners:
  - {name: only, port: 0, models: [fast, "here/*"], limits: {requests_per_minute: 60}}
filters: [{name: names, kind: pii}]
gateway: {budgets: [{of: all, usd: 5}], drain_s: 1}
"""


@contextmanager
def running(folder: Path, *args: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    """Start it; yield the process and the address it says, and end it."""
    environ = clean_environ(XDG_STATE_HOME=str(folder / ".state"))
    command = [sys.executable, "-m", "engine.cli", "gateway", *args]
    with subprocess.Popen(command, cwd=folder, env=environ, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if line.startswith("engine gateway"):
                    yield process, next(word for word in line.split() if word.startswith("http://"))
                    break
            else:
                raise AssertionError("it said no address")
        finally:
            process.kill()


def until_known(url: str, model: str) -> None:
    """Wait until a model is known there."""
    end = time.monotonic() + PATIENCE_S
    while httpx2.get(f"{url}/v1/models/{model}").status_code != 200:
        assert time.monotonic() < end, f"{model} is not known"
        time.sleep(0.05)


def test_it_serves_what_the_file_says(tmp_path: Path) -> None:
    """It answers, follows its file and SIGHUP, keeps what it has when the file is wrong, and ends with 0."""
    file = tmp_path / "engine.yaml"
    file.write_text(CONFIG)
    with running(tmp_path) as (process, url):
        asked = {"model": "fast", "messages": [{"role": "user", "content": "what is 12 percent of 50?"}]}
        answer = httpx2.post(f"{url}/v1/chat/completions", json=asked, timeout=PATIENCE_S)
        assert answer.json()["choices"][0]["message"]["role"] == "assistant"
        file.write_text(CONFIG.replace("{fast:", "{swift: here/offline, fast:").replace("[fast,", "[fast, swift,"))
        until_known(url, "swift")
        file.write_text("model_providers: [")
        os.kill(process.pid, signal.SIGHUP)
        time.sleep(1.0)
        until_known(url, "swift")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0


def test_a_second_signal_leaves_at_once(tmp_path: Path) -> None:
    """The first signal waits for a call that runs; a second one does not."""
    with WireServer(lambda request, path: say(request, path, "late", delay_s=600)) as upstream:
        provider = f"{{name: p, kind: openai, base_url: '{upstream.url}/v1', local: true, models: [{{name: m}}]}}"
        text = CONFIG.replace("{name: here, kind: offline}", provider).replace("here/offline", "p/m")
        (tmp_path / "engine.yaml").write_text(text.replace("drain_s: 1", "drain_s: 600"))
        with running(tmp_path) as (process, url):
            body = {"model": "fast", "messages": [{"role": "user", "content": "hi"}]}
            failed = list[Exception]()

            def ask() -> None:
                try:
                    httpx2.post(f"{url}/v1/chat/completions", json=body, timeout=PATIENCE_S)
                except httpx2.HTTPError as exc:
                    failed.append(exc)

            asking = threading.Thread(target=ask)
            asking.start()
            end = time.monotonic() + PATIENCE_S
            while not upstream.requests and time.monotonic() < end:
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 130
            asking.join(PATIENCE_S)
            assert failed


def test_check_shows_what_a_configuration_comes_to(tmp_path: Path) -> None:
    """--check prints listeners, models, aliases, filters and budgets, and serves nothing."""
    (tmp_path / "engine.yaml").write_text(CONFIG)
    done = engine("gateway", "--check", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for said in ("only", "60 requests/min", "here/offline", "fast", "names", "pii", "all", "day"):
        assert said in done.stdout


@pytest.mark.parametrize(
    ("config", "args", "said"),
    [
        (CONFIG, ["--host", "0.0.0.0"], "could spend your money"),
        (CONFIG.replace("port: 0", "port: 0, default_model: nope"), [], "default_model of listener 'only'"),
        (CONFIG.replace("port: 0", "port: many"), [], "listeners"),
        (
            CONFIG.replace("listeners:", "listeners:\n  - {name: more, port: 1}"),
            ["--port", "1"],
            "which of 2 listeners",
        ),
        (CONFIG.replace("  - {name: only", "  - {name: only, port: 0}\n  - {name: only"), [], "another listener"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, config: str, args: list[str], said: str) -> None:
    """A configuration that cannot be served is one line that says what to do, and exit code 3."""
    (tmp_path / "engine.yaml").write_text(config)
    for more in ([], ["--check"]):
        done = engine("gateway", *args, *more, cwd=tmp_path)
        assert done.returncode == 3, done.stderr
        assert said in one_error_line(done)
