"""Usage, and what else is worth knowing, off chat completions that pass through."""

from __future__ import annotations

from typing import Any

from gateway.wire.chat.shapes import WireUsage
from gateway.wire.metering import FormatMeter, Json
from schemas.result import Usage


class ChatMeter(FormatMeter):
    """Looks at one chat completion."""

    __slots__ = ("_closed",)

    def __init__(self) -> None:
        super().__init__()
        self._closed = False

    @property
    def complete(self) -> bool:
        """Whether the answer is whole if nothing more comes: not every server sends ``[DONE]``, or a reason to stop."""
        return self.ended or bool(self.stop_reason) or self._closed

    def _answer(self, body: Json) -> None:
        if body.get("error") and not body.get("choices"):
            self.error = body
            return
        self._event({**body, "error": None})
        if not body["choices"]:
            self.error = {"error": {"type": "malformed", "message": "no answer"}}

    def _done(self) -> None:
        self.ended = True

    def _event(self, body: Json) -> None:
        if body.get("error"):
            self.error = body
            return
        if not self.model:
            self._name(body)
        usage = body.get("usage")
        if usage:
            self._count(usage)
            self._closed = not body.get("choices")  # some servers count in every chunk
        for choice in body.get("choices") or ():
            if choice.get("error"):
                self.error = {"error": choice["error"]}
            delta = choice.get("delta") or choice.get("message")
            if delta:
                self._take(delta)
            reason = choice.get("finish_reason")
            if reason and not choice.get("index"):
                self.stop_reason = str(reason)

    def _take(self, delta: Any) -> None:
        if delta.get("annotations"):  # what a search of the provider's found
            self.beyond = self.beyond or "web searches"
        content = delta.get("content")
        if content:
            self._grow(content)
        if len(delta) > 1 or not content:
            self._grow(delta.get("reasoning_content") or delta.get("reasoning"), delta.get("refusal"))
            for call in delta.get("tool_calls") or ():
                function: Json = call.get("function") or {}
                self._grow(function.get("name"), function.get("arguments"))
            if delta.get("function_call"):
                self._grow(delta["function_call"].get("name"), delta["function_call"].get("arguments"))

    def _neutral(self, counts: Json) -> Usage:
        return WireUsage.model_validate(counts).neutral()
