"""A model that answers with a known text at a known speed, as a provider of the gateway."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import anyio

from gateway.providers.base import Dialect, PlanTier
from schemas.model import Done, ModelChunk, ModelRequest, ModelResponse, TextDelta, TextPart
from schemas.result import Usage
from schemas.settings import ProviderKind

FIRST_TOKEN_S = 0.5
TOKEN_S = 0.02


class SimulatedModel:
    """Writes ``reply``, cut into tokens, the first after 0.5 s and then one every 20 ms.

    Args:
        reply: The tokens of the text it answers every request with.
        streams: Whether each token is handed on as it is written, or all of them when the last one is.
    """

    name = "simulated"
    kind: ProviderKind = "openai"
    dialect: Dialect = "unions"

    def __init__(self, reply: Sequence[str], *, streams: bool) -> None:
        self._reply = reply
        self._streams = streams
        self.calls = 0

    def plan_tier(self, model: str) -> PlanTier:
        """Constrained output, as both large providers have it."""
        del model
        return "schema"

    async def stream(self, model: str, request: ModelRequest, *, timeout_s: float) -> AsyncGenerator[ModelChunk]:
        """Write the reply at the model's speed."""
        del request, timeout_s
        self.calls += 1
        await anyio.sleep(FIRST_TOKEN_S)
        for number, token in enumerate(self._reply):
            if number:
                await anyio.sleep(TOKEN_S)
            if self._streams:
                yield TextDelta(text=token)
        text = "".join(self._reply)
        if not self._streams:
            yield TextDelta(text=text)
        usage = Usage(calls=1, input_tokens=500, output_tokens=len(self._reply))
        yield Done(response=ModelResponse(model=model, provider=self.name, parts=(TextPart(text=text),), usage=usage))

    async def complete(self, model: str, request: ModelRequest, *, timeout_s: float) -> ModelResponse:
        """Write the reply and hand it over whole.

        Raises:
            RuntimeError: The stream had no end; it always has.
        """
        async with aclosing(self.stream(model, request, timeout_s=timeout_s)) as chunks:
            async for chunk in chunks:
                if chunk.kind == "done":
                    return chunk.response
        raise RuntimeError("the simulated stream had no end")

    async def aclose(self) -> None:
        """Nothing is open."""
