"""What else is served behind a gateway's doors: names that are no models, and an application for all other paths.

Both come after the same guard (Host, Origin) and the same keys. What they are, the gateway does not know.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from gateway.exchange import ClientCall
from gateway.server.failures import Headers
from schemas.errors import EngineError

if TYPE_CHECKING:
    from gateway.server.visit import Message, Receive, Send, Visit

VISIT = "engine.visit"
"""Under this name an application finds in its scope who asks: the ``Visit``."""


class Assistants(Protocol):
    """Names that clients ask for as they ask for models, and that somebody else answers."""

    def names(self) -> Sequence[str]:
        """Return every name, in the order in which they are listed."""
        ...

    def describe(self, name: str) -> Mapping[str, Any]:
        """Return what ``/v1/models`` tells of one beside its name: ``description`` and the like."""
        ...

    async def answer(self, visit: Visit, call: ClientCall, name: str) -> None:
        """Answer a call.

        Args:
            visit: Whose; nothing was sent yet.
            call: What the client sent, in the format ``call.format``.
            name: The assistant, which the visit's key and listener allow.

        Raises:
            EngineError: Before anything was sent; it is told in the client's envelope.

        Cancellation: the client left, or the server breaks off what takes too long (``visit.desk.leaving``).
        """
        ...


class Application(Protocol):
    """Answers the paths that the gateway has nothing at, as an ASGI application."""

    async def __call__(self, scope: Message, receive: Receive, send: Send, /) -> None:
        """Answer one request; ``scope[VISIT]`` says who asks."""
        ...

    def is_open(self, path: str) -> bool:
        """Whether no key is asked for at a path: a page, which asks for it by itself."""
        ...

    def failure(self, error: EngineError, /) -> tuple[int, Headers, bytes]:
        """Return (status, headers, body) of an error at the door, as this application tells errors."""
        ...

    def document(self) -> Mapping[str, Any]:
        """Return what it adds to ``/openapi.json``: ``paths`` and ``components.schemas``."""
        ...


def _nothing() -> None:
    """Do nothing."""


async def _at_once() -> None:
    """Do nothing."""


async def _ready() -> None:
    """Be ready."""


@dataclass(frozen=True, slots=True)
class Guests:
    """What is served beside the gateway.

    Attributes:
        assistants, application: See there; None: there is none.
        leave: Called when the server begins to drain: what streams for long shall end.
        ready: Raises StoreError while no work can be taken.
        begin: Called when their configuration is in force.
        over: Called when it was replaced and the last request on it is over, or when it was refused.
    """

    assistants: Assistants | None = None
    application: Application | None = None
    leave: Callable[[], None] = _nothing
    ready: Callable[[], Awaitable[object]] = _ready
    begin: Callable[[], Awaitable[None]] = _at_once
    over: Callable[[], Awaitable[None]] = _at_once

    def knows(self, name: str) -> bool:
        """Whether a name is an assistant's."""
        return self.assistants is not None and name in self.assistants.names()

    def names(self) -> Sequence[str]:
        """Return the names of the assistants."""
        return () if self.assistants is None else self.assistants.names()


NOBODY = Guests()
