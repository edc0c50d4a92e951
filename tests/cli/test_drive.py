"""Whole runs from the command line."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.cli.command import engine, one_error_line
from tests.cli.desk import call, desk
from tests.terminal import Terminal


def test_apply_needs_no_model(tmp_path: Path) -> None:
    """A plan whose inputs are complete and that carries its answer runs without any model call."""
    folder = desk(tmp_path, call("double", number=4), call("double", number="{{1}}"), answer="twice: {{2}}")
    done = engine("apply", "plan.json", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "twice: 16\n")
    assert "0 model calls" in done.stderr.splitlines()[-1]


def test_quiet_is_the_answer_alone(tmp_path: Path) -> None:
    """-q leaves stderr empty."""
    done = engine("apply", "plan.json", "-q", cwd=desk(tmp_path, call("double", number=4), answer="{{1}}"))
    assert (done.stdout, done.stderr) == ("8\n", "")


def test_json_is_nothing_but_events(tmp_path: Path) -> None:
    """--json writes events, numbered from 1 without a gap, the last one run_ended."""
    done = engine("apply", "plan.json", "--json", cwd=desk(tmp_path, call("double", number=4), answer="{{1}}"))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert (lines[0]["kind"], lines[-1]["kind"], done.stderr) == ("run_started", "run_ended", "")


def test_failed_step(tmp_path: Path) -> None:
    """A run that fails ends with the exit code of its error and one line that says why."""
    done = engine("apply", "plan.json", "-q", cwd=desk(tmp_path, call("broken", text="fly"), answer="{{1}}"))
    assert done.returncode == 7
    assert "cannot fly" in one_error_line(done)


def test_a_question_back_has_its_own_code(tmp_path: Path) -> None:
    """A task that no tool fits ends with 11, its words on stdout; played again from its record, with 11 too."""
    folder = desk(tmp_path)
    done = engine("run", "paint the fence", "--mode", "plan", "--json", cwd=folder)
    assert done.returncode == 11, done.stderr
    assert '"source":"question"' in done.stdout.replace(" ", "")
    (folder / "run.jsonl").write_text(done.stdout, encoding="utf-8")
    assert engine("runs", "replay", "run.jsonl", "-q", cwd=folder).returncode == 11


def test_a_refusal_has_that_code_too(tmp_path: Path) -> None:
    """A model that says it cannot do a task given to it directly has answered nothing."""
    done = engine("run", "write a poem", "--mode", "direct", "--json", cwd=desk(tmp_path))
    assert (done.returncode, '"source":"refusal"' in done.stdout.replace(" ", "")) == (11, True)
    (tmp_path / "run.jsonl").write_text(done.stdout, encoding="utf-8")
    assert engine("runs", "replay", str(tmp_path / "run.jsonl"), "-q", cwd=tmp_path).returncode == 11


def test_run_offline(tmp_path: Path) -> None:
    """A task runs to its answer with the offline model."""
    done = engine("run", "double 21", cwd=desk(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "42" in done.stdout


def test_run_reads_stdin(tmp_path: Path) -> None:
    """`engine run -` reads the task from stdin."""
    done = engine("run", "-", "-q", cwd=desk(tmp_path), stdin="double 21\n")
    assert (done.returncode, "42" in done.stdout) == (0, True)


def test_time_limit(tmp_path: Path) -> None:
    """--time-limit ends the run with its own exit code and a partial answer."""
    folder = desk(tmp_path, call("double", number=4), call("linger", seconds=30), answer="{{1}} {{2}}")
    began = time.monotonic()
    done = engine("apply", "plan.json", "--time-limit", "500ms", cwd=folder)
    assert done.returncode == 9
    assert done.stdout.strip()
    assert time.monotonic() - began < 15


def test_interrupt_ends_cleanly(tmp_path: Path) -> None:
    """Ctrl-C once cancels the run: what is done is kept, a partial answer is written, the exit code is 130."""
    folder = desk(tmp_path, call("double", number=4), call("linger", seconds=60), answer="{{1}} {{2}}")
    terminal = Terminal("apply", "plan.json", cwd=folder)
    terminal.expect("✓ 1")
    terminal.interrupt()
    assert terminal.end(10) == 130
    assert "cancelled in" in terminal.text
    assert "8" in terminal.text.partition("cancelling; Ctrl-C again")[2]


@pytest.mark.parametrize("tool", ["stubborn", "block"])
def test_second_interrupt_leaves_at_once(tmp_path: Path, tool: str) -> None:
    """Ctrl-C twice ends the program at once, whatever a tool does; the cursor is shown again."""
    terminal = Terminal("apply", "plan.json", cwd=desk(tmp_path, call(tool, seconds=60), answer="{{1}}"))
    terminal.expect("1 running")
    terminal.interrupt()
    terminal.expect("cancelling; Ctrl-C again")
    terminal.interrupt()
    assert terminal.end(5) == 130
    assert terminal.raw.rfind("\x1b[?25h") > terminal.raw.rfind("\x1b[?25l")


def test_second_interrupt_leaves_a_busy_loop(tmp_path: Path) -> None:
    """Ctrl-C twice ends the program at once also where the event loop itself is held and heard of neither."""
    terminal = Terminal("apply", "plan.json", cwd=desk(tmp_path, call("hog", seconds=20), answer="{{1}}"))
    time.sleep(3)
    terminal.interrupt()
    time.sleep(0.3)
    terminal.interrupt()
    assert terminal.end(8) == 130


def test_interrupt_at_a_question(tmp_path: Path) -> None:
    """Ctrl-C at a question cancels the run."""
    terminal = Terminal("apply", "plan.json", cwd=desk(tmp_path, call("note", text="x"), answer="{{1}}"))
    terminal.expect("[e]dit >")
    terminal.interrupt()
    assert terminal.end(10) == 130
    assert not (tmp_path / "note.txt").exists()


@pytest.mark.parametrize("width", [50, 80, 120])
def test_live_view(tmp_path: Path, width: int) -> None:
    """On a terminal the steps are drawn in place, then the answer and one summary line follow."""
    folder = desk(tmp_path, call("linger", seconds=0.3), call("linger", seconds=0.3), answer="both {{1}}, {{2}}")
    terminal = Terminal("apply", "plan.json", cwd=folder, width=width)
    assert terminal.end() == 0
    after = terminal.text.rpartition("both waited, waited")[2]
    assert "completed in" in after
    assert "× as fast as one by one" in " ".join(after.split())


def test_hidden_traceback(tmp_path: Path) -> None:
    """A tool module that cannot be imported is one line with file, line and entry of the configuration."""
    folder = desk(tmp_path, call("double", number=4), answer="{{1}}")
    (folder / "my_tools.py").write_text("import nothing_of_that_name\n", encoding="utf-8")
    done = engine("apply", "plan.json", cwd=folder)
    assert done.returncode == 3
    assert "engine.yaml:5: tools[0]" in one_error_line(done)
