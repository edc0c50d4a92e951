"""The two forms of a call: a neutral request of the engine's, and a client's bytes (``gateway.relay``).

A form knows how to ask a model and what to hand out; all the rest is the same for both and lives in ``gateway.call``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

import anyio

from gateway.attempt import Attempt, CallContext
from gateway.doorway import Shelf
from gateway.estimate import Estimate, request_estimate
from gateway.providers.http import as_chunks
from gateway.routing import Model
from schemas.errors import EngineError, ModelError, ModelUnavailableError, described
from schemas.gateway import WireFormat
from schemas.model import Done, ModelChunk, ModelRequest, ModelResponse, Restart

if TYPE_CHECKING:
    from gateway.filters import Chain
    from gateway.filters.inprocess import Chunks

_CLEANUP_S = 5.0
Item_co = TypeVar("Item_co", covariant=True)


class Form(Protocol[Item_co]):
    """How one call is asked, and what it hands out.

    Attributes:
        asked: The name asked for.
        wire: The client's format; None in process.
        streamed: Whether the answer is to be handed out as it comes.
        estimate: What it will probably use.
        deadline_s: Seconds for all of it; None for no limit.
        may_restart: Whether an answer that broke off may begin anew.
        patience_s: Longest wait for a model; None for none but the deadline.
        hasty: Whether a model that is slow is left at once where another one may be asked.
        prepares: Whether there is something to ``prepare``, and to ``keep``.
        clock: Anyio's, or the same read at less cost where only asyncio runs.
    """

    asked: str
    wire: WireFormat | None
    streamed: bool
    estimate: Estimate
    deadline_s: float | None
    may_restart: bool
    patience_s: float | None
    hasty: bool
    prepares: bool
    clock: Callable[[], float]

    @property
    def request(self) -> ModelRequest | None:
        """What is asked in the neutral form, where that was needed."""
        ...

    @property
    def decisions(self) -> tuple[str, ...]:
        """What filters did so far, one line each."""
        ...

    async def prepare(self) -> Sequence[Item_co] | None:
        """Have the filters look at the request; return the answer that was kept, if there is one.

        Raises:
            FilterBlockedError: A filter refused the request.
            FilterFailedError: One failed, and nothing goes on without it.
        """
        ...

    def answer(self, attempt: Attempt, timeout_s: float) -> AsyncGenerator[Item_co]:
        """Ask a model once and yield the answer as it comes; called where it is ``streamed``.

        Takes note on the attempt of what came. Close it in any case.

        Raises:
            ModelError: The attempt failed, or ended without an answer.
        """
        ...

    async def whole(self, attempt: Attempt, timeout_s: float) -> None:
        """Ask a model once and keep its whole answer for ``end``; called where it is not ``streamed``. As ``answer``.

        Raises:
            ModelError: The attempt failed, or ended without an answer.
        """
        ...

    def restart(self, reason: str) -> Item_co | None:
        """Return what tells that the answer begins anew, if that is told now."""
        ...

    def end(self, response: ModelResponse | None) -> Item_co | None:
        """Return what is left to hand out after the call was settled.

        Args:
            response: The whole answer with what only the gateway knows; None where the answer was not read.
        """
        ...

    async def keep(self) -> None:
        """Keep the answer for the same request, where that is wanted; called after ``end``."""
        ...


class NeutralForm:
    """A neutral request: chunks of the answer, then ``Done``."""

    wire: WireFormat | None = None
    hasty = False

    def __init__(
        self,
        request: ModelRequest,
        context: CallContext,
        *,
        streamed: bool,
        chain: Chain | None = None,
        shelf: Shelf | None = None,
    ) -> None:
        self._request = request
        self._chain = chain
        self._shelf = shelf
        self._said: ModelResponse | None = None
        self._whole: ModelResponse | None = None
        self.clock: Callable[[], float] = anyio.current_time
        self.asked = request.model
        self.streamed = streamed
        self.estimate = request_estimate(request)
        self.deadline_s = request.deadline_s
        self.may_restart = context.may_restart
        self.patience_s = context.patience_s
        self.prepares = chain is not None or shelf is not None

    @property
    def request(self) -> ModelRequest | None:
        """What is asked."""
        return self._request

    @property
    def decisions(self) -> tuple[str, ...]:
        """What filters did."""
        return () if self._chain is None else tuple(str(line) for line in self._chain.decided())

    async def prepare(self) -> Sequence[ModelChunk] | None:
        """Pass the request filters; return the kept reply. Raises FilterBlockedError, FilterFailedError."""
        if self._chain is not None:
            self._request = await self._chain.ask(self._request)
        kept = None if self._shelf is None else await self._shelf.take(self._request)
        if kept is None:
            return None
        response = ModelResponse.model_validate_json(kept)
        chunks = as_chunks(response) if self.streamed else [Done(response=response)]
        filters = None if self._chain is None else self._chain.chunks()
        if filters is not None:
            chunks = [passed for chunk in chunks for passed in await filters.passed(chunk)]
        return chunks if self.streamed else chunks[-1:]

    def answer(self, attempt: Attempt, timeout_s: float) -> AsyncGenerator[ModelChunk]:
        """Ask and yield the chunks before ``Done``. Raises ModelError, FilterBlockedError, FilterFailedError."""
        reply = asked(attempt, self._request, timeout_s=timeout_s)
        filters = None if self._chain is None else self._chain.chunks()
        return reply if filters is None else self._filtered(attempt, reply, filters)

    async def whole(self, attempt: Attempt, timeout_s: float) -> None:
        """Ask, and keep the answer. Raises ModelError, FilterBlockedError, FilterFailedError."""
        await completed(attempt, self._request, timeout_s=timeout_s)
        filters = None if self._chain is None else self._chain.chunks()
        if filters is not None:
            await self._end_of(attempt, filters)

    async def _filtered(
        self, attempt: Attempt, reply: AsyncGenerator[ModelChunk], filters: Chunks
    ) -> AsyncGenerator[ModelChunk]:
        async with aclosing(reply):
            async for chunk in reply:
                for passed in await filters.passed(chunk):
                    yield passed
        for passed in await self._end_of(attempt, filters):
            yield passed

    async def _end_of(self, attempt: Attempt, filters: Chunks) -> list[ModelChunk]:
        """Put the answer as filters let it through in its place; return what they held back of it until now."""
        if attempt.response is None:
            return []
        self._said = attempt.response
        left: list[ModelChunk] = []
        for passed in await filters.passed(Done(response=attempt.response)):
            if passed.kind == "done":
                attempt.response = passed.response
            else:
                left.append(passed)
        return left

    def restart(self, reason: str) -> ModelChunk | None:
        """Return the chunk that tells of it."""
        return Restart(reason=reason)

    def end(self, response: ModelResponse | None) -> ModelChunk | None:
        """Return the last chunk."""
        self._whole = response
        if response is not None and self._said is not None:  # what is kept is what the model said, before any filter
            self._whole = response.model_copy(update={"parts": self._said.parts})
        return None if response is None else Done(response=response)

    async def keep(self) -> None:
        """Keep the reply."""
        if self._shelf is not None and self._whole is not None and self._whole.stop_reason != "refusal":
            await self._shelf.keep(self._whole.model_dump_json().encode())


async def asked(attempt: Attempt, request: ModelRequest, *, timeout_s: float) -> AsyncGenerator[ModelChunk]:
    """Ask the attempt's model with a neutral request; yield the chunks before ``Done``, which the attempt keeps.

    Raises:
        ModelError: It failed, or ended without a reply.
    """
    provider, model = attempt.lane.provider, attempt.model
    try:
        stream = cast("AsyncGenerator[ModelChunk]", provider.stream(model.name, request, timeout_s=timeout_s))
        try:
            async for chunk in stream:
                if chunk.kind == "done":
                    attempt.answered(chunk.response)
                    return
                attempt.note(chunk)
                yield chunk
        finally:
            await _closed(stream, ended=attempt.response is not None)
    except EngineError:
        raise
    except Exception as exc:
        raise fault(model, exc) from exc
    raise ModelUnavailableError(f"the stream of {model.ref} ended without its last event", details={"model": model.ref})


async def completed(attempt: Attempt, request: ModelRequest, *, timeout_s: float) -> None:
    """Ask the attempt's model with a neutral request; the attempt keeps its whole answer. Raises ModelError."""
    model = attempt.model
    try:
        attempt.answered(await attempt.lane.provider.complete(model.name, request, timeout_s=timeout_s))
    except EngineError:
        raise
    except Exception as exc:
        raise fault(model, exc) from exc


def fault(model: Model, exc: Exception) -> ModelError:
    """Return the error for a provider of the user's, or a library, that raised: one call fails, not the whole run."""
    return ModelError(f"the provider of {model.ref} raised {described(exc)}")


async def _closed(stream: AsyncGenerator[ModelChunk], *, ended: bool) -> None:
    """Close a provider's stream; one that is not at its end may be closed because of a cancellation."""
    if ended:
        await stream.aclose()
        return
    with anyio.move_on_after(_CLEANUP_S, shield=True):
        await stream.aclose()
