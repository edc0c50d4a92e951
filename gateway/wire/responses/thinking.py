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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from gateway.wire.fields import listed, mapping, parsed, refused, text
from schemas.model import Part, ReasoningPart

_OURS = "gateway.1."
BETWEEN = "\n\n"
_FORMAT = "openai-responses-v1"


def reasoning_parts(item: Mapping[str, Any], at: str) -> list[ReasoningPart]:
    """Return the parts that an item says; more than one where several were packed into it.

    Raises:
        ModelRequestError: It is none; ``at`` is its place.
    """
    summary = _texts(item.get("summary"), f"{at}.summary")
    said = BETWEEN.join((*summary, *_texts(item.get("content"), f"{at}.content")))
    packed = text(item.get("encrypted_content") or "", f"{at}.encrypted_content")
    if packed.startswith(_OURS):
        return list(_unpacked(packed, said, f"{at}.encrypted_content"))
    return [ReasoningPart(text=said, data=kept(item))]


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
    return own_item(part) or packed_item((part,), item_id)


def packed_item(parts: Sequence[ReasoningPart], item_id: str) -> dict[str, Any]:
    """Return parts in a row as one item of that id, with all that their provider needs of them packed in."""
    said = "".join(part.text for part in parts)
    item: dict[str, Any] = {"id": item_id, "type": "reasoning", "summary": summary(said)}
    if all(part.signature is None and part.data is None for part in parts):
        return item
    told = [{"s": part.signature, "d": part.data} for part in parts]
    if len(parts) > 1:
        told = [fields | {"t": part.text} for fields, part in zip(told, parts, strict=True)]
    content = json.dumps([{name: value for name, value in fields.items() if value is not None} for fields in told])
    return item | {"encrypted_content": _OURS + base64.urlsafe_b64encode(content.encode()).decode()}


def summary(said: str) -> list[dict[str, Any]]:
    """Return text as the summary of an item."""
    return [{"type": "summary_text", "text": said}] if said else []


def matched(told: Iterable[str], parts: Iterable[Part]) -> tuple[list[list[ReasoningPart]], list[ReasoningPart]]:
    """Return which parts each of some streamed texts is made of, and the parts that are in none.

    Args:
        told: Texts of thinking, as they were streamed one after another.
        parts: Of the whole answer.
    """
    left = [part for part in parts if part.kind == "reasoning"]
    found: list[list[ReasoningPart]] = []
    for said in told:
        joined, end = "", 0
        while end < len(left) and said.startswith(joined + left[end].text) and not (end and joined == said):
            joined += left[end].text
            end += 1
        covered = left[:end] if joined == said else []
        del left[: len(covered)]
        found.append(covered)
    return found, left


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


def _unpacked(packed: str, said: str, at: str) -> Iterator[ReasoningPart]:
    try:
        told: Any = json.loads(base64.urlsafe_b64decode(packed[len(_OURS) :]))
        for fields in told:
            yield ReasoningPart(text=fields.get("t", said), signature=fields.get("s"), data=fields.get("d"))
    except (ValueError, TypeError, AttributeError):
        hint = "send reasoning items back unchanged, or leave them out"
        raise refused(at, "is not as it was given", hint) from None
