"""What is left of a key's limits is told with every answer."""

from __future__ import annotations

from tests.gateway.server.serving import Keys, chat, config, served
from tests.wire.replies import say
from tests.wire.server import WireServer


def test_what_is_left_is_told() -> None:
    """A key's calls and tokens a minute, what is left of them and when they are whole again, stand in the head."""
    keys = Keys()
    limits = {"requests_per_minute": 10, "tokens_per_minute": 50_000, "wait_s": 0}
    secret = keys.add("k", limits=limits)
    free = keys.add("free")
    with (
        WireServer(lambda request, path: say(request, path, "hi")) as upstream,
        served(config(upstream.url), keys=keys, headers={"x-api-key": secret}) as gateway,
    ):
        found = [gateway.post("/v1/chat/completions", chat()) for _ in range(11)]
        assert [response.headers["x-ratelimit-remaining-requests"] for response in found[:2]] == ["9", "8"]
        assert found[0].headers["x-ratelimit-limit-requests"] == "10"
        assert 0 < int(found[1].headers["x-ratelimit-remaining-tokens"]) < 50_000
        assert 0 < float(found[1].headers["x-ratelimit-reset-requests"].removesuffix("s")) <= 60
        assert (found[10].status_code, found[10].headers["x-ratelimit-remaining-requests"]) == (429, "0")
        assert int(found[10].headers["retry-after"]) > 0
        unlimited = gateway.post("/v1/chat/completions", chat(), headers={"x-api-key": free})
        assert not [name for name in unlimited.headers if name.startswith("x-ratelimit")]
