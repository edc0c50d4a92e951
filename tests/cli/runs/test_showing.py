"""engine runs show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.cli import main
from engine.sinks.json_lines import json_line
from schemas.driving import RunClaimed
from tests.cli.runs.stores import ASKS, DONE, LOST, asks, done, store_of
from tests.sinks import story


def shown(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """What `runs show` writes."""
    assert main(["runs", "show", *args]) == 0
    return capsys.readouterr().out


def test_whole_run(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """B64: a run is shown with its plan, the state and result of each step, what it cost and answered."""
    text = shown(capsys, DONE)
    assert text.startswith(f"Compare the revenue of Apple and Microsoft\n{DONE}  completed\n")
    assert "2 model calls · 2,400 tokens · $0.0084" in text
    assert "✓   3 ratio" in text
    assert "a=1 b=2 ← 1, 2\n      → 0.5\n" in text
    assert text.endswith("answer:\nApple earns half as much.\n")


def test_waiting_run_says_how_to_answer(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that waits shows what it asks, and the commands that answer."""
    text = shown(capsys, ASKS)
    assert f"{ASKS}  waiting for an answer\n" in text
    assert f"approval a1: step 1: remove /old\n  engine runs approve {ASKS} a1\n  engine runs reject {ASKS} a1" in text


def test_in_doubt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A step in doubt has answers of its own, which lead to the same store."""
    path = store_of(tmp_path / "runs.db", {ASKS: asks("in_doubt")})
    text = shown(capsys, ASKS, "--store", str(path))
    assert "step 1: remove /old was broken off; did it happen?" in text
    assert f"  engine runs answer {ASKS} a1 run --store {path}\n" in text


def test_interrupted_run(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run whose driver is gone says so, what broke off, and how it goes on."""
    text = shown(capsys, LOST)
    assert f"{LOST}  interrupted: whoever drove it is gone\n" in text
    assert "→ broken off\n" in text
    (line,) = (line for line in text.splitlines() if "mail" in line)
    assert line.split() == ["●", "1", "mail", "all"], "how long it went on is not known"
    assert text.endswith(f"\nengine runs resume {LOST}\n")


def test_run_that_was_gone_on_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How long a run was driven is said of all its drivers together."""
    first, *rest = done()
    path = store_of(tmp_path / "runs.db", {DONE: [first, RunClaimed(driver="d1"), RunClaimed(driver="d2"), *rest]})
    text = shown(capsys, DONE, "--store", str(path))
    assert " · took " in text
    assert "claimed 2 times" in text


def test_json(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json has all of it for programs."""
    body = json.loads(shown(capsys, DONE, "--json"))
    assert (body["id"], body["status"], body["answer"]) == (DONE, "completed", "Apple earns half as much.")
    assert [(step["id"], step["status"], step["result"]["value"]) for step in body["steps"]][2] == ("3", "done", 0.5)
    assert json.loads(shown(capsys, ASKS, "--json"))["approvals"][0]["approval_id"] == "a1"


@pytest.mark.parametrize("form", ["text", "mermaid", "dot", "json"])
def test_pictures(store: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    """The plan of a run is drawn, or written as a file to edit."""
    text = shown(capsys, DONE, "--format", form)
    assert text.count("ratio") == 1
    assert form != "json" or [step["id"] for step in json.loads(text)["steps"]] == ["1", "2", "3"]


def test_events(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--events is a line an event; with --json the very events."""
    lines = shown(capsys, DONE, "--events").splitlines()
    assert len(lines) == len(story.comparison())
    assert f"run {DONE} started (plan)" in lines[0]
    assert json.loads(shown(capsys, DONE, "--events", "--json").splitlines()[-1])["kind"] == "run_ended"


def test_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of recorded events is shown as a run of the store is."""
    (tmp_path / "run.jsonl").write_text("\n".join(map(json_line, story.comparison())), encoding="utf-8")
    text = shown(capsys, str(tmp_path / "run.jsonl"))
    assert "run_1  completed" in text
    assert "begun 2023-11-14" in text


def test_hostile_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing that a tool or a model wrote steers the terminal."""
    events = [*asks()]
    events[0] = events[0].model_copy(update={"task": "a\x1b[2Jb"})
    assert "\x1b[2J" not in shown(capsys, ASKS, "--store", str(store_of(tmp_path / "runs.db", {ASKS: events})))
