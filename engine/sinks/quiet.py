"""Nothing but the answer."""

from __future__ import annotations

from engine.sinks.answer import AnswerWriter
from schemas.events import LoggedRecord
from schemas.live import LiveEvent


class QuietView:
    """Writes the answer and nothing else (``-q``)."""

    def __init__(self, answer: AnswerWriter) -> None:
        self._answer = answer

    def on_record(self, record: LoggedRecord) -> None:
        """Write the final answer."""
        if record.event.kind == "answer":
            self._answer.on_answer(record.event)

    def recall(self, record: LoggedRecord) -> None:
        """Leave out what was written before."""

    def on_live(self, event: LiveEvent) -> None:
        """Write the answer as it streams."""
        if event.kind == "text" and event.stream == "answer":
            self._answer.on_text(event)
        elif event.kind == "reset" and event.stream == "answer":
            self._answer.on_reset(event)

    def pause(self) -> None:
        """Nothing to leave."""

    def resume(self) -> None:
        """Nothing to take back."""

    def close(self) -> None:
        """Nothing is left to write."""
