"""Runs that are only written down."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from engine.cli import main
from tests.cli import command


def engine(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, offline, with a store there."""
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    return command.engine(*words, "--store", str(folder / "runs.db"), cwd=folder, environ=environ)


def test_a_detached_run_is_written_and_goes_on_when_resumed(tmp_path: Path) -> None:
    """``--detach`` prints the id alone, drives nothing, and says how to go on; resume then gives the answer."""
    done = engine(tmp_path, "run", "--detach", "what is 6 * 7?")
    run_id = done.stdout.strip()
    assert (done.returncode, len(run_id)) == (0, 12), done.stderr
    assert f"engine runs resume {run_id}" in done.stderr
    (row,) = json.loads(engine(tmp_path, "runs", "list", "--json").stdout)
    assert (row["id"], row["status"]) == (run_id, "queued")
    assert "42" in engine(tmp_path, "runs", "resume", run_id, "--quiet").stdout


def test_a_run_kept_nowhere_cannot_be_detached(capsys: pytest.CaptureFixture[str]) -> None:
    """``--detach --no-store`` is refused before anything is done."""
    assert main(["run", "--detach", "--no-store", "what is 6 * 7?"]) == 2
    assert "--no-store" in capsys.readouterr().err
