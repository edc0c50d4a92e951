"""What a client asks for in chat completions, as a neutral request: one function per kind of message and of part.

Source: OpenAI's API reference, "Create chat completion"; OpenRouter's "Reasoning tokens" and "Prompt caching" for the
fields their clients add.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from gateway.providers.base import tool_call
from gateway.wire.chat.wishes import output, reasoning, stop_words, tool_choice, tools
from gateway.wire.fields import (
    Fields,
    Json,
    cache_mark,
    count,
    listed,
    mapping,
    names,
    number,
    one_of,
    refused,
    text,
    words,
)
from schemas.model import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    ModelRequest,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

FIELDS = Fields(
    read=names(
        "model messages tools tool_choice parallel_tool_calls functions function_call response_format "
        "max_tokens max_completion_tokens temperature top_p top_k seed frequency_penalty presence_penalty "
        "stop reasoning_effort reasoning thinking verbosity user safety_identifier metadata service_tier "
        "prompt_cache_key stream stream_options random_seed"
    ),
    harmless=names(
        "store prediction prompt_cache_options prompt_cache_retention min_p top_a repetition_penalty "
        "reasoning_format include_reasoning provider transforms models route usage safe_prompt keep_alive"
    ),
    telling={
        "n": "one answer comes back, not several",
        "logprobs": "the other format tells no probabilities",
        "top_logprobs": "the other format tells no probabilities",
        "logit_bias": "the other format can't forbid or favour tokens",
        "modalities": "the answer is text only",
        "audio": "the answer is text only",
        "web_search_options": "the search runs at OpenAI",
        "moderation": "the moderation runs at OpenAI",
        "plugins": "they run at OpenRouter",
    },
    plain={"n": 1, "modalities": ["text"]},
)
_ROLES = ("system", "developer", "user", "assistant", "tool", "function")


def asked_request(body: Json, drop: Collection[str] = ()) -> ModelRequest:
    """Return what a client asks for.

    Args:
        body: The client's.
        drop: Fields that may be left out though they matter; ``*`` for all.

    Raises:
        ModelRequestError: It is no request, or would lose what matters; ``details["param"]`` names the field.
    """
    turns = listed(body.get("messages"), "messages")
    if not turns:
        raise refused("messages", "must hold at least one message")
    dropped = FIELDS.dropped(body, drop)
    choice, allowed = tool_choice(body)
    return ModelRequest(
        messages=tuple(_messages(turns, dropped)),
        model=text(body.get("model", ""), "model"),
        tools=tuple(tools(body)),
        tool_choice=choice,
        allowed_tools=allowed,
        parallel_tool_calls=body.get("parallel_tool_calls") is not False,
        output=output(body),
        max_output_tokens=count(body, "max_completion_tokens") or count(body, "max_tokens"),
        temperature=number(body, "temperature"),
        top_p=number(body, "top_p"),
        top_k=count(body, "top_k", None),
        seed=count(body, "seed", None) if "seed" in body else count(body, "random_seed", None),
        frequency_penalty=number(body, "frequency_penalty"),
        presence_penalty=number(body, "presence_penalty"),
        stop=stop_words(body),
        verbosity=words(body, "verbosity"),
        user=words(body, "user") or words(body, "safety_identifier"),
        metadata={name: text(value, f"metadata.{name}") for name, value in _object(body, "metadata").items()},
        service_tier=words(body, "service_tier"),
        cache_key=words(body, "prompt_cache_key"),
        dropped=tuple(dropped),
        **reasoning(body),
    )


def _object(body: Json, name: str) -> Json:
    value = body.get(name)
    return {} if value is None else mapping(value, name)


_TURN = names(
    "role content name tool_calls tool_call_id function_call refusal audio reasoning reasoning_content "
    "reasoning_details annotations cache_control prompt_cache_breakpoint"
)


def _messages(turns: list[Any], dropped: list[str]) -> Iterator[Message]:
    """Yield the messages; the results of tools that stand in a row are one. Fields that nobody knows are noted."""
    results: list[Part] = []
    called = ""
    for number_, turn in enumerate(turns):
        at = f"messages[{number_}]"
        known = mapping(turn, at)
        called = f"call_{number_}" if known.get("function_call") else called
        if known.keys() - _TURN:
            dropped += [f"{at}.{name}" for name in known if name not in _TURN and known[name]]
        role = known.get("role")
        if role == "tool" or role == "function":
            results.append(_tool_result(known, at, called))
            continue
        if results:
            yield Message(role="user", parts=tuple(results))
            results = []
        yield _message(known, at, called)
    if results:
        yield Message(role="user", parts=tuple(results))


def _message(turn: Json, at: str, called: str) -> Message:
    role = turn.get("role")
    name = text(turn.get("name") or "", f"{at}.name")
    if role == "user":
        return Message(role="user", parts=_content(turn, at), name=name)
    if role == "assistant":
        return Message(role="assistant", parts=tuple(_assistant(turn, at, called)), name=name)
    one_of(role, _ROLES, f"{at}.role")
    return Message(role="system", parts=_content(turn, at), name=name)


def _content(turn: Json, at: str) -> tuple[Part, ...]:
    """Return the parts of a message's content: a text, or a list of pieces."""
    content = turn.get("content")
    if isinstance(content, str):
        return (TextPart(text=text(content, f"{at}.content"), cache=cache_mark(turn)),)
    if content is None:
        return ()
    return tuple(_piece(piece, f"{at}.content[{n}]") for n, piece in enumerate(listed(content, f"{at}.content")))


