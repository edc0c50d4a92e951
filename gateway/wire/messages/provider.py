"""Messages as we speak them to providers."""

from __future__ import annotations

from typing import Any

from gateway.wire.messages.replies import MessageBuilder, read_message
from gateway.wire.messages.requests import lost, messages_body
from schemas.gateway import WireFormat
from schemas.model import ModelRequest, ModelResponse


class MessagesProviderFormat:
    """Implements ``gateway.wire.base.ProviderFormat``."""

    name: WireFormat = "messages"

    def body(self, model: str, request: ModelRequest, *, stream: bool) -> dict[str, Any]:
        """Return a request as the provider takes it."""
        return messages_body(model, request, stream=stream)

    def lost(self, model: str, request: ModelRequest) -> tuple[str, ...]:
        """Return the wishes that the format has no words for."""
        return lost(model, request)

    def read(self, content: bytes, *, provider: str, model: str) -> ModelResponse:
        """Return the answer in a body. Raises ModelError: an error inside it, or it is no answer."""
        return read_message(content, provider=provider, model=model)

    def reader(self, *, provider: str, model: str) -> MessageBuilder:
        """Return a reader for one streamed answer."""
        return MessageBuilder(provider, model)
