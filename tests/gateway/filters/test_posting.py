"""Who posts what filters and webhooks say."""

from __future__ import annotations

import pytest

from gateway.filters.posting import PooledPost
from gateway.providers import Maker
from schemas.errors import ModelTimeoutError
from tests.wire.server import Reply, WireServer

pytestmark = pytest.mark.anyio


def makers(backend: str) -> list[Maker]:
    """Who can post on an event loop."""
    return ["sdk", "http1"] if backend == "asyncio" else ["sdk"]


async def test_a_connection_is_used_again(anyio_backend_name: str) -> None:
    """Requests to one server share a connection, on every event loop; a cookie is not kept, a status is an answer."""
    for maker in makers(anyio_backend_name):
        with WireServer([Reply(b"a", headers={"set-cookie": "a=b"}), Reply(b"b"), Reply(b"no", status=403)]) as server:
            post = PooledPost(maker)
            said = [await post(f"{server.url}/look", {"x-a": "1"}, b"{}", timeout_s=5, most_bytes=10) for _ in range(3)]
            await post.aclose()
        assert (said, server.connections) == ([(200, b"a"), (200, b"b"), (403, b"no")], 1)
        sent = server.requests[1].headers
        assert (sent["x-a"], sent["content-type"], "cookie" in sent) == ("1", "application/json", False)


async def test_a_server_that_is_late_is_left(anyio_backend_name: str) -> None:
    """The time limit ends the wait with an error that says it."""
    for maker in makers(anyio_backend_name):
        with WireServer([Reply(b"a", delay_s=5)]) as server:
            post = PooledPost(maker)
            with pytest.raises(ModelTimeoutError, match=r"0\.1 s"):
                await post(f"{server.url}/look", {}, b"{}", timeout_s=0.1, most_bytes=10)
            await post.aclose()