def _piece(piece: object, at: str) -> Part:
    if isinstance(piece, str):
        return TextPart(text=text(piece, at))
    known = mapping(piece, at)
    make = _PIECES.get(str(known.get("type")))
    if make is None:
        raise refused(f"{at}.type", f"can't be {known.get('type')!r} here", f"one of {', '.join(_PIECES)}")
    return make(known, at)


def _text(piece: Json, at: str) -> Part:
    return TextPart(text=text(piece.get("text"), f"{at}.text"), cache=cache_mark(piece))


def _refusal(piece: Json, at: str) -> Part:
    return TextPart(text=text(piece.get("refusal"), f"{at}.refusal"), refusal=True)


def _image(piece: Json, at: str) -> Part:
    image = piece.get("image_url")
    if isinstance(image, str):
        return ImagePart(url=text(image, f"{at}.image_url"), cache=cache_mark(piece))
    known = mapping(image, f"{at}.image_url")
    url = text(known.get("url"), f"{at}.image_url.url")
    return ImagePart(url=url, detail=text(known.get("detail") or "", f"{at}.image_url.detail"), cache=cache_mark(piece))


def _file(piece: Json, at: str) -> Part:
    known = mapping(piece.get("file"), f"{at}.file")
    data = text(known.get("file_data") or "", f"{at}.file.file_data")
    if data and not data.startswith(("data:", "http:", "https:")):
        data = f"data:application/pdf;base64,{data}"
    file_id = text(known.get("file_id") or "", f"{at}.file.file_id")
    if not data and not file_id:
        raise refused(f"{at}.file", "needs file_data or file_id")
    name = text(known.get("filename") or "", f"{at}.file.filename")
    return FilePart(url=data, file_id=file_id, name=name, cache=cache_mark(piece))


def _document_url(piece: Json, at: str) -> Part:
    """Mistral's way to give a document."""
    name = text(piece.get("document_name") or "", f"{at}.document_name")
    return FilePart(url=text(piece.get("document_url"), f"{at}.document_url"), name=name)


def _audio(piece: Json, at: str) -> Part:
    known = mapping(piece.get("input_audio"), f"{at}.input_audio")
    data = text(known.get("data"), f"{at}.input_audio.data")
    return AudioPart(data=data, format=text(known.get("format"), f"{at}.input_audio.format"))


