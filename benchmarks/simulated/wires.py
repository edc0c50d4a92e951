"""Chat completions and messages: what is asked, read out of a body; what is said, written as a body or as events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from benchmarks.simulated.counting import pieces
from benchmarks.simulated.oracle import Asked, Call, Said, Turn, as_written

Wire = Literal["chat", "messages"]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Counts:
    """Tokens of one call."""

    prompt: int
    cached: int
    completion: int


# ------------------------------------------------------------------ reading


def part_of(model: str) -> str:
    """Return the part that a model's name says: ``big-react`` plays ``react``."""
    return model.partition("-")[2] or "react"


def read(wire: Wire, body: Mapping[str, Any]) -> Asked:
    """Return what a body asks."""
    return _read_chat(body) if wire == "chat" else _read_messages(body)


def _read_chat(body: Mapping[str, Any]) -> Asked:
    choice: Any = body.get("tool_choice")
    forced = None if choice is None or isinstance(choice, str) else str(choice["function"]["name"])
    tools = [tool["function"]["name"] for tool in body.get("tools") or ()]
    turns = tuple(_chat_turn(message) for message in body["messages"])
    return Asked(
        part_of(body["model"]),
        turns,
        () if choice == "none" else tuple(tools),
        forced,
        body.get("parallel_tool_calls") is not False,
        body.get("response_format") is not None,
        _schema(body.get("response_format"), "json_schema", "schema")
        or _schema(_named(body, forced), "function", "parameters"),
    )


def _schema(told: Any, *path: str) -> Json | None:
    """Return the JSON Schema that stands at a path, if one does."""
    for key in path:
        told = cast("Json", told).get(key) if isinstance(told, dict) else None
    return cast("Json", told) if isinstance(told, dict) else None


def _named(body: Mapping[str, Any], name: str | None) -> Json | None:
    """Return the tool of that name."""
    return next((tool for tool in body.get("tools") or () if tool.get("function", tool).get("name") == name), None)


def _chat_turn(message: Mapping[str, Any]) -> Turn:
    calls = tuple(
        (call["id"], Call(call["function"]["name"], _object(call["function"]["arguments"])))
        for call in message.get("tool_calls") or ()
    )
    return Turn(message["role"], _text(message.get("content")), calls, message.get("tool_call_id"))


def _read_messages(body: Mapping[str, Any]) -> Asked:
    choice: Json = body.get("tool_choice") or {}
    forced: str | None = choice.get("name") if choice.get("type") == "tool" else None
    tools = () if choice.get("type") == "none" else tuple(tool["name"] for tool in body.get("tools") or ())
    turns = [Turn("system", _text(body.get("system")))]
    for message in body["messages"]:
        turns += _message_turns(message)
    output: Json = body.get("output_config") or {}
    structured = bool(output.get("format"))
    schema = _schema(output, "format", "schema") or _schema(_named(body, forced), "input_schema")
    parallel = not choice.get("disable_parallel_tool_use", False)
    return Asked(part_of(body["model"]), tuple(turns), tools, forced, parallel, structured, schema)


def _message_turns(message: Mapping[str, Any]) -> Iterator[Turn]:
    content = message["content"]
    blocks: Sequence[Any] = [{"type": "text", "text": content}] if isinstance(content, str) else content
    said = "\n".join(block["text"] for block in blocks if block["type"] == "text")
    calls = tuple((block["id"], Call(block["name"], block["input"])) for block in blocks if block["type"] == "tool_use")
    for block in blocks:
        if block["type"] == "tool_result":
            failed = bool(block.get("is_error"))
            yield Turn("tool", _text(block.get("content")), (), block["tool_use_id"], failed)
    if said or calls:
        yield Turn(message["role"], said, calls)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    blocks = cast("Sequence[Mapping[str, Any]]", content or ())
    return "\n".join(str(block.get("text", "")) for block in blocks)


def _object(text: str) -> Json:
    try:
        found: Any = json.loads(text or "{}")
    except ValueError:
        return {}
    return cast("Json", found) if isinstance(found, dict) else {}


def prompt_of(body: Mapping[str, Any], asked: Asked) -> str:
    """Return all that a model reads of a request, in the order in which providers put it: tools, schema, messages.

    As text, the same for both formats: a line with who speaks, calls by name and arguments, schemas without spaces.
    The JSON of the wire would count for more, most of all in many short turns; a model does not read it.

    Source: OpenAI Cookbook, "How to count tokens with tiktoken" (a message is its text and three tokens).
    """
    told = [as_written(tool.get("function", tool)) for tool in body.get("tools") or ()]
    told += [as_written(asked.schema)] if asked.structured and asked.schema is not None else []
    for turn in asked.turns:
        calls = (f"{call.name}{as_written(call.arguments)}" for _, call in turn.calls)
        told.append("\n".join((turn.role, *((turn.text,) if turn.text else ()), *calls)))
    return "\n\n".join(told)


# ------------------------------------------------------------------ writing


def tokens(said: Said) -> list[tuple[int, str]]:
    """Return what is written, a token each, with the index of the call it belongs to; -1: the text."""
    written = [(-1, piece) for piece in pieces(said.text)]
    for index, call in enumerate(said.calls):
        arguments = as_written(call.arguments)
        written += [(index, ""), *((index, piece) for piece in pieces(arguments))]  # its name, then its arguments
    return written or [(-1, "")]


def whole(wire: Wire, model: str, said: Said, counts: Counts, number: int) -> Json:
    """Return a reply."""
    return _chat_whole(model, said, counts, number) if wire == "chat" else _messages_whole(model, said, counts, number)


