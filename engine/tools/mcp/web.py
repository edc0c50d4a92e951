"""The way to a server that runs by itself: streamable HTTP, or server-sent events as servers had them before.

The SDK's transports do the talking: sessions, streams that are taken up again where they broke (``Last-Event-ID``),
redirects within the server's own origin. What differs here is what becomes of a failure: every answer that is no MCP
message, and every connection that fails, ends one request with a reason a person understands, and not all of them; and
what a server sends is capped. No address is refused: whoever owns the configuration named it.

Source: MCP 2025-11-25, Transports, "Session Management": a session is over when the server answers 404; DELETE ends it.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlsplit

import anyio
import httpx2
from mcp.client._transport import TransportStreams
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from engine.tools.failures import describe
from engine.tools.mcp.base import Address
from engine.tools.mcp.pipes import MAX_MESSAGE_BYTES

NO_ANSWER = -32_900
"""The code of an error that is ours, not the server's; ``data`` tells whether the server may have got the request."""

_SESSION = "mcp-session-id"
_CONNECT_S = 10.0
_LEAVE_S = 2.0
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_WORDS = {
    401: "it wants to know who asks (401 Unauthorized): set api_key or headers; OAuth is not possible here",
    403: "it refuses what it is sent as api_key or headers (403 Forbidden)",
    405: "it does not take what MCP sends (405 Method Not Allowed): is the path right, or does it need transport: sse?",
}


