"""Answers by aiohttp: the gateway over HTTP reaches every provider this way. asyncio only.

No cookies, no redirects, no retries of its own; certificates are checked; proxies of the environment are heeded, and
looked up once (aiohttp itself would ask the environment and ``.netrc`` anew, in a thread, at every request).
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from gateway.upstream.base import Answer, Sent, Waits, unreachable, unreadable
from schemas.errors import ModelError

_CONNECT_S = 30.0
_KEEP_S = 30.0
_HEADER_BYTES = 65_536
_LARGE_BODY = 2**20  # above it aiohttp wants a file
_KNOWN_URLS = 256
_JSON = "application/json"


class AiohttpUpstream:
    """One provider's server, over connections that are kept; belongs to the event loop of its first request.

    Args:
        base_url: Where it is.

    Attributes:
        proxy: What leads there, as the environment says; None: nothing has to.
    """

    def __init__(self, base_url: str) -> None:
        self.proxy = _proxy(base_url)
        self._session: aiohttp.ClientSession | None = None
        self._urls: dict[str, URL] = {}

    async def send(self, sent: Sent) -> Answer:
        """Send a request once. Contract, and what it raises: ``gateway.upstream.base.Upstream``."""
        session = self._session or self._open()
        url = self._urls.get(sent.url) or self._url(sent.url)
        loop = asyncio.get_running_loop()
        waits = Waits(sent, loop.time())
        body = sent.body if len(sent.body) <= _LARGE_BODY else io.BytesIO(sent.body)
        try:
            async with asyncio.timeout_at(waits.due):
                response = await session.request(
                    sent.method, url, data=body, headers=sent.headers, allow_redirects=False, proxy=self.proxy
                )
        except aiohttp.ClientError as exc:
            raise _translated(sent.where, exc) from None  # its request holds the key
        except TimeoutError:
            raise waits.error() from None
        except (OSError, ValueError) as exc:
            raise _translated(sent.where, exc) from None
        return _AiohttpAnswer(sent.where, response, waits, loop)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S),
            headers={"content-type": _JSON},
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
        )
        return self._session

    def _url(self, url: str) -> URL:
        """Parse an address once: there are only as many as formats, or deployments."""
        if len(self._urls) >= _KNOWN_URLS:
            self._urls.clear()
        known = self._urls[url] = URL(url)
        return known


class _AiohttpAnswer(Answer):
    """One answer; one timer looks after all its waiting, and is set anew only when it fires."""

    __slots__ = ("_content", "_error", "_loop", "_response", "_timer", "_waits", "_where", "headers", "status")

    def __init__(
        self, where: str, response: aiohttp.ClientResponse, waits: Waits, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._where = where
        self._response = response
        self._content = response.content
        self._waits = waits
        self._loop = loop
        self._error: ModelError | None = None
        waits.heard(loop.time())
        self._timer = None if self._content.at_eof() else loop.call_at(waits.due, self._look)

    async def chunk(self) -> bytes:
        """Return the next bytes. Raises ModelError."""
        try:
            data = await self._content.readany()
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            raise self._error or _translated(self._where, exc) from None  # its request holds the key
        if data:
            self._waits.heard(self._loop.time())
        elif self._error is not None:
            raise self._error
        else:
            self._stop()
        return data

    def began(self) -> None:
        """Note that content came."""
        if not self._waits.content:
            self._waits.began()
            self._stop()
            self._timer = self._loop.call_at(self._waits.due, self._look)

    async def finish(self) -> None:
        """Note that nothing more is wanted; most servers have ended the body with its last event already."""
        if not self._content.at_eof():
            await super().finish()

    async def close(self) -> None:
        """Give the connection back, or cut it."""
        self._stop()
        self._response.close()  # an answer read to its end has given its connection back already

    def _look(self) -> None:
        """Cut the connection if it is too late, else look again when it would be."""
        due = self._waits.due
        if self._loop.time() < due:
            self._timer = self._loop.call_at(due, self._look)
            return
        self._error = self._waits.error()
        self._content.set_exception(aiohttp.ClientError("too late"))
        self._response.close()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _translated(where: str, exc: Exception) -> ModelError:
    broken = isinstance(exc, aiohttp.ClientPayloadError) and "encod" in str(exc)
    if isinstance(exc, aiohttp.ClientResponseError):
        return unreadable(where, ValueError(exc.message))  # its own text holds the server's address
    if broken or isinstance(exc, ValueError):
        return unreadable(where, exc)
    return unreachable(where, exc)


def _proxy(url: str) -> str | None:
    """Return the proxy that the environment names for a server."""
    parts = urlsplit(url)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")
