"""Answers as clients of ``POST /v1/responses`` get them: the whole object, and what a stream shares with it.

Source: OpenAI's API reference, "Responses", the response object, and its OpenAPI document.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from gateway.wire.responses.citations import annotations
from gateway.wire.responses.thinking import reasoning_item
from schemas.model import ModelResponse, Part, TextPart
from schemas.result import Usage

Wire = dict[str, Any]

_TIERS = frozenset(("auto", "default", "flex", "scale", "priority"))
_ECHOED: Mapping[str, Any] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "temperature": 1.0,
    "tool_choice": "auto",
    "top_p": 1.0,
    "user": None,
}
"""What an answer repeats of the request, and what stands there where the request doesn't say."""


def response_object(response: ModelResponse, asked: Mapping[str, Any]) -> Wire:
    """Return a whole answer to what was asked."""
    made = made_object(new_id(), asked)
    output = list(items(response.parts, made["id"].removeprefix("resp_")))
    return ended_object(made, response, output)


def new_id() -> str:
    """Return an id for a new answer: it names nothing that could be fetched later."""
    return f"resp_{secrets.token_hex(16)}"


def made_object(response_id: str, asked: Mapping[str, Any]) -> Wire:
    """Return an answer that has just begun."""
    told = {name: default if asked.get(name) is None else asked[name] for name, default in _ECHOED.items()}
    if not asked.get("user"):
        del told["user"]
    return {
        "id": response_id,
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "model": asked.get("model") or "",
        "output": [],
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None} | _known(asked.get("reasoning"), ("effort", "summary")),
        "service_tier": _tier(asked.get("service_tier")),
        "store": False,
        "text": {"format": {"type": "text"}} | _known(asked.get("text"), ("format", "verbosity")),
        "tools": [_tool(tool) for tool in asked.get("tools") or ()],
        "top_logprobs": 0,
        "truncation": "disabled",
        **told,
    }


def ended_object(made: Wire, response: ModelResponse, output: Sequence[Wire]) -> Wire:
    """Return an answer that is over.

    Args:
        made: As it began.
        response: What it says of the end: model, usage, why it stopped.
        output: Its items.
    """
    reason = _incomplete(response)
    return made | {
        "status": "completed" if reason is None else "incomplete",
        "completed_at": int(time.time()) if reason is None else None,
        "incomplete_details": None if reason is None else {"reason": reason},
        "model": response.model or made["model"],
        "service_tier": _tier(response.service_tier or made["service_tier"]),
        "output": list(output),
        "usage": usage(response.usage),
    }


def items(parts: Sequence[Part], stem: str) -> Iterator[Wire]:
    """Yield the output items of an answer's parts: texts in a row are pieces of one message.

    Args:
        parts: Text, reasoning and calls in their order.
        stem: What the ids of the items end with, after their place.
    """
    message: Wire | None = None
    place = 0
    for part in parts:
        if part.kind == "text" and message is not None:
            message["content"].append(text_piece(part))
            continue
        message = None
        ends = f"{place:x}_{stem}"
        if part.kind == "text":
            message = message_item(f"msg_{ends}", [text_piece(part)])
            yield message
        elif part.kind == "reasoning":
            yield reasoning_item(part, f"rs_{ends}")
        elif part.kind == "tool_call":
            yield call_item(f"fc_{ends}", part.call_id, part.name, part.raw or "{}")
        else:
            continue
        place += 1


def message_item(item_id: str, content: list[Wire], status: str = "completed") -> Wire:
    """Return what the model says to the person."""
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": content}


def call_item(item_id: str, call_id: str, name: str, arguments: str, status: str = "completed") -> Wire:
    """Return a call of a function."""
    return {
        "id": item_id,
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    }


def text_piece(part: TextPart) -> Wire:
    """Return a piece of a message."""
    if part.refusal:
        return {"type": "refusal", "refusal": part.text}
    cited = annotations(part.annotations, part.text)
    return {"type": "output_text", "text": part.text, "annotations": cited, "logprobs": []}


def usage(used: Usage) -> Wire:
    """Return the counts of one answer."""
    return {
        "input_tokens": used.input_tokens,
        "input_tokens_details": {"cached_tokens": used.cached_tokens, "cache_write_tokens": used.cache_write_tokens},
        "output_tokens": used.output_tokens,
        "output_tokens_details": {"reasoning_tokens": used.reasoning_tokens},
        "total_tokens": used.total_tokens,
    }


def _incomplete(response: ModelResponse) -> str | None:
    """Return why an answer is not whole; a refusal in the model's own words is."""
    if response.stop_reason == "length":
        return "max_output_tokens"
    if response.stop_reason != "refusal":
        return None
    return None if any(part.kind == "text" and part.refusal for part in response.parts) else "content_filter"


def _tier(name: object) -> str:
    return name if isinstance(name, str) and name in _TIERS else "default"


def _known(options: object, names: tuple[str, ...]) -> Wire:
    """Return the fields of a client's options that are set."""
    given = cast("Wire", options) if isinstance(options, dict) else {}
    return {name: given[name] for name in names if given.get(name) is not None}


def _tool(tool: Any) -> Any:
    """Return a tool with the fields that the format requires."""
    return {"strict": None, "parameters": None, **tool} if tool.get("type") == "function" else tool
