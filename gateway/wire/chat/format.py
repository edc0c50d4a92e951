"""Chat completions, as clients speak them to us and as we speak them to providers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from gateway.wire.base import StreamWriter
from gateway.wire.chat.answers import completion, error_body
from gateway.wire.chat.asked import asked_request
from gateway.wire.chat.chunks import ChunkWriter
from schemas.errors import EngineError
from schemas.gateway import WireFormat
from schemas.model import ModelRequest, ModelResponse


class ChatClients:
    """The format as clients speak it."""

    name: WireFormat = "chat"
    restarts = True

    def request(self, body: Mapping[str, Any], drop: Collection[str] = ()) -> ModelRequest:
        """Return what a client asks for; see ``asked_request``. Raises ModelRequestError."""
        return asked_request(body, drop)

    def reply(self, response: ModelResponse, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return a whole answer."""
        return completion(response, asked)

    def stream(self, asked: Mapping[str, Any]) -> StreamWriter:
        """Return a writer for a streamed answer."""
        return ChunkWriter(asked)

    def error(self, error: EngineError, request_id: str) -> dict[str, Any]:
        """Return an error in the format's envelope."""
        return error_body(error, request_id)
