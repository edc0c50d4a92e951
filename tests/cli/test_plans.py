"""engine plan, check and show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import engine, one_error_line
from tests.cli.desk import call, desk


def test_plan_then_apply(tmp_path: Path) -> None:
    """A plan written by -o is shown with its graph and estimate, and applies."""
    folder = desk(tmp_path)
    done = engine("plan", "double 21", "-o", "made.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "estimate:" in done.stdout
    applied = engine("apply", "made.json", "-q", cwd=folder)
    assert "42" in applied.stdout


def test_plan_json_is_a_plan(tmp_path: Path) -> None:
    """--json prints the plan and nothing else; check reads it from stdin."""
    folder = desk(tmp_path)
    done = engine("plan", "double 21", "--json", cwd=folder)
    assert json.loads(done.stdout)["steps"][0]["tool"] == "double"
    assert engine("check", "-", cwd=folder, stdin=done.stdout).returncode == 0


def test_plan_to_stdout(tmp_path: Path) -> None:
    """``-o -`` writes the plan alone to stdout, and no file of that name."""
    folder = desk(tmp_path)
    done = engine("plan", "double 21", "-o", "-", cwd=folder)
    assert json.loads(done.stdout)["steps"][0]["tool"] == "double"
    assert not (folder / "-").exists()


def test_a_given_plan_is_not_planned(tmp_path: Path) -> None:
    """The log lines of apply tell of no planning."""
    done = engine("apply", "plan.json", cwd=desk(tmp_path, call("double", number=4)))
    assert "started (a given plan)" in done.stderr
    assert "planning" not in done.stderr


def test_check_lists_every_problem(tmp_path: Path) -> None:
    """check names each problem with its path on a line of its own, and exits with the plan's code."""
    folder = desk(tmp_path, call("duble", number=4), call("double", number="{{9}}"))
    done = engine("check", "plan.json", cwd=folder)
    assert done.returncode == 5
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == [
        "$.steps[0].tool",
        "$.steps[1].tool_input.number",
    ]


@pytest.mark.parametrize(
    ("text", "code"), [("", 5), ("{", 5), ("[]", 5), ('{"steps": [{"id": 1}]}', 5), ('{"plan": {"steps": []}}', 5)]
)
@pytest.mark.parametrize("command", ["check", "apply", "show"])
def test_bad_plan_files(tmp_path: Path, command: str, text: str, code: int) -> None:
    """A file that is no plan is one line and its exit code, for every command that reads one."""
    done = engine(command, "-", cwd=desk(tmp_path), stdin=text)
    assert done.returncode == code
    one_error_line(done)


@pytest.mark.parametrize(("form", "begin"), [("text", "1. double"), ("mermaid", "flowchart"), ("dot", "digraph")])
def test_show(tmp_path: Path, form: str, begin: str) -> None:
    """show draws a plan file in each form."""
    folder = desk(tmp_path, call("double", number=4), call("double", number="{{1}}"))
    done = engine("show", "plan.json", "--format", form, cwd=folder)
    assert done.stdout.startswith(begin)
    assert done.stdout.endswith("\n")


def test_show_a_run(tmp_path: Path) -> None:
    """A recorded run is drawn with the states its steps ended in by `runs show`, to which show leads."""
    folder = desk(tmp_path, call("double", number=4), call("broken", text="fly"), answer="{{1}}")
    recorded = engine("apply", "plan.json", "--json", cwd=folder).stdout
    assert "(engine runs show -)" in one_error_line(engine("show", "-", cwd=folder, stdin=recorded))
    done = engine("runs", "show", "-", "--format", "text", cwd=folder, stdin=recorded)
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert lines[0] != lines[0].lstrip("✓")


@pytest.mark.parametrize("command", ["check", "apply", "show", "runs replay"])
def test_missing_file(tmp_path: Path, command: str) -> None:
    """A file that is not there exits with 4, as the table of exit codes says, and names the nearest one."""
    done = engine(*command.split(), "plam.json", cwd=desk(tmp_path, call("double", number=4)))
    assert done.returncode == 4
    assert "plam.json: no such file or directory (did you mean plan.json?)" in one_error_line(done)


def test_other_planners_plans(tmp_path: Path) -> None:
    """A plan of another planner is applied as it is; what is wrong is named by file and line."""
    folder = desk(tmp_path)
    (folder / "good.txt").write_text('1. double(21)\n2. double("$1")\n3. join()', encoding="utf-8")
    (folder / "bad.txt").write_text('1. duble(21)\n2. double("$1", 3)', encoding="utf-8")
    assert json.loads(engine("show", "good.txt", "-f", "json", cwd=folder).stdout)["steps"][1]["tool_input"] == {
        "number": "{{1}}"
    }
    assert engine("apply", "good.txt", "-q", "--format", "llmcompiler", cwd=folder).returncode == 0
    done = engine("apply", "bad.txt", cwd=folder)
    assert (done.returncode, "bad.txt: line 2: double takes 1 argument (number)" in one_error_line(done)) == (5, True)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("show", "plan.json", "--format", "mermiad"), "there is no format 'mermiad'; did you mean 'mermaid'?"),
        (("show", "plan.json", "--format", "rewoo"), "--from rewoo"),
        (("apply", "plan.json", "--format", "rewo"), "did you mean 'rewoo'?"),
        (
            ("plan", "double 2", "-o", "no/x.json"),
            "no/x.json: cannot be written: there is no folder no (create",
        ),
    ],
)
def test_wrong_words(tmp_path: Path, args: tuple[str, ...], said: str) -> None:
    """A wrong format, or a file in a folder that is not there, is one line with what was meant."""
    assert said in one_error_line(engine(*args, cwd=desk(tmp_path, call("double", number=4))))
