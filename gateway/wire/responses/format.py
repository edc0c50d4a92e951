"""Responses, as clients speak them to us."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from gateway.wire.base import StreamWriter
from gateway.wire.chat.answers import error_body
from gateway.wire.responses.answers import response_object
from gateway.wire.responses.asked import asked_request
from gateway.wire.responses.chunks import EventWriter
from schemas.errors import EngineError
from schemas.gateway import WireFormat
from schemas.model import ModelRequest, ModelResponse


class ResponsesClients:
    """The format as clients speak it (implements ``gateway.wire.base.ClientFormat``)."""

    name: WireFormat = "responses"
    restarts = False

    def request(self, body: Mapping[str, Any], drop: Collection[str] = ()) -> ModelRequest:
        """Return what a client asks for; see ``asked_request``. Raises ModelRequestError."""
        return asked_request(body, drop)

    def reply(self, response: ModelResponse, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return a whole answer."""
        return response_object(response, asked)

    def stream(self, asked: Mapping[str, Any]) -> StreamWriter:
        """Return a writer for a streamed answer."""
        return EventWriter(asked)

    def error(self, error: EngineError, request_id: str) -> dict[str, Any]:
        """Return an error in OpenAI's envelope, with the request's id beside it."""
        return error_body(error, request_id)
