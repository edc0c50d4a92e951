"""One JSON object a line for every logged event, for programs."""

from __future__ import annotations

import json
from typing import TextIO

from schemas.events import LoggedRecord
from schemas.live import LiveEvent


def json_line(record: LoggedRecord) -> str:
    """Return the record's flat form on one line, text as it is; half a surrogate pair is escaped."""
    body = record.to_json()
    line = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(body, separators=(",", ":"))
    return line


class JsonView:
    """Writes ``--json``: each logged event as it happens, flushed, so that a reader can follow."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def on_record(self, record: LoggedRecord) -> None:
        """Write the event."""
        self._out.write(json_line(record) + "\n")
        self._out.flush()

    def recall(self, record: LoggedRecord) -> None:
        """Leave out what was written before."""

    def on_live(self, event: LiveEvent) -> None:
        """Leave out what is not part of the record."""

    def pause(self) -> None:
        """Nothing to leave."""

    def resume(self) -> None:
        """Nothing to take back."""

    def close(self) -> None:
        """Nothing is left to write."""
