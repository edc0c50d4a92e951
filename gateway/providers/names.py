"""Tool names as providers take them: our names may hold dots, which both official services refuse."""

from __future__ import annotations

import re

from schemas.model import Message, ModelChunk, ModelRequest, ModelResponse, Part

_REFUSED = re.compile(r"[^A-Za-z0-9_-]")


class ToolNames:
    """The names of one request's tools, there and back.

    Nothing changes for names that every provider takes. Others get ``_`` for what is refused, and a number where that
    name is taken; the same tools in the same order get the same names, so prompt caches hold.

    Source: both services document ``^[a-zA-Z0-9_-]{1,64}$``.

    Args:
        request: Its tools, and the calls in its conversation.
    """

    def __init__(self, request: ModelRequest) -> None:
        called = [part.name for message in request.messages for part in message.parts if part.kind == "tool_call"]
        names = list(dict.fromkeys([*(tool.name for tool in request.tools), *called]))
        taken = {name for name in names if not _REFUSED.search(name)}
        self._sent: dict[str, str] = {}
        for name in names:
            if name not in taken:
                self._sent[name] = _free(_REFUSED.sub("_", name), taken)
                taken.add(self._sent[name])
        self._ours = {sent: name for name, sent in self._sent.items()}

    def sent(self, request: ModelRequest) -> ModelRequest:
        """Return the request with names that may be sent."""
        if not self._sent:
            return request
        tools = tuple(tool.model_copy(update={"name": self._sent.get(tool.name, tool.name)}) for tool in request.tools)
        messages = tuple(_renamed(message, self._sent) for message in request.messages)
        choice = self._sent.get(request.tool_choice, request.tool_choice)
        return request.model_copy(update={"tools": tools, "messages": messages, "tool_choice": choice})

    def received(self, response: ModelResponse) -> ModelResponse:
        """Return the reply with our names."""
        if not self._ours:
            return response
        return response.model_copy(update={"parts": tuple(_part(part, self._ours) for part in response.parts)})

    def chunk(self, chunk: ModelChunk) -> ModelChunk:
        """Return a chunk with our names."""
        if not self._ours:
            return chunk
        if chunk.kind == "done":
            return chunk.model_copy(update={"response": self.received(chunk.response)})
        if chunk.kind == "tool_call":
            return chunk.model_copy(update={"name": self._ours.get(chunk.name, chunk.name)})
        return chunk


def _free(name: str, taken: set[str]) -> str:
    """Return the name, or the first numbered one that is free, within 64 characters."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name[: 63 - len(str(number))]}_{number}"
    return free


def _renamed(message: Message, names: dict[str, str]) -> Message:
    parts = tuple(_part(part, names) for part in message.parts)
    return message if parts == message.parts else message.model_copy(update={"parts": parts})


def _part(part: Part, names: dict[str, str]) -> Part:
    if part.kind != "tool_call" or part.name not in names:
        return part
    return part.model_copy(update={"name": names[part.name]})
