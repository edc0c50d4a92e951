"""How exceptions end the program."""

from __future__ import annotations

import pytest

from engine.cli.failure import error_line, report
from schemas.errors import BudgetError, ConfigError, EngineError, error_classes


@pytest.mark.parametrize("code", sorted(error_classes()))
def test_each_error_gives_its_exit_code(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every error class ends with its own exit code and one line."""
    error = error_classes()[code]("what, where", hint="what to do")
    assert report(error, debug=False) == error.exit_code
    assert capsys.readouterr().err == "error: what, where (what to do)\n"


def test_error_inside_groups(capsys: pytest.CaptureFixture[str]) -> None:
    """An error that task groups wrapped is reported as itself, before one that only followed from it."""
    group = ExceptionGroup("a", [RuntimeError("after"), ExceptionGroup("b", [OSError("x")]), BudgetError("spent")])
    assert report(group, debug=False) == BudgetError.exit_code
    assert capsys.readouterr().err == "error: spent\n"


def test_unexpected_error_points_at_debug(capsys: pytest.CaptureFixture[str]) -> None:
    """An unexpected exception is one line that says how to see more."""
    assert report(ZeroDivisionError("division by\nzero"), debug=False) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "ZeroDivisionError: division by zero" in said
    assert "--debug" in said


def test_keyboard_interrupt() -> None:
    """Ctrl-C before anything runs is exit code 130."""
    assert report(KeyboardInterrupt(), debug=False) == 130


@pytest.mark.parametrize(("code", "expected"), [(None, 0), (3, 3), ("text", 1)])
def test_system_exit(code: int | str | None, expected: int) -> None:
    """SystemExit keeps its code."""
    assert report(SystemExit(code), debug=False) == expected


def test_error_line_is_one_safe_line() -> None:
    """Line breaks and escape sequences in a message do not reach the terminal."""
    assert error_line("a\nb\x1b[2J", "c\r\nd") == "error: a b [2J (c d)"


def test_debug_shows_the_cause(capsys: pytest.CaptureFixture[str]) -> None:
    """With --debug the traceback comes first, the line last."""
    try:
        raise ConfigError("bad")
    except EngineError as exc:
        report(exc, debug=True)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1] == "error: bad"
