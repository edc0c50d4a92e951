"""What an agent answers in the chat-completions format, whole or as a stream: text, usage, and what is no answer.

Agents are written in every language by everybody, so much is forgiven (a last line without its end, a missing
``[DONE]`` after ``finish_reason``, usage left out) and nothing is taken for an answer that is none.

Source: OpenAI API reference, "Create chat completion" and "Streaming"; OpenRouter's ``usage.cost``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from engine.tools.failures import http_failure
from schemas.errors import EngineError, ToolFailedError, ToolUnavailableError
from schemas.result import Usage

_BUSY = ("rate_limit", "overloaded", "unavailable", "timeout", "server_error")
_COSTS = ("cost_usd", "cost", "total_cost")
_SHOWN = 300


@dataclass(slots=True)
class ChatReply:
    """One reply as it comes.

    Attributes:
        name: The agent's, for errors.
        texts: Its text so far, in pieces.
        usage: What it says it used; None while it says nothing.
        finish: Its ``finish_reason``; empty before the end.
        ended: Whether ``[DONE]`` came.
    """

    name: str
    texts: list[str] = field(default_factory=list[str])
    usage: Usage | None = None
    finish: str = ""
    ended: bool = False
    refusal: str = ""
    calls: bool = False

    def take(self, chunk: object) -> tuple[str, str]:
        """Take a parsed chunk, or a whole completion, in; return (new text, new thought), either may be empty.

        Raises:
            ToolFailedError, ToolUnavailableError: It is an error, or nothing of this format.
        """
        if not isinstance(chunk, dict):
            raise ToolFailedError(f"{self.name} answered {_kind(chunk)}, not a chat completion")
        body = cast("dict[str, Any]", chunk)
        if body.get("error"):
            raise self.refused(body["error"])
        self._count(body.get("usage"))
        choices = body.get("choices")
        if choices is None and "usage" not in body and "id" not in body:
            raise ToolFailedError(
                f"{self.name} answered JSON that is no chat completion: it has no choices",
                hint="agents by url speak the chat-completions format",
            )
        text = thought = ""
        for choice in _dicts(choices)[:1]:
            self.finish = str(choice.get("finish_reason") or self.finish)
            said = _dict(choice.get("delta")) or _dict(choice.get("message"))
            text, thought = _text(said.get("content")), _text(said.get("reasoning_content"))
            self.refusal += _text(said.get("refusal"))
            self.calls = self.calls or bool(said.get("tool_calls"))
        if text:
            self.texts.append(text)
        return text, thought

    def event(self, data: bytes) -> tuple[str, str]:
        """Take the data of a server-sent event in. Raises as ``take``."""
        if self.ended or not data.strip():
            return "", ""
        if data.strip() == b"[DONE]":
            self.ended = True
            return "", ""
        try:
            chunk = json.loads(data)
        except ValueError:
            raise ToolFailedError(f"{self.name} sent an event that is no JSON: {shown(data)}") from None
        return self.take(chunk)

    def answer(self) -> str:
        """Return the whole text.

        Raises:
            ToolFailedError: It is empty, refused, or a wish for tools; it was cut at its longest.
        """
        text = "".join(self.texts)
        if self.finish == "content_filter":
            raise ToolFailedError(f"{self.name} broke its answer off: its content filter stepped in")
        if text.strip():
            if self.finish == "length":
                raise ToolFailedError(f"{self.name} broke its answer off at its longest", hint="ask it for less")
            return text
        if self.refusal:
            raise ToolFailedError(f"{self.name} refused: {shown(self.refusal.encode())}")
        if self.calls:
            raise ToolFailedError(f"{self.name} asks for tools to be called instead of answering; it is offered none")
        raise ToolFailedError(f"{self.name} gave an empty answer")

    def refused(self, error: object) -> EngineError:
        """Return what an error object, whole or in a stream, is to a step."""
        known = _dict(error)
        message = str(known.get("message") or known.get("detail") or error)
        status = known.get("status") or known.get("code")
        said = f"{self.name} answered with an error: {shown(message.encode())}"
        if isinstance(status, int) and 400 <= status < 600:
            return agent_failure(said, status, {})
        kind = f"{known.get('type', '')} {known.get('code', '')}".lower()
        if any(word in kind for word in _BUSY):
            return ToolUnavailableError(said, details={"ambiguous": False})
        return ToolFailedError(said)

    def _count(self, usage: object) -> None:
        told = _dict(usage)
        if not told:
            return
        cost = next((told[key] for key in _COSTS if isinstance(told.get(key), (int, float))), None)
        self.usage = Usage(
            calls=1,
            input_tokens=_number(told.get("prompt_tokens")),
            cached_tokens=_number(_dict(told.get("prompt_tokens_details")).get("cached_tokens")),
            output_tokens=_number(told.get("completion_tokens")),
            reasoning_tokens=_number(_dict(told.get("completion_tokens_details")).get("reasoning_tokens")),
            cost_usd=float(cost) if cost is not None and cost >= 0 else None,
        )


def agent_failure(message: str, status: int, headers: Mapping[str, str], *, hint: str = "") -> EngineError:
    """Return what an HTTP error of an agent is; one that says it is too busy did certainly nothing."""
    error = http_failure(message, status, headers, hint=hint)
    if status in (408, 425, 429, 503):
        error.details.setdefault("ambiguous", False)
    return error


def shown(data: bytes) -> str:
    """Return the beginning of what came, on one line."""
    text = " ".join(data[: 4 * _SHOWN].decode("utf-8", "replace").split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _text(content: object) -> str:
    """Return the text of a message's content: itself, or its parts of kind text put together."""
    if isinstance(content, str):
        return content
    parts = (part.get("text") for part in _dicts(content) if part.get("type", "text") in ("text", "output_text"))
    return "".join(part for part in parts if isinstance(part, str))


def _dict(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _dicts(value: object) -> list[dict[str, Any]]:
    listed = cast("list[object]", value) if isinstance(value, list) else []
    return [_dict(one) for one in listed]


def _number(value: object) -> int:
    return int(value) if isinstance(value, (int, float)) and 0 <= value < 1e12 else 0


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
