"""The engine's own requests and replies as filters of somebody else's see them: in chat completions, and back.

What such a filter leaves as it was stays as it was, with all that chat completions have no place for.
"""

from __future__ import annotations

from typing import Any, cast

from gateway.filters.frames import encoded
from gateway.wire.chat.answers import completion
from gateway.wire.chat.asked import asked_request
from gateway.wire.chat.replies import read_completion
from gateway.wire.chat.requests import chat_body, message_turns
from schemas.model import Message, ModelRequest, ModelResponse

Body = dict[str, Any]

_FIELDS = {
    "tools": "tools",
    "tool_choice": "tool_choice",
    "temperature": "temperature",
    "top_p": "top_p",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "stop": "stop",
    "response_format": "output",
}


def request_body(request: ModelRequest) -> Body:
    """Return a request as a filter sees it."""
    return chat_body(request.model, request, stream=True)


def with_body(request: ModelRequest, body: Body, new: Body) -> ModelRequest:
    """Return a request with what a filter changed in its body. Raises ModelRequestError: it is none any more."""
    parsed = asked_request({**new, "model": request.model})
    update: dict[str, Any] = {
        field: getattr(parsed, field) for name, field in _FIELDS.items() if new.get(name) != body.get(name)
    }
    if new.get("messages") != body.get("messages"):
        update["messages"] = _messages(request, cast("list[Body]", new["messages"]), parsed)
    return request.model_copy(update=update)


def reply_body(response: ModelResponse) -> Body:
    """Return a reply as a filter sees it."""
    return completion(response, {})


def with_reply(response: ModelResponse, new: Body) -> ModelResponse:
    """Return a reply with what a filter made of its body. Raises ModelOutputError: it is none any more."""
    read = read_completion(encoded(new), provider=response.provider, model=response.model)
    return response.model_copy(update={"parts": read.parts, "stop_reason": read.stop_reason})


def _messages(request: ModelRequest, new: list[Body], parsed: ModelRequest) -> tuple[Message, ...]:
    turns = [message_turns(message) for message in request.messages]
    if len(new) != sum(map(len, turns)):
        return parsed.messages
    messages: list[Message] = []
    at = 0
    for message, mine in zip(request.messages, turns, strict=True):
        theirs = new[at : at + len(mine)]
        at += len(mine)
        if theirs == mine:
            messages.append(message)
        else:
            messages += asked_request({"model": request.model, "messages": theirs}).messages
    return tuple(messages)
