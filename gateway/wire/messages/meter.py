"""Usage, and what else is worth knowing, off messages that pass through."""

from __future__ import annotations

from gateway.wire.messages.replies import WireUsage
from gateway.wire.metering import FormatMeter, Json
from schemas.result import Usage


class MessagesMeter(FormatMeter):
    """Looks at one message."""

    __slots__ = ()

    def _answer(self, body: Json) -> None:
        if body.get("type") == "error" or body.get("error"):
            self.error = body
            return
        self._head(body)
        for block in body["content"]:
            self._block(block)

    def _event(self, body: Json) -> None:
        kind = body.get("type")
        if kind == "content_block_delta":
            delta = body["delta"]
            self._grow(delta.get("text") or delta.get("thinking") or delta.get("partial_json"))
        elif kind == "content_block_start":
            self._block(body["content_block"])
        elif kind == "message_start":
            self._head(body["message"])
        elif kind == "message_delta":
            added: Json = body.get("delta") or {}
            self.stop_reason = str(added.get("stop_reason") or self.stop_reason)
            self._count(body.get("usage"))
        elif kind == "message_stop":
            self.ended = True
        else:
            self._other(kind, body)

    def _other(self, kind: object, body: Json) -> None:
        """An error; a kind of event that is not known is passed over."""
        if kind == "error" or body.get("error"):
            self.error = body
        elif not isinstance(kind, str):
            raise KeyError("type")

    def _head(self, message: Json) -> None:
        self._name(message)
        self.stop_reason = str(message.get("stop_reason") or "")
        self._count(message.get("usage"))

    def _block(self, block: Json) -> None:
        self._grow(block.get("text"), block.get("thinking"), block.get("name"), block.get("input"))

    def _neutral(self, counts: Json) -> Usage:
        return WireUsage.model_validate(counts).neutral()
