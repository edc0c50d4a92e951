"""Who may ask: a token, compared in constant time; no page of another site; no other host's name.

A server on this machine is within reach of every web page that its user opens. Such a page cannot read our answers
(no CORS headers are sent), but it could send requests, or be served under a name that suddenly means 127.0.0.1.
Source: RFC 6750 (bearer tokens), RFC 6454 (Origin).
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from engine.serve.failures import failed
from schemas.errors import AccessError, EngineError, OriginError

OPEN = ("/healthz", "/readyz")
_LOCAL = ("localhost", "127.0.0.1", "::1")


def is_loopback(host: str) -> bool:
    """Whether a host to listen on is reached from this machine only.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


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
        self._hosts = {*hosts, *_LOCAL} if hosts else set[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request and hand it on."""
        if scope["type"] == "http":
            refusal = self._refusal(Headers(scope=scope), str(scope["path"]))
            if refusal is not None:
                await failed(refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, headers: Headers, path: str) -> EngineError | None:
        host = _name(f"//{headers.get('host', '')}")
        if self._hosts and host not in self._hosts:
            return OriginError(f"this server is not {host[:80] or 'named'}", hint="--allow-host adds a name")
        origin = headers.get("origin")
        if origin is not None and _name(origin) != host:
            return OriginError(f"pages of {origin[:80]} may not use this server")
        if self._token is None or path in OPEN:
            return None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(given.strip().encode("latin-1"), self._token)
        if right and scheme.lower() == "bearer":
            return None
        return AccessError("a token is needed", hint="send Authorization: Bearer <token>")


def _name(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").rstrip(".")
    except ValueError:
        return ""
