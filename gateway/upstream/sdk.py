"""Answers by an official SDK's client, on any event loop: how the engine in process reaches its models.

The SDK sends (its connections, its proxies, its headers); its retries are off, and its answers are read as bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol, cast

import anyio
import httpx2

from gateway.upstream.base import Answer, Sent, Waits, unreachable, unreadable
from schemas.errors import ModelError

_CLOSE_S = 2.0


class SdkClient(Protocol):
    """The part of an SDK's client that is used."""

    async def post(self, path: str, *, cast_to: Any, content: bytes, options: Any, stream: bool) -> Any:
        """Send bytes; with ``httpx2.Response`` to cast to, the response comes as it is, its body not yet read."""
        ...

    async def close(self) -> None:
        """Give the connection back, or cut it."""
        """Close the connections."""
        ...


class SdkUpstream:
    """One provider's server.

    Args:
        client: Its retries are off.
        status_error: What the client raises for a status of 400 and above; it has the response.
        connection_error: What it raises when there is none.
        left_out: What stands for no value of each header that it would add by itself and that is ours to say; names
            in lower case.
    """

    def __init__(
        self,
        client: SdkClient,
        status_error: type[Exception],
        connection_error: type[Exception],
        left_out: Mapping[str, object],
    ) -> None:
        self._client = client
        self._status_error = status_error
        self._connection_error = connection_error
        self._left_out = left_out

    async def send(self, sent: Sent) -> Answer:
        """Send a request once. Contract, and what it raises: ``gateway.upstream.base.Upstream``."""
        waits = Waits(sent, anyio.current_time())
        try:
            with anyio.fail_after(max(0.0, waits.due - anyio.current_time())):
                response = await self._response(sent)
        except TimeoutError:
            raise waits.error() from None
        except (self._connection_error, httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError) as exc:
            raise _translated(sent.where, exc) from exc
        return _SdkAnswer(sent.where, response, waits)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _response(self, sent: Sent) -> httpx2.Response:
        options = {
            "headers": {**self._left_out, "content-type": "application/json", **sent.headers},
            "timeout": sent.timeout_s,
            "follow_redirects": False,
        }
        try:
            made = await self._client.post(
                sent.url, cast_to=httpx2.Response, content=sent.body, options=options, stream=True
            )
        except self._status_error as exc:
            return cast("httpx2.Response", cast("Any", exc).response)
        return cast("httpx2.Response", made)


class _SdkAnswer(Answer):
    """Its body is read as it comes; every wait has its own limit."""

    def __init__(self, where: str, response: httpx2.Response, waits: Waits) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self._where = where
        self._response = response
        self._bytes = response.aiter_bytes()
        self._waits = waits
        self._reading = False
        waits.heard(anyio.current_time())

    async def chunk(self) -> bytes:
        """Return the next bytes. Raises ModelError."""
        self._reading = True
        try:
            with anyio.fail_after(max(0.0, self._waits.due - anyio.current_time())):
                data = b""
                while not data:
                    data = await anext(self._bytes)
        except StopAsyncIteration:
            self._reading = False
            return b""
        except TimeoutError:
            raise self._waits.error() from None
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as exc:
            raise _translated(self._where, exc) from exc
        self._waits.heard(anyio.current_time())
        return data

    def began(self) -> None:
        """Note that content came."""
        self._waits.began()

    async def close(self) -> None:
        """Give the connection back, or cut it."""
        try:
            if self._reading:
                self._reading = False
                await self._unwind()
        finally:
            with anyio.move_on_after(_CLOSE_S, shield=True):
                await self._bytes.aclose()
                await self._response.aclose()

    async def _unwind(self) -> None:
        """Cancel a read, so that every generator inside the client ends: closing the outermost leaves the inner ones
        behind, of which trio warns.
        """
        with anyio.CancelScope() as scope, suppress(StopAsyncIteration, httpx2.HTTPError, httpx2.StreamError, OSError):
            scope.cancel()
            while True:
                await anext(self._bytes)


def _translated(where: str, exc: Exception) -> ModelError:
    cause = exc.__cause__ or exc
    if isinstance(cause, httpx2.DecodingError | httpx2.InvalidURL):
        return unreadable(where, cause)
    return unreachable(where, cause)
