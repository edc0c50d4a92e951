"""What a neutral request or answer says, as facts by name: two of them differ in what a translation lost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from gateway.sse import SseDecoder
from gateway.wire.base import ProviderFormat, SseEvent
from gateway.wire.chat.provider import ChatProviderFormat
from gateway.wire.fields import names
from gateway.wire.messages.provider import MessagesProviderFormat
from schemas.model import Message, ModelRequest, ModelResponse, Part
from tests.source import ROOT

PROVIDERS: dict[str, ProviderFormat] = {"chat": ChatProviderFormat(), "messages": MessagesProviderFormat()}
_ROW = re.compile(r"^\| (?P<ways>[^|]+) \| (?P<lost>[^|]+) \|", re.M)
_SCALARS = names(
    "tool_choice parallel_tool_calls temperature top_p top_k seed frequency_penalty presence_penalty stop effort "
    "think thinking_tokens summary verbosity user metadata service_tier cache_key allowed_tools max_output_tokens"
)
Facts = dict[str, Any]


def losses(way: str) -> set[str]:
    """Return what docs/gateway.md says is lost on a way such as ``chat → messages``."""
    text = (ROOT / "docs" / "gateway.md").read_text(encoding="utf-8").partition("## What translation loses")[2]
    rows = [(row["ways"], row["lost"]) for row in _ROW.finditer(text.partition("\n## ")[0])]
    return {name for ways, lost in rows if way in ways.split("; ") for name in re.findall(r"`([^`]+)`", lost)}


def differing(before: Facts, after: Facts) -> set[str]:
    """Return the names of the facts that differ."""
    return {name for name in before if before[name] != after[name] and (name != "id" or before[name])}


def request_facts(request: ModelRequest) -> Facts:
    """Return what a request says; what only the system says is as if the user said it."""
    if all(message.role == "system" for message in request.messages):
        spoken = tuple(message.model_copy(update={"role": "user"}) for message in request.messages)
        request = request.model_copy(update={"messages": spoken})
    parts = [(message, part) for message in request.messages for part in message.parts]
    results = [part for _, part in parts if part.kind == "tool_result"]
    inner = [part for _, part in parts] + [part for result in results for part in result.parts]
    output = request.output
    facts: Facts = {name: getattr(request, name) for name in _SCALARS}
    return facts | {
        "system": "".join(part.text for message, part in parts if message.role == "system" and part.kind == "text"),
        "said": list(_said(request.messages)),
        "place of system messages": [message.role == "system" for message in request.messages].index(False)
        == sum(message.role == "system" for message in request.messages),
        "name": [message.name for message in request.messages if message.name],
        "image": [part.url or part.file_id for part in inner if part.kind == "image"],
        "image detail": [part.detail for part in inner if part.kind == "image" and part.detail],
        "file": [part.url or part.file_id for part in inner if part.kind == "file"],
        "file name": [part.name for part in inner if part.kind == "file"],
        "file context": [(part.context, part.cite) for part in inner if part.kind == "file"],
        "audio": [part.data for part in inner if part.kind == "audio"],
        "thinking": [(part.text, part.signature, part.data) for part in inner if part.kind == "reasoning"],
        "annotations": [len(part.annotations) for part in inner if part.kind == "text" and part.annotations],
        "refusal": [part.text for part in inner if part.kind == "text" and part.refusal],
        "calls": [(part.call_id, part.name, part.arguments) for part in inner if part.kind == "tool_call"],
        "calls that are no JSON": [part.raw for part in inner if part.kind == "tool_call" and not part.valid],
        "results": [(part.call_id, part.content.removeprefix("Error: ")) for part in results],
        "is_error": [part.is_error for part in results],
        "tools": [(tool.name, tool.description, {"type": "object"} | tool.input_schema) for tool in request.tools],
        "strict": [tool.strict for tool in request.tools],
        "cache_control": [mark for each in (*inner, *request.tools) if (mark := getattr(each, "cache", ""))],
        "output": None if output is None else output.json_schema,
        "output name": None if output is None else (output.name, output.description, output.strict),
    }


def _said(messages: Iterable[Message]) -> Iterator[tuple[str, str]]:
    """Texts of one role in a row are one; blank ones are none."""
    held = ("", "")
    for message in messages:
        for part in sorted(message.parts, key=lambda part: part.kind != "tool_result"):
            found = (message.role if part.kind == "text" else part.kind, _words(part))
            if message.role == "system" or part.kind == "reasoning" or not found[1].strip():
                continue
            if part.kind == "text" and held[0] == found[0]:
                held = (held[0], held[1] + found[1])
                continue
            if held[0]:
                yield held
            held = found
    if held[0]:
        yield held


def _words(part: Part) -> str:
    return part.text if part.kind == "text" else part.kind


def answer_facts(answer: ModelResponse) -> Facts:
    """Return what an answer says."""
    texts = [part for part in answer.parts if part.kind == "text"]
    kinds = [part.kind for part in answer.parts]
    return {
        "text": "".join(part.text for part in texts),
        "refusal": "".join(part.text for part in texts if part.refusal),
        "thinking": "".join(part.text for part in answer.parts if part.kind == "reasoning"),
        "calls": [(call.call_id, call.name, call.arguments, call.valid) for call in answer.tool_calls],
        "annotations": sum(len(part.annotations) for part in texts),
        "order": [kind for at, kind in enumerate(kinds) if at == 0 or kinds[at - 1] != kind],
        "stop": "tool_calls" if answer.tool_calls and answer.stop_reason in ("end", "other") else answer.stop_reason,
        "stop_sequence": answer.stop_sequence,
        "stop_details": answer.refusal,
        "service_tier": answer.service_tier,
        "usage": answer.usage,
        "model": answer.model,
        "id": answer.response_id,
    }


def events(content: bytes) -> list[SseEvent]:
    """Return the events in the bytes of a stream."""
    decoder = SseDecoder()
    return [*decoder.feed(content), *decoder.finish()]


def read_stream(name: str, content: bytes) -> ModelResponse:
    """Return what our reader of a format makes of a stream."""
    reader = PROVIDERS[name].reader(provider="p", model="m")
    for event in events(content):
        for _ in reader.feed(event):
            pass
    return reader.response()


def read_whole(name: str, body: Any) -> ModelResponse:
    """Return what our reader of a format makes of a whole answer."""
    return PROVIDERS[name].read(json.dumps(body).encode(), provider="p", model="m")
