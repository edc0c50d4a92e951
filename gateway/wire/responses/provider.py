"""Responses as we speak them to providers."""

from __future__ import annotations

from typing import Any

from gateway.wire.responses.replies import ResponseReader, read_response
from gateway.wire.responses.requests import responses_body
from schemas.gateway import WireFormat
from schemas.model import ModelRequest, ModelResponse


class ResponsesProviderFormat:
    """Implements ``gateway.wire.base.ProviderFormat``, as OpenAI itself takes it; servers that differ have quirks."""

    name: WireFormat = "responses"

    def body(self, model: str, request: ModelRequest, *, stream: bool) -> dict[str, Any]:
        """Return a request as the provider takes it. Raises ModelRequestError: it asks for what the format lacks."""
        return responses_body(model, request, stream=stream)

    def lost(self, model: str, request: ModelRequest) -> tuple[str, ...]:  # noqa: ARG002
        """Return the wishes that the format has no words for; what it lacks else is refused."""
        marked = any(getattr(part, "cache", "") for message in request.messages for part in message.parts)
        return ("cache_control",) if marked else ()

    def read(self, content: bytes, *, provider: str, model: str) -> ModelResponse:
        """Return the answer in a body. Raises ModelError: an error inside it, or it is no answer."""
        return read_response(content, provider=provider, model=model)

    def reader(self, *, provider: str, model: str) -> ResponseReader:
        """Return a reader for one streamed answer."""
        return ResponseReader(provider, model)
