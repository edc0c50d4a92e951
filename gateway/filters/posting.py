"""Filters' requests through the gateway's own seam to servers."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.upstream.base import Sent, Upstream


class UpstreamPost:
    """Sends a filter's requests with a maker of ``gateway.upstream`` (implements ``Post``)."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def __call__(
        self, url: str, headers: Mapping[str, str], body: bytes, *, timeout_s: float, most_bytes: int
    ) -> tuple[int, bytes]:
        """Return status and body. Raises ModelError, as the seam says.

        Cancellation: cuts the connection at once.
        """
        answer = await self._upstream.send(Sent("the filter", url, body, headers, timeout_s))
        try:
            return answer.status, await answer.read(most_bytes, where="the filter")
        finally:
            await answer.close()
