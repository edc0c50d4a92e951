"""Filters' requests through the gateway's own seam to servers: connections that are kept, on asyncio."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import cast

from gateway.upstream.base import Sent, Upstream


class PooledPost:
    """Sends filters' requests over aiohttp, which is imported with the first (implements ``Post``)."""

    def __init__(self) -> None:
        self._upstreams: dict[str, Upstream] = {}

    async def __call__(
        self, url: str, headers: Mapping[str, str], body: bytes, *, timeout_s: float, most_bytes: int
    ) -> tuple[int, bytes]:
        """Return status and body. Raises ModelError, as the seam says.

        Cancellation: cuts the connection at once.
        """
        answer = await self._upstream(url).send(Sent("the filter", url, body, headers, timeout_s))
        try:
            return answer.status, await answer.read(most_bytes, where="the filter")
        finally:
            await answer.close()

    async def aclose(self) -> None:
        """Close the connections."""
        upstreams, self._upstreams = self._upstreams, {}
        for upstream in upstreams.values():
            await upstream.aclose()

    def _upstream(self, url: str) -> Upstream:
        if url not in self._upstreams:
            make = import_module("gateway.upstream.aiohttp").AiohttpUpstream
            self._upstreams[url] = cast("Upstream", make(url))
        return self._upstreams[url]
