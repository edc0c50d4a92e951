"""engine serve, as a user changes its file while it serves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from tests.cli.command import clean_environ

PATIENCE_S = 60.0
CONFIG = """
model_providers:
  - {name: here, kind: offline}
assistants: [{name: first}]
"""


def until(url: str, name: str) -> None:
    """Wait until an assistant is there."""
    end = time.monotonic() + PATIENCE_S
    while httpx2.get(f"{url}/v1/models/{name}").status_code != 200:
        assert time.monotonic() < end, f"{name} is not known"
        time.sleep(0.05)


@pytest.mark.slow
def test_it_follows_its_file(tmp_path: Path) -> None:
    """A changed file and SIGHUP are heeded, a wrong one is refused, what takes a restart is said; it ends with 0."""
    file = tmp_path / "engine.yaml"
    file.write_text(CONFIG)
    environ = clean_environ(XDG_STATE_HOME=str(tmp_path / ".state"))
    command = [sys.executable, "-m", "engine.cli", "serve", "--port", "0"]
    said = tmp_path / "said"
    with said.open("w") as err, subprocess.Popen(command, cwd=tmp_path, env=environ, stderr=err) as process:
        try:
            end = time.monotonic() + PATIENCE_S
            while "http://" not in said.read_text():
                assert time.monotonic() < end, said.read_text()
                time.sleep(0.1)
            url = next(word for word in said.read_text().split() if word.startswith("http://"))
            until(url, "first")
            file.write_text(CONFIG.replace("first", "second") + "durability: {max_claims: 4}\n")
            until(url, "second")
            assert "durability: changes take effect when the server starts anew" in said.read_text()
            file.write_text("assistants: [")
            os.kill(process.pid, signal.SIGHUP)
            while "refused" not in said.read_text():
                assert time.monotonic() < end, said.read_text()
                time.sleep(0.1)
            until(url, "second")
            asked = {"model": "second", "messages": [{"role": "user", "content": "what is 12 percent of 50?"}]}
            answer = httpx2.post(f"{url}/v1/chat/completions", json=asked, timeout=PATIENCE_S).json()
            assert answer["choices"][0]["message"]["content"] == "6"
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
