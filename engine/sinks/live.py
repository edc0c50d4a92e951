"""The live terminal view: the board while the run goes on, then the answer, then one summary line."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from engine.sinks.answer import AnswerWriter
from engine.sinks.board import Screen, board
from engine.sinks.progress import RunProgress
from engine.sinks.summary import summary_line
from engine.sinks.words import fit
from schemas.events import LoggedRecord
from schemas.live import LiveEvent

FRAMES_PER_S = 8
FINAL_LINES = 40


class LiveView:
    """Draws a run on a terminal that can move its cursor.

    The board is redrawn in place; once the answer begins, or the run ends, its last state stays in the scroll-back.

    Args:
        console: The terminal, usually stderr: stdout stays free for the answer.
        answer: Where the answer goes.
        clock: Unix time in seconds, as in the events.
        past: What is shown happened before: its time is told by its events alone.
    """

    def __init__(
        self, console: Console, answer: AnswerWriter, *, clock: Callable[[], float] = time.time, past: bool = False
    ) -> None:
        self._console = console
        self._answer = answer
        self._clock = clock
        self._past = past
        self._run = RunProgress()
        self._lock = threading.RLock()
        self._live: Live | None = None
        self._settled = False
        self._paused = False
        self._behind_s = 0.0
        self._frame = 0

    def on_record(self, record: LoggedRecord) -> None:
        """Take the next event; the screen follows with the next frame."""
        event = record.event
        if event.kind == "answer":
            self._settle()
        with self._lock:
            self._run.on_record(record)
            self._behind_s = self._clock() - record.at if self._past else 0.0
        if event.kind == "answer":
            self._answer.on_answer(event)
        elif event.kind == "run_ended":
            self._settle()
            self._summary()
        else:
            self._start()

    def recall(self, record: LoggedRecord) -> None:
        """Count an event that was told before."""
        with self._lock:
            self._run.on_record(record)

    def on_live(self, event: LiveEvent) -> None:
        """Take text and progress."""
        if event.kind == "text" and event.stream == "answer" and self._answer.live:
            self._settle()
            self._answer.on_text(event)
        elif event.kind == "reset" and event.stream == "answer":
            self._answer.on_reset(event)
        with self._lock:
            self._run.on_live(event)

    def pause(self) -> None:
        """Take the board off the screen; events are still taken."""
        self._paused = True
        self._stop()

    def resume(self) -> None:
        """Draw the board again, unless it is final already."""
        self._paused = False
        self._start()

    def _start(self) -> None:
        if self._paused or self._settled or self._live is not None:
            return
        self._live = Live(
            console=self._console,
            get_renderable=self._draw,
            refresh_per_second=FRAMES_PER_S,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=True,
            vertical_overflow="crop",
        )
        self._live.start()

    def close(self) -> None:
        """Leave the last state of the board in the scroll-back and give the cursor back."""
        self._settle()

    def _stop(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _settle(self) -> None:
        self._stop()
        if self._settled:
            return
        self._settled = True
        with self._lock:
            if self._run.task or self._run.rows:
                self._print(self._lines(FINAL_LINES))

    def _print(self, lines: list[Text]) -> None:
        for line in lines:
            self._console.print(line, soft_wrap=True, highlight=False)
        self._console.print()

    def _draw(self) -> RenderableType:
        with self._lock:
            self._frame += 1
            return Group(*self._lines(max(3, self._console.height - 1)))

    def _lines(self, height: int) -> list[Text]:
        unicode = self._console.encoding.lower().startswith("utf")
        now = self._clock() - self._behind_s
        screen = Screen(self._console.width, height, unicode)
        return board(self._run, screen, max(now, self._run.last_at), self._frame)

    def _summary(self) -> None:
        end = self._run.ended
        if end is None:
            return
        style = {"completed": "green", "failed": "red", "cancelled": "yellow"}[end.status]
        self._console.print()
        line = Text(summary_line(self._run), style=style)
        self._console.print(line if self._console.width >= 40 else Text(fit(line.plain, self._console.width)))
