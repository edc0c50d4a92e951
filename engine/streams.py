"""Text as it grows, so that a reader who broke off at any character goes on there: generations, offsets, cursors.

A *generation* is one writing of one stream. It holds the number of the run's last written event when it began, so it
rises over resets, drivers and crashes, and the log alone says which text is void: an event that closes a stream at
number n ends every generation begun before n. A late piece of an older one, of a driver that was replaced, is ignored.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from schemas.errors import RequestError
from schemas.events import LoggedEvent, LoggedRecord
from schemas.live import LiveEvent, LiveReset, LiveText

GENERATIONS_AN_EVENT = 1 << 16
ALL = "*"
"""Stands for every stream."""

_TAKEN_OVER = "another driver goes on with the run"
_CLOSES: dict[str, tuple[str, ...]] = {
    "plan_started": ("plan", "reasoning"),
    "replan_started": ("plan", "reasoning"),
    "plan_accepted": ("plan", "reasoning"),
    "plan_rejected": ("plan", "reasoning"),
    "answer": (ALL,),
    "run_claimed": (ALL,),
    "run_parked": (ALL,),
    "run_ended": (ALL,),
}


def closed_by(event: LoggedEvent) -> tuple[str, ...]:
    """Return the streams that an event closes: what was written of them is final in the log, or void.

    >>> from schemas.events import PlanStarted
    >>> closed_by(PlanStarted())
    ('plan', 'reasoning')
    """
    return (event.step_id,) if event.kind == "step_ended" else _CLOSES.get(event.kind, ())


class Streams:
    """The live text of one run as its driver writes it.

    Args:
        head: Gives the number of the run's last written event.
        publish: Takes each piece; never waits.
    """

    def __init__(self, head: Callable[[], int], publish: Callable[[LiveEvent], None]) -> None:
        self._head = head
        self._publish = publish
        self._last: dict[str, int] = {}
        self._chars: dict[str, int] = {}

    def text(self, stream: str, text: str) -> None:
        """Add text to a stream; the first piece after ``close`` begins a generation."""
        if not text:
            return
        if stream not in self._chars:
            self._begin(stream)
        offset = self._chars[stream]
        self._chars[stream] = offset + len(text)
        self._publish(LiveText(stream=stream, offset=offset, text=text, generation=self._last[stream]))

    def reset(self, stream: str, reason: str) -> None:
        """Declare what was written void; readers are told where there was something."""
        if self._chars.get(stream):
            self._begin(stream)
            self._publish(LiveReset(stream=stream, reason=reason, generation=self._last[stream]))

    def close(self, stream: str) -> None:
        """Expect a new writing; the event that says so is in the log, or will be before the writing begins."""
        self._chars.pop(stream, None)

    def _begin(self, stream: str) -> None:
        self._last[stream] = max(self._last.get(stream, -1) + 1, self._head() * GENERATIONS_AN_EVENT)
        self._chars[stream] = 0


@dataclass(frozen=True, slots=True)
class Position:
    """How far a reader is in a stream: it holds ``offset`` characters (code points) of a generation."""

    generation: int
    offset: int


@dataclass(slots=True)
class Cursor:
    """How far a reader is in a run: the number of its last event, and its positions in text that is still open.

    As text, ``7`` or ``7;answer:458752:120``: number, then ``;stream:generation:offset`` each, names percent-encoded.
    """

    seq: int = 0
    positions: dict[str, Position] = field(default_factory=dict[str, Position])

    def advance(self, item: LoggedRecord | LiveEvent) -> None:
        """Count an item as read."""
        match item:
            case LoggedRecord():
                self.seq = item.seq
                self._close(item)
            case LiveText():
                self.positions[item.stream] = Position(item.generation, item.offset + len(item.text))
            case LiveReset():
                self.positions[item.stream] = Position(item.generation, 0)
            case _:
                pass

    def copy(self) -> Cursor:
        """Return a cursor at the same place."""
        return Cursor(self.seq, dict(self.positions))

    def _close(self, record: LoggedRecord) -> None:
        if not self.positions or record.event.kind == "run_claimed":
            return  # text of the driver before stands until the reader is told that it is void
        for stream in closed_by(record.event):
            ended = record.seq * GENERATIONS_AN_EVENT
            for name in tuple(self.positions) if stream == ALL else (stream,):
                if name in self.positions and self.positions[name].generation < ended:
                    del self.positions[name]

    def __str__(self) -> str:
        parts = (f";{quote(name, safe='')}:{at.generation}:{at.offset}" for name, at in self.positions.items())
        return f"{self.seq}{''.join(parts)}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read a cursor back.

        >>> str(Cursor.parse("7;1%5B0%5D:458752:120"))
        '7;1%5B0%5D:458752:120'

        Raises:
            RequestError: The text is none.
        """
        seq, *parts = text.strip().split(";")
        split = [part.split(":") for part in parts]
        numbers = [seq, *(number for part in split for number in part[1:])]
        if not all(len(part) == 3 for part in split) or not all(_is_number(number) for number in numbers):
            hint = "give the number of the last event that was read, or the id of the last line as it came"
            raise RequestError(f"{text[:80]!r} is no place in a run", hint=hint)
        return cls(int(seq), {unquote(name): Position(int(at), int(offset)) for name, at, offset in split})


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18


