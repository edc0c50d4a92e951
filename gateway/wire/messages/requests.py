"""Neutral requests as the Messages API wants them: one function per message part.

Source: the Messages API reference and "Structured outputs" of Anthropic's documentation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from gateway.providers.base import split_data_url
from schemas.model import (
    FilePart,
    ImagePart,
    Message,
    ModelRequest,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
)

_CACHED = {"type": "ephemeral"}
_CACHEABLE = frozenset({"text", "image", "tool_use", "tool_result"})
_MAX_TOKENS = 32_000
_OLD_MAX_TOKENS = {"claude-3-haiku": 4096, "claude-3-opus": 4096, "claude-3-sonnet": 4096, "claude-3-5": 8192}
_STRUCTURE = frozenset(("properties", "items", "anyOf", "allOf", "$defs", "definitions", "$ref"))
_CONSTRAINTS = frozenset(("type", "required", "additionalProperties", "enum", "const", "format", "pattern"))
_KEYWORDS = _STRUCTURE | _CONSTRAINTS | {"title", "description", "default"}
_FORMATS = frozenset(("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"))

Block = dict[str, Any]


def messages_body(model: str, request: ModelRequest, *, stream: bool) -> dict[str, Any]:
    """Return the keyword arguments of ``messages.create`` for a request.

    System messages are put in front, wherever they stand. The last of the ``cache_prefix`` leading messages and the
    last tool are marked for the prompt cache.
    """
    turns: list[dict[str, Any]] = []
    system: list[Block] = []
    for number, message in enumerate(request.messages, 1):
        blocks = _blocks(message, cached=number == request.cache_prefix)
        if message.role == "system":
            system += blocks
        elif blocks:
            turns.append({"role": message.role, "content": blocks})
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": request.max_output_tokens or default_max_tokens(model),
        "messages": turns,
    }
    if request.output is not None:
        schema = constrainable(request.output.json_schema)
        if schema is None:
            system.append(_schema_in_words(request.output.json_schema))
        else:
            body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    if system:
        body["system"] = system
    if request.tools:
        body["tools"] = [tool_param(tool) for tool in request.tools]
        body["tool_choice"] = tool_choice(request)
        if request.cache_prefix:
            body["tools"][-1]["cache_control"] = _CACHED
    if request.stop:
        body["stop_sequences"] = list(request.stop)
    if request.temperature is not None:
        body["temperature"] = request.temperature
    return body | {"stream": stream}


def default_max_tokens(model: str) -> int:
    """Return the most tokens a model writes, which this API wants to be told; newer models write at least 32,000."""
    return next((most for start, most in _OLD_MAX_TOKENS.items() if model.startswith(start)), _MAX_TOKENS)


def _blocks(message: Message, *, cached: bool) -> list[Block]:
    """Return a message's blocks, the last one that may be marked for the cache; results first: the API insists."""
    blocks = [block for block in map(part_block, message.parts) if block is not None]
    blocks.sort(key=lambda block: block["type"] != "tool_result")
    last = next((block for block in reversed(blocks) if block["type"] in _CACHEABLE), None)
    if cached and last is not None:
        last["cache_control"] = _CACHED
    return blocks


def part_block(part: Part) -> Block | None:
    """Return the content block of one part, or None for a part that this API would refuse."""
    return _PART_BLOCKS[part.kind](part)


def _text(part: TextPart) -> Block | None:
    """Blank text is left out: the API refuses it."""
    return {"type": "text", "text": part.text} if part.text.strip() else None


def _image(part: ImagePart) -> Block:
    data = split_data_url(part.url)
    if data is None:
        return {"type": "image", "source": {"type": "url", "url": part.url}}
    media_type, payload = data
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": payload}}


def _file(part: FilePart) -> Block:
    if part.file_id:
        return {"type": "document", "source": {"type": "file", "file_id": part.file_id}}
    data = split_data_url(part.url)
    if data is None:
        return {"type": "document", "source": {"type": "url", "url": part.url}}
    media_type, payload = data
    block: Block = {"type": "document", "source": {"type": "base64", "media_type": media_type, "data": payload}}
    return block | {"title": part.name} if part.name else block


def _reasoning(part: ReasoningPart) -> Block | None:
    """Only thinking this API signed or encrypted goes back to it; other models' thinking is left out."""
    if part.signature is not None and part.data is None:
        return {"type": "thinking", "thinking": part.text, "signature": part.signature}
    if part.data is not None and not part.data.startswith("{"):
        return {"type": "redacted_thinking", "data": part.data}
    return None


