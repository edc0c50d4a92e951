"""engine runs approve, reject, answer, steer and cancel."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.cli import main
from tests.cli.command import engine, one_error_line
from tests.cli.desk import call, desk
from tests.cli.runs.drivers import driven, slow_desk
from tests.cli.runs.stores import ASKS, DONE, LOST


def parked(folder: Path, *options: str) -> str:
    """Run a plan that asks where nobody is, and return the id of the parked run."""
    desk(folder, call("count"), call("note", text="x"), answer="{{1}} {{2}}")
    done = engine("apply", "plan.json", "-q", *options, cwd=folder)
    assert (done.returncode, done.stdout) == (12, ""), done.stderr
    run_id = done.stderr.split()[1]
    assert done.stderr == f"run {run_id} is parked: step 2: note x; to answer: engine runs approve {run_id} a1\n"
    return run_id


def test_parked_and_approved(tmp_path: Path) -> None:
    """B48: where nobody is, a run parks; a later command lists the same request, and answering it goes on."""
    run_id = parked(tmp_path)
    listed = json.loads(engine("runs", "list", "--json", cwd=tmp_path).stdout)
    assert [(row["status"], row["waits_for"]) for row in listed] == [("waiting", "approval")]
    done = engine("runs", "approve", run_id, "a1", "-q", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 noted x\n", "")
    again = engine("runs", "approve", run_id, "a1", cwd=tmp_path)
    assert (again.returncode, "is over (completed)" in one_error_line(again)) == (4, True)


def test_edited(tmp_path: Path) -> None:
    """An approval may change the input, which must fit the tool."""
    run_id = parked(tmp_path)
    wrong = engine("runs", "approve", run_id, "--input", '{"text": 1}', cwd=tmp_path)
    assert (wrong.returncode, "does not fit note" in one_error_line(wrong)) == (7, True)
    done = engine("runs", "approve", run_id, "--input", '{"text": "y"}', "-q", cwd=tmp_path)
    assert done.stdout == "1 noted y\n"


@pytest.mark.slow
def test_detached(tmp_path: Path) -> None:
    """--detach only writes; whoever resumes goes on."""
    run_id = parked(tmp_path)
    done = engine("runs", "reject", run_id, "--reason", "no notes", "--detach", cwd=tmp_path)
    assert done.stderr == f"rejected; engine runs resume {run_id} goes on with the run\n"
    assert '"status": "queued"' in engine("runs", "list", "--json", cwd=tmp_path).stdout
    ended = engine("runs", "resume", "--all", cwd=tmp_path)
    assert ended.returncode == 7
    assert "no notes" in ended.stderr
    assert not (tmp_path / "note.txt").exists()


def test_cancel_a_parked_run(tmp_path: Path) -> None:
    """B64: a run that nobody drives is cancelled at once; what was done before is kept."""
    run_id = parked(tmp_path)
    done = engine("runs", "cancel", run_id, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, f"run {run_id} is cancelled\n")
    assert (tmp_path / "counted").read_text(encoding="utf-8") == "x"


def test_cancel_a_driven_run(tmp_path: Path) -> None:
    """B64: a run that another process drives is cancelled there."""
    folder = slow_desk(tmp_path, call("count"))
    with driven(folder) as process:
        done = engine("runs", "cancel", "last", cwd=folder)
        assert (done.returncode, done.stderr.endswith(" is cancelled\n")) == (0, True), done.stderr
        process.communicate(timeout=30)
        assert process.returncode == 130


def test_no_store_denies(tmp_path: Path) -> None:
    """In memory nobody could answer later: what needs approval is denied."""
    folder = desk(tmp_path, call("note", text="x"), answer="{{1}}")
    done = engine("apply", "plan.json", "-q", "--no-store", cwd=folder)
    assert (done.returncode, "nobody is here to answer" in one_error_line(done)) == (7, True)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["approve", ASKS, "a9"], "there is no approval 'a9'; pending: a1"),
        (["answer", ASKS, "done"], "approval a1 is about no step in doubt"),
        (["cancel", DONE], f"run {DONE} is over (completed)"),
        (["steer", DONE, "more"], f"run {DONE} is over (completed)"),
        (["approve", DONE], f"run {DONE} is over (completed)"),
        (["answer", LOST, "done"], f"run {LOST} asks nothing now"),
    ],
)
def test_nothing_to_answer(store: Path, capsys: pytest.CaptureFixture[str], args: list[str], said: str) -> None:
    """B47: an answer to nothing is refused in one line, and the run is as it was."""
    assert main(["runs", *args, "--detach"]) == 4
    assert capsys.readouterr().err.startswith(f"error: {said}")


@pytest.mark.parametrize(
    "args",
    [
        ["answer", ASKS, "maybe"],
        ["answer", ASKS, "a1", "a2", "done"],
        ["answer", ASKS, "run", "--result", "1"],
        ["answer", ASKS, "done", "--result", "text"],
        ["approve", ASKS, "--input", "[1]"],
        ["steer", ASKS, " "],
    ],
)
def test_wrong_answers(store: Path, capsys: pytest.CaptureFixture[str], args: list[str]) -> None:
    """What is no answer is a wrong command line, said in one line."""
    assert main(["runs", *args]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
