"""Neutral answers and errors as messages, for clients.

Source: the Messages API reference; "Errors" of Anthropic's documentation.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from gateway.wire.messages.citations import citation
from gateway.wire.messages.seals import thinking_block
from schemas.errors import EngineError
from schemas.model import ModelResponse, Part, StopReason, ToolCallPart
from schemas.result import Usage

STOPS: Mapping[StopReason, str] = {
    "end": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "stop_sequence": "stop_sequence",
    "refusal": "refusal",
    "other": "end_turn",
}
Wire = dict[str, Any]


def new_id() -> str:
    """Return an id for a message."""
    return f"msg_{secrets.token_hex(12)}"


def message(response: ModelResponse, asked: Mapping[str, Any]) -> Wire:
    """Return a whole answer."""
    return {
        "id": response.response_id or new_id(),
        "type": "message",
        "role": "assistant",
        "model": response.model or asked.get("model") or "",
        "content": [block for part in response.parts if (block := _block(part)) is not None],
        **ending(response),
        "usage": usage(response),
    }


def ending(response: ModelResponse) -> Wire:
    """Return why it ended. Whoever got calls is told to make them, whatever the provider calls its end."""
    reason = STOPS[response.stop_reason]
    if response.tool_calls and response.stop_reason in ("end", "other"):
        reason = "tool_use"
    elif response.stop_reason == "tool_calls" and not response.tool_calls:
        reason = "end_turn"
    ended: Wire = {"stop_reason": reason, "stop_sequence": response.stop_sequence or None}
    if response.refusal:
        ended["stop_details"] = {"type": "refusal", "category": None, "explanation": response.refusal}
    return ended


def _block(part: Part) -> Wire | None:
    match part.kind:
        case "text":
            block: Wire = {"type": "text", "text": part.text}
            cited = [found for each in part.annotations if (found := citation(each)) is not None]
            return block | {"citations": cited} if cited else block
        case "reasoning":
            return thinking_block(part)
        case "tool_call":
            return {"type": "tool_use", "id": part.call_id, "name": part.name, "input": _input(part)}
        case _:
            return None


def _input(part: ToolCallPart) -> Wire:
    """Arguments; what was no JSON is wrapped, as Anthropic has it ("Fine-grained tool streaming")."""
    return part.arguments if part.valid else {"INVALID_JSON": part.raw}


def usage(response: ModelResponse) -> Wire:
    """Return the counts: what was read fresh, written to the cache, and read from it, apart."""
    counts = tokens(response.usage)
    known = response.service_tier in ("standard", "priority", "batch")
    return counts | {"service_tier": response.service_tier if known else None}


def tokens(used: Usage) -> Wire:
    """Return the counts as a stream's end has them."""
    counts: Wire = {
        "input_tokens": max(0, used.input_tokens - used.cached_tokens - used.cache_write_tokens),
        "cache_creation_input_tokens": used.cache_write_tokens,
        "cache_read_input_tokens": used.cached_tokens,
        "output_tokens": used.output_tokens,
    }
    if used.cache_write_1h_tokens:
        shorter = used.cache_write_tokens - used.cache_write_1h_tokens
        kept = {"ephemeral_1h_input_tokens": used.cache_write_1h_tokens, "ephemeral_5m_input_tokens": shorter}
        counts["cache_creation"] = kept
    if used.reasoning_tokens:
        counts["output_tokens_details"] = {"thinking_tokens": used.reasoning_tokens}
    return counts


_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def error_body(error: EngineError, request_id: str) -> Wire:
    """Return an error in Anthropic's envelope."""
    status = error.status
    kind = _TYPES.get(status) or ("api_error" if status >= 500 else "invalid_request_error")
    said = f"{error.message} ({error.hint})" if error.hint else error.message
    return {"type": "error", "error": {"type": kind, "message": said}, "request_id": request_id}
