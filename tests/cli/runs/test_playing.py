"""engine runs replay and export."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.cli import main
from engine.sinks.json_lines import json_line
from schemas.events import LoggedRecord
from tests.cli.command import engine
from tests.cli.desk import call, desk
from tests.cli.runs.stores import DONE, done


def test_export_is_what_json_wrote(tmp_path: Path) -> None:
    """B64: an exported run is the lines that --json wrote, byte for byte."""
    folder = desk(tmp_path, call("double", number=4), answer="{{1}}")
    first = engine("apply", "plan.json", "--json", cwd=folder)
    assert engine("runs", "export", "last", cwd=folder).stdout == first.stdout
    to_file = engine("runs", "export", "last", "-o", "run.jsonl", cwd=folder)
    assert (to_file.stdout, to_file.returncode) == ("", 0)
    assert (folder / "run.jsonl").read_text(encoding="utf-8") == first.stdout


def test_export_of_a_store(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every event stands on a line, with its number."""
    assert main(["runs", "export", DONE]) == 0
    lines = [LoggedRecord.from_json(json.loads(line)) for line in capsys.readouterr().out.splitlines()]
    assert [line.event for line in lines] == done()


def test_export_to_nowhere(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that cannot be written is one line, exit code 10."""
    assert main(["runs", "export", DONE, "-o", "no/where.jsonl"]) == 10
    assert capsys.readouterr().err.startswith("error: no/where.jsonl: cannot be written")


def test_replay_is_the_same_run(tmp_path: Path) -> None:
    """B65: a run of the store, or of a file, replays event for event, with no model and no tool."""
    folder = desk(tmp_path, call("note", text="once"), call("double", number=4), answer="{{1}} {{2}}")
    first = engine("apply", "plan.json", "--json", "--approve", "all", cwd=folder)
    (folder / "note.txt").unlink()
    (folder / "run.jsonl").write_text(first.stdout, encoding="utf-8")
    assert engine("runs", "replay", "last", "--json", cwd=folder).stdout == first.stdout
    assert engine("runs", "replay", "run.jsonl", "--json", cwd=folder).stdout == first.stdout
    assert not (folder / "note.txt").exists()


@pytest.mark.slow
def test_large_results_travel(tmp_path: Path) -> None:
    """A run whose results are too large for its events is replayed from a file and the folder exported with it."""
    folder = desk(tmp_path, call("repeat", text="x", times=200_000), answer="done")
    first = engine("apply", "plan.json", "--json", cwd=folder)
    assert '"sha256"' in first.stdout, first.stderr
    engine("runs", "export", "last", "-o", "run.jsonl", "--artifacts", "large", cwd=folder)
    done = engine("runs", "replay", "run.jsonl", "--artifacts", "large", "--json", cwd=folder)
    assert (done.stdout, done.returncode) == (first.stdout, 0)
    assert engine("runs", "replay", "run.jsonl", "-q", cwd=folder).returncode == 10


def test_replay_of_half_a_run(tmp_path: Path) -> None:
    """A recording that stops before the end is said, and one line says that it cannot be replayed."""
    folder = desk(tmp_path, call("double", number=4), answer="{{1}}")
    lines = engine("apply", "plan.json", "--json", cwd=folder).stdout.splitlines()
    (folder / "half.jsonl").write_text("\n".join(lines[:-1]), encoding="utf-8")
    done = engine("runs", "replay", "half.jsonl", cwd=folder)
    assert done.returncode == 10
    assert done.stderr.startswith("note: the record stops before the end of its run\nerror: the record is no whole run")


def test_lines_read_back() -> None:
    """What is exported is read back as it was."""
    assert json.loads(json_line(LoggedRecord(DONE, 1, 0.0, done()[0])))["run_id"] == DONE
