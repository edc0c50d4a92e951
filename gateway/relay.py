"""A client's call over HTTP, through the same pipeline as the engine's own calls.

The head of the answer is known once its first content is: until then a failure is raised, retried or falls back, and
has a true status. From then on a failure is an event in the client's format.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import TYPE_CHECKING, Any

from gateway.attempt import Attempt
from gateway.call import Call
from gateway.doorway import Shelf
from gateway.estimate import Estimate, call_estimate
from gateway.exchange import ClientCall, WireReply, plain
from gateway.form import asked, completed, fault
from gateway.passing import Passing
from gateway.providers.relayer import Relayer
from gateway.sequel import Sequel
from gateway.sse import SseDecoder
from gateway.wire.base import ClientFormat, SseEvent, StreamWriter
from schemas.errors import EngineError, ModelRequestError
from schemas.gateway import WireFormat
from schemas.model import Done, ModelChunk, ModelRequest, ModelResponse

if TYPE_CHECKING:
    from gateway.filters import Chain

PATIENCE_S = 30.0
"""The longest wait for a model that asks for patience; then its error, and when to come back, go to the client."""

_JSON = b"application/json"
_STREAM = b"text/event-stream; charset=utf-8"


class ClientForm:
    """A client's bytes: passed on where the provider takes them as they are, else translated both ways.

    A stream that may begin anew is translated in any case: only so is it known what the client has of it.

    Args:
        call: What the client sent.
        written: How it writes.
        may_restart: Whether it takes an answer that begins anew.
        chain: Filters of the request and the answer.
        shelf: Where the answer is kept.
        patience_s: Longest wait for a model.

    Attributes:
        dropped: What a translation left out of the request.
        cached: Whether the answer is one that was kept.
    """

    hasty = True

    def __init__(
        self,
        call: ClientCall,
        written: ClientFormat,
        *,
        may_restart: bool,
        chain: Chain | None = None,
        shelf: Shelf | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._call = call
        self._format = written
        self._chain = chain
        self._shelf = shelf
        self._writer: StreamWriter | None = None
        self._content: bytes | None = None
        self._request: ModelRequest | None = None
        self._kept: list[bytes] | None = None if shelf is None else []
        self.dropped: tuple[str, ...] = ()
        self.cached = False
        self.clock: Callable[[], float] = time.monotonic  # asyncio's own
        self.asked = call.model
        self.wire: WireFormat | None = call.format
        self.streamed = call.streamed
        self.estimate: Estimate = call_estimate(call)
        self.deadline_s = call.deadline_s
        self.may_restart = may_restart and self.streamed and written.restarts
        self.patience_s: float | None = patience_s
        self.prepares = chain is not None or shelf is not None
        self._sequel = Sequel() if self.may_restart else None

    @property
    def request(self) -> ModelRequest | None:
        """What is asked in the neutral form, where it was translated."""
        return self._request

    @property
    def decisions(self) -> tuple[str, ...]:
        """What filters did."""
        return () if self._chain is None else tuple(str(line) for line in self._chain.decided())

    async def prepare(self) -> Sequence[bytes] | None:
        """Pass the request filters; return the kept answer. Raises FilterBlockedError, FilterFailedError."""
        call = self._call
        if self._chain is not None:
            body = await self._chain.request(call.format, call.parsed, streamed=self.streamed)
            self._call = call.changed(body)  # written anew in any case: a key that stands twice was seen only once
            if body is not call.parsed:
                self.estimate = call_estimate(self._call)
        kept = None if self._shelf is None else await self._shelf.take(self._call)
        self.cached = kept is not None
        if kept is None or self._chain is None:
            return None if kept is None else [kept]
        if not self.streamed:
            return [await replied(self._chain, call.format, kept)]
        return [b"".join([piece async for piece in filtered(self._chain, call.format, _replayed(kept))])]

    def answer(self, attempt: Attempt, timeout_s: float) -> AsyncGenerator[bytes]:
        """Ask, and yield whole events. Raises ModelError, FilterFailedError."""
        relayer = self._passes(attempt)
        if relayer is not None:
            pieces = self._passed(attempt, relayer, timeout_s)
        else:
            pieces = self._translated(attempt, timeout_s)
        if self._kept is not None:
            self._kept.clear()
            pieces = _noted(pieces, self._kept)
        return pieces if self._chain is None else filtered(self._chain, self._call.format, pieces)

    async def whole(self, attempt: Attempt, timeout_s: float) -> None:
        """Ask, and keep the body; what the model said is kept as it was before any filter."""
        relayer = self._passes(attempt)
        if relayer is not None:
            content = await self._passed_whole(attempt, relayer, timeout_s)
        else:
            content = await self._translated_whole(attempt, timeout_s)
        if content is not None:
            if self._kept is not None:
                self._kept[:] = [content]
            if self._chain is not None:
                content = await replied(self._chain, self._call.format, content)
        self._content = content

    def _passes(self, attempt: Attempt) -> Relayer | None:
        """Return who takes the client's bytes as they are; None where they are translated."""
        relayer = attempt.lane.relayer
        if relayer is None or self._sequel is not None or not relayer.takes(self._call.format, attempt.model.name):
            return None
        return relayer

    def restart(self, reason: str) -> bytes | None:
        """Return the events that tell of it, if it must be told now; an answer of two halves is not kept."""
        self._kept = None
        if self._sequel is None or self._writer is None:
            return None
        return self._written(self._sequel.begin_anew(reason)) or None

    def end(self, response: ModelResponse | None) -> bytes | None:
        """Return a whole body, or the last events of a translated stream."""
        last = self._content
        if last is None and response is not None and self._writer is not None and self._chain is None:
            last = self._writer.feed(Done(response=response))
            if self._kept is not None:
                self._kept.append(last)
        return last

    async def keep(self) -> None:
        """Keep the answer, a stream as the events it was; one that a filter stopped was not read to its end."""
        stopped = self._chain is not None and self._chain.blocked is not None
        if self._shelf is not None and self._kept and not stopped:
            await self._shelf.keep(b"".join(self._kept))

    def failed(self, error: EngineError) -> bytes:
        """Return the events that end a stream with an error."""
        writer = self._writer or self._format.stream(self._call.parsed)
        return writer.fail(error, self._call.request_id)

    async def _passed(self, attempt: Attempt, relayer: Relayer, timeout_s: float) -> AsyncGenerator[bytes]:
        try:
            passing = await self._sent(attempt, relayer, timeout_s)
            try:
                passing.check_head()
                await passing.read_failure()
                while piece := await passing.next():
                    yield piece
            finally:
                await passing.close()
        except EngineError:
            raise
        except Exception as exc:
            raise fault(attempt.model, exc) from exc

    async def _passed_whole(self, attempt: Attempt, relayer: Relayer, timeout_s: float) -> bytes:
        try:
            passing = await self._sent(attempt, relayer, timeout_s)
            try:
                return await passing.whole()
            finally:
                await passing.close()
        except EngineError:
            raise
        except Exception as exc:
            raise fault(attempt.model, exc) from exc

    async def _sent(self, attempt: Attempt, relayer: Relayer, timeout_s: float) -> Passing:
        """Send the client's bytes; again without what we added to them, should the server not know that."""
        call, model = self._call, attempt.model.name
        asks = not call.tells_usage and not attempt.lane.no_usage
        while True:
            body = call.naming(model, usage=asks)
            try:
                answer = await relayer.relay(
                    call.format, model, body, call.headers, timeout_s=timeout_s, streamed=self.streamed
                )
                return Passing(attempt, relayer, call.format, answer, hides_usage=asks)
            except ModelRequestError as exc:
                if not asks or "stream_options" not in exc.message:
                    raise
                asks, attempt.lane.no_usage = False, True

    def _neutral(self, attempt: Attempt) -> ModelRequest:
        """Return the request in the neutral form, and note what its provider is not told of it."""
        if self._request is None:
            drop = [name.strip() for name in self._call.headers.get("x-engine-drop", "").split(",")]
            self._request = self._format.request(self._call.parsed, drop)
        relayer = attempt.lane.relayer
        lost = () if relayer is None else relayer.lost(attempt.model.name, self._request)
        self.dropped = self._request.dropped + lost
        return self._request

    async def _translated(self, attempt: Attempt, timeout_s: float) -> AsyncGenerator[bytes]:
        request = self._neutral(attempt)
        self._writer = self._writer or self._format.stream(self._asked_of(attempt))
        async for chunk in asked(attempt, request, timeout_s=timeout_s):
            chunks = [chunk] if self._sequel is None else self._sequel.feed(chunk)
            if piece := self._written(chunks):
                yield piece
        if self._sequel is not None and (piece := self._written(self._sequel.finish())):
            yield piece
        if self._chain is not None and attempt.response is not None:
            yield self._writer.feed(Done(response=attempt.response))  # filters see the end as well

    async def _translated_whole(self, attempt: Attempt, timeout_s: float) -> bytes | None:
        await completed(attempt, self._neutral(attempt), timeout_s=timeout_s)
        if attempt.response is None:
            return None
        reply = self._format.reply(attempt.response, self._asked_of(attempt))
        return json.dumps(reply, ensure_ascii=False).encode(errors="replace")

    def _asked_of(self, attempt: Attempt) -> dict[str, Any]:
        """Return the request as it names who answers: a provider would say it so."""
        return {**self._call.parsed, "model": attempt.model.name}

    def _written(self, chunks: Sequence[ModelChunk]) -> bytes:
        assert self._writer is not None
        if len(chunks) == 1:
            return self._writer.feed(chunks[0])
        return b"".join([self._writer.feed(chunk) for chunk in chunks])


