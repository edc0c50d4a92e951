"""Where text stands in the engine's own requests and replies (``schemas.model``), as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.filters.base import Kind
from gateway.filters.formats.slots import Slot, descriptions, leaves, members, meta, string

_ROLES: dict[str, Kind] = {"system": "system", "assistant": "assistant"}


def request(body: Mapping[str, Any]) -> Iterator[Slot]:
    """Yield the texts of a request."""
    for tool in members(body.get("tools")):
        yield from string(tool, "description", "tool")
        yield from descriptions(tool.get("input_schema"))
    for message in members(body.get("messages")):
        yield from _parts(message, _ROLES.get(str(message.get("role")), "user"))
    yield from meta(body, "user")


def reply(body: Mapping[str, Any]) -> Iterator[Slot]:
    """Yield the texts of a reply."""
    return _parts(body, "assistant")


def _parts(holder: Mapping[str, Any], kind: Kind) -> Iterator[Slot]:
    for part in members(holder.get("parts")):
        yield from _part(part, kind)


def _part(part: Mapping[str, Any], kind: Kind) -> Iterator[Slot]:
    match part.get("kind"):
        case "text":
            yield from string(part, "text", kind)
        case "reasoning":
            signed = part.get("signature") is not None or part.get("data") is not None
            yield Slot(part, "text", "reasoning", fixed=signed)
        case "tool_call":
            yield from leaves(part, "arguments", "tool_call")
            yield from string(part, "raw", "tool_call", "json")
        case "tool_result":
            yield from string(part, "content", "tool_result")
            yield from _parts(part, "tool_result")
        case _:
            pass
