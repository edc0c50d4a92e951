"""Where text stands in each format: requests, whole answers, events of a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.filters.formats import chat, messages, neutral, responses
from gateway.filters.formats.base import Events
from gateway.filters.formats.slots import Slot
from schemas.gateway import WireFormat

Walk = Callable[[Mapping[str, Any]], Iterator[Slot]]

__all__ = ["FORMATS", "NEUTRAL_REPLY", "NEUTRAL_REQUEST", "Format", "Walk"]


@dataclass(frozen=True, slots=True)
class Format:
    """What is known of a format.

    Attributes:
        path: Where its requests are posted.
        request, reply: Its texts, in a request and in a whole answer.
        events: Makes what reads one stream.
    """

    path: str
    request: Walk
    reply: Walk
    events: Callable[[], Events]


FORMATS: dict[WireFormat, Format] = {
    "chat": Format("/v1/chat/completions", chat.request, chat.reply, chat.ChatEvents),
    "messages": Format("/v1/messages", messages.request, messages.reply, messages.MessagesEvents),
    "responses": Format("/v1/responses", responses.request, responses.reply, responses.ResponsesEvents),
    "embeddings": Format("/v1/embeddings", chat.request, chat.reply, chat.ChatEvents),
}
NEUTRAL_REQUEST: Walk = neutral.request
NEUTRAL_REPLY: Walk = neutral.reply
