"""Chat completions as we speak them to providers."""

from __future__ import annotations

from typing import Any

from gateway.wire.chat.replies import CompletionBuilder, read_completion
from gateway.wire.chat.requests import chat_body, lost
from schemas.gateway import WireFormat
from schemas.model import ModelRequest, ModelResponse


class ChatProviderFormat:
    """Implements ``gateway.wire.base.ProviderFormat``, as OpenAI itself takes it; servers that differ have quirks."""

    name: WireFormat = "chat"

    def body(self, model: str, request: ModelRequest, *, stream: bool) -> dict[str, Any]:
        """Return a request as the provider takes it."""
        return chat_body(model, request, stream=stream)

    def lost(self, model: str, request: ModelRequest) -> tuple[str, ...]:  # noqa: ARG002
        """Return the wishes that the format has no words for."""
        return lost(request)

    def read(self, content: bytes, *, provider: str, model: str) -> ModelResponse:
        """Return the answer in a body. Raises ModelError: an error inside it, or it is no answer."""
        return read_completion(content, provider=provider, model=model)

    def reader(self, *, provider: str, model: str) -> CompletionBuilder:
        """Return a reader for one streamed answer."""
        return CompletionBuilder(provider, model)
