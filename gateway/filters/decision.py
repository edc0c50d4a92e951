"""What a filter says of a request or an answer, and what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from schemas.gateway import Side

Said = Literal["changed", "blocked", "annotated", "failed_open", "failed_closed"]


@dataclass(frozen=True, slots=True)
class Block:
    """Stop here.

    Attributes:
        reason: For the client, in one line; the text at fault does not belong in it.
        status: Of HTTP, 400 to 499.
    """

    reason: str
    status: int = 400


@dataclass(frozen=True, slots=True)
class Annotate:
    """Go on unchanged, but note this in the record of the call."""

    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """One line of a call's record: never the text that was found.

    Attributes:
        filter: Its name.
        side: What it looked at.
        decision: What came of it; a filter that had nothing to say leaves no line.
        reason: In a few words: how many of what.
        ms: How long it took.
    """

    filter: str
    side: Side
    decision: Said
    reason: str = ""
    ms: float = 0.0

    def __str__(self) -> str:
        reason = f", {self.reason}" if self.reason else ""
        return f"{self.filter}: {self.decision} {self.side}{reason} ({self.ms:.1f} ms)"