def _tool_call(part: ToolCallPart) -> Block:
    return {"type": "tool_use", "id": part.call_id, "name": part.name, "input": part.arguments}


def _tool_result(part: ToolResultPart) -> Block:
    block: Block = {"type": "tool_result", "tool_use_id": part.call_id, "content": part.content}
    return block | {"is_error": True} if part.is_error else block


_PART_BLOCKS: Mapping[str, Any] = {
    "text": _text,
    "image": _image,
    "file": _file,
    "reasoning": _reasoning,
    "tool_call": _tool_call,
    "tool_result": _tool_result,
}


def tool_param(tool: ToolDefinition) -> dict[str, Any]:
    """Return a tool as offered."""
    param: dict[str, Any] = {"name": tool.name, "input_schema": {"type": "object"} | tool.input_schema}
    return param | {"description": tool.description} if tool.description else param


def tool_choice(request: ModelRequest) -> dict[str, Any]:
    """Return how tools may be called."""
    if request.tool_choice == "none":
        return {"type": "none"}
    kinds = {"auto": {"type": "auto"}, "required": {"type": "any"}}
    choice: dict[str, Any] = dict(kinds.get(request.tool_choice, {"type": "tool", "name": request.tool_choice}))
    return choice if request.parallel_tool_calls else choice | {"disable_parallel_tool_use": True}


def _schema_in_words(schema: Mapping[str, Any]) -> Block:
    text = f"Reply with one JSON value and nothing else. It must satisfy this JSON Schema:\n{json.dumps(schema)}"
    return {"type": "text", "text": text}


def constrainable(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the schema as constrained decoding takes it, or None when it can't express it.

    Keywords it refuses (number and length limits, and the like) are left out, and objects are closed: what it then
    writes may still break such a limit, so the caller validates the reply against its own schema. Free-form maps and
    recursion can't be expressed.

    Source: "Structured outputs", JSON Schema limitations.

    >>> constrainable({"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}})
    {'type': 'object', 'properties': {'n': {'type': 'integer'}}, 'additionalProperties': False}
    >>> constrainable({"type": "object", "additionalProperties": {"type": "string"}}) is None
    True
    """
    try:
        if _recursive(schema):
            return None
        return _constrained(schema)
    except _InexpressibleError:
        return None


class _InexpressibleError(Exception):
    """A part of a schema that constrained decoding can't express."""


def _constrained(schema: object) -> dict[str, Any]:
    if not isinstance(schema, Mapping):
        raise _InexpressibleError
    known = cast("Mapping[str, Any]", schema)
    if "oneOf" in known:
        known = {**{key: value for key, value in known.items() if key != "oneOf"}, "anyOf": known["oneOf"]}
    kept = {key: _keyword(key, value) for key, value in known.items() if _keeps(key, value)}
    if known.get("type") == "object" or "properties" in known:
        if not known.get("properties") and known.get("additionalProperties") is not False:
            raise _InexpressibleError
        if isinstance(known.get("additionalProperties"), Mapping):
            raise _InexpressibleError
        kept["additionalProperties"] = False
    return kept


def _keeps(key: str, value: object) -> bool:
    if key == "minItems":
        return value in (0, 1)
    return key in _KEYWORDS and not (key == "format" and value not in _FORMATS)


def _keyword(key: str, value: Any) -> Any:
    if key in ("properties", "$defs", "definitions"):
        return {name: _constrained(inner) for name, inner in value.items()}
    if key in ("anyOf", "allOf"):
        return [_constrained(inner) for inner in value]
    return _constrained(value) if key == "items" else value


def _recursive(schema: Mapping[str, Any]) -> bool:
    """Return whether a definition refers to itself, directly or through others."""
    definitions: dict[str, Any] = {}
    for key in ("$defs", "definitions"):
        definitions |= {f"#/{key}/{name}": inner for name, inner in schema.get(key, {}).items()}
    uses = {name: _references(inner) for name, inner in definitions.items()}
    while leaves := {name for name, used in uses.items() if not used & uses.keys()}:
        uses = {name: used for name, used in uses.items() if name not in leaves}
    return bool(uses) or "#" in _references(schema)


def _references(schema: object) -> set[str]:
    if isinstance(schema, Mapping):
        known = cast("Mapping[str, Any]", schema)
        own = {known["$ref"]} if isinstance(known.get("$ref"), str) else set[str]()
        return own.union(*(_references(inner) for inner in known.values()))
    if isinstance(schema, list):
        return set[str]().union(*(_references(inner) for inner in cast("list[object]", schema)))
    return set()
