"""An answer that passes through as it is: whole events, each looked at by a meter, none held back but the first few.

What comes before the first content waits with it, so that a stream that says hello and then fails can still be answered
by another model, or with a true status. A stream never just stops: it ends with its format's last event, or an error
is raised.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress

import anyio

from gateway.attempt import Attempt
from gateway.estimate import text_tokens
from gateway.providers.base import broken_off
from gateway.providers.relayer import Relayer
from gateway.sse import SseDecoder
from gateway.upstream.base import Answer
from gateway.wire.base import Meter, SseEvent
from schemas.errors import ModelError, ModelOutputError
from schemas.gateway import WireFormat

CLOSE_S = 2.0

_USAGE_ALONE = re.compile(
    rb'"choices"\s*:\s*\[\s*\].*"usage"\s*:\s*\{|"usage"\s*:\s*\{.*"choices"\s*:\s*\[\s*\]', re.DOTALL
)
_DONE = b"data: [DONE]\n\n"
_REFUSALS = ("content_filter", "refusal")


class Passing:
    """Reads one answer.

    Args:
        attempt: Takes note of what came.
        relayer: Who answers.
        wire: The format.
        answer: The answer, its head read.
        hides_usage: Whether an event that tells only the usage is left out: the client did not ask for it.
    """

    __slots__ = (
        "_answer",
        "_attempt",
        "_decoder",
        "_failure",
        "_held",
        "_hides",
        "_meter",
        "_relayer",
        "_where",
        "_wire",
    )

    def __init__(
        self, attempt: Attempt, relayer: Relayer, wire: WireFormat, answer: Answer, *, hides_usage: bool = False
    ) -> None:
        self._attempt = attempt
        self._relayer = relayer
        self._wire: WireFormat = wire
        self._answer = answer
        self._hides = hides_usage
        self._meter: Meter = relayer.meter(wire)
        self._where = attempt.model.ref
        self._decoder = SseDecoder(self._where)
        self._held: list[bytes] = []
        self._failure: ModelError | None = None

    async def whole(self) -> bytes:
        """Return a whole body.

        Raises:
            ModelError: An error inside it, or it is no JSON object.
        """
        content = await self._answer.read(where=self._where)
        self._meter.whole(content)
        if self._meter.error is not None:
            raise self._relayer.told(self._attempt.model.name, self._meter.error)
        self._noted(ended=True)
        return content

    async def next(self) -> bytes:
        """Return the next events as soon as they are there; nothing after the last, which gives the connection back.

        Raises:
            ModelError: An error inside the stream, an event that is none, or the stream broke off.
        """
        meter = self._meter
        while not meter.ended:
            if self._failure is not None:
                raise self._failure
            chunk = await self._answer.chunk()
            if not chunk:
                return self._rest()
            passed = self._take(self._decoder.feed(chunk))
            if passed:
                return passed
        self._noted(ended=True)
        if not meter.began and not meter.stop_reason and self._attempt.first_token is None:
            raise broken_off(self._where, began=False)
        if self._held:
            return self._released([])
        await self._answer.finish()
        return b""

    def check_head(self) -> None:
        """Check that a stream comes.

        Raises:
            ModelOutputError: It is of another content type.
        """
        kind = self._answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in ("text/event-stream", "", "application/octet-stream", "text/plain"):
            self._failure = self._unreadable(f"it is {kind!r} where a stream of events was asked for")

    async def read_failure(self) -> None:
        """Raise what a body says that should have been a stream; nothing if it is one. Raises ModelError."""
        if self._failure is None:
            return
        with suppress(ModelError):
            self._meter.whole(await self._answer.read(1_000_000, where=self._where))
        if self._meter.error is not None:
            raise self._relayer.told(self._attempt.model.name, self._meter.error)
        raise self._failure

    async def close(self) -> None:
        """Give the connection back, or cut it in the middle of the answer; even if the call is being cancelled."""
        if self._meter.ended:
            await self._answer.close()
            return
        self._noted(ended=False)
        with anyio.move_on_after(CLOSE_S, shield=True):
            await self._answer.close()

    def _take(self, events: list[SseEvent]) -> bytes:
        """Look at events and return the bytes to pass on now; an error after some of them is kept for the next turn."""
        meter, parts = self._meter, list[bytes]()
        for event in events:
            meter.event(event)
            if meter.error is not None:
                self._failure = self._relayer.told(self._attempt.model.name, meter.error)
                if self._attempt.first_token is None:  # nothing was passed on yet
                    raise self._failure
                break
            if self._hides and _USAGE_ALONE.search(event.data):
                continue
            parts.append(event.raw)
        if not meter.began:
            self._held += parts
            return b""
        return self._released(parts)

    def _released(self, parts: list[bytes]) -> bytes:
        """Return parts after what waited for the first content."""
        attempt = self._attempt
        attempt.written = self._meter.written
        if attempt.first_token is None and self._meter.began:
            attempt.first_token = attempt.clock()
            self._answer.began()
        if self._held:
            parts = self._held + parts
            self._held = []
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _rest(self) -> bytes:
        """Return the end of a stream that ended without its last event, or without that event's blank line.

        Raises:
            ModelError: It broke off.
        """
        meter = self._meter
        events = [event for event in self._decoder.finish() if event.data == b"[DONE]" or _is_json(event.data)]
        passed = self._take([SseEvent(event.data, event.name, event.raw.rstrip() + b"\n\n") for event in events])
        if self._failure is not None and not passed:
            raise self._failure
        if not meter.complete:
            raise broken_off(self._where, began=meter.began)
        if not meter.ended:
            meter.ended = True
            return passed + self._released([]) + (_DONE if self._wire == "chat" else b"")
        return passed or self._released([])

    def _noted(self, *, ended: bool) -> None:
        """Take note of what the answer used; one that broke off may have said it only of its beginning."""
        meter, attempt = self._meter, self._attempt
        used = meter.usage
        attempt.written = meter.written
        if used is not None and not ended:
            wrote = max(used.output_tokens, text_tokens(meter.written))
            used = used.model_copy(update={"output_tokens": wrote})
        attempt.reported = used
        attempt.tier, attempt.beyond = meter.tier, meter.beyond
        attempt.response_model, attempt.response_id = meter.model, meter.response_id
        attempt.stop_reason = meter.stop_reason
        attempt.refused = meter.stop_reason in _REFUSALS

    def _unreadable(self, why: str) -> ModelOutputError:
        return ModelOutputError(f"{self._where} sent what can't be read: {why}", details={"model": self._where})


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True
