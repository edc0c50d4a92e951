"""The application as a whole: up, ready, in the documentation as it is, and after a signal."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from engine.api import Engine
from engine.durable.memory import MemoryLog
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
