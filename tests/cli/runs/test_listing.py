"""engine runs list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.cells import cell_len

from engine.cli import main
from engine.cli.runs.listing import age
from tests.cli.runs.stores import ASKS, DONE, LOST, lost, store_of
from tests.terminal import Terminal


def listed(capsys: pytest.CaptureFixture[str], *args: str) -> list[str]:
    """The ids that a list has."""
    assert main(["runs", "list", *args]) == 0
    return [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]


def test_newest_first(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """B64: runs are listed, the newest first, each with status, age, cost and task."""
    assert main(["runs", "list"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["id", "status", "age", "cost", "task"]
    assert [row.split()[:2] for row in rows] == [[ASKS, "waiting"], [LOST, "interrupted"], [DONE, "completed"]]
    assert rows[2].endswith("$0.0084  Compare the revenue of Apple and Microsoft")


def test_json_is_an_array(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json is an array with id, status, task, started_at and cost_usd; a dead driver's run is interrupted."""
    assert main(["runs", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["id"], row["status"]) for row in rows] == [
        (ASKS, "waiting"),
        (LOST, "interrupted"),
        (DONE, "completed"),
    ]
    assert {"id", "status", "task", "started_at", "cost_usd"} <= set(rows[0])


@pytest.mark.parametrize(
    ("args", "ids"),
    [
        (["--status", "interrupted"], [LOST]),
        (["--status", "running"], []),
        (["--status", "completed,waiting"], [ASKS, DONE]),
        (["--text", "OLD FILES"], [ASKS]),
        (["--since", "1h", "--limit", "1"], [ASKS]),
        (["--before", "1h"], []),
        (["--user", "ann"], []),
        (["--assistant", "desk"], []),
        (["--text", ASKS[:6]], [ASKS]),
        (["--limit", "0"], [ASKS, LOST, DONE]),
    ],
)
def test_filters(store: Path, capsys: pytest.CaptureFixture[str], args: list[str], ids: list[str]) -> None:
    """Runs are chosen by status, time, text, user and number."""
    assert listed(capsys, *args) == ids


def test_more_than_shown(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A list that was cut says so."""
    assert main(["runs", "list", "-n", "2"]) == 0
    assert capsys.readouterr().err == "the newest 2; --limit 0 lists all\n"


def test_empty_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A store without runs is a sentence, and an empty array."""
    path = str(store_of(tmp_path / "runs.db", {}))
    assert main(["runs", "list", "--store", path]) == 0
    assert capsys.readouterr() == ("", f'there are no runs in {path}; engine run "…" makes one\n')
    assert main(["runs", "list", "--store", path, "--json"]) == 0
    assert capsys.readouterr().out == "[]\n"


@pytest.mark.parametrize("option", [["--status", "wating"], ["--since", "soon"], ["--limit", "-1"]])
def test_wrong_filters(store: Path, capsys: pytest.CaptureFixture[str], option: list[str]) -> None:
    """A filter that says nothing is one line."""
    assert main(["runs", "list", *option]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_wide_characters(tmp_path: Path) -> None:
    """On a terminal no line is wider than it, whatever a task is written in."""
    path = store_of(tmp_path / "runs.db", {LOST: lost("東京の天気を調べてメールで送る" * 8), DONE: lost("x" * 200)})
    terminal = Terminal("runs", "list", "--store", str(path), cwd=tmp_path, width=70)
    assert terminal.end() == 0
    lines = terminal.text.splitlines()
    assert len(lines) == 3
    assert all(cell_len(line) <= 70 for line in lines)
    assert lines[1].endswith("…")


def test_age() -> None:
    """An age is told in its largest unit."""
    assert [age(s) for s in (0, 61, 3 * 86_400, 15 * 86_400)] == ["0s", "1m", "3d", "2w"]
