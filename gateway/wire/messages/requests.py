"""Neutral requests as the Messages API wants them: one function per message part.

Source: the Messages API reference and "Structured outputs" of Anthropic's documentation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from gateway.wire.messages.blocks import CACHED, Block, cache_control, message_blocks
from gateway.wire.messages.thinking import think, thinks, wants_thinking
from schemas.model import ModelRequest, ToolDefinition

_MAX_TOKENS = 32_000
_OLD_MAX_TOKENS = {"claude-3-haiku": 4096, "claude-3-opus": 4096, "claude-3-sonnet": 4096, "claude-3-5": 8192}
_STRUCTURE = frozenset(("properties", "items", "anyOf", "allOf", "$defs", "definitions", "$ref"))
_CONSTRAINTS = frozenset(("type", "required", "additionalProperties", "enum", "const", "format", "pattern"))
_KEYWORDS = _STRUCTURE | _CONSTRAINTS | {"title", "description", "default"}
_FORMATS = frozenset(("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"))


def messages_body(model: str, request: ModelRequest, *, stream: bool) -> Block:
    """Return the keyword arguments of ``messages.create`` for a request.

    System messages are put in front, wherever they stand. The last of the ``cache_prefix`` leading messages and the
    last tool are marked for the prompt cache.

    Raises:
        ModelRequestError: It holds what the format can't say.
    """
    turns: list[Block] = []
    system: list[Block] = []
    for number, message in enumerate(request.messages, 1):
        blocks = message_blocks(message, cached=number == request.cache_prefix)
        if message.role == "system":
            system += blocks
        elif blocks:
            turns.append({"role": message.role, "content": blocks})
    if not turns:  # the format wants a turn: what only the system says is then said by the user
        turns, system = [{"role": "user", "content": system}] * bool(system), []
    body: Block = {
        "model": model,
        "max_tokens": request.max_output_tokens or default_max_tokens(model),
        "messages": turns,
    }
    if request.output is not None:
        schema = constrainable(request.output.json_schema) if request.output.json_schema else None
        if schema is None:
            system.append(_schema_in_words(request.output.json_schema))
        else:
            body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    if system:
        body["system"] = system
    if request.tools:
        body |= _tools(request)
    think(body, model, request)
    return body | _options(request, thinking="thinking" in body) | {"stream": stream}


def _tools(request: ModelRequest) -> Block:
    """Return the tools that may be called now, and how."""
    allowed = request.allowed_tools
    params = [tool_param(tool) for tool in request.tools if not allowed or tool.name in allowed]
    if request.cache_prefix and params:
        params[-1]["cache_control"] = CACHED
    return {"tools": params, "tool_choice": tool_choice(request)}


def _options(request: ModelRequest, *, thinking: bool) -> Block:
    """Return the rest. A model that thinks takes no sampling of ours; the highest temperature here is 1."""
    fields: Block = {}
    if request.stop:
        fields["stop_sequences"] = list(request.stop)
    if not thinking:
        if request.temperature is not None:
            fields["temperature"] = min(request.temperature, 1.0)
        if request.top_k is not None:
            fields["top_k"] = request.top_k
        if request.top_p is not None:
            fields["top_p"] = request.top_p
    if request.user:
        fields["metadata"] = {"user_id": request.user}
    tier = _TIERS.get(request.service_tier or "")
    return fields | {"service_tier": tier} if tier else fields


_TIERS = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}


def lost(model: str, request: ModelRequest) -> tuple[str, ...]:
    """Return the wishes of a request that this format has no words for and that change no answer's meaning."""
    parts = [part for message in request.messages for part in message.parts]
    thinking = thinks(model, request)
    wishes = {
        "metadata": bool(request.metadata),
        "seed": request.seed is not None,
        "frequency_penalty": bool(request.frequency_penalty),
        "presence_penalty": bool(request.presence_penalty),
        "verbosity": request.verbosity not in (None, "medium"),
        "prompt_cache_key": request.cache_key is not None,
        "service_tier": (request.service_tier or "auto") not in _TIERS,
        "temperature": request.temperature is not None and (thinking or request.temperature > 1),
        "top_p": thinking and request.top_p is not None,
        "top_k": thinking and request.top_k is not None,
        "reasoning": wants_thinking(request) and not thinking,
        "image detail": any(part.kind == "image" and part.detail not in ("", "auto") for part in parts),
        "names": any(message.name for message in request.messages),
        "strict": any(tool.strict and "strict" not in tool_param(tool) for tool in request.tools),
    }
    return tuple(name for name, wished in wishes.items() if wished)


def default_max_tokens(model: str) -> int:
    """Return the most tokens a model writes, which this API wants to be told; newer models write at least 32,000."""
    return next((most for start, most in _OLD_MAX_TOKENS.items() if model.startswith(start)), _MAX_TOKENS)


def tool_param(tool: ToolDefinition) -> Block:
    """Return a tool as offered: strict only where its schema is taken as it is."""
    param: Block = {"name": tool.name, "input_schema": {"type": "object"} | tool.input_schema}
    if tool.description:
        param["description"] = tool.description
    if tool.strict and constrainable(tool.input_schema) == tool.input_schema:
        param["strict"] = True
    return param | cache_control(tool.cache)


def tool_choice(request: ModelRequest) -> dict[str, Any]:
    """Return how tools may be called."""
    if request.tool_choice == "none":
        return {"type": "none"}
    kinds = {"auto": {"type": "auto"}, "required": {"type": "any"}}
    choice: dict[str, Any] = dict(kinds.get(request.tool_choice, {"type": "tool", "name": request.tool_choice}))
    return choice if request.parallel_tool_calls else choice | {"disable_parallel_tool_use": True}


def _schema_in_words(schema: Mapping[str, Any]) -> Block:
    if not schema:
        return {"type": "text", "text": "Reply with one JSON object and nothing else."}
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
