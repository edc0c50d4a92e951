"""Neutral requests as the Responses API wants them: one function per message part.

Nothing is kept by the provider (``store`` is off), so thinking comes and goes back encrypted.

Source: OpenAI's API reference, "Responses", create; "Reasoning models", encrypted reasoning items.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gateway.providers.base import split_data_url
from gateway.wire.chat.requests import response_format
from gateway.wire.responses.thinking import own_item
from schemas.errors import ModelRequestError
from schemas.model import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    ModelRequest,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
)

Wire = dict[str, Any]

_LEAST_OUTPUT = 16
_NOT_THINKING = re.compile(r"gpt-(3|4)|gpt-\d[\w.]*-chat|chatgpt")


def responses_body(model: str, request: ModelRequest, *, stream: bool) -> Wire:
    """Return the body of a request.

    The first message, if it is the system's and others follow, is the instructions.

    Raises:
        ModelRequestError: Stop sequences, sampling options or sounds, which this format does not have.
    """
    _refuse(request)
    messages = list(request.messages)
    body: Wire = {"model": model, "stream": stream, "store": False}
    if len(messages) > 1 and messages[0].role == "system" and all(part.kind == "text" for part in messages[0].parts):
        body["instructions"] = messages.pop(0).text
    body["input"] = [item for message in messages for item in message_items(message)]
    body |= _tools(request) | _wishes(request)
    if not _NOT_THINKING.match(model.rpartition("/")[2]):
        body["include"] = ["reasoning.encrypted_content"]
    return body


def _refuse(request: ModelRequest) -> None:
    lacking = {
        "stop": request.stop,
        "top_k": request.top_k,
        "seed": request.seed,
        "frequency_penalty": request.frequency_penalty,
        "presence_penalty": request.presence_penalty,
    }
    for name, value in lacking.items():
        if value:
            hint = "leave it out, or ask another model"
            message = (
                f"{name} can't be sent to this model: its provider is asked by /responses, which has no such field"
            )
            raise ModelRequestError(message, hint=hint, details={"status": 400, "param": name})


def _tools(request: ModelRequest) -> Wire:
    if not request.tools:
        return {}
    found: Wire = {
        "tools": [tool_param(tool) for tool in request.tools],
        "tool_choice": tool_choice(request),
    }
    return found if request.parallel_tool_calls else found | {"parallel_tool_calls": False}


def _wishes(request: ModelRequest) -> Wire:
    """Return what is wished of the answer, as far as anything is."""
    text: Wire = {"verbosity": request.verbosity} if request.verbosity else {}
    if request.output is not None:
        text["format"] = _format(request)
    most = request.max_output_tokens
    wished: Wire = {
        "text": text,
        "reasoning": _reasoning(request),
        "max_output_tokens": None if most is None else max(most, _LEAST_OUTPUT),
        "temperature": request.temperature,
        "top_p": request.top_p,
        "metadata": request.metadata,
        "user": request.user,
        "service_tier": request.service_tier if request.service_tier != "standard_only" else "default",
        "prompt_cache_key": request.cache_key,
    }
    return {name: value for name, value in wished.items() if value not in (None, "", {})}


def _reasoning(request: ModelRequest) -> Wire:
    summary = request.summary if request.summary in ("auto", "concise", "detailed") else ""
    effort = request.effort or _effort(request.thinking_tokens)
    return {name: value for name, value in (("effort", effort), ("summary", summary)) if value}


def _effort(most_tokens: int | None) -> str:
    """Return the word that comes nearest to a number of tokens."""
    if most_tokens is None:
        return ""
    return next((word for most, word in ((4_096, "low"), (16_384, "medium")) if most_tokens <= most), "high")


def message_items(message: Message) -> Iterator[Wire]:
    """Yield the items of one message, in the order of its parts; texts and pictures of a person in a row are one."""
    if message.role == "assistant":
        for part in message.parts:
            item = _ASSISTANT[part.kind](part) if part.kind in _ASSISTANT else None
            if item is not None:
                yield item
        return
    pieces: list[Wire] = []
    for part in message.parts:
        if part.kind == "tool_result":
            yield _tool_result(part)
        elif part.kind in _PIECES:
            pieces.append(_PIECES[part.kind](part))
    if pieces:
        yield {"type": "message", "role": message.role, "content": pieces}


def _said(part: TextPart) -> Wire | None:
    if part.refusal:
        content = [{"type": "refusal", "refusal": part.text}]
        return {"type": "message", "role": "assistant", "id": "msg_0", "status": "completed", "content": content}
    return {"type": "message", "role": "assistant", "content": part.text} if part.text else None


def _thought(part: ReasoningPart) -> Wire | None:
    """Only thinking this format encrypted goes back to it; other models' thinking is left out."""
    return own_item(part)


def _tool_call(part: ToolCallPart) -> Wire:
    raw = part.raw if part.valid and part.raw.strip() else json.dumps(part.arguments)
    return {"type": "function_call", "call_id": part.call_id, "name": part.name, "arguments": raw}


_ASSISTANT: Mapping[str, Callable[[Any], Wire | None]] = {
    "text": _said,
    "reasoning": _thought,
    "tool_call": _tool_call,
}


def _tool_result(part: ToolResultPart) -> Wire:
    """The format has no mark for a failed call, so the text says it."""
    output: str | list[Wire] = f"Error: {part.content}" if part.is_error else part.content
    if part.parts:
        pieces = [_PIECES[piece.kind](piece) for piece in part.parts]
        output = [{"type": "input_text", "text": "Error:"}, *pieces] if part.is_error else pieces
    return {"type": "function_call_output", "call_id": part.call_id, "output": output}


def _text(part: TextPart) -> Wire:
    return {"type": "input_text", "text": part.text}


def _image(part: ImagePart) -> Wire:
    split_data_url(part.url)
    named = {"file_id": part.file_id} if part.file_id else {"image_url": part.url}
    return {"type": "input_image", "detail": part.detail or "auto", **named}


def _file(part: FilePart) -> Wire:
    if part.file_id:
        return {"type": "input_file", "file_id": part.file_id}
    if part.url.startswith("data:"):
        return {"type": "input_file", "filename": part.name or "file", "file_data": part.url}
    return {"type": "input_file", "file_url": part.url}


def _audio(part: AudioPart) -> Wire:
    what = f"sound ({part.format}) can't be sent to this model: it is asked by /responses, which has none"
    raise ModelRequestError(what, hint="ask another model", details={"status": 400})


_PIECES: Mapping[str, Callable[[Any], Wire]] = {"text": _text, "image": _image, "file": _file, "audio": _audio}


def tool_param(tool: ToolDefinition) -> Wire:
    """Return a tool as offered: strict only where the client says so, for this format is strict by itself."""
    param: Wire = {"type": "function", "name": tool.name, "parameters": {"type": "object"} | tool.input_schema}
    if tool.description:
        param["description"] = tool.description
    return param | {"strict": bool(tool.strict)}


def tool_choice(request: ModelRequest) -> str | Wire:
    """Return how tools may be called, and which."""
    choice = request.tool_choice
    if request.allowed_tools and choice in ("auto", "required"):
        allowed = [{"type": "function", "name": name} for name in request.allowed_tools]
        return {"type": "allowed_tools", "mode": choice, "tools": allowed}
    return choice if choice in ("auto", "none", "required") else {"type": "function", "name": choice}


def _format(request: ModelRequest) -> Wire:
    """Return the schema wanted: as in chat completions, one level higher."""
    assert request.output is not None
    if not request.output.json_schema:
        return {"type": "json_object"}
    return {"type": "json_schema", **response_format(request.output)["json_schema"]}
