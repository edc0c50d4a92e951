"""How much a model of Anthropic's shall think, in the words that the model knows.

Models up to 4.5 are given a budget of tokens; later ones think as they see fit, guided by an effort. None takes
thinking along with a forced tool.

Source: "Extended thinking" and "Adaptive thinking" of Anthropic's documentation; the shares by which words become
tokens from OpenRouter's "Reasoning tokens".
"""

from __future__ import annotations

import re
from typing import Any

from schemas.model import Message, ModelRequest

_WITH_BUDGET = re.compile(r"claude-(3-7-|((opus|sonnet|haiku)-4(-[015])?(-\d{8}|$|@)))")
_WITHOUT = re.compile(r"claude-(2|instant|3-(5-)?(opus|sonnet|haiku))")
_NEVER_OFF = re.compile(r"claude-(opus-4-[7-9]|mythos|fable)")
_SHARES = {"minimal": 0.1, "low": 0.2, "medium": 0.5, "high": 0.8, "xhigh": 0.9, "max": 0.95}
_EFFORTS = {"minimal": "low"}
_SHOWN = {"omitted": "omitted", "summarized": "summarized", "auto": "summarized", "detailed": "summarized"}
_LEAST = 1_024


def wants_thinking(request: ModelRequest) -> bool:
    """Return whether a request asks for thinking at all."""
    return request.think or request.thinking_tokens is not None or request.effort not in (None, "none")


def thinks(model: str, request: ModelRequest) -> bool:
    """Return whether a model can be asked to think about this request."""
    if not wants_thinking(request) or _WITHOUT.search(model) or request.tool_choice not in ("auto", "none"):
        return False
    if not _WITH_BUDGET.search(model):
        return True
    return _budget(request, request.max_output_tokens or _LEAST * 32) is not None and not _unsigned(request.messages)


def think(body: dict[str, Any], model: str, request: ModelRequest) -> None:
    """Add the wish for thinking to a body."""
    if request.effort == "none" and not _NEVER_OFF.search(model) and not _WITHOUT.search(model):
        body["thinking"] = {"type": "disabled"}
    if not thinks(model, request):
        return
    shown = {"display": _SHOWN[request.summary]} if request.summary in _SHOWN else {}
    if _WITH_BUDGET.search(model):
        body["thinking"] = {"type": "enabled", "budget_tokens": _budget(request, body["max_tokens"])} | shown
        return
    body["thinking"] = {"type": "adaptive"} | shown
    effort = _effort(request, body["max_tokens"])
    if effort is not None:
        body["output_config"] = {"effort": effort} | body.get("output_config", {})


def _budget(request: ModelRequest, most: int) -> int | None:
    """Return the tokens to think with, fewer than may be written in all; None where that leaves too few."""
    share = _SHARES.get(request.effort or "medium", 0.5)
    wanted = request.thinking_tokens or int(most * share)
    budget = max(_LEAST, min(wanted, most - 1))
    return budget if budget < most else None


def _effort(request: ModelRequest, most: int) -> str | None:
    if request.effort is not None:
        return _EFFORTS.get(request.effort, request.effort)
    if request.thinking_tokens is None:
        return None
    share = request.thinking_tokens / max(most, request.thinking_tokens)
    return "low" if share <= 0.35 else "medium" if share <= 0.65 else "high"


def _unsigned(messages: tuple[Message, ...]) -> bool:
    """Return whether the calls being answered came without signed thinking: with a budget, that is refused."""
    last = next((message for message in reversed(messages) if message.role == "assistant"), None)
    if last is None or not messages or not any(part.kind == "tool_result" for part in messages[-1].parts):
        return False
    return not any(
        part.kind == "reasoning" and ((part.signature and not part.data) or (part.data or "{")[0] != "{")
        for part in last.parts
    )
