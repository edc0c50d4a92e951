"""Neutral requests as chat completions want them: one function per message part.

Source: OpenAI's API reference, "Chat completions" and "Structured outputs"; OpenRouter's "Reasoning tokens".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from gateway.providers.base import split_data_url
from schemas.model import (
    ImagePart,
    Message,
    ModelRequest,
    OutputSchema,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
)

_NOT_STRICT = frozenset(("oneOf", "allOf", "not", "if", "then", "else", "default", "contains", "prefixItems")) | {
    *("patternProperties", "propertyNames", "unevaluatedProperties", "uniqueItems"),
    *("dependentRequired", "dependentSchemas"),
}
_NAME = re.compile(r"[^A-Za-z0-9_-]")

Wire = dict[str, Any]


def chat_body(model: str, request: ModelRequest, *, stream: bool) -> Wire:
    """Return the body for a request, as OpenAI itself takes it.

    Args:
        model: As the provider names it.
        request: The neutral request.
        stream: Whether to stream; the usage is then asked for.
    """
    body: Wire = {
        "model": model,
        "messages": [turn for message in request.messages for turn in message_turns(message)],
        "stream": stream,
    }
    if stream:
        body["stream_options"] = {"include_usage": True}
    if request.tools:
        body["tools"] = [tool_param(tool) for tool in request.tools]
        body["tool_choice"] = tool_choice(request.tool_choice)
        if not request.parallel_tool_calls:
            body["parallel_tool_calls"] = False
    if request.output is not None:
        body["response_format"] = response_format(request.output)
    if request.max_output_tokens is not None:
        body["max_completion_tokens"] = request.max_output_tokens
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.stop:
        body["stop"] = list(request.stop)
    return body


def message_turns(message: Message) -> list[Wire]:
    """Return the turns of one message: each tool result is a turn of its own here, before the rest."""
    if message.role == "assistant":
        return [_assistant(message)]
    turns = [_tool_result(part) for part in message.parts if part.kind == "tool_result"]
    rest = [part for part in message.parts if part.kind in ("text", "image")]
    if rest:
        turns.append({"role": message.role, "content": _content(cast("list[TextPart | ImagePart]", rest))})
    return turns


def _content(parts: list[TextPart | ImagePart]) -> str | list[Wire]:
    """Text alone is a plain string: some compatible servers take nothing else."""
    if all(part.kind == "text" for part in parts):
        return "".join(part.text for part in parts if part.kind == "text")
    return [_text(part) if part.kind == "text" else _image(part) for part in parts]


def _text(part: TextPart) -> Wire:
    return {"type": "text", "text": part.text}


def _image(part: ImagePart) -> Wire:
    split_data_url(part.url)
    return {"type": "image_url", "image_url": {"url": part.url}}


def _tool_result(part: ToolResultPart) -> Wire:
    """The format has no mark for a failed call, so the text says it."""
    content = f"Error: {part.content}" if part.is_error else part.content
    return {"role": "tool", "tool_call_id": part.call_id, "content": content}


def _assistant(message: Message) -> Wire:
    calls = [_tool_call(part) for part in message.parts if part.kind == "tool_call"]
    turn: Wire = {"role": "assistant", "content": message.text or (None if calls else "")}
    if calls:
        turn["tool_calls"] = calls
    return turn | _reasoning((part for part in message.parts if part.kind == "reasoning"), with_calls=bool(calls))


def _tool_call(part: ToolCallPart) -> Wire:
    """Arguments that were no JSON object go back empty: some servers parse them and fail."""
    raw = part.raw if part.valid and part.raw.strip() else json.dumps(part.arguments)
    return {"id": part.call_id, "type": "function", "function": {"name": part.name, "arguments": raw}}


def _reasoning(parts: Iterable[ReasoningPart], *, with_calls: bool) -> Wire:
    """Return the fields that give a model its own thinking back, under the names it came by.

    ``data`` is what ``chat.replies`` kept: one of OpenRouter's reasoning details, or the name of the text field.
    Plain text goes back only along with tool calls: servers that want it want it there, and some refuse it elsewhere.
    """
    fields: Wire = {}
    for part in parts:
        kept = _kept(part)
        if "type" in kept:
            fields.setdefault("reasoning_details", []).append(kept)
        elif with_calls and kept.get("field") in ("reasoning", "reasoning_content"):
            fields[kept["field"]] = fields.get(kept["field"], "") + part.text
    return fields


def _kept(part: ReasoningPart) -> Wire:
    if part.data is None or not part.data.startswith("{"):
        return {}
    try:
        return cast("Wire", json.loads(part.data))
    except ValueError:
        return {}


def tool_param(tool: ToolDefinition) -> Wire:
    """Return a tool as offered."""
    function: Wire = {"name": tool.name, "parameters": {"type": "object"} | tool.input_schema}
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": function}


def tool_choice(choice: str) -> str | Wire:
    """Return how tools may be called."""
    return choice if choice in ("auto", "none", "required") else {"type": "function", "function": {"name": choice}}


def response_format(output: OutputSchema) -> Wire:
    """Return the format of structured output, strict where the schema allows it."""
    schema = output.json_schema
    wanted = {"name": _NAME.sub("_", output.name)[:64] or "output", "schema": schema, "strict": strict_allows(schema)}
    return {"type": "json_schema", "json_schema": wanted}


def strict_allows(schema: Mapping[str, Any]) -> bool:
    """Return whether strict mode takes a schema: closed objects, every property required, no excluded keyword.

    Source: "Structured outputs", supported schemas.

    >>> strict_allows({"type": "object", "properties": {}, "required": [], "additionalProperties": False})
    True
    >>> strict_allows({"type": "object", "properties": {"a": {}}, "additionalProperties": False})
    False
    """
    return schema.get("type") == "object" and "anyOf" not in schema and _strict(schema)


def _strict(schema: object) -> bool:
    if not isinstance(schema, Mapping):
        return False
    known = cast("Mapping[str, Any]", schema)
    if _NOT_STRICT & known.keys() or not {"type", "anyOf", "enum", "const", "$ref"} & known.keys():
        return False
    if known.get("type") == "object" or "properties" in known:
        properties: Mapping[str, Any] = known.get("properties", {})
        if known.get("additionalProperties") is not False or set(known.get("required", ())) != set(properties):
            return False
    return all(_strict(inner) for inner in _inner_schemas(known))


def _inner_schemas(schema: Mapping[str, Any]) -> Iterable[object]:
    for key in ("properties", "$defs", "definitions"):
        yield from schema.get(key, {}).values()
    yield from schema.get("anyOf", ())
    if "items" in schema:
        yield schema["items"]
