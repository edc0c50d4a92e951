"""What clients ask by ``POST /v1/responses``, in the neutral form: one function per kind of item and piece.

Source: OpenAI's API reference, "Responses", and its OpenAPI document.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import groupby
from typing import Literal, cast

from gateway.providers.base import tool_call
from gateway.wire import fields
from gateway.wire.fields import Fields, Json, cache_mark, count, listed, mapping, one_of, refused, text
from gateway.wire.responses.thinking import reasoning_parts
from gateway.wire.responses.wishes import (
    THERE,
    metadata,
    not_included,
    reasoning,
    text_options,
    tool_choice,
    tools,
)
from schemas.model import (
    FilePart,
    ImagePart,
    Message,
    ModelRequest,
    Part,
    TextPart,
    ToolResultPart,
)

Role = Literal["system", "user", "assistant"]

_Said = tuple[Role, list[Part]]

_ROLES: Mapping[str, Role] = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
_STATELESS = "a translated call keeps no state"

FIELDS = Fields(
    read=frozenset(
        (
            "model",
            "input",
            "instructions",
            "tools",
            "tool_choice",
            "parallel_tool_calls",
            "text",
            "reasoning",
            "max_output_tokens",
            "temperature",
            "top_p",
            "metadata",
            "user",
            "safety_identifier",
            "service_tier",
            "stream",
            "prompt_cache_key",
            "include",
        )
    ),
    harmless=frozenset(
        (
            "store",
            "truncation",
            "stream_options",
            "max_tool_calls",
            "prompt_cache_retention",
            "prompt_cache_options",
            "client_metadata",
        )
    ),
    telling={
        "previous_response_id": f"{_STATELESS}; send the whole conversation as input",
        "conversation": f"{_STATELESS}; send the whole conversation as input",
        "background": f"{_STATELESS}, so its answer could not be fetched later",
        "prompt": "the template is kept by OpenAI",
        "context_management": "OpenAI shortens the conversation by it",
        "moderation": "OpenAI moderates by it",
        "top_logprobs": "the model's provider may give none",
        "messages": "this format has them as 'input'",
        "response_format": "this format has it as 'text.format'",
        "max_tokens": "this format has it as 'max_output_tokens'",
        "reasoning_effort": "this format has it as 'reasoning.effort'",
        "stop": "this format has none",
        "functions": "this format has them as 'tools'",
        "n": "this format gives one answer",
    },
    plain={"n": 1},
)


def asked_request(body: Json, drop: Collection[str] = ()) -> ModelRequest:
    """Return what a client asks for.

    Raises:
        ModelRequestError: It is no request, or asks for what only its own provider can do; ``details["param"]`` names
            the field.
    """
    dropped = FIELDS.dropped(body, drop)
    offered = tuple(tools(body))
    choice, allowed = tool_choice(body.get("tool_choice"), offered)
    return ModelRequest(
        messages=tuple(_messages(body)),
        model=text(body.get("model") or "", "model"),
        tools=offered,
        tool_choice=choice,
        allowed_tools=allowed,
        parallel_tool_calls=body.get("parallel_tool_calls") is not False,
        **text_options(body),
        max_output_tokens=count(body, "max_output_tokens"),
        temperature=fields.number(body, "temperature"),
        top_p=fields.number(body, "top_p"),
        **reasoning(body.get("reasoning")),
        user=text(body.get("safety_identifier") or body.get("user") or "", "safety_identifier") or None,
        metadata=metadata(body.get("metadata")),
        service_tier=text(body.get("service_tier") or "", "service_tier") or None,
        cache_key=text(body.get("prompt_cache_key") or "", "prompt_cache_key") or None,
        dropped=(*dropped, *not_included(body)),
    )


def _messages(body: Json) -> Iterator[Message]:
    """Yield the turns: what the assistant said in a row is one, and so are the results of tools in a row."""
    if body.get("instructions") is not None:
        yield Message.system(text(body["instructions"], "instructions"))
    given = body.get("input")
    if isinstance(given, str):
        yield Message.user(text(given, "input"))
        return
    if not given:
        raise refused("input", "is missing" if given is None else "holds no item", "a text, or a list of items")
    said = (_item(item, f"input[{number}]") for number, item in enumerate(listed(given, "input")))
    for (role, _), row in groupby(enumerate(said), _turn):
        parts = tuple(part for _, (_, found) in row for part in found)
        if parts:
            yield Message(role=role, parts=parts)


def _turn(numbered: tuple[int, _Said]) -> tuple[Role, int]:
    """Return what items of one turn have in common; a person's and the system's messages are each their own."""
    number, (role, parts) = numbered
    joins = role == "assistant" or any(part.kind == "tool_result" for part in parts)
    return role, -1 if joins else number


def _item(item: object, at: str) -> _Said:
    known = mapping(item, at)
    kind = known.get("type") or ("message" if "role" in known else None)
    read = _ITEMS.get(kind) if isinstance(kind, str) else None
    if read is not None:
        return read(known, at)
    if kind is None:
        raise refused(f"{at}.type", "is missing", f"one of {', '.join(_ITEMS)}")
    if kind == "item_reference":
        raise refused(at, f"refers to an item that was kept: {_STATELESS}", f"send the item itself, or {THERE}")
    raise refused(f"{at}.type", f"can't be translated for this model: {kind!r} is of OpenAI's own tools", THERE)


def _message(item: Json, at: str) -> _Said:
    role = _ROLES[one_of(item.get("role"), _ROLES, f"{at}.role")]
    content = item.get("content")
    if isinstance(content, str):
        return role, [TextPart(text=text(content, f"{at}.content"))]
    pieces = listed(content, f"{at}.content")
    return role, [_piece(piece, f"{at}.content[{number}]") for number, piece in enumerate(pieces)]


def _function_call(item: Json, at: str) -> _Said:
    raw = text(item.get("arguments"), f"{at}.arguments")
    name = text(item.get("name"), f"{at}.name")
    return "assistant", [tool_call(text(item.get("call_id"), f"{at}.call_id"), name, raw)]


def _function_call_output(item: Json, at: str) -> _Said:
    call_id = text(item.get("call_id"), f"{at}.call_id")
    output = item.get("output")
    if isinstance(output, str):
        return "user", [ToolResultPart(call_id=call_id, content=text(output, f"{at}.output"))]
    pieces = [
        cast("TextPart | ImagePart | FilePart", _piece(piece, f"{at}.output[{number}]"))
        for number, piece in enumerate(listed(output, f"{at}.output"))
    ]
    content = "".join(piece.text for piece in pieces if piece.kind == "text")
    parts = () if all(piece.kind == "text" for piece in pieces) else tuple(pieces)
    return "user", [ToolResultPart(call_id=call_id, content=content, parts=parts)]


def _thinking(item: Json, at: str) -> _Said:
    return "assistant", [*reasoning_parts(item, at)]


_ITEMS: Mapping[str, Callable[[Json, str], _Said]] = {
    "message": _message,
    "function_call": _function_call,
    "function_call_output": _function_call_output,
    "reasoning": _thinking,
}


def _piece(piece: object, at: str) -> Part:
    known = mapping(piece, at)
    return _PIECES[one_of(known.get("type"), _PIECES, f"{at}.type")](known, at)


def _input_text(piece: Json, at: str) -> Part:
    return TextPart(text=text(piece.get("text"), f"{at}.text"), cache=cache_mark(piece))


def _output_text(piece: Json, at: str) -> Part:
    notes = listed(piece.get("annotations") or [], f"{at}.annotations")
    cited = tuple(dict(mapping(note, f"{at}.annotations")) for note in notes)
    return TextPart(text=text(piece.get("text"), f"{at}.text"), annotations=cited)


def _refusal(piece: Json, at: str) -> Part:
    return TextPart(text=text(piece.get("refusal"), f"{at}.refusal"), refusal=True)


def _input_image(piece: Json, at: str) -> Part:
    url = text(piece.get("image_url") or "", f"{at}.image_url")
    file_id = text(piece.get("file_id") or "", f"{at}.file_id")
    if not url and not file_id:
        raise refused(at, "is an image without image_url or file_id")
    detail = text(piece.get("detail") or "", f"{at}.detail")
    return ImagePart(url=url, file_id=file_id, detail=detail, cache=cache_mark(piece))


def _input_file(piece: Json, at: str) -> Part:
    name = text(piece.get("filename") or "", f"{at}.filename")
    url = text(piece.get("file_url") or "", f"{at}.file_url")
    data = text(piece.get("file_data") or "", f"{at}.file_data")
    file_id = text(piece.get("file_id") or "", f"{at}.file_id")
    if data and not data.startswith("data:"):
        data = f"data:{mimetypes.guess_type(name)[0] or 'application/pdf'};base64,{data}"
    if not (url or data or file_id):
        raise refused(at, "is a file without file_data, file_url or file_id")
    return FilePart(url=data or url, file_id=file_id, name=name, cache=cache_mark(piece))


_PIECES: Mapping[str, Callable[[Json, str], Part]] = {
    "input_text": _input_text,
    "output_text": _output_text,
    "refusal": _refusal,
    "input_image": _input_image,
    "input_file": _input_file,
}
