"""A listener's filters before and behind an assistant: what it is asked, and what it answers, as calls of models."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gateway.exchange import ClientCall
from gateway.server.visit import Message, Send, Visit
from gateway.sse import SseDecoder, SseEvent
from schemas.gateway import WireFormat

if TYPE_CHECKING:
    from gateway.filters import Chain


async def screened(visit: Visit, call: ClientCall, chain: Chain) -> ClientCall:
    """Return what an assistant is asked once filters have seen it; what it answers passes them, too.

    Raises:
        FilterBlockedError: A filter refused the request.
        FilterFailedError: One failed, and nothing goes on without it.
    """
    body = await chain.request(call.format, call.parsed, streamed=call.streamed)
    visit.send = Screen(chain, call.format, visit.send).send
    visit.screened = True
    return call if body is call.parsed else call.changed(body)


class Screen:
    """Stands where an answer is sent: a stream passes the filters event by event, a whole answer at its end.

    Errors are sent as they are: they hold nothing of what was asked or found. Nothing is sent behind an answer that a
    filter stopped; its run goes on.

    Args:
        chain: The filters.
        wire: The client's format.
        send: Sends on.
    """

    def __init__(self, chain: Chain, wire: WireFormat, send: Send) -> None:
        self._chain = chain
        self._wire: WireFormat = wire
        self._send = send
        self._output = chain.output(wire)
        self._decoder = SseDecoder("the assistant")
        self._head: Message | None = None
        self._body = bytearray()
        self._streams = False
        self._bare = False
        self._over = False

    async def send(self, message: Message) -> None:
        """Send one message of ASGI's. Raises FilterFailedError."""
        if message["type"] == "http.response.start":
            kind = dict(message["headers"]).get(b"content-type", b"")
            self._streams = kind.startswith(b"text/event-stream")
            self._bare = message["status"] >= 400
            self._head = message
            if self._streams or self._bare:
                await self._send(message)
        elif self._bare or (self._output is None and self._streams):
            await self._send(message)
        elif self._streams:
            await self._stream(message)
        else:
            await self._whole(message)

    async def _stream(self, message: Message) -> None:
        piece: bytes = message.get("body", b"")
        if self._over or self._output is None:
            return
        if piece.startswith(b":"):  # a comment that keeps the line: no event
            await self._send(message)
            return
        passed = await self._output.feed(self._decoder.feed(piece))
        self._over = self._output.blocked is not None
        if not message.get("more_body") and not self._over:
            passed += await self._output.finish()
            self._over = True
        if passed or self._over:
            await self._send({"type": message["type"], "body": _joined(passed), "more_body": not self._over})

    async def _whole(self, message: Message) -> None:
        self._body += message.get("body", b"")
        if message.get("more_body") or self._head is None:
            return
        told: dict[str, Any] = json.loads(bytes(self._body))
        changed = await self._chain.reply(self._wire, told)
        body = bytes(self._body) if changed is told else json.dumps(changed, ensure_ascii=False).encode()
        headers = [(name, value) for name, value in self._head["headers"] if name != b"content-length"]
        await self._send({**self._head, "headers": [*headers, (b"content-length", b"%d" % len(body))]})
        await self._send({"type": message["type"], "body": body})


def _joined(events: Sequence[SseEvent]) -> bytes:
    return b"".join(event.raw for event in events)
