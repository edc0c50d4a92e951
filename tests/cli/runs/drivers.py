"""Processes that drive a run whose last step takes a minute, to be killed, replaced, or watched."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.command import STATE, clean_environ
from tests.cli.desk import call, desk

LONG_S = 60.0


@contextmanager
def driven(folder: Path) -> Generator[subprocess.Popen[str]]:
    """A process that drives plan.json, once its slow step runs; killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "engine.cli", "apply", "plan.json"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environ(XDG_STATE_HOME=str(folder / STATE)),
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "started: linger" in line:
                break
        yield process
    finally:
        process.kill()
        process.communicate()


def slow_desk(folder: Path, *first: dict[str, object]) -> Path:
    """A plan whose last step waits a minute, unless a file says that it need not."""
    return desk(folder, *first, {**call("linger", seconds=LONG_S), "depends_on": [1]}, answer="{{1}} {{2}}")


def quickened(folder: Path) -> None:
    """Let the waiting tool come back at once from now on."""
    (folder / "quick").write_text("", encoding="utf-8")
