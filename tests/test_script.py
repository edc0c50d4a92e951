"""Plans exported as stand-alone Python scripts, run in a process of their own beside the engine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import clean_environ, engine

TOOLS = '''
"""Tools of the test."""
from dataclasses import dataclass
from pathlib import Path

from engine.tools.function import tool


@dataclass
class Row:
    """One row."""
    name: str
    n: int
    open: bool


@dataclass
class Table:
    """Rows."""
    rows: list[Row]
    status: str
    total: float
    nothing: None = None


def table(count: int) -> Table:
    """Make rows."""
    return Table([Row(f"r{i}", i, i % 2 == 0) for i in range(count)], "open", count / 2)


def double(number: float) -> float:
    """Double."""
    return number * 2


@tool(name="shout")
async def say(text: str, times: int = 1) -> str:
    """Say."""
    return f"{text}! " * times


def note(text: str) -> int:
    """Write a line."""
    with Path("notes.txt").open("a") as file:
        file.write(text + "\\\\n")
    return len(Path("notes.txt").read_text().split("\\\\n")) - 1


def broken(text: str) -> str:
    """Fail."""
    raise ValueError(f"cannot {text}")
'''
CONFIG = """
model_providers:
  - {name: offline, kind: offline, local: true, models: [{name: offline}]}
tools:
  - {python: "my_tools:table", effects: none}
  - {python: "my_tools:double", effects: none}
  - {python: "my_tools:say", effects: none}
  - {python: "my_tools:note", effects: effectful, name: write-note}
  - {python: "my_tools:broken", effects: none}
  - {builtin: calculate}
"""
TABLE = {"id": "t", "tool": "table", "tool_input": {"count": 3}}


def step(step_id: Any, tool: str, _more: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
    """Return a step."""
    return {"id": step_id, "tool": tool, "tool_input": arguments, **(_more or {})}


def plan(*steps: dict[str, Any], answer: str | None) -> dict[str, Any]:
    """Return a plan over three rows."""
    return {"goal": 'say "it" \\ and\nmore', "answer": answer, "steps": [TABLE, *steps]}


def when(value: Any, op: str, to: Any = None, **more: Any) -> dict[str, Any]:
    """Return a step's condition."""
    return {"when": [{"value": value, "op": op, "to": to}], **more}


