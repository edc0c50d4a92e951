"""engine runs resume and fork, over processes that really die."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.cli.command import STATE, clean_environ, engine, one_error_line
from tests.cli.desk import call, desk
from tests.cli.runs.drivers import driven, quickened, slow_desk
from tests.terminal import Terminal


def test_resume_after_a_kill(tmp_path: Path) -> None:
    """B62: after kill -9 the run goes on where it was: what had ended is not done again, and the answer is the same."""
    folder = slow_desk(tmp_path, call("count"))
    with driven(folder) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        listed = json.loads(engine("runs", "list", "--json", cwd=folder).stdout)
        assert [row["status"] for row in listed] == ["interrupted"]
        quickened(folder)
        done = engine("runs", "resume", listed[0]["id"][:5], cwd=folder)
    assert (done.returncode, done.stdout) == (0, "1 waited\n"), done.stderr
    assert "step 2 was broken off: it runs again" in done.stderr
    assert "started (a given plan)" not in done.stderr


@pytest.mark.slow
def test_the_next_run_says_it_once(tmp_path: Path) -> None:
    """After a crash the next run says once what was interrupted; a closed terminal cancels nothing either."""
    folder = slow_desk(tmp_path, call("count"))
    with driven(folder) as process:
        process.send_signal(signal.SIGHUP)
        process.wait()
    quickened(folder)
    told = [engine("apply", "plan.json", cwd=folder).stderr for _ in range(2)]
    assert [text.startswith("note: 1 interrupted run: engine runs resume ") for text in told] == [True, False]


def test_a_live_driver_is_not_robbed(tmp_path: Path) -> None:
    """While its driver lives a run is refused, and the driver named; --force takes it over."""
    folder = slow_desk(tmp_path, call("count"))
    with driven(folder) as process:
        refused = engine("runs", "resume", "last", cwd=folder)
        assert refused.returncode == 4
        assert f":{process.pid}" in one_error_line(refused)
        quickened(folder)
        taken = engine("runs", "resume", "last", "--force", "-q", cwd=folder)
        assert (taken.returncode, taken.stdout) == (0, "1 waited\n"), taken.stderr
        assert process.communicate(timeout=30)[0] == "1 waited\n"


@pytest.mark.slow
def test_sigterm_leaves_the_run(tmp_path: Path) -> None:
    """SIGTERM cancels nothing: the run is left as it is, and the line says how it goes on."""
    folder = slow_desk(tmp_path, call("count"))
    with driven(folder) as process:
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=30)[1]
        assert process.returncode == 143
    assert "left as it is; engine runs resume " in said
    assert '"status": "interrupted"' in engine("runs", "list", "--json", cwd=folder).stdout


@pytest.mark.slow
def test_resume_all(tmp_path: Path) -> None:
    """--all goes on with every run that is interrupted; where there is none, it says so."""
    folder = slow_desk(tmp_path, call("count"))
    for _ in range(2):
        with driven(folder):
            pass
    quickened(folder)
    done = engine("runs", "resume", "--all", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["1 waited", "2 waited"]
    assert engine("runs", "resume", "--all", cwd=folder).stderr == "no run is interrupted or due\n"


@pytest.mark.slow
def test_tools_that_are_not_here(tmp_path: Path) -> None:
    """A run is not gone on with where the tools of its open steps are not declared."""
    folder = slow_desk(tmp_path, call("count"))
    with driven(folder):
        pass
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environ = clean_environ(XDG_STATE_HOME=str(folder / STATE))
    refused = engine("runs", "resume", "last", cwd=elsewhere, environ=environ)
    assert refused.returncode == 3
    assert "needs tools that are not declared here: linger (go on where its engine.yaml is" in one_error_line(refused)
    assert '"claims": 1' in engine("runs", "list", "--json", cwd=folder).stdout


def test_fork(tmp_path: Path) -> None:
    """B64: a fork takes over what was done before a step, and does the rest with another input."""
    folder = desk(tmp_path, call("count"), call("double", number=4), answer="{{1}} {{2}}")
    assert engine("apply", "plan.json", "-q", cwd=folder).stdout == "1 8\n"
    forked = engine("runs", "fork", "last", "--from", "2", "--input", '{"number": 5}', "-q", cwd=folder)
    assert (forked.returncode, forked.stdout) == (0, "1 10\n"), forked.stderr
    listed = json.loads(engine("runs", "list", "--json", cwd=folder).stdout)
    assert listed[0]["forked_from"] == listed[1]["id"]


def test_no_store(tmp_path: Path) -> None:
    """--no-store leaves nothing behind."""
    folder = desk(tmp_path, call("double", number=4), answer="{{1}}")
    assert engine("apply", "plan.json", "-q", "--no-store", cwd=folder).stdout == "8\n"
    assert not (folder / STATE / "plan-engine" / "runs.db").exists()


def test_a_home_that_is_read_only(tmp_path: Path) -> None:
    """Where the file in the state folder cannot be opened, that is said, and the run is kept in memory."""
    folder = desk(tmp_path, call("double", number=4), answer="{{1}}")
    (folder / STATE).write_text("no folder", encoding="utf-8")
    done = engine("apply", "plan.json", "-q", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "8\n")
    assert done.stderr.startswith("note: this run is kept in memory only: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_chosen_store_that_cannot_be_opened(tmp_path: Path) -> None:
    """A store that somebody named and that cannot be opened is one line, and nothing runs."""
    folder = desk(tmp_path, call("count"), answer="{{1}}")
    done = engine("apply", "plan.json", "--store", str(folder), cwd=folder)
    assert done.returncode == 10
    assert str(folder) in one_error_line(done)
    assert not (folder / "counted").exists()


@pytest.mark.parametrize(
    ("words", "code", "answer"),
    [(("d", '"by hand"'), 0, "1 by hand"), (("run",), 0, "1 waited"), (("abort too late",), 130, "too late")],
)
def test_a_step_in_doubt_is_cleared_up(words: tuple[str, ...], code: int, answer: str, tmp_path: Path) -> None:
    """B62: a call with effects that a kill broke off is asked about at the terminal: it happened, run it, or end."""
    folder = slow_desk(tmp_path, call("count"))
    settings = (folder / "engine.yaml").read_text(encoding="utf-8")
    effectful = settings.replace('linger", effects: none', 'linger", effects: effectful, approval: never')
    (folder / "engine.yaml").write_text(effectful, encoding="utf-8")
    with driven(folder) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    quickened(folder)
    terminal = Terminal("runs", "resume", "last", cwd=folder)
    terminal.expect("was broken off, it may have happened or not: linger with")
    terminal.expect("[a]bort the run >")
    terminal.type("perhaps")
    terminal.expect("please answer done, run or abort")
    for word in words:
        terminal.type(word)
    assert terminal.end() == code, terminal.text
    assert answer in terminal.text
    assert (folder / "counted").read_text(encoding="utf-8") == "x"
