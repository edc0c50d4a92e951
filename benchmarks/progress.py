"""How far a run is: a bar on a terminal, a line each tenth elsewhere."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from time import monotonic
from typing import TextIO

BAR = 24


@dataclass(slots=True)
class Progress:
    """Told of each run that ended; writes to stderr."""

    out: TextIO = field(default_factory=lambda: sys.stderr)
    _began: float = field(default_factory=monotonic)
    _first: int | None = None
    _told: int = -1

    def __call__(self, what: str, done: int, of: int) -> None:
        """Show that so many are done, and what the last one was."""
        if self._first is None:
            self._first = done - 1
        if self.out.isatty():
            self._draw(what, done, of)
        elif done * 10 // of > self._told:
            self._told = done * 10 // of
            print(f"{done}/{of} {what}", file=self.out, flush=True)

    def _draw(self, what: str, done: int, of: int) -> None:
        new = done - (self._first or 0)
        left = (monotonic() - self._began) / max(1, new) * (of - done)
        filled = BAR * done // of
        text = f"{'━' * filled}{'╌' * (BAR - filled)} {done}/{of}  {_clock(left)} left  {what}"
        wide = shutil.get_terminal_size().columns - 1
        end = "\n" if done == of else ""
        print(f"\r\x1b[K{text[:wide]}", end=end, file=self.out, flush=True)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
