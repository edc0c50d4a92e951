"""The answer on stdout: as it streams on a terminal, in one piece where a program reads it."""

from __future__ import annotations

from typing import TextIO

from engine.sinks.words import printable
from schemas.events import Answer
from schemas.live import LiveReset, LiveText


class AnswerWriter:
    """Writes the answer exactly once.

    Args:
        out: Where it goes.
        live: Whether a person watches: then text appears as it streams, made safe for a terminal. Else nothing is
            written before the answer is final, so a retry never leaves half a sentence in somebody's file.
    """

    def __init__(self, out: TextIO, *, live: bool) -> None:
        self._out = out
        self._live = live
        self._shown = ""

    @property
    def begun(self) -> bool:
        """Whether text of the answer stands on the terminal already."""
        return bool(self._shown)

    @property
    def live(self) -> bool:
        """Whether text appears as it streams."""
        return self._live

    def on_text(self, event: LiveText) -> None:
        """Write more of the stream; what was shown already, or comes after a gap, is left to the final answer."""
        if not self._live or event.offset > len(self._shown):
            return
        fresh = event.text[len(self._shown) - event.offset :]
        self._shown += fresh
        self._write(fresh)

    def on_reset(self, event: LiveReset) -> None:
        """Say that the text above is void and begin anew."""
        if self._shown:
            self._write(f"\n[starting over{f': {event.reason}' if event.reason else ''}]\n")
            self._shown = ""

    def on_answer(self, event: Answer) -> None:
        """Write what is missing of the final answer, and end the line."""
        if self._shown.rstrip() == event.text.rstrip():
            self._shown = event.text
        elif self._shown and not event.text.startswith(self._shown):
            self._write("\n")
            self._shown = ""
        rest = event.text[len(self._shown) :]
        self._write(rest if event.text.endswith("\n") else rest + "\n")
        self._shown = ""

    def _write(self, text: str) -> None:
        self._out.write(printable(text) if self._live else text)
        self._out.flush()
