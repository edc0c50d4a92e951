"""A streamed answer on its way through the filters: whole events in, whole events out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Protocol

from gateway.filters.base import BodyFilter, Facts
from gateway.filters.decision import Annotate, Block
from gateway.filters.formats.base import Events
from gateway.filters.frames import decoded, encoded, event_of, said
from gateway.filters.member import Member
from gateway.filters.scan import Texts
from gateway.sse import SseDecoder
from gateway.wire.base import SseEvent
from schemas.errors import FilterBlockedError

_NONE = SseEvent(b"")
Fed = tuple[list[SseEvent], FilterBlockedError | None]


class _Owner(Protocol):
    """The chain: it is told that the answer was stopped."""

    blocked: FilterBlockedError | None


class Output:
    """What one streamed answer passes.

    Args:
        chain: Whose filters they are.
        members: The filters, in the order in which they see answers; at least one.
        make: Makes what reads the format's events.
        facts: What filters are told.
    """

    def __init__(self, chain: _Owner, members: Sequence[Member], make: Callable[[], Events], facts: Facts) -> None:
        self._chain = chain
        self._decoder = SseDecoder("the answer")
        self._stages: list[_TextStage | _BodyStage] = []
        for member in members:
            last = self._stages[-1] if self._stages else None
            if member.body is not None:
                self._stages.append(_BodyStage(member, member.body, make(), facts))
            elif isinstance(last, _TextStage):
                last.members.append(member)
            else:
                self._stages.append(_TextStage(member, make()))

    @property
    def blocked(self) -> FilterBlockedError | None:
        """Why a filter ended the answer; None while none did."""
        return self._chain.blocked

    async def feed(self, events: Sequence[SseEvent]) -> list[SseEvent]:
        """Return the events to send in place of these; an event that no filter changed is the same object.

        When a filter says stop, the last events returned end the answer as its format has it, and ``blocked`` is set:
        close the provider's stream then.

        Raises:
            FilterFailedError: A filter failed, and nothing goes on without it.
        """
        return await self._through(list(events), over=False)

    async def finish(self) -> list[SseEvent]:
        """Return what was held back; the stream is over, or broke off. Raises as ``feed``."""
        return await self._through([], over=True)

    async def through(self, piece: bytes) -> bytes:
        """Return what to send in place of the next bytes of a stream, whole events or not. Raises as ``feed``."""
        events = await self.feed(self._decoder.feed(piece))
        return b"".join(event.raw for event in events)

    async def rest(self) -> bytes:
        """Return the bytes with which the stream ends, whoever ended it. Raises as ``feed``."""
        events = [*await self.feed(self._decoder.finish()), *await self.finish()]
        return b"".join(event.raw for event in events)

    async def _through(self, events: list[SseEvent], *, over: bool) -> list[SseEvent]:
        if self.blocked is not None:
            return []
        stopped: FilterBlockedError | None = None
        for stage in self._stages:
            events, stop = await stage.feed(events)
            if stop is None and (over or stopped is not None):
                more, stop = await stage.finish()
                events = events + more
            stopped = stop or stopped
        if stopped is None:
            return events
        self._chain.blocked = stopped
        return events + [said(event) for event in self._stages[-1].outline.refuse(stopped.message)]


class _TextStage:
    """Built-in filters, one after the other, text by text; ``outline`` knows what was sent on."""

    def __init__(self, member: Member, outline: Events) -> None:
        self.members = [member]
        self.outline = outline
        self._texts = Texts(self.members)

    async def feed(self, events: list[SseEvent]) -> Fed:
        out: list[SseEvent] = []
        try:
            for event in events:
                self._visit(event, out)
        except FilterBlockedError as exc:
            return out, exc
        return out, None

    async def finish(self) -> Fed:
        try:
            return [said(event) for event in self.outline.flush(self._texts)], None
        except FilterBlockedError as exc:
            return [], exc

    def _visit(self, event: SseEvent, out: list[SseEvent]) -> None:
        value = decoded(event.data)
        if value is None:
            if self.outline.ends(event.data):
                out.extend(said(one) for one in self.outline.flush(self._texts))
            out.append(event)
            return
        self._texts.changed = False
        before = self.outline.visit(value, self._texts)
        out.extend(said(one) for one in before)
        out.append(event_of(event.name, encoded(value)) if before or self._texts.changed else event)


class _BodyStage:
    """A filter of somebody else's; ``outline`` knows what was sent on."""

    def __init__(self, member: Member, work: BodyFilter, outline: Events, facts: Facts) -> None:
        self.outline = outline
        self._member = member
        self._work = work
        self._facts = facts
        self._seen = Texts(())

    async def feed(self, events: list[SseEvent]) -> Fed:
        if not events:
            return [], None
        try:
            looked = await self._member.within("output", lambda: self._work.events(events, self._facts))
        except FilterBlockedError as exc:
            return [], exc
        stop: FilterBlockedError | None = None
        if looked is not None:
            new, verdict = looked
            if isinstance(verdict, Block):
                stop = self._member.blocked("output", verdict)
            elif isinstance(verdict, Annotate):
                self._member.annotated("output", verdict)
            if any(one.data != other.data for one, other in zip_longest(new, events, fillvalue=_NONE)) and stop is None:
                self._member.changed("output")
            events = new
        for event in events:
            value = decoded(event.data)
            if value is not None:
                self.outline.visit(value, self._seen)
        return events, stop

    async def finish(self) -> Fed:
        return [], None
