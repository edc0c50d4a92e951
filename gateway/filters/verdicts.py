"""What somebody else's filter gave back, read: a body, a stop, a note, or nothing to say; all else is a failure."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

from gateway.filters.base import Blocked, Facts, Looked, Verdict
from gateway.filters.decision import Annotate, Block
from gateway.filters.formats.slots import copied
from gateway.filters.frames import decoded, encoded, event_of
from gateway.filters.member import UnreadableError
from gateway.wire.base import SseEvent

_CONTENT = ("messages", "input", "prompt", "choices", "content", "output")


def checked(verdict: Any, body: dict[str, Any]) -> Verdict:
    """Return what a filter said of a body.

    Raises:
        UnreadableError: It is none of what a filter may say, or a body that lost its content.
    """
    if verdict is None or isinstance(verdict, Block | Annotate):
        return verdict
    if not isinstance(verdict, dict):
        raise UnreadableError(f"it gave back {_article(verdict)}, not a body")
    found = cast("dict[str, Any]", verdict)
    for name in _CONTENT:
        if name in body and not isinstance(found.get(name), type(body[name])):
            raise UnreadableError(f"it gave back a body without {name!r}")
    try:
        return cast("dict[str, Any]", copied(found))
    except Blocked:
        raise UnreadableError("it gave back a body that is nested too deep") from None


def from_json(value: Any) -> Any:
    """Read what came as JSON: ``{"block": "reason"}`` and ``{"annotate": "reason"}`` are verdicts, the rest as it is.

    Text is taken for JSON, and a lone ``result`` is looked into: so MCP servers wrap what a tool returns.

    Raises:
        UnreadableError: It is text that is no JSON.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise UnreadableError("it gave back text that is no JSON") from None
    if not isinstance(value, dict):
        return value
    found = cast("dict[str, Any]", value)
    match sorted(found):
        case ["result"]:
            return from_json(found["result"])
        case ["block"] | ["block", "status"]:
            status = found.get("status")
            return Block(str(found["block"]), status if isinstance(status, int) else 400)
        case ["annotate"]:
            return Annotate(str(found["annotate"]))
        case _:
            return found


async def one_by_one(
    decide: Callable[[dict[str, Any], Facts], Awaitable[Verdict]], events: list[SseEvent], facts: Facts
) -> Looked:
    """Ask a filter of each event that is an object; return what is to be sent, up to the first stop, and what it said.

    Raises:
        UnreadableError: As ``checked``.
    """
    out: list[SseEvent] = []
    note: Annotate | None = None
    for event in events:
        value = decoded(event.data)
        verdict = None if value is None else await decide(cast("dict[str, Any]", copied(value)), facts)
        if isinstance(verdict, Block):
            return out, verdict
        if isinstance(verdict, Annotate):
            note = verdict
        changed = isinstance(verdict, dict) and verdict != value
        out.append(event_of(event.name, encoded(verdict)) if changed else event)
    return out, note


def _article(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
