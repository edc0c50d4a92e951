"""Well-formed replies in both formats, for scripts of the wire server.

``say`` looks at the request: its path for the format, ``stream`` for the form.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tests.wire.server import Reply

Call = tuple[str, Mapping[str, Any]]


def say(
    request: Mapping[str, Any],
    path: str,
    text: str = "",
    calls: Sequence[Call] = (),
    *,
    input_tokens: int = 10,
    output_tokens: int = 5,
    **how: Any,
) -> Reply:
    """Return a reply of text and tool calls (name, arguments) in the format and form that the request asks for.

    Args:
        request: The request's body.
        path: The request's path.
        text: Of the answer; streamed in pieces of three characters.
        calls: Tool calls.
        input_tokens: Reported.
        output_tokens: Reported.
        how: Fields of ``Reply``, such as ``split`` or ``drop_after``.
    """
    counts = (input_tokens, output_tokens)
    model = request.get("model", "m")
    make = _MAKERS["messages" if path.endswith("/messages") else "chat", bool(request.get("stream"))]
    return replace(make(model, text, calls, counts), **how)


def json_reply(body: object, status: int = 200, **how: Any) -> Reply:
    """Return a JSON reply."""
    return Reply(json.dumps(body).encode(), status=status, **how)


def sse_reply(
    events: Iterable[tuple[str | None, object]], *, newline: str = "\n", comment: str = "", **how: Any
) -> Reply:
    """Return a stream of (event name, data); data is written as JSON unless it is a string.

    Args:
        events: In order.
        newline: Line ending: LF, CRLF or CR.
        comment: Sent as a comment line before each event.
        how: Fields of ``Reply``.
    """
    lines: list[str] = []
    for name, data in events:
        lines += [f": {comment}", ""] if comment else []
        lines += [f"event: {name}"] if name else []
        lines += [f"data: {data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)}", ""]
    body = newline.join([*lines, ""]).encode()
    return Reply(body, **{"content_type": "text/event-stream; charset=utf-8", **how})


def chat_events(model: str, text: str, calls: Sequence[Call], counts: tuple[int, int]) -> list[tuple[None, object]]:
    """Return the chunks of a streamed chat completion, the usage and ``[DONE]`` included."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece} for piece in _pieces(text)]
    for index, (name, arguments) in enumerate(calls):
        head = {"index": index, "id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": ""}}
        deltas.append({"tool_calls": [head]})
        grown = [{"index": index, "function": {"arguments": piece}} for piece in _pieces(json.dumps(arguments))]
        deltas += [{"tool_calls": [piece]} for piece in grown]
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}
    chunks = [base | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    finish = "tool_calls" if calls else "stop"
    chunks.append(base | {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    chunks.append(base | {"choices": [], "usage": _chat_usage(counts)})
    return [*((None, chunk) for chunk in chunks), (None, "[DONE]")]


def messages_events(model: str, text: str, calls: Sequence[Call], counts: tuple[int, int]) -> list[tuple[str, object]]:
    """Return the events of a streamed message."""
    usage = {"input_tokens": counts[0], "output_tokens": 1}
    head = _message(model, [], None, usage)
    events: list[dict[str, Any]] = [{"type": "message_start", "message": head}, {"type": "ping"}]
    blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
    if text:
        blocks.append(
            ({"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in _pieces(text)])
        )
    for index, (name, arguments) in enumerate(calls):
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in _pieces(json.dumps(arguments))]
        blocks.append(({"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}, deltas))
    for index, (block, deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    stop = {"stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None}
    events.append({"type": "message_delta", "delta": stop, "usage": {"output_tokens": counts[1]}})
    events.append({"type": "message_stop"})
    return [(event["type"], event) for event in events]


def _chat_stream(model: str, text: str, calls: Sequence[Call], counts: tuple[int, int]) -> Reply:
    return sse_reply(chat_events(model, text, calls, counts))


def _messages_stream(model: str, text: str, calls: Sequence[Call], counts: tuple[int, int]) -> Reply:
    return sse_reply(messages_events(model, text, calls, counts))


def _chat_whole(model: str, text: str, calls: Sequence[Call], counts: tuple[int, int]) -> Reply:
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    if calls:
        functions = [{"name": name, "arguments": json.dumps(arguments)} for name, arguments in calls]
        message["tool_calls"] = [
            {"id": f"call_{index}", "type": "function", "function": function}
            for index, function in enumerate(functions)
        ]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model}
    return json_reply(head | {"choices": [choice], "usage": _chat_usage(counts)})


def _messages_whole(model: str, text: str, calls: Sequence[Call], counts: tuple[int, int]) -> Reply:
    content: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    content += [
        {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": arguments}
        for index, (name, arguments) in enumerate(calls)
    ]
    usage = {"input_tokens": counts[0], "output_tokens": counts[1]}
    return json_reply(_message(model, content, "tool_use" if calls else "end_turn", usage))


def _message(model: str, content: list[Any], stop: str | None, usage: dict[str, int]) -> dict[str, Any]:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "stop_sequence": None}
    return head | {"content": content, "stop_reason": stop, "usage": usage}


def _chat_usage(counts: tuple[int, int]) -> dict[str, int]:
    return {"prompt_tokens": counts[0], "completion_tokens": counts[1], "total_tokens": sum(counts)}


def _pieces(text: str, size: int = 3) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


_MAKERS = {
    ("chat", True): _chat_stream,
    ("chat", False): _chat_whole,
    ("messages", True): _messages_stream,
    ("messages", False): _messages_whole,
}
