"""Wire formats: what clients and providers write, to and from the neutral ``schemas.model``."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.wire.base import ClientFormat
from gateway.wire.chat.format import ChatClients
from gateway.wire.embeddings.format import EmbeddingsClients
from gateway.wire.messages.format import MessagesClients
from gateway.wire.responses.format import ResponsesClients
from schemas.gateway import WireFormat

CLIENT_FORMATS: Mapping[WireFormat, ClientFormat] = {
    "chat": ChatClients(),
    "messages": MessagesClients(),
    "responses": ResponsesClients(),
    "embeddings": EmbeddingsClients(),
}
"""How clients may write their calls."""


def client_format(name: WireFormat) -> ClientFormat:
    """Return a format as clients speak it to us."""
    return CLIENT_FORMATS[name]
