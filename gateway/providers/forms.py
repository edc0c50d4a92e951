"""A server that answers in the other form than it was asked for: its answer as the client wants it.

Some servers stream only, some never do (with tools, or behind a proxy); a client's parser takes what it asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from gateway.upstream.base import Answer
from gateway.upstream.events import Events
from gateway.wire import client_format
from gateway.wire.base import ProviderFormat
from gateway.wire.chat.provider import ChatProviderFormat
from gateway.wire.chunks import as_chunks
from gateway.wire.messages.provider import MessagesProviderFormat
from gateway.wire.responses.provider import ResponsesProviderFormat
from schemas.gateway import WireFormat
from schemas.model import ModelResponse

_READERS: Mapping[WireFormat, ProviderFormat] = {
    "chat": ChatProviderFormat(),
    "messages": MessagesProviderFormat(),
    "responses": ResponsesProviderFormat(),
}


class Rewritten(Answer):
    """A whole answer that stands for another; nothing is open behind it."""

    def __init__(self, content: bytes, content_type: str) -> None:
        self.status = 200
        self.headers = {"content-type": content_type}
        self._content = content

    async def chunk(self) -> bytes:
        """Return all of it, once."""
        content, self._content = self._content, b""
        return content

    def began(self) -> None:
        """Nothing is waited for."""

    async def close(self) -> None:
        """Nothing is open."""


def content_type(answer: Answer) -> str:
    """Return the media type of an answer, in lower case; empty when it does not say."""
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_stream(answer: Answer, *, asked: bool) -> bool:
    """Return whether an answer is a stream of events; one that does not say clearly is what was asked for."""
    written = content_type(answer)
    if written == "text/event-stream":
        return True
    return asked and not written.endswith("json")


async def as_asked(
    answer: Answer, wire: WireFormat, body: bytes, *, provider: str, model: str, streamed: bool
) -> Answer:
    """Return an answer of the other form in the one that was asked for; one without such a form (embeddings) as it is.

    Args:
        answer: Of status 2xx.
        wire: Its format.
        body: The request it is to.
        provider, model: Who gave it.
        streamed: Whether a stream was asked for.

    Raises:
        ModelError: It is of the other form, and no answer or an error.
    """
    reader = _READERS.get(wire)
    if reader is None:
        return answer
    where = f"{provider}/{model}"
    try:
        if streamed:
            response = reader.read(await answer.read(where=where), provider=provider, model=model)
        else:
            response = await read_events(reader, answer, provider=provider, model=model)
    finally:
        await answer.close()
    asked = cast("dict[str, Any]", json.loads(body))
    if not streamed:
        return Rewritten(json.dumps(client_format(wire).reply(response, asked)).encode(), "application/json")
    writer = client_format(wire).stream(asked)
    return Rewritten(b"".join(writer.feed(chunk) for chunk in as_chunks(response)), "text/event-stream")


async def read_events(reader: ProviderFormat, answer: Answer, *, provider: str, model: str) -> ModelResponse:
    """Return the whole answer that a stream comes to. Raises ModelError: an error in it, or it broke off."""
    events = Events(answer, f"{provider}/{model}")
    built = reader.reader(provider=provider, model=model)
    while (event := await events.next()) is not None:
        for _ in built.feed(event):
            pass
    return built.response()
