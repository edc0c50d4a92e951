"""Neutral requests as chat completions want them: one function per message part.

Source: OpenAI's API reference, "Chat completions" and "Structured outputs"; OpenRouter's "Reasoning tokens".
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from gateway.providers.base import split_data_url
from schemas.errors import ModelRequestError
from schemas.model import (
    AudioPart,
    FilePart,
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

    Raises:
        ModelRequestError: It holds what the format can't say.
    """
    body: Wire = {
        "model": model,
        "messages": [turn for message in request.messages for turn in message_turns(message)],
        "stream": stream,
    }
    if stream:
        body["stream_options"] = {"include_usage": True}
    if request.tools:
        body |= _tools(request)
    if request.output is not None:
        body["response_format"] = response_format(request.output)
    if request.max_output_tokens is not None:
        body["max_completion_tokens"] = request.max_output_tokens
    if request.stop:
        body["stop"] = list(request.stop)
    if (effort := reasoning_effort(request)) is not None:
        body["reasoning_effort"] = effort
    return body | _options(request)


_PLAIN = ("temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty", "verbosity")
_USER = 64
_TIERS = frozenset(("default", "flex", "priority", "scale", "fast"))


def _tools(request: ModelRequest) -> Wire:
    """Return the tools that may be called now, and how."""
    allowed = request.allowed_tools
    fields: Wire = {
        "tools": [tool_param(tool) for tool in request.tools if not allowed or tool.name in allowed],
        "tool_choice": tool_choice(request.tool_choice),
    }
    return fields if request.parallel_tool_calls else fields | {"parallel_tool_calls": False}


def _options(request: ModelRequest) -> Wire:
    fields: Wire = {name: value for name in _PLAIN if (value := getattr(request, name)) is not None}
    if request.user:
        fields["user"] = short_user(request.user)
    if request.cache_key:
        fields["prompt_cache_key"] = request.cache_key
    tier = "default" if request.service_tier == "standard_only" else request.service_tier
    return fields | {"service_tier": tier} if tier in _TIERS else fields


def lost(request: ModelRequest) -> tuple[str, ...]:
    """Return the wishes of a request that this format has no words for and that change no answer's meaning."""
    wishes = {
        "metadata": bool(request.metadata),
        "service_tier": request.service_tier not in (None, "auto", "standard_only", *_TIERS),
        "reasoning.summary": request.summary not in (None, "auto"),
        "cache_control": _marked(request),
        "citations": any(part.kind == "file" and part.cite for message in request.messages for part in message.parts),
    }
    return tuple(name for name, wished in wishes.items() if wished)


def _marked(request: ModelRequest) -> bool:
    parts = (part for message in request.messages for part in message.parts)
    return any(getattr(part, "cache", "") for part in parts) or any(tool.cache for tool in request.tools)


def reasoning_effort(request: ModelRequest) -> str | None:
    """Return the effort: as asked for, or for a number of tokens the nearest word.

    Source: the share of the whole answer that OpenRouter's "Reasoning tokens" gives each word.
    """
    if request.effort is not None or request.thinking_tokens is None:
        return request.effort
    share = request.thinking_tokens / max(request.max_output_tokens or 32_000, request.thinking_tokens)
    return "low" if share <= 0.35 else "medium" if share <= 0.65 else "high"


def short_user(user: str) -> str:
    """Return a user's name as OpenAI takes it: at most 64 characters, a longer one as its SHA-256."""
    return user if len(user) <= _USER else hashlib.sha256(user.encode()).hexdigest()


