"""What a client asks for in the Messages format, as a neutral request: one function per kind of block.

Source: the Messages API reference.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, cast

from gateway.providers.base import tool_call
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
from gateway.wire.messages.citations import annotation
from gateway.wire.messages.seals import redacted_part, thinking_part
from gateway.wire.messages.wishes import output, reasoning, tool_choice, tools
from schemas.model import (
    CacheMark,
    FilePart,
    ImagePart,
    Message,
    ModelRequest,
    Part,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

FIELDS = Fields(
    read=names(
        "model max_tokens messages system tools tool_choice stop_sequences temperature top_p top_k thinking "
        "output_config output_format metadata service_tier cache_control stream"
    ),
    harmless=names(
        "context_management speed diagnostics user_profile_id workspace_id betas anthropic_beta "
        "anthropic_version fallbacks"
    ),
    telling={
        "mcp_servers": "the connector runs at Anthropic",
        "container": "it lives at Anthropic",
        "inference_geo": "only Anthropic promises a region by it",
        "prefill": "other providers don't go on with a given beginning",
    },
)
_ROLES = ("user", "assistant", "system")


class _Reading:
    """One body being read: what is left out on the way is gathered.

    Args:
        body: The client's.
        drop: Fields that may be left out though they matter.
    """

    def __init__(self, body: Json, drop: Collection[str]) -> None:
        self.body = body
        self.drop = drop
        self.dropped = FIELDS.dropped(body, drop)

    def messages(self) -> Iterator[Message]:
        """Yield the system text, then the turns. Raises ModelRequestError."""
        system = self.body.get("system")
        if system:
            blocks = [{"type": "text", "text": system}] if isinstance(system, str) else listed(system, "system")
            yield Message(role="system", parts=tuple(self._parts(blocks, "system")))
        turns = listed(self.body.get("messages"), "messages")
        if not turns:
            raise refused("messages", "must hold at least one message")
        for number_, turn in enumerate(turns):
            at = f"messages[{number_}]"
            known = mapping(turn, at)
            role = one_of(known.get("role"), _ROLES, f"{at}.role")
            yield Message(role=cast("Any", role), parts=tuple(self._content(known.get("content"), f"{at}.content")))

    def _content(self, content: object, at: str) -> Iterator[Part]:
        if isinstance(content, str):
            yield TextPart(text=text(content, at))
        else:
            yield from self._parts(listed(content, at), at)

    def _parts(self, blocks: list[Any], at: str) -> Iterator[Part]:
        for number_, block in enumerate(blocks):
            where = f"{at}[{number_}]"
            if isinstance(block, str):
                yield TextPart(text=text(block, where))
                continue
            known = mapping(block, where)
            kind = str(known.get("type"))
            if kind == "tool_result":
                yield self._tool_result(known, where)
            elif kind in _BLOCKS:
                yield from _BLOCKS[kind](known, where)
            elif kind in _SERVER_BLOCKS or kind.endswith("_tool_result"):
                self.dropped.append(f"{where} ({kind})")
            else:
                raise refused(f"{where}.type", f"can't be {kind!r} here", f"one of {', '.join(_BLOCKS)}, tool_result")

    def _tool_result(self, block: Json, at: str) -> ToolResultPart:
        content = block.get("content")
        inner: Iterator[Part] = iter(()) if content is None else self._content(content, f"{at}.content")
        parts = tuple(part for part in inner if part.kind == "text" or part.kind == "image" or part.kind == "file")
        only = parts[0] if len(parts) == 1 and parts[0].kind == "text" else None
        return ToolResultPart(
            call_id=text(block.get("tool_use_id"), f"{at}.tool_use_id"),
            content="".join(part.text for part in parts if part.kind == "text"),
            parts=parts if only is None else (),
            is_error=block.get("is_error") is True,
            cache=cache_mark(block) or (only.cache if only is not None else ""),
        )


def asked_request(body: Json, drop: Collection[str] = ()) -> ModelRequest:
    """Return what a client asks for.

    Args:
        body: The client's.
        drop: Fields that may be left out though they matter; ``*`` for all.

    Raises:
        ModelRequestError: It is no request, or would lose what matters; ``details["param"]`` names the field.
    """
    reading = _Reading(body, drop)
    messages = tuple(reading.messages())
    choice, parallel = tool_choice(body)
    user = mapping(body.get("metadata") or {}, "metadata")
    return ModelRequest(
        messages=_marked(messages, cache_mark(body)),
        model=text(body.get("model", ""), "model"),
        tools=tuple(tools(body, reading.dropped, drop)),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        output=output(body),
        max_output_tokens=count(body, "max_tokens"),
        temperature=number(body, "temperature"),
        top_p=number(body, "top_p"),
        top_k=count(body, "top_k", None),
        stop=tuple(text(word, "stop_sequences") for word in listed(body.get("stop_sequences") or [], "stop_sequences")),
        user=words(user, "user_id"),
        service_tier=words(body, "service_tier"),
        dropped=tuple(reading.dropped),
        **reasoning(body),
    )


def _marked(messages: tuple[Message, ...], mark: CacheMark) -> tuple[Message, ...]:
    """A mark on the whole body is one on its last block."""
    last = messages[-1].parts[-1] if messages[-1].parts else None
    if not mark or last is None or last.kind == "reasoning" or last.kind == "audio" or last.cache:
        return messages
    parts = (*messages[-1].parts[:-1], last.model_copy(update={"cache": mark}))
    return (*messages[:-1], messages[-1].model_copy(update={"parts": parts}))


_SERVER_BLOCKS = frozenset(("server_tool_use", "mcp_tool_use", "tool_reference", "container_upload", "compaction"))


def _text(block: Json, at: str) -> Iterator[Part]:
    cited = listed(block.get("citations") or [], f"{at}.citations")
    annotations = tuple(annotation(mapping(each, f"{at}.citations")) for each in cited)
    yield TextPart(text=text(block.get("text"), f"{at}.text"), annotations=annotations, cache=cache_mark(block))


def _image(block: Json, at: str) -> Iterator[Part]:
    source = mapping(block.get("source"), f"{at}.source")
    if source.get("type") == "file":
        yield ImagePart(file_id=text(source.get("file_id"), f"{at}.source.file_id"), cache=cache_mark(block))
    else:
        yield ImagePart(url=_url(source, f"{at}.source"), cache=cache_mark(block))


def _url(source: Json, at: str) -> str:
    if one_of(source.get("type"), ("base64", "url"), f"{at}.type") == "url":
        return text(source.get("url"), f"{at}.url")
    return f"data:{text(source.get('media_type'), f'{at}.media_type')};base64,{text(source.get('data'), f'{at}.data')}"


def _document(block: Json, at: str) -> Iterator[Part]:
    source = mapping(block.get("source"), f"{at}.source")
    kind = source.get("type")
    if kind == "content":
        content = source.get("content")
        pieces = [{"type": "text", "text": content}] if isinstance(content, str) else listed(content, f"{at}.source")
        for number_, piece in enumerate(pieces):
            where = f"{at}.source.content[{number_}]"
            known = mapping(piece, where)
            yield from (_image if known.get("type") == "image" else _text)(known, where)
        return
    url, file_id = "", ""
    if kind == "file":
        file_id = text(source.get("file_id"), f"{at}.source.file_id")
    elif kind == "text":
        data = text(source.get("data"), f"{at}.source.data")
        url = f"data:{source.get('media_type') or 'text/plain'};base64,{base64.b64encode(data.encode()).decode()}"
    else:
        url = _url(source, f"{at}.source")
    cite = block.get("citations")
    yield FilePart(
        url=url,
        file_id=file_id,
        name=text(block.get("title") or "", f"{at}.title"),
        context=text(block.get("context") or "", f"{at}.context"),
        cite=isinstance(cite, dict) and cast("Json", cite).get("enabled") is True,
        cache=cache_mark(block),
    )


def _search_result(block: Json, at: str) -> Iterator[Part]:
    """A result of the client's own search: its text, under its title and source."""
    pieces = listed(block.get("content") or [], f"{at}.content")
    words = [text(mapping(piece, f"{at}.content").get("text", ""), f"{at}.content") for piece in pieces]
    head = [text(block.get(name) or "", f"{at}.{name}") for name in ("title", "source")]
    yield TextPart(text="\n".join((*(line for line in head if line), "".join(words))), cache=cache_mark(block))


def _thinking(block: Json, at: str) -> Iterator[Part]:
    signature = text(block.get("signature") or "", f"{at}.signature")
    yield thinking_part(text(block.get("thinking"), f"{at}.thinking"), signature)


def _redacted(block: Json, at: str) -> Iterator[Part]:
    yield redacted_part(text(block.get("data"), f"{at}.data"))


def _tool_use(block: Json, at: str) -> Iterator[Part]:
    """A call; input that was no JSON comes back wrapped, as Anthropic has it ("Fine-grained tool streaming")."""
    arguments = dict(mapping(block.get("input") or {}, f"{at}.input"))
    call_id, name = text(block.get("id"), f"{at}.id"), text(block.get("name"), f"{at}.name")
    if arguments.keys() == {"INVALID_JSON"}:
        yield tool_call(call_id, name, str(arguments["INVALID_JSON"]))
        return
    raw = json.dumps(arguments)
    yield ToolCallPart(call_id=call_id, name=name, arguments=arguments, raw=raw, cache=cache_mark(block))


_BLOCKS: Mapping[str, Callable[[Json, str], Iterator[Part]]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
}
