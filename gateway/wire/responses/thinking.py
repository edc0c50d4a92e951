"""Reasoning items: a model's own thinking, which goes back unchanged to the provider that sent it.

A neutral part keeps an item of this format in ``data``, in the form in which OpenRouter's clients of chat completions
give it back, with its texts apart. Thinking of another provider is given to
clients with what that provider needs of it (its signature, its own form) packed into ``encrypted_content``, which
clients send back unread; it is unpacked here again.

Source: OpenAI's API reference, "Responses", reasoning items and ``encrypted_content``; OpenRouter's "Reasoning tokens",
details of the format ``openai-responses-v1``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, cast

from gateway.wire.fields import listed, mapping, parsed, refused, text
from schemas.model import ReasoningPart

_OURS = "gateway.1."
BETWEEN = "\n\n"
_FORMAT = "openai-responses-v1"


def reasoning_part(item: Mapping[str, Any], at: str) -> ReasoningPart:
    """Return the part that an item says.

    Raises:
        ModelRequestError: It is none; ``at`` is its place.
    """
    summary = _texts(item.get("summary"), f"{at}.summary")
    said = BETWEEN.join((*summary, *_texts(item.get("content"), f"{at}.content")))
    packed = text(item.get("encrypted_content") or "", f"{at}.encrypted_content")
    if packed.startswith(_OURS):
        told = _unpacked(packed, f"{at}.encrypted_content")
        return ReasoningPart(text=said, signature=told.get("s"), data=told.get("d"))
    return ReasoningPart(text=said, data=kept(item))


def kept(item: Mapping[str, Any]) -> str | None:
    """Return what has to go back to this format's provider; None where the text is all there is."""
    packed = item.get("encrypted_content")
    if not packed:
        return None
    detail = {"type": "reasoning.encrypted", "format": _FORMAT, "id": item.get("id"), "index": 0, "data": packed}
    summary_, content = (_loose_texts(item.get(name)) for name in ("summary", "content"))
    return json.dumps(detail | {"summary": summary_} | ({"content": content} if content else {}))


def own_item(part: ReasoningPart) -> dict[str, Any] | None:
    """Return the item of this format that a part keeps, if it does."""
    if part.data is None or _FORMAT not in part.data:
        return None
    detail = parsed(part.data)
    if detail is None or detail.get("format") != _FORMAT or not isinstance(detail.get("summary"), list):
        return None
    item: dict[str, Any] = {"type": "reasoning", "id": detail.get("id") or "", "encrypted_content": detail.get("data")}
    item["summary"] = [{"type": "summary_text", "text": said} for said in detail["summary"]]
    content = [{"type": "reasoning_text", "text": said} for said in detail.get("content") or ()]
    return item | ({"content": content} if content else {})


def reasoning_item(part: ReasoningPart, item_id: str) -> dict[str, Any]:
    """Return a part as an item for clients: as it came where it came in this format, else as ``packed_item``."""
    return own_item(part) or packed_item(part, item_id)


def packed_item(part: ReasoningPart, item_id: str) -> dict[str, Any]:
    """Return a part as an item of that id, with all that its provider needs of it packed in."""
    item: dict[str, Any] = {"id": item_id, "type": "reasoning", "summary": summary(part.text)}
    told = {"s": part.signature, "d": part.data}
    content = {name: value for name, value in told.items() if value is not None}
    if content:
        item["encrypted_content"] = _OURS + base64.urlsafe_b64encode(json.dumps(content).encode()).decode()
    return item


def summary(said: str) -> list[dict[str, Any]]:
    """Return text as the summary of an item."""
    return [{"type": "summary_text", "text": said}] if said else []


def _texts(pieces: object, at: str) -> list[str]:
    return [
        text(mapping(piece, f"{at}[{number}]").get("text"), f"{at}[{number}].text")
        for number, piece in enumerate(listed(pieces or [], at))
    ]


def _loose_texts(pieces: object) -> list[str]:
    """Return the texts of a provider's item, whatever else stands there."""
    known = cast("list[Any]", pieces) if isinstance(pieces, list) else []
    said: list[Any] = [piece.get("text") for piece in known if isinstance(piece, dict)]  # pyright: ignore
    return [text_ for text_ in said if isinstance(text_, str)]


def _unpacked(packed: str, at: str) -> dict[str, str]:
    try:
        told = parsed(base64.urlsafe_b64decode(packed[len(_OURS) :]).decode())
    except ValueError:
        told = None
    if told is None or not all(isinstance(value, str) for value in told.values()):
        raise refused(at, "is not as it was given", "send reasoning items back unchanged, or leave them out")
    return told
