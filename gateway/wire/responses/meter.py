"""Usage, and what else is worth knowing, off responses that pass through.

Source: OpenAI's API reference, "Responses" and "Streaming events".
"""

from __future__ import annotations

from typing import Any

from gateway.wire.metering import FormatMeter, Json
from gateway.wire.responses.shapes import WireUsage
from schemas.result import Usage

_BILLED = {
    "web_search_call": "web searches",
    "file_search_call": "file searches",
    "code_interpreter_call": "code interpreter",
    "image_generation_call": "images",
    "computer_call": "computer use",
}
"""Items of an answer that OpenAI bills by themselves.

Source: https://platform.openai.com/docs/pricing (built-in tools).
"""

_LAST = frozenset(("response.completed", "response.incomplete", "response.failed"))


class ResponsesMeter(FormatMeter):
    """Looks at one response."""

    __slots__ = ()

    def _answer(self, body: Json) -> None:
        self._end(body)
        for item in body.get("output") or ():
            for piece in (*(item.get("content") or ()), *(item.get("summary") or ())):
                self._grow(piece.get("text") or piece.get("refusal"))
            self._grow(item.get("name"), item.get("arguments"))
        if not self.error and body.get("object") != "response" and "output" not in body:
            raise KeyError("output")

    def _event(self, body: Json) -> None:
        kind: str = body["type"]
        if kind.endswith(".delta"):
            delta = body.get("delta")
            if isinstance(delta, str):
                self._grow(delta)
        elif kind in _LAST:
            self.ended = True
            self._end(body["response"])
        elif kind == "response.created":
            self._name(body["response"])
        elif kind == "response.output_item.added":
            self._grow(body["item"].get("name"))
        elif kind == "error" or body.get("error"):
            self.error = body

    def _end(self, response: Json) -> None:
        self._name(response)
        self._count(response.get("usage"))
        ran = {item.get("type") for item in response.get("output") or ()} & _BILLED.keys()
        self.beyond = self.beyond or ", ".join(_BILLED[kind] for kind in sorted(ran))
        why: Any = response.get("incomplete_details") or {}
        self.stop_reason = str(why.get("reason") or response.get("status") or "")
        if response.get("error") or response.get("status") == "failed":
            self.error = {"error": response.get("error") or {"message": "the response failed"}}

    def _neutral(self, counts: Json) -> Usage:
        return WireUsage.model_validate(counts).neutral()
