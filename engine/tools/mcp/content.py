"""What an MCP tool gave back, as one JSON value."""

from __future__ import annotations

import json
from typing import Any, NoReturn, assert_never

from mcp import types

from engine.tools.values import LONGEST_INT_BITS

_LONGEST_SCALAR = 40


def value_of(result: types.CallToolResult) -> Any:
    """Return the value a result holds.

    Structured content is the value. Otherwise one text is the value: parsed where it is a JSON object or array, or a
    number or truth value written as JSON writes it; any other text stays as it is, so ``1.10`` and ``"a"`` are not
    changed. Several texts are a list where each is a JSON object or array, else one text, joined by line breaks. With
    images, audio and resources among them the value is a list of the parts (one by itself is the value):
    ``{type, mime_type, data}`` with ``data`` in base64, ``{type, uri, mime_type, text | data}``.
    """
    if result.structured_content is not None:
        return result.structured_content
    parts = [part.text if isinstance(part, types.TextContent) else _described(part) for part in result.content]
    texts = [part for part in parts if isinstance(part, str)]
    if len(texts) < len(parts):
        return parts[0] if len(parts) == 1 else parts
    if len(texts) == 1:
        return parsed(texts[0])
    values = [parsed(text) for text in texts]
    if values and all(isinstance(value, (dict, list)) for value in values):
        return values
    return "\n".join(texts)


def text_of(result: types.CallToolResult) -> str:
    """Return the text of a result, for a message."""
    texts = [part.text for part in result.content if isinstance(part, types.TextContent)]
    if not any(texts) and result.structured_content is not None:
        texts = [json.dumps(result.structured_content, ensure_ascii=False)]
    return " ".join(" ".join(texts).split())


def parsed(text: str) -> Any:
    """Return the JSON value a text is, else the text itself.

    >>> parsed('{"a": [1]}'), parsed("42"), parsed("1.10"), parsed("007"), parsed("[draft]")
    ({'a': [1]}, 42, '1.10', '007', '[draft]')
    """
    bare = text.strip()
    compound = bare[:1] in ("{", "[")
    if not compound and (len(bare) > _LONGEST_SCALAR or bare[:1] == '"' or bare == "null"):
        return text
    try:
        value = json.loads(bare, parse_constant=_no_json)
    except (ValueError, RecursionError):
        return text
    if compound:
        return value
    if isinstance(value, int) and value.bit_length() > LONGEST_INT_BITS:
        return text
    return value if json.dumps(value) == bare else text


def _no_json(name: str) -> NoReturn:
    raise ValueError(name)


def _described(
    part: types.ImageContent | types.AudioContent | types.ResourceLink | types.EmbeddedResource,
) -> dict[str, Any]:
    """Return a part that is no text as data."""
    match part:
        case types.ImageContent() | types.AudioContent():
            return {"type": part.type, "mime_type": part.mime_type, "data": part.data}
        case types.ResourceLink():
            return _present(type=part.type, uri=str(part.uri), name=part.name, mime_type=part.mime_type)
        case types.EmbeddedResource():
            held = part.resource
            kept = {"text": held.text} if isinstance(held, types.TextResourceContents) else {"data": held.blob}
            return _present(type=part.type, uri=str(held.uri), mime_type=held.mime_type, **kept)
        case _:
            assert_never(part)


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
