"""The contracts of a wire format: as clients speak it to us, and as we speak it to providers.

A format is pure: bodies and events in, bodies and events out. Where both sides speak the same one, bytes pass
untouched and only a ``Meter`` looks at them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from schemas.errors import EngineError
from schemas.gateway import WireFormat
from schemas.model import ModelChunk, ModelRequest, ModelResponse
from schemas.result import Usage


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One server-sent event.

    Attributes:
        data: Its data, lines joined by a line feed; empty for a comment.
        name: Of its ``event:`` field; empty without one.
        raw: Its bytes as they came, with the blank line that ends it.
    """

    data: bytes
    name: str = ""
    raw: bytes = b""


class StreamWriter(Protocol):
    """Writes one streamed answer in a client's format, whole events at a time."""

    def feed(self, chunk: ModelChunk) -> bytes:
        """Return the events that a chunk becomes, maybe none; ``Done`` closes the answer with its usage."""
        ...

    def fail(self, error: EngineError, request_id: str) -> bytes:
        """Return the events that end a stream with an error, as the format has it."""
        ...


class ClientFormat(Protocol):
    """A format that clients speak to us.

    Attributes:
        restarts: Whether a stream may begin anew: its writer tells that in events which break no strict client.
    """

    name: WireFormat
    restarts: bool

    def request(self, body: Mapping[str, Any], drop: Collection[str] = ()) -> ModelRequest:
        """Return what a client asks for.

        Args:
            body: The client's.
            drop: Fields that may be left out though they matter, or are not known; ``*`` for all.

        Raises:
            ModelRequestError: It is none; ``details["param"]`` names the field.
        """
        ...

    def reply(self, response: ModelResponse, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return a whole answer to what was asked (the client's body)."""
        ...

    def stream(self, asked: Mapping[str, Any]) -> StreamWriter:
        """Return a writer for a streamed answer to what was asked."""
        ...

    def error(self, error: EngineError, request_id: str) -> dict[str, Any]:
        """Return an error in the format's own envelope; its HTTP status is ``error.status``."""
        ...


class StreamReader(Protocol):
    """Puts a provider's streamed answer together."""

    def feed(self, event: SseEvent) -> Iterator[ModelChunk]:
        """Take one event in and yield what it adds.

        Raises:
            ModelError: An error inside the stream, or an event that is none of the format.
        """
        ...

    def response(self) -> ModelResponse:
        """Return the whole answer. Raises ModelUnavailableError (it broke off), ModelOutputError (nothing came)."""
        ...


class ProviderFormat(Protocol):
    """A format that providers speak to us."""

    name: WireFormat

    def body(self, model: str, request: ModelRequest, *, stream: bool) -> dict[str, Any]:
        """Return a request as the provider takes it."""
        ...

    def lost(self, model: str, request: ModelRequest) -> tuple[str, ...]:
        """Return the wishes of a request that the format has no words for and that change no answer's meaning."""
        ...

    def read(self, content: bytes, *, provider: str, model: str) -> ModelResponse:
        """Return the answer in a body.

        Raises:
            ModelError: An error inside it, or it is no answer.
        """
        ...

    def reader(self, *, provider: str, model: str) -> StreamReader:
        """Return a reader for one streamed answer."""
        ...


class Meter(Protocol):
    """Looks at an answer that passes through untouched, as cheaply as can be: no event is parsed but those it needs.

    Attributes:
        usage: What the answer says it used, so far.
        written: Bytes of text, reasoning and arguments so far, for an estimate when no usage comes.
        began: Whether content came.
        ended: Whether the format's last event came: nothing after it counts.
        complete: Whether the answer is whole if nothing more comes; a stream that stops before that broke off.
        error: The body of an error inside the answer; of one that we make, where it is not of the format.
        model, response_id, stop_reason: As the answer says.
        tier: How the provider says it processed the request, which its price may depend on; empty: it does not say.
        beyond: What it bills beside plain tokens, such as web searches, without a price here; empty: nothing.
    """

    written: int
    began: bool
    ended: bool
    error: Mapping[str, Any] | None
    model: str
    response_id: str
    stop_reason: str
    tier: str
    beyond: str

    @property
    def usage(self) -> Usage | None:
        """As above."""
        ...

    @property
    def complete(self) -> bool:
        """As above."""
        ...

    def whole(self, content: bytes) -> None:
        """Take a whole answer in."""
        ...

    def event(self, event: SseEvent) -> None:
        """Take one event of a stream in."""
        ...