def _chat_whole(model: str, said: Said, counts: Counts, number: int) -> Json:
    message: Json = {"role": "assistant", "content": said.text or None}
    if said.calls:
        message["tool_calls"] = [_chat_call(call, number, at) for at, call in enumerate(said.calls)]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if said.calls else "stop"}
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [choice],
        "usage": _chat_usage(counts),
    }


def _chat_call(call: Call, number: int, at: int) -> Json:
    function = {"name": call.name, "arguments": as_written(call.arguments)}
    return {"id": f"call_{number}_{at}", "type": "function", "function": function}


def _chat_usage(counts: Counts) -> Json:
    return {
        "prompt_tokens": counts.prompt,
        "completion_tokens": counts.completion,
        "total_tokens": counts.prompt + counts.completion,
        "prompt_tokens_details": {"cached_tokens": counts.cached},
    }


def _messages_whole(model: str, said: Said, counts: Counts, number: int) -> Json:
    content: list[Json] = [{"type": "text", "text": said.text}] if said.text else []
    content += [
        {"type": "tool_use", "id": f"toolu_{number}_{at}", "name": call.name, "input": dict(call.arguments)}
        for at, call in enumerate(said.calls)
    ]
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": "tool_use" if said.calls else "end_turn",
        "stop_sequence": None,
        "usage": _messages_usage(counts),
    }


def _messages_usage(counts: Counts) -> Json:
    read = counts.prompt - counts.cached
    return {
        "input_tokens": read,
        "output_tokens": counts.completion,
        "cache_read_input_tokens": counts.cached,
        "cache_creation_input_tokens": 0,
    }


class Events:
    """Writes a reply as a stream: a head, an event a token, an end.

    Args:
        wire: The format.
        model: Who answers.
        said: What.
        counts: Its tokens.
        number: Of the call, for ids.
        usage: Whether a chat client asked for usage.
    """

    def __init__(self, wire: Wire, model: str, said: Said, counts: Counts, number: int, *, usage: bool = True) -> None:
        self._wire = wire
        self._model = model
        self._said = said
        self._counts = counts
        self._number = number
        self._usage = usage
        self._open = -2

    def head(self) -> bytes:
        """Return what comes before the first token."""
        if self._wire == "chat":
            return self._chunk({"role": "assistant", "content": ""})
        started = _messages_whole(
            self._model, Said(), Counts(self._counts.prompt, self._counts.cached, 0), self._number
        )
        return _event("message_start", {"message": {**started, "stop_reason": None}})

    def token(self, index: int, text: str) -> bytes:
        """Return one token's event; ``index`` as ``tokens`` gives it."""
        begins = index != self._open
        if self._wire == "chat":
            self._open = index
            return self._chunk(self._delta(index, text, begins=begins))
        written = b""
        if begins:
            written += self._close() + _event(
                "content_block_start", {"index": self._place(index), **self._block(index)}
            )
            self._open = index
        if not text:
            return written
        kind: Json = (
            {"type": "text_delta", "text": text} if index < 0 else {"type": "input_json_delta", "partial_json": text}
        )
        return written + _event("content_block_delta", {"index": self._place(index), "delta": kind})

    def end(self) -> bytes:
        """Return what comes after the last token."""
        if self._wire == "messages":
            stop = {"stop_reason": "tool_use" if self._said.calls else "end_turn", "stop_sequence": None}
            told = _event("message_delta", {"delta": stop, "usage": _messages_usage(self._counts)})
            return self._close() + told + _event("message_stop", {})
        written = self._chunk({}, finish="tool_calls" if self._said.calls else "stop")
        if self._usage:
            written += self._chunk(None, usage=_chat_usage(self._counts))
        return written + b"data: [DONE]\n\n"

    def _delta(self, index: int, text: str, *, begins: bool) -> Json:
        if index < 0:
            return {"content": text}
        call: Json = {"index": index, "function": {"arguments": text}}
        if begins:
            name = self._said.calls[index].name
            call |= {
                "id": f"call_{self._number}_{index}",
                "type": "function",
                "function": {"name": name, "arguments": ""},
            }
        return {"tool_calls": [call]}

    def _chunk(self, delta: Json | None, *, finish: str | None = None, usage: Json | None = None) -> bytes:
        choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
        told: Json = {"id": f"chatcmpl-{self._number}", "object": "chat.completion.chunk", "created": 0}
        told |= {"model": self._model, "choices": choices}
        if usage is not None:
            told["usage"] = usage
        return f"data: {json.dumps(told, ensure_ascii=False)}\n\n".encode()

    def _place(self, index: int) -> int:
        return index + bool(self._said.text)

    def _block(self, index: int) -> Json:
        if index < 0:
            return {"content_block": {"type": "text", "text": ""}}
        call = self._said.calls[index]
        return {
            "content_block": {
                "type": "tool_use",
                "id": f"toolu_{self._number}_{index}",
                "name": call.name,
                "input": {},
            }
        }

    def _close(self) -> bytes:
        return b"" if self._open == -2 else _event("content_block_stop", {"index": self._place(self._open)})


def _event(name: str, body: Json) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **body}, ensure_ascii=False)}\n\n".encode()


def error(wire: Wire, kind: str, message: str) -> Json:
    """Return an error as a provider of the format writes it."""
    told = {"type": kind, "message": message}
    return {"error": {**told, "param": None, "code": kind}} if wire == "chat" else {"type": "error", "error": told}
