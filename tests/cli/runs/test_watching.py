"""engine runs watch."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from engine.cli import main
from tests.cli.command import STATE, engine
from tests.cli.desk import call
from tests.cli.runs.drivers import driven, slow_desk
from tests.cli.runs.stores import ASKS, DONE, LOST, asks, store_of
from tests.terminal import Terminal


def test_watch_another_process(tmp_path: Path) -> None:
    """B61: a run that another process drives is shown as it happens; leaving cancels nothing."""
    folder = slow_desk(tmp_path, call("count"))
    with driven(folder) as process:
        terminal = Terminal("runs", "watch", cwd=folder)
        terminal.expect("1 running")
        terminal.interrupt()
        assert terminal.end() == 130
        assert "left; the run goes on (engine runs watch " in terminal.text
        assert process.lives()
        assert '"status": "running"' in engine("runs", "list", "--json", cwd=folder).stdout


@pytest.mark.slow
def test_the_driver_dies(tmp_path: Path) -> None:
    """Who watches a run whose driver dies is told, and how it goes on."""
    folder = slow_desk(tmp_path, call("count"))
    with driven(folder) as process:
        terminal = Terminal("runs", "watch", cwd=folder)
        terminal.expect("1 running")
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert terminal.end() == 4
    assert "is interrupted: vm" in terminal.text or "is gone (engine runs resume " in terminal.text
    assert (folder / STATE).is_dir()


def test_ended_run(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """B60: a run that is over is shown to its end; --after begins beyond an event and misses none."""
    assert main(["runs", "watch", DONE, "--json", "--after", "15"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["seq"], line["kind"]) for line in lines] == [(16, "answer"), (17, "run_ended")]


def test_parked_run(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that waits ends the watch with 12 and the command that answers."""
    assert main(["runs", "watch", ASKS, "-q"]) == 12
    wanted = f"run {ASKS} is parked: step 1: remove /old; to answer: engine runs approve {ASKS} a1\n"
    assert capsys.readouterr().err == wanted


def test_run_parked_on_a_step_in_doubt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a step in doubt no answer is suggested before the others: the line says where they stand."""
    path = store_of(tmp_path / "runs.db", {ASKS: asks("in_doubt")})
    assert main(["runs", "watch", ASKS, "-q", "--store", str(path)]) == 12
    said = capsys.readouterr().err
    assert said.endswith(f"did it happen?; engine runs show {ASKS} --store {path} has the answers\n")
    assert "done" not in said


def test_interrupted_run(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that nobody drives any more is said to be interrupted."""
    assert main(["runs", "watch", LOST, "-q"]) == 4
    assert f"is interrupted: whoever drove it is gone (engine runs resume {LOST})" in capsys.readouterr().err


def test_after_belongs_to_json(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A view needs every event."""
    assert main(["runs", "watch", DONE, "--after", "3"]) == 2
    assert "--after belongs to --json" in capsys.readouterr().err
