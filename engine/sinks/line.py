"""One line an event, for logs, pipes and terminals that cannot move the cursor."""

from __future__ import annotations

from typing import TextIO

from engine.sinks.answer import AnswerWriter
from engine.sinks.progress import RunProgress
from engine.sinks.sentences import sentence
from engine.sinks.summary import summary_line
from schemas.events import LoggedRecord
from schemas.live import LiveEvent


class LineView:
    """Writes ``seconds since the start`` and a sentence for each event to ``err``, the answer to its own place."""

    def __init__(self, err: TextIO, answer: AnswerWriter) -> None:
        self._err = err
        self._answer = answer
        self._run = RunProgress()
        self._held: list[str] | None = None
        self._given = False

    def on_record(self, record: LoggedRecord) -> None:
        """Write the event's line."""
        self._run.on_record(record)
        if record.event.kind == "run_started":
            self._given = record.event.given
        if record.event.kind == "plan_started" and self._given:
            return
        self._line(self.line(record, self._run.started_at))
        if record.event.kind == "answer":
            self._answer.on_answer(record.event)
        elif record.event.kind == "run_ended":
            self._line(summary_line(self._run))

    @staticmethod
    def line(record: LoggedRecord, began: float) -> str:
        """Return one event's line; ``began`` is the Unix time of the run's first."""
        return f"[{record.at - began:8.3f}s] {_told(record)}"

    def recall(self, record: LoggedRecord) -> None:
        """Count an event that was told before."""
        self._run.on_record(record)
        if record.event.kind == "run_started":
            self._given = record.event.given

    def on_live(self, event: LiveEvent) -> None:
        """Write the answer as it streams, where somebody watches."""
        if event.kind == "text" and event.stream == "answer":
            self._answer.on_text(event)
        elif event.kind == "reset" and event.stream == "answer":
            self._answer.on_reset(event)

    def pause(self) -> None:
        """Hold lines back while somebody answers a question."""
        self._held = self._held or []

    def resume(self) -> None:
        """Write what was held back."""
        held, self._held = self._held or [], None
        for line in held:
            self._line(line)

    def close(self) -> None:
        """Write what was held back."""
        self.resume()

    def _line(self, line: str) -> None:
        if self._held is not None:
            self._held.append(line)
            return
        self._err.write(line + "\n")
        self._err.flush()


def _told(record: LoggedRecord) -> str:
    """The event's sentence; the first one names the run."""
    told = sentence(record.event)
    return told.replace("run started", f"run {record.run_id} started", 1) if record.seq == 1 else told