class Web:
    """A server's address with the requests made to it (``open`` is a transport for the SDK's client).

    Attributes:
        closed: Set when a new connection is needed: the session is over, or the server cannot be reached.
    """

    def __init__(self, address: Address) -> None:
        self.closed = anyio.Event()
        self._address = address
        self._place = urlsplit(address.url).netloc.rpartition("@")[2]
        self._reason = ""
        self._session = ""
        self._calls = 0

    @property
    def reason(self) -> str:
        """Why there is no connection, on one line."""
        return self._reason or "it closed the connection"

    def silence(self, seconds: float) -> str:
        """Say that it did not answer, on one line."""
        return f"{self._place} did not answer within {seconds:g} s"

    @contextmanager
    def calling(self) -> Generator[None]:
        """Count a call: while another one runs, what befalls one of them does not end the connection."""
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1
            self._settle()

    def broke_off(self) -> str:
        """Say that the answer to a call broke off; where all answers come over one stream, that was the connection."""
        if self._address.transport == "sse":
            self._lose(f"the connection to {self._place} broke off")
        return f"the connection to {self._place} broke off before it answered"

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[TransportStreams]:
        """Hand out the server's messages; leaving ends the session.

        Cancellation: the session is ended all the same, within 2 s.
        """
        if self._address.transport == "sse":
            async with sse_client(self._address.url, httpx_client_factory=self._http) as streams:
                yield streams
            return
        async with self._http() as http:
            over = streamable_http_client(
                self._address.url, http_client=http, terminate_on_close=False, max_sse_event_size=MAX_MESSAGE_BYTES
            )
            async with over as streams:
                try:
                    yield streams
                finally:
                    await self._leave(http)

    def _http(
        self,
        headers: dict[str, str] | None = None,
        timeout: httpx2.Timeout | None = None,  # noqa: ARG002 (as the SDK calls it)
        auth: httpx2.Auth | None = None,  # noqa: ARG002
    ) -> _Caller:
        """Return what sends requests; how long an answer may take is the affair of each call, not its."""
        patience = httpx2.Timeout(None, connect=_CONNECT_S)
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=4)
        return _Caller(self, headers={**self._address.headers, **(headers or {})}, timeout=patience, limits=limits)

    async def _leave(self, http: httpx2.AsyncClient) -> None:
        if self._session and not self._reason:
            with anyio.move_on_after(_LEAVE_S, shield=True):
                await http.delete(self._address.url, headers={_SESSION: self._session})

    # ------------------------------------------------------------------ what comes back

    async def looked_at(self, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        """Return an answer as the SDK can use it: a stream as it is, anything else whole, and a message in any case."""
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        self._session = response.headers.get(_SESSION, self._session)
        if request.method != "POST" or response.is_redirect:
            return response
        if response.is_success:
            self._reason = ""
        if response.status_code in (202, 204) or (response.is_success and kind == "text/event-stream"):
            return response
        body = await _whole(response)
        if body is None:
            return _refusal(request, f"{self._place} sent a message of more than {MAX_MESSAGE_BYTES // 1024**2} MB")
        if kind == "application/json" and response.is_success:
            return httpx2.Response(response.status_code, headers=_kept(response), content=body, request=request)
        return self._refused(request, response.status_code, kind, _error_in(body))

    def unreached(self, request: httpx2.Request, exc: httpx2.TransportError) -> httpx2.Response:
        """Return an answer that says why there is none."""
        if isinstance(exc, _NOT_SENT):
            reason = f"{self._place} cannot be reached: {_cause(exc)}"
            self._lose(reason)
            return _refusal(request, reason, ambiguous=False)
        return _refusal(request, f"the connection to {self._place} broke off: {_cause(exc)}")

    def _refused(
        self, request: httpx2.Request, status: int, kind: str, error: dict[str, Any] | None
    ) -> httpx2.Response:
        """Return an answer that says what another one means, which is an error of the server's or nothing of MCP."""
        if self._look_for_end(request, status, str((error or {}).get("message"))):
            return _refusal(request, "its session is over", ambiguous=False)
        if error is not None and status != HTTPStatus.UNAUTHORIZED:
            return _told(request, status, error)
        if status < 400:
            return _refusal(
                request, f"{self._place} does not speak MCP at this path: it answers with {kind or 'nothing'}"
            )
        said = _WORDS.get(status) or f"it answers {status} {_phrase(status)}".rstrip()
        if status == 401:
            self._lose(said)
        return _refusal(request, said, ambiguous=status >= 500 and status != 503)

    def _look_for_end(self, request: httpx2.Request, status: int, said: str) -> bool:
        """Note that the server no longer knows the session; tell whether that is so.

        Many servers answer 400 with words about it, where the specification asks for 404.
        """
        over = _SESSION in request.headers and (status == 404 or (status == 400 and "session" in said.lower()))
        if over:
            self._lose("its session is over")
        return over

    def _lose(self, reason: str) -> None:
        self._reason = reason
        self._settle()

    def _settle(self) -> None:
        """End the connection once nothing goes on over it, where it is known to be of no use any more."""
        if self._reason and self._calls == 0:
            self.closed.set()


class _Caller(httpx2.AsyncClient):
    """Sends the SDK's requests; has an answer to each."""

    def __init__(self, web: Web, **options: Any) -> None:
        super().__init__(**options)
        self._web = web

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:  # pyright: ignore[reportIncompatibleMethodOverride] (all of them are handed on)
        """Send a request; never raises for what the network or the server does."""
        try:
            return await self._web.looked_at(request, await super().send(request, **options))
        except httpx2.TransportError as exc:
            return self._web.unreached(request, exc)


async def _whole(response: httpx2.Response) -> bytes | None:
    """Return an answer's body; None where it is longer than any message may be."""
    body = bytearray()
    try:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_MESSAGE_BYTES:
                return None
    finally:
        await response.aclose()
    return bytes(body)


def _refusal(request: httpx2.Request, reason: str, *, ambiguous: bool = True) -> httpx2.Response:
    """Return an answer that the SDK takes for the server's own error."""
    error = {"code": NO_ANSWER, "message": reason, "data": {"ambiguous": ambiguous}}
    return _told(request, HTTPStatus.SERVICE_UNAVAILABLE, error)


def _told(request: httpx2.Request, status: int, error: dict[str, Any]) -> httpx2.Response:
    """Return an error as the SDK reads it: servers leave the id out, or put what is no id there."""
    return httpx2.Response(status, json={"jsonrpc": "2.0", "id": None, "error": error}, request=request)


def _error_in(body: bytes) -> dict[str, Any] | None:
    """Return an MCP server's own error, as far as it is one; None for any other body."""
    try:
        found: Any = json.loads(body)
    except ValueError:
        return None
    error: Any = cast("dict[str, Any]", found).get("error") if isinstance(found, dict) else None
    if not isinstance(error, dict):
        return None
    given = cast("dict[str, Any]", error)
    return given if isinstance(given.get("code"), int) and isinstance(given.get("message"), str) else None


def _kept(response: httpx2.Response) -> dict[str, str]:
    """Return the headers that still hold for a body that was read and unpacked."""
    return {name: response.headers[name] for name in ("content-type", _SESSION) if name in response.headers}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _cause(exc: BaseException) -> str:
    """Say what is behind a failed connection."""
    links = list(_chain(exc))
    telling = [link for link in links if isinstance(link, (ssl.SSLError, OSError)) and str(link)]
    return describe(telling[-1] if telling else links[0])


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    while exc is not None:
        yield exc
        exc = exc.__cause__ or exc.__context__
