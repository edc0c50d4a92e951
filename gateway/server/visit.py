"""One request at its desk, and how it is answered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.server.allowance import allowance
from gateway.server.answering import Message, Receive, Send
from gateway.server.connection import EXTENSION, Connection
from gateway.server.desk import Desk
from gateway.server.failures import Headers, failure
from gateway.server.guests import Application
from gateway.server.head import Head
from schemas.bookkeeping import ApiKey
from schemas.errors import EngineError
from schemas.gateway import WireFormat

_EXPOSED = (
    b"x-request-id, request-id, retry-after, x-engine-model, x-engine-route, x-engine-run, x-engine-attempts, "
    b"x-engine-cost-usd, x-engine-cache, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, "
    b"x-ratelimit-reset-requests, x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens"
)


@dataclass(slots=True, eq=False)
class Visit:
    """One request.

    Attributes:
        scope, receive, send: ASGI's.
        head: What its head says.
        desk: Of the listener, as configured when the request began.
        form: The format its client speaks: errors come in it.
        key: With which it came; None where none is needed.
        started: Whether the answer's head was sent.
        application: What answers in the gateway's place, where the gateway has nothing at the path.
        screened: Whether the listener's filters have seen the request, and see the answer.
    """

    scope: Message
    receive: Receive
    send: Send
    head: Head
    desk: Desk
    form: WireFormat = "chat"
    key: ApiKey | None = None
    started: bool = False
    application: Application | None = None
    screened: bool = False

    @property
    def connection(self) -> Connection | None:
        """The connection it came on; None under another server."""
        return self.scope.get("extensions", {}).get(EXTENSION)

    async def start(self, status: int, headers: Headers) -> None:
        """Send the answer's head, with what every answer has."""
        headers += self.marks()
        self.started = True
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    def marks(self) -> Headers:
        """Return the headers of every answer: the request's id, the key's limits, what other sites' pages may read."""
        request_id = self.head.request_id.encode()
        headers: Headers = [(b"x-request-id", request_id)]
        if self.form == "messages":
            headers.append((b"request-id", request_id))
        if self.key is not None:
            headers += allowance(self.desk.gateway, self.key)
        origin = self.head.heeded.get("origin")
        if origin is not None and self.desk.doors.shares(origin):
            headers += [(b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"origin")]
            headers.append((b"access-control-expose-headers", _EXPOSED))
        return headers

    async def answer(self, status: int, body: bytes, headers: Headers) -> None:
        """Answer with a whole body."""
        await self.start(status, [*headers, (b"content-length", b"%d" % len(body))])
        await self.send({"type": "http.response.body", "body": body})

    async def answer_json(self, value: Any, *, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """Answer with JSON."""
        body = json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")
        await self.answer(200, body, [(b"content-type", b"application/json"), *headers])

    async def fail(self, error: EngineError) -> None:
        """Answer with an error, in the client's envelope."""
        if self.application is not None:
            status, headers, body = self.application.failure(error)
        else:
            status, headers, body = failure(error, self.form, self.head.request_id)
        await self.start(status, headers)
        await self.send({"type": "http.response.body", "body": body})
