"""The events of a streamed answer, one by one, to its end and no further."""

from __future__ import annotations

from collections import deque

from gateway.sse import SseDecoder, ends_stream
from gateway.upstream.base import Answer
from gateway.wire.base import SseEvent


class Events:
    """Reads them; whoever reads closes the answer.

    Args:
        answer: A stream.
        where: ``provider/model``, for errors.
    """

    def __init__(self, answer: Answer, where: str) -> None:
        self._answer = answer
        self._decoder = SseDecoder(where)
        self._waiting: deque[SseEvent] = deque()
        self._ended = False

    async def some(self) -> list[SseEvent]:
        """Return the events that are there, waiting for one if there is none; empty: the stream is over.

        The last event of the format comes by itself: its answer is finished first, which may take a while.

        Raises:
            ModelError: As ``next``.
        """
        first = await self.next()
        found = [] if first is None else [first]
        while self._waiting and not ends_stream(self._waiting[0]):
            found.append(self._waiting.popleft())
        return found

    async def next(self) -> SseEvent | None:
        """Return the next event, or None after the last one of the format, or the last there is.

        Raises:
            ModelError: As ``Answer.chunk``; an event is too large.
        """
        while not self._waiting:
            if self._ended:
                return None
            data = await self._answer.chunk()
            self._waiting.extend(self._decoder.feed(data) if data else self._decoder.finish())
            self._ended = not data
        event = self._waiting.popleft()
        if ends_stream(event):
            self._waiting.clear()
            self._ended = True
            await self._answer.finish()
        return event
