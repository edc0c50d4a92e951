"""Embeddings, as clients ask for them: passed on as they are, never translated.

The vectors of one model mean nothing to another, and there is one format for all servers that have them. So a call
goes, byte for byte, to a provider that takes it; for any other it ends here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NoReturn

from gateway.wire.base import StreamWriter
from gateway.wire.chat.answers import error_body
from gateway.wire.fields import refused
from schemas.errors import EngineError, ModelRequestError
from schemas.gateway import WireFormat
from schemas.model import ModelRequest, ModelResponse


class EmbeddingsClients:
    """The format as clients speak it (implements ``gateway.wire.base.ClientFormat``, and refuses to translate)."""

    name: WireFormat = "embeddings"
    restarts = False

    def request(self, body: Mapping[str, Any], drop: Collection[str] = ()) -> ModelRequest:  # noqa: ARG002
        """Refuse: it is asked only where the model's provider gives no embeddings.

        Raises:
            ModelRequestError: Always; it names the input first, if that is none.
        """
        given = body.get("input")
        if not given or not isinstance(given, str | list):
            raise refused("input", "must be a text, a list of texts, or tokens", "empty ones have no embedding")
        raise _never(str(body.get("model") or ""))

    def reply(self, response: ModelResponse, asked: Mapping[str, Any]) -> NoReturn:  # noqa: ARG002
        """Refuse: no model's words are an embedding. Raises ModelRequestError."""
        raise _never(response.model)

    def stream(self, asked: Mapping[str, Any]) -> StreamWriter:
        """Refuse: embeddings are not streamed. Raises ModelRequestError."""
        raise _never(str(asked.get("model") or ""))

    def error(self, error: EngineError, request_id: str) -> dict[str, Any]:
        """Return an error in OpenAI's envelope, with the request's id beside it."""
        return error_body(error, request_id)


def _never(model: str) -> ModelRequestError:
    return refused(
        "model",
        f"{model!r} gives no embeddings: its provider does not speak that format",
        "name an embedding model of a provider that does, such as OpenAI's or a compatible server's",
    )
