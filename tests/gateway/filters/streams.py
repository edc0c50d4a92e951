"""Streamed and whole answers in each client format around the same texts, and what a client reads out of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from gateway.filters import Chain, Facts, Filters, Outside
from gateway.sse import SseDecoder
from schemas.gateway import FilterSettings, WireFormat
from schemas.settings import Settings

FORMATS: tuple[WireFormat, ...] = ("chat", "messages", "responses")


def chain(*filters: FilterSettings, outside: Outside | None = None, facts: Facts | None = None) -> Chain:
    """Return the chain of one call."""
    made = Filters(Settings(filters=filters), {}, outside).chain(facts or Facts(asked="m"))
    assert made is not None
    return made


def one(kind: str, /, **fields: Any) -> FilterSettings:
    """Return the settings of one filter; what no field of it is called is an option."""
    known = {name: fields.pop(name) for name in list(fields) if name in FilterSettings.model_fields}
    return FilterSettings.model_validate({"name": kind, "kind": kind, "options": fields, **known})


def asked(wire: WireFormat, text: str) -> dict[str, Any]:
    """Return a request of one user's text."""
    if wire == "responses":
        return {"model": "m", "input": [{"role": "user", "content": [{"type": "input_text", "text": text}]}]}
    return {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}


def said(wire: WireFormat, body: dict[str, Any]) -> str:
    """Return the text of a request made by ``asked``."""
    if wire == "responses":
        return body["input"][0]["content"][0]["text"]
    return body["messages"][0]["content"]


def stream(wire: WireFormat, texts: Sequence[str], arguments: Sequence[str] = ()) -> bytes:
    """Return a whole stream of text in these pieces, then of one tool call with arguments in these pieces."""
    return {"chat": _chat, "messages": _messages, "responses": _responses}[wire](texts, arguments)


def read(wire: WireFormat, data: bytes) -> tuple[str, str, str]:
    """Return text, arguments, and how the answer ended, as a client's SDK puts them together."""
    decoder = SseDecoder()
    events = [*decoder.feed(data), *decoder.finish()]
    values = [json.loads(event.data) for event in events if event.data.startswith(b"{")]
    return {"chat": _read_chat, "messages": _read_messages, "responses": _read_responses}[wire](values)


def _sse(events: Sequence[dict[str, Any]], *, named: bool) -> bytes:
    return "".join(
        (f"event: {one['type']}\n" if named else "") + f"data: {json.dumps(one)}\n\n" for one in events
    ).encode()


def _chat(texts: Sequence[str], arguments: Sequence[str]) -> bytes:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}

    events = [chunk({"role": "assistant", "content": ""}), *[chunk({"content": text}) for text in texts]]
    if arguments:
        start = {"index": 0, "id": "t1", "type": "function", "function": {"name": "f", "arguments": ""}}
        events.append(chunk({"tool_calls": [start]}))
    events += [chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]}) for part in arguments]
    events.append(chunk({}, "tool_calls" if arguments else "stop"))
    return _sse(events, named=False) + b"data: [DONE]\n\n"


def _messages(texts: Sequence[str], arguments: Sequence[str]) -> bytes:
    message = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": message}]

    def block(index: int, start: dict[str, Any], deltas: list[dict[str, Any]]) -> None:
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events.extend({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas)
        events.append({"type": "content_block_stop", "index": index})

    block(0, {"type": "text", "text": ""}, [{"type": "text_delta", "text": text} for text in texts])
    if arguments:
        start = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
        block(1, start, [{"type": "input_json_delta", "partial_json": part} for part in arguments])
    stop = "tool_use" if arguments else "end_turn"
    events.append({"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 1}})
    return _sse([*events, {"type": "message_stop"}], named=True)


def _responses(texts: Sequence[str], arguments: Sequence[str]) -> bytes:
    response = {"id": "r1", "object": "response", "status": "in_progress", "output": [], "model": "m"}
    whole = "".join(texts)
    part = {"type": "output_text", "text": whole, "annotations": []}
    item = {"id": "i1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    at = {"item_id": "i1", "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": response},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        *[{"type": "response.output_text.delta", **at, "delta": text, "logprobs": []} for text in texts],
        {"type": "response.output_text.done", **at, "text": whole, "logprobs": []},
        {"type": "response.content_part.done", **at, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
    ]
    output: list[dict[str, Any]] = [item]
    if arguments:
        call = {"id": "i2", "type": "function_call", "name": "f", "call_id": "t1", "arguments": "".join(arguments)}
        there = {"item_id": "i2", "output_index": 1}
        name = "response.function_call_arguments"
        events += [{"type": f"{name}.delta", **there, "delta": part} for part in arguments]
        events.append({"type": f"{name}.done", **there, "arguments": "".join(arguments)})
        events.append({"type": "response.output_item.done", "output_index": 1, "item": call})
        output.append(call)
    events.append({"type": "response.completed", "response": {**response, "status": "completed", "output": output}})
    return _sse([{**event, "sequence_number": number} for number, event in enumerate(events)], named=True)


def _read_chat(values: list[dict[str, Any]]) -> tuple[str, str, str]:
    text, arguments, end = "", "", ""
    for choice in (value["choices"][0] for value in values if value["choices"]):
        delta = choice["delta"]
        text += delta.get("content") or ""
        arguments += "".join(call["function"]["arguments"] for call in delta.get("tool_calls", ()))
        end = choice["finish_reason"] or end
    return text, arguments, end


def _read_messages(values: list[dict[str, Any]]) -> tuple[str, str, str]:
    text, arguments, end, opened = "", "", "", set[int]()
    for value in values:
        delta = value.get("delta", {})
        if value["type"] == "content_block_start":
            opened.add(value["index"])
        elif value["type"] == "content_block_stop":
            opened.remove(value["index"])
        elif value["type"] == "content_block_delta":
            assert value["index"] in opened
        text += delta.get("text", "")
        arguments += delta.get("partial_json", "")
        end = delta.get("stop_reason") or end
    assert not opened, "a block was left open"
    assert values[-1]["type"] == "message_stop"
    return text, arguments, end


def _read_responses(values: list[dict[str, Any]]) -> tuple[str, str, str]:
    kinds = {"response.output_text.delta": 0, "response.function_call_arguments.delta": 1}
    parts = ["", ""]
    for value in values:
        if value["type"] in kinds:
            parts[kinds[value["type"]]] += value["delta"]
        elif value["type"] == "response.output_text.done":
            assert value["text"] == parts[0]
        elif value["type"] == "response.function_call_arguments.done":
            assert json.loads(value["arguments"]) == json.loads(parts[1])
    numbers = [value["sequence_number"] for value in values]
    assert numbers == sorted(set(numbers)), "numbers grow"
    last = values[-1]["response"]
    return parts[0], parts[1], last["status"]
