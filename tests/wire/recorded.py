"""Recorded exchanges of real providers: the neutral form of their requests, and what was said in either form.

The requests are read here as far as the neutral form goes; sampling options, logprobs and the like have none.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from schemas.model import (
    ImagePart,
    Message,
    ModelRequest,
    OutputSchema,
    Part,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
)
from tests.wire.server import Reply

FILE = "recorded_exchanges_half.jsonl.gz"
Json = dict[str, Any]


@dataclass(frozen=True)
class Exchange:
    """One recorded request with its reply."""

    label: str
    format: str
    request: Json
    status: int
    streamed: bool
    body: bytes
    content_type: str
    headers: Mapping[str, str]

    def reply(self, split: int) -> Reply:
        """Return what the wire server sends for it; a content type lost in recording is put back."""
        lost = "text/event-stream" if self.streamed else "application/json"
        headers = {name: value for name, value in self.headers.items() if name.startswith(("x-", "retry-", "request-"))}
        return Reply(self.body, self.status, self.content_type or lost, headers, split)


@cache
def exchanges(folder: Path) -> tuple[tuple[Exchange, ...], int]:
    """Return the exchanges of both formats, and how many are of others."""
    with gzip.open(folder / FILE, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    known = [row for row in rows if row["path"].endswith(("/chat/completions", "/messages"))]
    return tuple(_exchange(number, row) for number, row in enumerate(known)), len(rows) - len(known)


def _exchange(number: int, row: Json) -> Exchange:
    return Exchange(
        label=f"{number} {row['provider']} {row['status']}",
        format="anthropic" if row["path"].endswith("/messages") else "openai",
        request=row["request_json"] or {},
        status=row["status"],
        streamed=row["is_stream"] or bool((row["request_json"] or {}).get("stream")),
        body=row["body"].encode(),
        content_type=row["content_type"],
        headers=row["headers"] or {},
    )


def neutral(exchange: Exchange) -> ModelRequest:
    """Return the recorded request in the neutral form."""
    request = exchange.request
    read = _anthropic_messages if exchange.format == "anthropic" else _openai_messages
    return ModelRequest(
        model=request.get("model") or "m",
        messages=tuple(read(request)) or (Message.user("hi"),),
        tools=tuple(_tools(request)),
        tool_choice=_tool_choice(request.get("tool_choice")),
        output=_output(request),
        max_output_tokens=request.get("max_tokens") or request.get("max_completion_tokens"),
        temperature=request.get("temperature"),
    )


def said(exchange_format: str, request: Json) -> list[tuple[str, str]]:
    """Return what a request's body says: (kind, content) of each part, without the format's wrapping.

    System texts come first, texts of one role in a row are joined and blank ones left out, as the providers do it.
    """
    read = _anthropic_messages if exchange_format == "anthropic" else _openai_messages
    parts = [(message.role, part) for message in read(request) for part in message.parts]
    entries = [(role if part.kind == "text" else part.kind, _content(part)) for role, part in parts]
    entries.sort(key=lambda entry: entry[0] != "system")
    joined: list[tuple[str, str]] = []
    for kind, content in entries:
        if content.strip() and joined and joined[-1][0] == kind and kind in ("system", "user", "assistant"):
            joined[-1] = (kind, joined[-1][1] + content)
        elif content.strip():
            joined.append((kind, content))
    return joined


def _content(part: Part) -> str:
    match part:
        case TextPart():
            return part.text
        case ImagePart():
            return part.url
        case ToolCallPart():
            return f"{part.call_id} {part.name} {json.dumps(part.arguments, sort_keys=True)}"
        case ToolResultPart():
            return f"{part.call_id} {part.content.removeprefix('Error: ')}"
        case _:
            return part.text


def _tools(request: Json) -> Iterator[ToolDefinition]:
    for tool in request.get("tools") or ():
        known = tool.get("function", tool)
        schema = known.get("input_schema") or known.get("parameters")
        if schema is not None and known.get("name"):
            yield ToolDefinition(name=known["name"], description=known.get("description") or "", input_schema=schema)


def _tool_choice(choice: Any) -> str:
    if isinstance(choice, dict):
        name = choice.get("name") or choice.get("function", {}).get("name")
        return name or {"any": "required"}.get(choice.get("type"), "auto")
    return {"any": "required"}.get(choice, choice) or "auto"


def _output(request: Json) -> OutputSchema | None:
    wanted = (request.get("response_format") or {}).get("json_schema")
    if wanted:
        return OutputSchema(name=wanted.get("name", "output"), json_schema=wanted.get("schema", {}))
    schema = ((request.get("output_config") or {}).get("format") or {}).get("schema")
    return OutputSchema(name="output", json_schema=schema) if schema else None


def _openai_messages(request: Json) -> Iterator[Message]:
    for turn in request.get("messages", ()):
        role = {"developer": "system", "tool": "user", "function": "user"}.get(turn["role"], turn["role"])
        content = turn.get("content")
        pieces = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        parts: list[Part] = [part for piece in pieces if (part := _openai_piece(piece)) is not None]
        if turn["role"] == "tool":
            text = "".join(part.text for part in parts if part.kind == "text")
            parts = [ToolResultPart(call_id=turn.get("tool_call_id", ""), content=text)]
        for call in turn.get("tool_calls") or ():
            parts.append(_call(call["id"], call["function"]["name"], call["function"]["arguments"]))
        yield Message(role=role, parts=tuple(parts))


def _openai_piece(piece: Any) -> Part | None:
    if isinstance(piece, str):
        return TextPart(text=piece)
    if piece["type"] == "text":
        return TextPart(text=piece["text"])
    return ImagePart(url=piece["image_url"]["url"]) if piece["type"] == "image_url" else None


def _call(call_id: str, name: str, raw: str) -> ToolCallPart:
    parsed = json.loads(raw) if raw.strip() else {}
    return ToolCallPart(call_id=call_id, name=name, arguments=parsed if isinstance(parsed, dict) else {}, raw=raw)


def _anthropic_messages(request: Json) -> Iterator[Message]:
    system = request.get("system")
    if system:
        blocks = [{"type": "text", "text": system}] if isinstance(system, str) else system
        yield Message(role="system", parts=tuple(TextPart(text=block["text"]) for block in blocks))
    for turn in request.get("messages", ()):
        content = turn["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        parts = tuple(part for block in blocks if (part := _anthropic_part(block)) is not None)
        yield Message(role=turn["role"], parts=parts)


def _anthropic_part(block: Json) -> Part | None:
    match block["type"]:
        case "text":
            return TextPart(text=block["text"])
        case "image":
            source = block["source"]
            url = source.get("url") or f"data:{source['media_type']};base64,{source['data']}"
            return ImagePart(url=url)
        case "tool_use":
            return ToolCallPart(
                call_id=block["id"], name=block["name"], arguments=block["input"], raw=json.dumps(block["input"])
            )
        case "tool_result":
            inner = block.get("content") or ""
            text = inner if isinstance(inner, str) else "".join(piece.get("text", "") for piece in inner)
            return ToolResultPart(call_id=block["tool_use_id"], content=text, is_error=bool(block.get("is_error")))
        case _:
            return None
