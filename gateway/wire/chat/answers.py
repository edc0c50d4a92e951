"""Neutral answers and errors as chat completions, for clients.

Source: OpenAI's API reference; ``reasoning_content`` as DeepSeek and its clients have it, ``reasoning_details`` as
OpenRouter's.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable, Mapping
from typing import Any

from schemas.errors import EngineError
from schemas.model import ModelResponse, Part, ReasoningPart, StopReason, ToolCallPart
from schemas.result import Usage

FINISH: Mapping[StopReason, str] = {
    "end": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "stop_sequence": "stop",
    "refusal": "content_filter",
    "other": "stop",
}
_ANTHROPIC = "anthropic-claude-v1"
Wire = dict[str, Any]


def new_id() -> str:
    """Return an id for a completion."""
    return f"chatcmpl-{secrets.token_hex(12)}"


def completion(response: ModelResponse, asked: Mapping[str, Any]) -> Wire:
    """Return a whole answer."""
    legacy = legacy_functions(asked)
    answer: Wire = {
        "id": response.response_id or new_id(),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": response.model or asked.get("model") or "",
        "choices": [
            {
                "index": 0,
                "message": _message(response, legacy=legacy),
                "logprobs": None,
                "finish_reason": finish_reason(response, legacy=legacy),
            }
        ],
        "usage": usage(response.usage),
    }
    return answer | service_tier(response)


def legacy_functions(asked: Mapping[str, Any]) -> bool:
    """Return whether the client knows only the older ``functions``."""
    return bool(asked.get("functions")) and not asked.get("tools")


def service_tier(response: ModelResponse) -> Wire:
    """Return the tier, where it is one that OpenAI's clients know."""
    known = response.service_tier in ("auto", "default", "flex", "scale", "priority", "fast")
    return {"service_tier": response.service_tier} if known else {}


def finish_reason(response: ModelResponse, *, legacy: bool) -> str:
    """Return why the answer ended; words of refusal end it as any others do."""
    calls = any(part.kind == "tool_call" for part in response.parts)
    if calls and response.stop_reason in ("end", "tool_calls", "other"):
        return "function_call" if legacy else "tool_calls"
    if response.stop_reason == "refusal" and any(part.kind == "text" and part.refusal for part in response.parts):
        return "stop"
    return "stop" if response.stop_reason == "tool_calls" else FINISH[response.stop_reason]


def _message(response: ModelResponse, *, legacy: bool) -> Wire:
    words, refusal = _words(response.parts, refusal=False), _words(response.parts, refusal=True)
    calls = response.tool_calls
    message: Wire = {
        "role": "assistant",
        "content": words or (None if calls or refusal else ""),
        "refusal": refusal or response.refusal or None,
    }
    message |= _thinking([part for part in response.parts if part.kind == "reasoning"])
    cited = citations(response.parts)
    if cited:
        message["annotations"] = cited
    if calls and legacy:
        message["function_call"] = tool_call(calls[0])["function"]
    elif calls:
        message["tool_calls"] = [tool_call(call) for call in calls]
    return message


def _words(parts: Iterable[Part], *, refusal: bool) -> str:
    return "".join(part.text for part in parts if part.kind == "text" and part.refusal is refusal)


def _thinking(parts: list[ReasoningPart]) -> Wire:
    words = "".join(part.text for part in parts)
    fields: Wire = {"reasoning_content": words} if words else {}
    details = [detail(part.text, part, number) for number, part in enumerate(parts)]
    if not any(details):
        return fields
    plain = ({"type": "reasoning.text", "text": part.text, "index": number} for number, part in enumerate(parts))
    return fields | {"reasoning_details": [own or other for own, other in zip(details, plain, strict=True)]}


def detail(words: str, part: ReasoningPart, index: int) -> Wire | None:
    """Return the form in which a client can give thinking back that its provider signed or encrypted, or None."""
    if part.signature is not None and part.data is None:
        own = {"type": "reasoning.text", "text": words, "signature": part.signature}
        return own | {"format": _ANTHROPIC, "index": index}
    if part.data is None:
        return None
    if not part.data.startswith("{"):
        return {"type": "reasoning.encrypted", "data": part.data, "format": _ANTHROPIC, "index": index}
    kept: Wire = json.loads(part.data)
    return kept if "type" in kept else None


def citations(parts: Iterable[Part]) -> list[Wire]:
    """Return what web pages the text rests on; a place in it where the provider says one, else its part."""
    found: list[Wire] = []
    at = 0
    for part in parts:
        if part.kind == "text" and not part.refusal:
            found += [_citation(each, at, at + len(part.text)) for each in part.annotations if each.get("url")]
            at += len(part.text)
    return found


def _citation(annotation: Mapping[str, Any], start: int, end: int) -> Wire:
    """OpenAI's form, which nests it."""
    inner = {name: value for name, value in annotation.items() if name not in ("type", "source")}
    return {"type": "url_citation", "url_citation": {"title": "", "start_index": start, "end_index": end, **inner}}


def tool_call(part: ToolCallPart) -> Wire:
    """Return a call; arguments that were no JSON stay as the model wrote them."""
    raw = part.raw if part.raw.strip() else json.dumps(part.arguments)
    return {"id": part.call_id, "type": "function", "function": {"name": part.name, "arguments": raw}}


def usage(used: Usage) -> Wire:
    """Return the counts."""
    return {
        "prompt_tokens": used.input_tokens,
        "completion_tokens": used.output_tokens,
        "total_tokens": used.input_tokens + used.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": used.cached_tokens,
            "cache_write_tokens": used.cache_write_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": used.reasoning_tokens},
    }


# OpenAI itself calls a wrong key an invalid request; clients that look for those words (LiteLLM) would take it for one.
_TYPES = {401: "authentication_error", 402: "insufficient_quota", 403: "permission_error", 429: "rate_limit_error"}
_CODES = {
    "model.context_length": "context_length_exceeded",
    "model.refusal": "content_filter",
    "model.rate_limit": "rate_limit_exceeded",
    "model.no_route": "model_not_found",
    "request.access": "invalid_api_key",
    "request.busy": "rate_limit_exceeded",
}


def error_body(error: EngineError, request_id: str) -> Wire:
    """Return an error in OpenAI's envelope: its own codes where it has one, else ours.

    Source: OpenAI's "Error codes"; ``insufficient_quota`` is what clients know for money that is used up.
    """
    status = error.status
    kind = _TYPES.get(status) or ("server_error" if status >= 500 else "invalid_request_error")
    param = error.details.get("param")
    said = f"{error.message} ({error.hint})" if error.hint else error.message
    code = "insufficient_quota" if status == 402 else _CODES.get(error.code, error.code)
    told: Wire = {"message": said, "type": kind, "param": param if isinstance(param, str) else None, "code": code}
    return {"error": told, "request_id": request_id}