def message_turns(message: Message) -> list[Wire]:
    """Return the turns of one message.

    Each tool result is a turn of its own here, before the rest; its images and files follow in a turn of the user,
    since the format takes only text from tools.

    Raises:
        ModelRequestError: A part that the format can't say.
    """
    if message.role == "assistant":
        return [_assistant(message) | ({"name": message.name} if message.name else {})]
    results = [part for part in message.parts if part.kind == "tool_result"]
    turns = [_tool_result(part) for part in results]
    rest: list[Wire] = [piece for part in results for piece in _shown(part)]
    plain = not rest
    for part in message.parts:
        make = _PIECES.get(part.kind)
        if make is not None:
            rest.append(make(part))
            plain = plain and part.kind == "text"
    if rest:
        content = "".join(piece["text"] for piece in rest) if plain else rest
        turns.append({"role": message.role, "content": content} | ({"name": message.name} if message.name else {}))
    return turns


def _text(part: TextPart) -> Wire:
    return {"type": "text", "text": part.text}


def _image(part: ImagePart) -> Wire:
    if part.file_id:
        raise ModelRequestError(
            f"an image can't be sent: {part.file_id!r} is a file at another provider",
            hint="give the image as an https: URL or as base64 data",
            details={"status": 400},
        )
    split_data_url(part.url)
    image: Wire = {"url": part.url}
    return {"type": "image_url", "image_url": image | {"detail": part.detail} if part.detail else image}


def _file(part: FilePart) -> Wire:
    """A text is said as such, under its name: only PDFs are files here."""
    data = split_data_url(part.url) if part.url else None
    if data is not None and data[0].startswith("text/"):
        return {"type": "text", "text": _document(part, base64.b64decode(data[1]).decode(errors="replace"))}
    if part.file_id.startswith("file_"):
        raise ModelRequestError(
            f"a document can't be sent: {part.file_id!r} is a file at Anthropic",
            hint="give the document as base64 data",
            details={"status": 400},
        )
    file: Wire = {"file_id": part.file_id} if part.file_id else {"file_data": part.url}
    if part.name or data is not None:
        file["filename"] = part.name or "document.pdf"
    return {"type": "file", "file": file}


def _document(part: FilePart, text: str) -> str:
    head = [f"title: {part.name}"] * bool(part.name) + [f"context: {part.context}"] * bool(part.context)
    return "\n".join(("<document>", *head, text, "</document>"))


def _audio(part: AudioPart) -> Wire:
    return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}


_PIECES: Mapping[str, Callable[[Any], Wire]] = {"text": _text, "image": _image, "file": _file, "audio": _audio}


def _tool_result(part: ToolResultPart) -> Wire:
    """The format has no mark for a failed call, so the text says it."""
    content = part.content
    if not content and part.parts:
        content = "The result follows."
    return {"role": "tool", "tool_call_id": part.call_id, "content": f"Error: {content}" if part.is_error else content}


def _shown(part: ToolResultPart) -> list[Wire]:
    """Return the images and files of a result, told whose they are."""
    media = [_PIECES[inner.kind](inner) for inner in part.parts if inner.kind != "text"]
    return [{"type": "text", "text": f"Result of call {part.call_id}:"}, *media] if media else []


def _assistant(message: Message) -> Wire:
    calls = [_tool_call(part) for part in message.parts if part.kind == "tool_call"]
    texts = [part for part in message.parts if part.kind == "text"]
    refusal = "".join(part.text for part in texts if part.refusal)
    said = "".join(part.text for part in texts if not part.refusal)
    turn: Wire = {"role": "assistant", "content": said or (None if calls or refusal else "")}
    if refusal:
        turn["refusal"] = refusal
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
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def tool_choice(choice: str) -> str | Wire:
    """Return how tools may be called."""
    return choice if choice in ("auto", "none", "required") else {"type": "function", "function": {"name": choice}}


def response_format(output: OutputSchema) -> Wire:
    """Return the format of structured output, strict as asked for, else where the schema allows it."""
    schema = output.json_schema
    if not schema:
        return {"type": "json_object"}
    strict = strict_allows(schema) if output.strict is None else output.strict
    wanted: Wire = {"name": _NAME.sub("_", output.name)[:64] or "output", "schema": schema, "strict": strict}
    if output.description:
        wanted["description"] = output.description
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
