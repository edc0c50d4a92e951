"""What reads the events of one streamed answer, whatever its format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from gateway.filters.base import Encoding, Kind
from gateway.filters.formats.slots import Slot

Channel = tuple[Any, ...]
"""Which growing text of an answer an event adds to; what is in it is the format's own affair."""

Said = tuple[str, dict[str, Any] | None]
"""An event to send: its name (empty without one), and its data; None is chat's ``[DONE]``."""


class Scan(Protocol):
    """What the texts of a stream go through.

    Attributes:
        changed: Whether an event is not what it was: it is written anew.
    """

    changed: bool

    @property
    def channels(self) -> list[Channel]:
        """The texts that have begun and not ended, oldest first."""
        ...

    def grow(self, channel: Channel, kind: Kind, encoding: Encoding, text: str, *, fixed: bool = False) -> str:
        """Take more of a text in and return what may be sent of it now."""
        ...

    def finish(self, channel: Channel) -> str:
        """End a text and return what was held back of it; nothing for one that never began."""
        ...

    def whole(self, slots: Iterator[Slot]) -> None:
        """Rewrite texts that repeat what was streamed."""
        ...


class Events(Protocol):
    """Reads the events of one streamed answer; one for each stream."""

    def visit(self, event: dict[str, Any], scan: Scan) -> list[Said]:
        """Rewrite the texts of an event in place; return events that go before it."""
        ...

    def ends(self, data: bytes) -> bool:
        """Whether data that are no JSON object end the stream."""
        ...

    def flush(self, scan: Scan) -> list[Said]:
        """Return events with all that is still held back, for a stream that ends without saying so."""
        ...

    def refuse(self, reason: str) -> list[Said]:
        """Return the events that end the stream cleanly, as the format says that a filter stepped in."""
        ...

    def refusal(self, body: Mapping[str, Any], reason: str) -> dict[str, Any]:
        """Return what stands in place of a whole answer."""
        ...
