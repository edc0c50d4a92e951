"""Processes that drive a run whose last step takes a minute, to be killed, replaced, or watched."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.command import STATE, clean_environ
from tests.cli.desk import call, desk
from tests.cli.forked import Command

LONG_S = 60.0
_PATIENCE_S = 60.0


class Driving:
    """A process that drives a run; what it says is kept in a folder of its own."""

    def __init__(self, folder: Path, streams: Path) -> None:
        given, self._out, self._err = (streams / name for name in ("stdin", "stdout", "stderr"))
        given.touch()
        environ = clean_environ(XDG_STATE_HOME=str(folder / STATE))
        paths = [str(path) for path in (given, self._out, self._err)]
        self._command = Command(("apply", "plan.json"), folder, environ, paths)
        self.pid = self._command.pid
        self.returncode: int | None = None

    def until(self, words: str) -> None:
        """Wait until it says something on stderr."""
        end = time.monotonic() + _PATIENCE_S
        while words not in self._err.read_text("utf-8"):
            assert time.monotonic() < end, self._err.read_text("utf-8")
            time.sleep(0.02)

    def lives(self) -> bool:
        """Whether it has not ended."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to it."""
        self._command.send(number)

    def wait(self, timeout: float = _PATIENCE_S) -> int:
        """Wait for its end and return its exit code."""
        if self.returncode is None:
            self.returncode = self._command.wait(timeout)
        return self.returncode

    def communicate(self, timeout: float = _PATIENCE_S) -> tuple[str, str]:
        """Wait for its end and return what it said."""
        self.wait(timeout)
        return self._out.read_text("utf-8"), self._err.read_text("utf-8")

    def kill(self) -> None:
        """Kill it, if it has not ended, and wait."""
        if self.returncode is None:
            self.send_signal(signal.SIGKILL)
            self.wait()


@contextmanager
def driven(folder: Path) -> Generator[Driving]:
    """A process that drives plan.json, once its slow step runs; killed at the end."""
    with tempfile.TemporaryDirectory(prefix="engine-streams-") as streams:
        process = Driving(folder, Path(streams))
        try:
            process.until("started: linger")
            yield process
        finally:
            process.kill()


def slow_desk(folder: Path, *first: dict[str, object]) -> Path:
    """A plan whose last step waits a minute, unless a file says that it need not."""
    return desk(folder, *first, {**call("linger", seconds=LONG_S), "depends_on": [1]}, answer="{{1}} {{2}}")


def quickened(folder: Path) -> None:
    """Let the waiting tool come back at once from now on."""
    (folder / "quick").write_text("", encoding="utf-8")
