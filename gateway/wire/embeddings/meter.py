"""Usage off embeddings that pass through.

Source: OpenAI's API reference, "Create embeddings".
"""

from __future__ import annotations

from pydantic import BaseModel

from gateway.wire.metering import FormatMeter, Json
from gateway.wire.reading import Count
from schemas.result import Usage

_TAIL = 400


class WireUsage(BaseModel):
    """Token counts; all of them were read."""

    prompt_tokens: Count = None
    total_tokens: Count = None


class EmbeddingsMeter(FormatMeter):
    """Looks at one list of embeddings; they are never streamed."""

    __slots__ = ()

    def whole(self, content: bytes) -> None:
        """Take a whole answer in. Of a large one only the end is read, where model and usage stand after the numbers.

        Between the numbers nothing is quoted, so what looks like these keys there are these keys.
        """
        at = max(0, len(content) - _TAIL)
        start = min(content.find(key, at) for key in (b'"model"', b'"usage"'))
        if len(content) > 2 * _TAIL and start > 0:
            super().whole(b"{" + content[start:])
            if self.error is None and self.usage is not None:
                return
            self.error = self._counts = None
        super().whole(content)

    def _answer(self, body: Json) -> None:
        if body.get("error"):
            self.error = body
            return
        self._name(body)
        self._count(body.get("usage"))

    def _event(self, body: Json) -> None:
        self._answer(body)

    def _neutral(self, counts: Json) -> Usage:
        return Usage(
            calls=1, input_tokens=counts.get("prompt_tokens") or counts.get("total_tokens") or 0, cost_usd=None
        )
