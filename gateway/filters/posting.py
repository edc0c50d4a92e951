"""Filters' requests through the gateway's own seam to servers, over connections that are kept."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import cast

from gateway.providers import Maker
from gateway.upstream.base import Sent, Upstream

_UPSTREAMS = {
    "http1": ("gateway.upstream.http1", "Http1Upstream"),
    "sdk": ("gateway.upstream.plain", "plain_upstream"),
}


class PooledPost:
    """Sends filters' requests (implements ``gateway.filters.base.Post``); who carries them is imported with the first.

    Args:
        maker: ``http1`` on asyncio, ``sdk`` on any event loop.
    """

    def __init__(self, maker: Maker = "http1") -> None:
        self._maker: Maker = maker
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
            module, name = _UPSTREAMS[self._maker]
            self._upstreams[url] = cast("Upstream", getattr(import_module(module), name)(url))
        return self._upstreams[url]