class _Writing:
    """One generation of a stream: its pieces, found by their offset."""

    def __init__(self, generation: int, reason: str = "") -> None:
        self.generation = generation
        self.reason = reason
        self.chars = 0
        self._starts: list[int] = []
        self._pieces: list[str] = []

    def add(self, offset: int, text: str) -> bool:
        """Add what is new of a text; one that begins beyond the end is left out: what comes between is not known."""
        fresh = text[self.chars - offset :] if offset <= self.chars else ""
        if not fresh:
            return False
        self._starts.append(self.chars)
        self._pieces.append(fresh)
        self.chars += len(fresh)
        return True

    def since(self, offset: int) -> str:
        """Return the text from an offset on. Cost: O(what is returned)."""
        if offset >= self.chars:
            return ""
        first = bisect_right(self._starts, offset) - 1
        return self._pieces[first][offset - self._starts[first] :] + "".join(self._pieces[first + 1 :])


class Board:
    """The text of a run's open streams as far as it is known here, from which any reader takes what it lacks.

    Fed with records and live text in any order, repeated or not: it comes out the same.

    Attributes:
        writings: What there is of the open streams, by name.
    """

    def __init__(self) -> None:
        self.writings: dict[str, _Writing] = {}
        self._floors: dict[str, int] = {}

    def see(self, record: LoggedRecord) -> bool:
        """Close what an event closes; return whether a reader who comes later has something to be told."""
        closed = closed_by(record.event)
        floor = record.seq * GENERATIONS_AN_EVENT
        for stream in closed:
            self._floors[stream] = max(self._floors.get(stream, 0), floor)
            for name in tuple(self.writings) if stream == ALL else (stream,):
                if name in self.writings and self.writings[name].generation < floor:
                    del self.writings[name]
        return bool(closed)

    def put(self, item: LiveText | LiveReset) -> bool:
        """Take live text in; return whether it brought something new."""
        writing = self.writings.get(item.stream)
        if item.generation < self._floor(item.stream) or (writing and item.generation < writing.generation):
            return False
        begins = writing is None or item.generation > writing.generation
        if begins:
            reason = item.reason if isinstance(item, LiveReset) else ""
            writing = self.writings[item.stream] = _Writing(item.generation, reason)
        return writing.add(item.offset, item.text) or begins if isinstance(item, LiveText) and writing else begins

    def since(self, cursor: Cursor) -> Iterator[LiveText | LiveReset]:
        """Yield what a reader lacks of the open streams."""
        for stream, writing in self.writings.items():
            at = cursor.positions.get(stream)
            if at is not None and at.generation > writing.generation:
                continue  # it has read more, elsewhere
            if at is not None and at.generation < writing.generation:
                yield LiveReset(stream=stream, reason=writing.reason, generation=writing.generation)
            offset = at.offset if at is not None and at.generation == writing.generation else 0
            text = writing.since(offset)
            if text:
                yield LiveText(stream=stream, offset=offset, text=text, generation=writing.generation)

    def void(self, cursor: Cursor) -> Iterator[LiveReset]:
        """Yield a reset for each text a reader holds that nobody goes on with: its driver was replaced."""
        for stream, at in cursor.positions.items():
            floor = self._floor(stream)
            if at.generation < floor and stream not in self.writings:
                yield LiveReset(stream=stream, reason=_TAKEN_OVER, generation=floor)

    def _floor(self, stream: str) -> int:
        return max(self._floors.get(stream, 0), self._floors.get(ALL, 0))