async def _noted(pieces: AsyncGenerator[bytes], kept: list[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(pieces):
        async for piece in pieces:
            kept.append(piece)
            yield piece


async def _replayed(kept: bytes) -> AsyncGenerator[bytes]:
    yield kept


async def filtered(chain: Chain, wire: WireFormat, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Yield a streamed answer as its filters let it through; one that stops it ends it. Raises FilterFailedError."""
    output = chain.output(wire)
    if output is None:
        async for piece in pieces:
            yield piece
        return
    decoder = SseDecoder()
    async with aclosing(pieces):
        async for piece in pieces:
            if passed := _joined(await output.feed(decoder.feed(piece))):
                yield passed
            if output.blocked is not None:
                return
    if passed := _joined(await output.finish()):
        yield passed


async def replied(chain: Chain, wire: WireFormat, content: bytes) -> bytes:
    """Return a whole answer as its filters let it through. Raises FilterFailedError."""
    told = json.loads(content)
    changed = await chain.reply(wire, told)
    return content if changed is told else json.dumps(changed, ensure_ascii=False).encode(errors="replace")


def _joined(events: Sequence[SseEvent]) -> bytes:
    return b"".join([event.raw for event in events])


class Relay:
    """Answers one client's call: entered for the head, left when the client has its answer or went away.

    Args:
        begin: Gives the form and the call, or raises.
        refused: Told of an error from before there was a call.
    """

    __slots__ = ("_begin", "_items", "_refused")

    def __init__(
        self, begin: Callable[[], Awaitable[tuple[ClientForm, Call[bytes]]]], refused: Callable[[EngineError], None]
    ) -> None:
        self._begin = begin
        self._refused = refused
        self._items: AsyncGenerator[bytes] | None = None

    async def __aenter__(self) -> WireReply:
        try:
            form, call = await self._begin()
        except EngineError as exc:
            self._refused(exc)
            raise
        items = self._items = call.items()
        first = await anext(items)
        return WireReply(200, head(form, call, first), Body(form, call, first, items))

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._items is not None:
            await self._items.aclose()


class Body:
    """The bytes of an answer; a stream that fails ends with the error in the client's format."""

    __slots__ = ("_call", "_first", "_form", "_items")

    def __init__(self, form: ClientForm, call: Call[bytes], first: bytes, items: AsyncGenerator[bytes]) -> None:
        self._form = form
        self._call = call
        self._first: bytes | None = first
        self._items: AsyncGenerator[bytes] | None = items
        call.tally.shown = True

    def __aiter__(self) -> Body:
        return self

    async def __anext__(self) -> bytes:
        first, self._first = self._first, None
        if first is not None:
            return first
        if self._items is None:
            raise StopAsyncIteration
        try:
            return await anext(self._items)
        except EngineError as exc:
            self._items = None
            return self._form.failed(exc)

    async def aclose(self) -> None:
        """Close the provider's stream at once."""
        if self._items is not None:
            await self._items.aclose()


def head(form: ClientForm, call: Call[bytes], first: bytes) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer: who gave it, why that one, after how many attempts, at what cost."""
    found = [
        (b"content-type", _STREAM if form.streamed else _JSON),
        (b"x-engine-model", call.trail.route.model.ref.encode()),
        (b"x-engine-route", plain(call.trail.why())),
        (b"x-engine-attempts", b"%d" % call.tally.sent),
    ]
    if form.cached:
        found.append((b"x-engine-cache", b"hit"))
    if form.dropped:
        found.append((b"x-engine-dropped", plain(", ".join(form.dropped))))
    if form.streamed:
        found.append((b"cache-control", b"no-cache"))
        return found
    found.append((b"content-length", b"%d" % len(first)))
    cost = None if call.tally.used is None else call.tally.used.cost_usd
    if cost is not None:
        found.append((b"x-engine-cost-usd", f"{cost:.9f}".rstrip("0").rstrip(".").encode()))
    return found