PLANS = {
    "paths": plan(
        step(1, "double", number="{{t.rows[2].n}}"),
        step(2, "double", number=4),
        step(3, "shout", text="{{2}} {{t.rows[?open].name}} {{t.rows[0]}} \\{{x}}", times=2),
        step(4, "shout", text="{{t.total}}"),
        answer="{{1}} and {{t.total}}, {{t.rows[-1].open}}: {{t.rows[*].name}}\n{{t.rows}}\n{{4}} {{t.nothing}}",
    ),
    "conditions": plan(
        step("a", "shout", when("{{t.status}}", "eq", "open"), text="a"),
        step("b", "shout", when("{{t.total}}", "gt", 9), text="b"),
        step("c", "shout", text="{{b}}"),
        step("d", "shout", text="{{a}}{{b}}"),
        step("e", "shout", when("{{t.rows[9].n}}", "exists"), text="e"),
        step("f", "shout", when("{{t.rows[?n > `9`]}}", "exists", False, depends_on=["a"]), text="f"),
        step("g", "shout", when("{{t.rows[*].n}}", "contains", 1), text="g"),
        step("h", "shout", when("{{t.total}}", "in", [True, 1.5]), text="h"),
        answer="{{a}} {{b}} {{c}} {{d}} {{e}} {{f}} {{g}} {{h}}",
    ),
    "foreach": plan(
        step(1, "double", {"foreach": "{{t.rows}}"}, number="{{item.n}}"),
        step(2, "shout", {"foreach": ["x", "{{t.status}}"]}, text="{{item}}-{{t.total}}"),
        step(3, "shout", {"foreach": "{{t.rows[?n > `5`]}}"}, text="{{item.name}}"),
        answer="结果：{{1}}，{{2}}，{{3}}，{{t.rows[0].open}}\n{{t.rows}}",
    ),
    "order of effects": plan(
        step(1, "write-note", text="one"),
        step(2, "write-note", text="two"),
        step(3, "write-note", text="three"),
        answer="{{1}}{{2}}{{3}}",
    ),
    "a failure that is not critical": plan(
        step(1, "broken", {"critical": False}, text="fly"),
        step(2, "shout", {"critical": False}, text="{{1}}"),
        step(3, "shout", text="{{t.status}}"),
        answer="{{3}}",
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with tools and their configuration."""
    (tmp_path / "my_tools.py").write_text(TOOLS, encoding="utf-8")
    (tmp_path / "engine.yaml").write_text(CONFIG, encoding="utf-8")
    return tmp_path


def exported(folder: Path, made: dict[str, Any]) -> str:
    """Write a plan and its script, and return the script."""
    (folder / "plan.json").write_text(json.dumps(made), encoding="utf-8")
    done = engine("show", "plan.json", "--format", "python", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "script.py").write_text(done.stdout, encoding="utf-8")
    return done.stdout


def run_script(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run the script as a user does."""
    command = [sys.executable, "-W", "error", "script.py", *args]
    return subprocess.run(
        command, cwd=folder, env=clean_environ(), capture_output=True, text=True, encoding="utf-8", check=False
    )


@pytest.mark.parametrize("name", PLANS)
def test_the_script_gives_what_the_engine_gives(folder: Path, name: str) -> None:
    """Every result, every skipped step and the answer are those of engine apply."""
    exported(folder, PLANS[name])
    script = run_script(folder, "--json")
    assert script.returncode == 0, script.stderr
    found = json.loads(script.stdout)
    (folder / "notes.txt").unlink(missing_ok=True)
    applied = engine("apply", "plan.json", "--json", "--approve", "all", cwd=folder)
    events = [json.loads(line) for line in applied.stdout.splitlines()]
    ended = {event["step_id"]: event["result"] for event in events if event["kind"] == "step_ended"}
    ids = [str(one["id"]) for one in PLANS[name]["steps"]]
    values = {key: ended[key].get("value") for key in ids if ended[key]["status"] == "done" and key in ended}
    values |= {key: gathered(ended, key) for key in ids if ended[key].get("gathered")}
    assert found["results"] == values
    assert set(found["skipped"]) == {key for key in ids if ended[key]["status"] == "skipped"}
    assert set(found["failed"]) == {key for key in ids if ended[key]["status"] == "failed"}
    assert found["answer"] == next(event["text"] for event in events if event["kind"] == "answer")


def gathered(ended: dict[str, Any], key: str) -> list[Any]:
    """The results of a foreach, in the order of its items."""
    instances = [name for name in ended if name.startswith(f"{key}[")]
    return [ended[name]["value"] for name in sorted(instances, key=lambda name: int(name[len(key) + 1 : -1]))]


def test_the_answer_is_printed(folder: Path) -> None:
    """Run plainly, the script prints the answer and nothing else."""
    exported(folder, PLANS["order of effects"])
    assert run_script(folder).stdout == "123\n"


def test_a_failed_step_fails_the_script(folder: Path) -> None:
    """A critical step that fails is named on stderr, and the exit code is 1; what does not need it still ran."""
    exported(folder, plan(step(1, "broken", text="fly"), step(2, "double", number=1), answer="{{1}}"))
    done = run_script(folder, "--json")
    assert (done.returncode, json.loads(done.stdout)["results"]["2"]) == (1, 2.0)
    assert done.stderr == "step 1 failed: ValueError: cannot fly\n"


def test_what_is_no_python_function_is_to_be_filled_in(folder: Path) -> None:
    """A tool of another kind, and an argument left to a model, are marked where the user has to write something."""
    text = exported(folder, plan(step(1, "calculate", expression="1 + 1"), step(2, "double"), answer=None))
    assert "def calculate(**arguments: Any)" in text
    assert "fill_in('step 2, argument number')" in text
    done = run_script(folder)
    assert "step 1 failed: NotImplementedError: the tool calculate has to be filled in" in done.stderr
    assert "from my_tools import double" in text


def test_the_script_needs_no_engine(folder: Path) -> None:
    """Nothing of the engine is imported by a script, nor any package it does not use."""
    text = exported(folder, PLANS["conditions"].copy())
    assert "import engine" not in text
    assert "from engine" not in text
    assert "import jmespath" in text
    assert "import jmespath" not in exported(folder, PLANS["order of effects"])
