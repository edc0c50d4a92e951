"""Any server as an upstream, on any event loop: the HTTP client of the SDKs without an SDK around it."""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy
from typing import Any

import httpx2

from gateway.upstream.sdk import SdkUpstream


class _Client:
    """httpx2's client as the seam sees an SDK's (implements ``gateway.upstream.sdk.SdkClient``)."""

    def __init__(self) -> None:
        self._client = httpx2.AsyncClient()
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))  # none is kept

    async def post(self, path: str, *, cast_to: Any, content: bytes, options: Any, stream: bool) -> Any:
        """Send bytes; the response comes as it is, its body not yet read."""
        del cast_to
        request = self._client.build_request(
            "POST", path, content=content, headers=options["headers"], timeout=options["timeout"]
        )
        return await self._client.send(request, stream=stream, follow_redirects=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def plain_upstream(_base_url: str) -> SdkUpstream:
    """Return an upstream that adds nothing to what is sent."""
    return SdkUpstream(_Client(), httpx2.HTTPStatusError, httpx2.TransportError, {})
