"""Who may ask: a token, compared in constant time; no page of another site; no other host's name.

Source: RFC 6750 (bearer tokens).
"""

from __future__ import annotations

import hmac
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from engine.serve.failures import failed
from gateway.server.doors import Doors
from schemas.errors import AccessError, EngineError

OPEN = ("/healthz", "/readyz")


class Guard:
    """Lets a request through, or answers it.

    Args:
        app: What is guarded.
        token: The bearer token; None: no one is asked for it.
        hosts: Names this server is called by; empty: any.
    """

    def __init__(self, app: ASGIApp, *, token: str | None, hosts: Collection[str]) -> None:
        self._app = app
        self._token = token.encode() if token else None
        self._doors = Doors(hosts, hint="--allow-host adds a name")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request and hand it on."""
        if scope["type"] == "http":
            refusal = self._refusal(Headers(scope=scope), str(scope["path"]))
            if refusal is not None:
                await failed(refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, headers: Headers, path: str) -> EngineError | None:
        stranger = self._doors.refusal(headers.get("host", ""), headers.get("origin"))
        if stranger is not None:
            return stranger
        if self._token is None or path in OPEN:
            return None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(given.strip().encode("latin-1"), self._token)
        if right and scheme.lower() == "bearer":
            return None
        return AccessError("a token is needed", hint="send Authorization: Bearer <token>")
