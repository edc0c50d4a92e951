"""What a person watches between two logged events: text as it grows, progress. Never stored one by one, never state."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.result import Record


class LiveText(Record):
    """More text of a stream; ``offset`` counts the characters before it, so a gap shows.

    A reader that holds ``text`` up to ``offset`` of a ``generation`` asks for what comes after that and loses nothing.

    Attributes:
        stream: ``plan``, ``answer``, ``reasoning``, or a step's id.
        generation: Which writing of this stream: it rises with every reset and every new driver, never falls.
    """

    kind: Literal["text"] = "text"
    stream: str
    offset: int
    text: str
    generation: int = 0


class LiveReset(Record):
    """The stream begins anew at offset 0 (a retry or a repair); ``generation`` is that of what follows."""

    kind: Literal["reset"] = "reset"
    stream: str
    reason: str = ""
    generation: int = 0


class LiveProgress(Record):
    """A running step says how far it is (``fraction`` in 0–1 when it knows)."""

    kind: Literal["progress"] = "progress"
    step_id: str
    message: str = ""
    fraction: float | None = None


LiveEvent = Annotated[LiveText | LiveReset | LiveProgress, Field(discriminator="kind")]