def _thinking(piece: Json, at: str) -> Part:
    """Mistral's thinking, a list of texts."""
    inner = piece.get("thinking")
    pieces = [{"type": "text", "text": inner}] if isinstance(inner, str) else listed(inner, f"{at}.thinking")
    inner_texts = [text(mapping(each, f"{at}.thinking").get("text", ""), f"{at}.thinking") for each in pieces]
    return ReasoningPart(text="".join(inner_texts), data='{"field": "content"}')


_PIECES: Mapping[str, Callable[[Json, str], Part]] = {
    "text": _text,
    "image_url": _image,
    "file": _file,
    "input_audio": _audio,
    "refusal": _refusal,
    "thinking": _thinking,
    "document_url": _document_url,
}


def _tool_result(turn: Json, at: str, called: str) -> Part:
    parts = _content(turn, at)
    if turn.get("role") == "function":
        call_id = called or f"call_{text(turn.get('name'), f'{at}.name')}"
    else:
        call_id = text(turn.get("tool_call_id"), f"{at}.tool_call_id")
    words = "".join(part.text for part in parts if part.kind == "text")
    rich = tuple(part for part in parts if part.kind == "text" or part.kind == "image" or part.kind == "file")
    mark = parts[-1].cache if parts and parts[-1].kind == "text" else ""
    return ToolResultPart(call_id=call_id, content=words, parts=rich if len(rich) > 1 else (), cache=mark)


def _assistant(turn: Json, at: str, called: str) -> Iterator[Part]:
    """Yield what the model said; ``called`` is the id for a call by the older ``function_call``, which has none."""
    yield from _thoughts(turn, at)
    yield from _content(turn, at)
    if turn.get("refusal"):
        yield TextPart(text=text(turn["refusal"], f"{at}.refusal"), refusal=True)
    if turn.get("audio"):
        raise refused(f"{at}.audio", "can't be translated: spoken answers stay with their provider")
    for number_, call in enumerate(listed(turn.get("tool_calls") or [], f"{at}.tool_calls")):
        yield _call(mapping(call, f"{at}.tool_calls[{number_}]"), f"{at}.tool_calls[{number_}]")
    if turn.get("function_call"):
        function = mapping(turn["function_call"], f"{at}.function_call")
        name = text(function.get("name"), f"{at}.function_call.name")
        yield tool_call(called, name, text(function.get("arguments") or "", f"{at}.function_call.arguments"))


def _call(call: Json, at: str) -> ToolCallPart:
    if call.get("type") not in (None, "function"):
        raise refused(f"{at}.type", f"can't be {call['type']!r}: only calls of functions are translated")
    function = mapping(call.get("function"), f"{at}.function")
    arguments = function.get("arguments")
    raw = json.dumps(arguments) if isinstance(arguments, dict) else text(arguments or "", f"{at}.function.arguments")
    name = text(function.get("name"), f"{at}.function.name")
    return tool_call(text(call.get("id"), f"{at}.id"), name, raw)


def _thoughts(turn: Json, at: str) -> Iterator[ReasoningPart]:
    """Yield the thinking that a client gives back: in details where it kept them, else in its plain field."""
    details = listed(turn.get("reasoning_details") or [], f"{at}.reasoning_details")
    for number_, detail in enumerate(details):
        yield thought(mapping(detail, f"{at}.reasoning_details[{number_}]"))
    if details:
        return
    for name in ("reasoning_content", "reasoning"):
        words = turn.get(name)
        if words:
            yield ReasoningPart(text=text(words, f"{at}.{name}"), data=json.dumps({"field": name}))
            return


def thought(detail: Json) -> ReasoningPart:
    """Return one of OpenRouter's reasoning details as thinking; Anthropic's own go back to it as it gave them."""
    kind, words = detail.get("type"), detail.get("text") or detail.get("summary") or ""
    if str(detail.get("format") or "").startswith("anthropic"):
        if kind == "reasoning.encrypted":
            return ReasoningPart(text="", data=str(detail.get("data") or ""))
        if detail.get("signature"):
            return ReasoningPart(text=str(words), signature=str(detail["signature"]))
    return ReasoningPart(text=str(words), data=json.dumps(detail))
