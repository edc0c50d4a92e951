"""Runs the command line as a user does: a process of its own, an empty folder, no keys; ``started`` from nothing."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from engine.cli import main
from tests.cli.forked import Command

_NOT_OURS = ("ENGINE_", "ANTHROPIC_", "OPENAI_", "TERM", "COLUMNS", "LINES")
STATE = ".state"
"""Where runs of a test are kept, in its own folder: what one test left behind is nothing to another."""


def clean_environ(**extra: str) -> dict[str, str]:
    """Return this process's environment without anything that configures the engine, plus ``extra``."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_OURS)}
    return {**kept, "PYTHONUTF8": "1", "ENGINE_CONFIG": "", **extra}


def engine(
    *args: str, cwd: Path, stdin: str = "", environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``engine`` with these arguments and return what came out. No terminal anywhere."""
    with tempfile.TemporaryDirectory(prefix="engine-streams-") as folder:
        given, out, err = (Path(folder, name) for name in ("stdin", "stdout", "stderr"))
        given.write_text(stdin, encoding="utf-8")
        environ = environ or clean_environ(XDG_STATE_HOME=str(cwd / STATE))
        code = Command(args, cwd, environ, [str(path) for path in (given, out, err)]).wait(60)
        return subprocess.CompletedProcess(args, code, out.read_text("utf-8"), err.read_text("utf-8"))


def started(
    *args: str, cwd: Path, stdin: str = "", environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Do the same with a Python of its own, from its start."""
    return subprocess.run(
        [sys.executable, "-m", "engine.cli", *args],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        env=environ or clean_environ(XDG_STATE_HOME=str(cwd / STATE)),
        check=False,
    )


def called(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Do the same in this process, which takes a tenth of the time; for commands that need nothing of a process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(cwd), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(args)
    return subprocess.CompletedProcess(args, code, out.getvalue(), err.getvalue())


def one_error_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line on stderr of a command that failed; anything else there fails the test."""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    assert "Traceback" not in done.stderr
    return lines[0]
