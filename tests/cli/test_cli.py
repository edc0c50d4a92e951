"""The root command: help, exit codes, errors."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from engine.cli import main
from engine.cli.app import command
from engine.cli.table import COMMANDS, EXIT_CODES, Entry
from schemas.errors import error_classes
from tests.cli.command import clean_environ, one_error_line, started

IMPORTED = """
import sys
from engine.cli import main
main(["--help"])
heavy = ("pydantic", "rich", "openai", "anthropic", "networkx", "duckdb", "structlog", "anyio", "opentelemetry")
print([name for name in heavy if name in sys.modules], file=sys.stderr)
"""


def test_help_lists_commands_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    """--help lists every command and every exit code."""
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in COMMANDS)
    assert all(f"\n  {code} " in shown and meaning in shown for code, meaning in EXIT_CODES.items())


def test_help_imports_nothing_heavy() -> None:
    """--help imports neither models nor schemas nor the terminal library."""
    done = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_exit_codes_are_those_of_the_errors() -> None:
    """Every exit code of an error class is explained, and no other."""
    assert {cls.exit_code for cls in error_classes().values()} | {0, 2, 11} == set(EXIT_CODES)


def listed(entries: Mapping[str, Entry] = COMMANDS) -> Iterator[tuple[str, Mapping[str, Entry]]]:
    """Every command with the table it stands in, those of groups too."""
    for name, entry in entries.items():
        if entry.inside is None:
            yield name, entries
        else:
            yield from listed(entry.inside)


@pytest.mark.parametrize(("name", "entries"), list(listed()))
def test_listed_help_is_the_command_own(name: str, entries: Mapping[str, Entry]) -> None:
    """The line of help in the list is that of the command itself."""
    entry, found = entries[name], command(name, entries)
    assert found.help.splitlines()[0] == entry.help
    assert found.callback.__name__ == entry.function


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["rn", "x"], "rn"),
        (["run"], "TASK"),
        (["run", "x", "--mood", "plan"], "--mood"),
        (["run", "x", "--mode", "plna"], "plna"),
        (["run", "x", "--budget-usd", "-1"], "-1"),
        (["run", "x", "--time-limit", "soon"], "soon"),
        (["run", "x", "--max-steps", "0"], "greater than or equal to 1"),
        (["run", " "], "the task is empty"),
        (["run", "x", "--model", "planer=offline"], "did you mean planner?"),
        (["run", "x", "--model", "foo=offline"], "roles: planner"),
        (["schema", "plans"], "for 'name': 'plans' is not one of"),
        (["aply", "x.json"], "there is no command 'aply'; did you mean apply?"),
        (["show", "x", "--format", "png"], "png"),
    ],
)
def test_wrong_command_line(args: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong command line is one line that names what is wrong, and exit code 2."""
    assert main(args) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert said in lines[0]
    assert "--help`)" in lines[0]


def test_no_command_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command the help is shown."""
    assert main([]) == 0
    assert "Commands:" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """--version prints the version."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip()


def test_debug_adds_the_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--debug, wherever it stands, adds the traceback to the one line."""
    missing = str(tmp_path / "gone.json")
    assert main(["show", missing]) == 4
    assert "Traceback" not in capsys.readouterr().err
    assert main(["show", missing, "--debug"]) == 4
    assert "Traceback" in capsys.readouterr().err


def test_debug_after_dashes_is_an_argument(capsys: pytest.CaptureFixture[str]) -> None:
    """What stands after -- is an argument, --debug included."""
    assert main(["show", "--", "--debug"]) == 4
    assert "--debug: no such file" in capsys.readouterr().err


def test_reader_that_goes_away(tmp_path: Path) -> None:
    """A reader of stdout that goes away ends the command without a complaint."""
    command = f"{sys.executable} -m engine.cli schema events | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode in (0, 1)


def test_module_runs_like_the_command(tmp_path: Path) -> None:
    """python -m engine.cli is the same command line, its exit code too."""
    done = started("show", "gone.json", cwd=tmp_path)
    assert done.returncode == 4
    assert one_error_line(done) == "error: the file gone.json: no such file or directory"


RARE = pytest.mark.slow  # each is a Python of its own


@pytest.mark.parametrize(
    "closed", [pytest.param("<&-", marks=RARE), ">&-", pytest.param("2>&-", marks=RARE), "<&- >&- 2>&-"]
)
def test_closed_streams(tmp_path: Path, closed: str) -> None:
    """A program started with a closed stdin, stdout or stderr runs as if it were /dev/null."""
    line = f"exec {sys.executable} -m engine.cli run -q 'what is 2+2' {closed}"
    done = subprocess.run(
        ["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False, env=clean_environ()
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == ("" if ">&-" in closed.split() else "4")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_full_disk(tmp_path: Path) -> None:
    """An answer that does not fit the device is one line and exit code 10."""
    line = f"exec {sys.executable} -m engine.cli run -q 'what is 2+2' >/dev/full"
    done = subprocess.run(
        ["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False, env=clean_environ()
    )
    assert (done.returncode, one_error_line(done)) == (
        10,
        "error: the output cannot be written: no space left on the device",
    )
