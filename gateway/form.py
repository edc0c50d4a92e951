"""The two forms of a call: a neutral request of the engine's, and a client's bytes (``gateway.relay``).

A form knows how to ask a model and what to hand out; all the rest is the same for both and lives in ``gateway.call``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol, TypeVar, cast

import anyio

from gateway.attempt import Attempt, CallContext
from gateway.estimate import Estimate, request_estimate
from gateway.routing import Model
from schemas.errors import EngineError, ModelError, ModelUnavailableError, described
from schemas.gateway import WireFormat
from schemas.model import Done, ModelChunk, ModelRequest, ModelResponse, Restart

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
    """

    asked: str
    wire: WireFormat | None
    streamed: bool
    estimate: Estimate
    deadline_s: float | None
    may_restart: bool
    patience_s: float | None
    hasty: bool

    @property
    def request(self) -> ModelRequest | None:
        """What is asked in the neutral form, where that was needed."""
        ...

    def answer(self, attempt: Attempt, timeout_s: float) -> AsyncGenerator[Item_co]:
        """Ask a model once and yield the answer as it comes; a whole answer may be kept for ``end``.

        Takes note on the attempt of what came. Close it in any case.

        Raises:
            ModelError: The attempt failed, or ended without an answer.
        """
        ...

    def restart(self, reason: str) -> Item_co | None:
        """Return what tells that the answer begins anew, if that is told at all."""
        ...

    def end(self, response: ModelResponse | None) -> Item_co | None:
        """Return what is left to hand out after the call was settled.

        Args:
            response: The whole answer with what only the gateway knows; None where the answer was not read.
        """
        ...


class NeutralForm:
    """A neutral request: chunks of the answer, then ``Done``."""

    wire: WireFormat | None = None
    hasty = False

    def __init__(self, request: ModelRequest, context: CallContext, *, streamed: bool) -> None:
        self._request = request
        self.asked = request.model
        self.streamed = streamed
        self.estimate = request_estimate(request)
        self.deadline_s = request.deadline_s
        self.may_restart = context.may_restart
        self.patience_s = context.patience_s

    @property
    def request(self) -> ModelRequest | None:
        """What is asked."""
        return self._request

    def answer(self, attempt: Attempt, timeout_s: float) -> AsyncGenerator[ModelChunk]:
        """Ask and yield the chunks before ``Done``. Raises ModelError."""
        return asked(attempt, self._request, streamed=self.streamed, timeout_s=timeout_s)

    def restart(self, reason: str) -> ModelChunk | None:
        """Return the chunk that tells of it."""
        return Restart(reason=reason)

    def end(self, response: ModelResponse | None) -> ModelChunk | None:
        """Return the last chunk."""
        return None if response is None else Done(response=response)


async def asked(
    attempt: Attempt, request: ModelRequest, *, streamed: bool, timeout_s: float
) -> AsyncGenerator[ModelChunk]:
    """Ask the attempt's model with a neutral request; yield the chunks before ``Done``, which the attempt keeps.

    Raises:
        ModelError: It failed, or ended without a reply.
    """
    provider, model = attempt.lane.provider, attempt.model
    try:
        if not streamed:
            attempt.answered(await provider.complete(model.name, request, timeout_s=timeout_s))
            return
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
