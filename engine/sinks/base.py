"""The contract of a sink."""

from __future__ import annotations

from typing import Protocol

from schemas.events import LoggedRecord
from schemas.live import LiveEvent


class Sink(Protocol):
    """Takes a run's events in order and shows or writes them. Never slow: no call waits for a person or a network."""

    def on_record(self, record: LoggedRecord) -> None:
        """Take the next logged event."""
        ...

    def recall(self, record: LoggedRecord) -> None:
        """Take an event that was shown before, when somebody else drove the run: it counts, and is not told again."""
        ...

    def on_live(self, event: LiveEvent) -> None:
        """Take what happens between two logged events; dropping it loses nothing but liveliness."""
        ...

    def pause(self) -> None:
        """Leave the terminal to somebody else (a question); events are still taken."""
        ...

    def resume(self) -> None:
        """Take the terminal back after ``pause``."""
        ...

    def close(self) -> None:
        """Write what is left and leave the terminal as it was. May be called twice."""
        ...
