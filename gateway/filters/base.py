"""The contracts of filters: those on text, which are built in, and those on bodies, which are somebody else's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from gateway.filters.decision import Annotate, Block
from gateway.wire.base import SseEvent
from schemas.gateway import Side, WireFormat

T = TypeVar("T")

Kind = Literal["system", "user", "assistant", "reasoning", "tool_call", "tool_result", "tool", "meta"]
"""Whose text it is; ``tool`` describes one, ``meta`` goes beside the conversation (user names, the client's notes)."""

Encoding = Literal["text", "json"]
"""Whether a text stands as it is, or is JSON written into a string (the arguments of a tool call)."""

NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Facts:
    """What filters are told of a call.

    Attributes:
        asked: The name asked for.
        models: Every model the call may go to, ``provider/model``, first choice first.
        agent, listener, key, request_id, run_id: For whom it is and where it came in; empty where unknown.
        headers: Of the client's request, names in lower case, without its secrets.
        side, format, streamed: What is looked at; set for each look. In process the format is ``chat``.
    """

    asked: str = ""
    models: tuple[str, ...] = ()
    agent: str = ""
    listener: str = ""
    key: str = ""
    request_id: str = ""
    run_id: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: NO_HEADERS)
    side: Side = "input"
    format: WireFormat = "chat"
    streamed: bool = False


class Blocked(Exception):  # noqa: N818 -- an outcome, not a failure
    """Raised by a session or a scanner to stop the call."""

    def __init__(self, block: Block) -> None:
        super().__init__(block.reason)
        self.block = block


class Scanner(Protocol):
    """Reads one text as it grows, and gives on what is certain."""

    @property
    def held(self) -> str:
        """What was taken in and not yet given on."""
        ...

    def feed(self, text: str) -> str:
        """Return what can be given on, after more text. Raises Blocked."""
        ...

    def finish(self) -> str:
        """Return what was held back; the text is over. Raises Blocked."""
        ...


class Session(Protocol):
    """One text filter during one call: what it found in the request is known when the answer comes."""

    def request(self, text: str, kind: Kind, fixed: bool) -> str:
        """Return a text of the request, changed or as it is; ``fixed`` ones are signed and stay. Raises Blocked."""
        ...

    def prepare(self, texts: Callable[[], list[str]], body: Mapping[str, Any] | None) -> None:
        """Look at all texts of the request first, where that matters (``texts`` costs a walk)."""
        ...

    def scanner(self, kind: Kind, encoding: Encoding, fixed: bool) -> Scanner | None:
        """Return what reads one text of the answer, or None: it is of no interest."""
        ...

    def said(self, side: Side) -> tuple[bool, str]:
        """Return whether it changed anything on this side, and what it has to say; an empty text is nothing."""
        ...


class TextFilter(Protocol):
    """A built-in filter, shared by all calls."""

    def session(self, facts: Facts) -> Session:
        """Begin a call."""
        ...


Verdict = dict[str, Any] | Block | Annotate | None
"""A changed body, a stop, a note, or nothing to say."""


Looked = tuple[list[SseEvent], Block | Annotate | None]
"""The events to send in place of those looked at, and what there is to say; behind a stop nothing follows."""


class BodyFilter(Protocol):
    """A filter of somebody else's; it sees whole bodies and whole events."""

    async def body(self, body: dict[str, Any], facts: Facts) -> Verdict:
        """Decide on a request, or on a whole answer. Whatever it raises counts as a failure."""
        ...

    async def events(self, events: list[SseEvent], facts: Facts) -> Looked:
        """Decide on the next events of a streamed answer."""
        ...


class Post(Protocol):
    """Sends one HTTP request."""

    async def __call__(
        self, url: str, headers: Mapping[str, str], body: bytes, *, timeout_s: float, most_bytes: int
    ) -> tuple[int, bytes]:
        """Return status and body. Raises whatever it likes; that is a failed filter."""
        ...


class ToolCaller(Protocol):
    """Calls one tool of an MCP server."""

    async def __call__(self, server: str, tool: str, arguments: Mapping[str, Any], *, timeout_s: float) -> Any:
        """Return its result as JSON data.

        Raises:
            ToolFailedError: The tool says no (``isError``): that blocks.
        """
        ...


class RunInThread(Protocol):
    """Runs a blocking function beside the event loop."""

    def __call__(self, function: Callable[[], T]) -> Awaitable[T]:
        """Return its result; a call that is given up on is abandoned."""
        ...


@dataclass(frozen=True, slots=True)
class Outside:
    """What the gateway cannot do by itself, given by whoever assembles it; None where it is not to be had.

    Attributes:
        load: Imports ``module:function``; the second text says where it is asked for.
        call_tool: Calls a tool of an MCP server.
        post: Sends a request; None: one that works on every event loop.
        in_thread: Runs blocking functions; None: anyio's threads.
    """

    load: Callable[[str, str], Any] | None = None
    call_tool: ToolCaller | None = None
    post: Post | None = None
    in_thread: RunInThread | None = None
