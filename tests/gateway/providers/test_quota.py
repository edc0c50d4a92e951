"""Rate headers as services write them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.gateway import Gateway
from gateway.limits import Quota
from gateway.providers.http import HttpProvider
from gateway.providers.quota import quota_of, wait_s
from schemas.errors import RateLimitError
from schemas.settings import Settings
from tests.wire.connect import HELLO, called, settings, wired
from tests.wire.replies import json_reply, say
from tests.wire.server import WireServer

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
OPENAI = {
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-remaining-requests": "59",
    "x-ratelimit-reset-requests": "1s",
    "x-ratelimit-remaining-tokens": "149984",
    "x-ratelimit-reset-tokens": "6m0s",
}
ANTHROPIC = {
    "anthropic-ratelimit-requests-remaining": "0",
    "anthropic-ratelimit-requests-reset": "2026-01-01T12:00:30Z",
    "anthropic-ratelimit-tokens-remaining": "79000",
    "anthropic-ratelimit-tokens-reset": "2026-01-01T11:59:00Z",
}
CEREBRAS = {
    "x-ratelimit-remaining-requests-day": "14399",
    "x-ratelimit-reset-requests-day": "33011.38",
    "x-ratelimit-remaining-tokens-minute": "59000",
    "x-ratelimit-reset-tokens-minute": "11.5",
}
OPENROUTER = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1767268805000"}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (OPENAI, Quota(59, 1.0, 149_984, 360.0)),
        (ANTHROPIC, Quota(0, 30.0, 79_000, 0.0)),
        (CEREBRAS, Quota(14_399, 33_011.38, 59_000, 11.5)),
        (OPENROUTER, Quota(0, 5.0, None, None)),
        ({}, None),
        ({"x-ratelimit-remaining-requests": "many", "x-ratelimit-reset-requests": "soon"}, Quota()),
    ],
)
def test_each_service_is_understood(headers: dict[str, str], expected: Quota | None) -> None:
    """What is left and when there is more, in whichever of the known forms."""
    assert quota_of(headers, NOW) == expected


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("20ms", 0.02), ("2m59.56s", 179.56), ("1h2m3s", 3723.0), ("7.66s", 7.66), ("1d", 86400.0), ("-3", None)],
)
def test_durations_are_read(written: str, seconds: float | None) -> None:
    """Durations as Go writes them, and nothing else."""
    got = quota_of({"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": written}, NOW)
    assert got is not None
    assert got.requests_reset_s == (None if seconds is None else pytest.approx(seconds))


def test_the_wait_is_that_of_what_is_used_up() -> None:
    """Only an empty quota makes anybody wait."""
    assert wait_s(Quota(0, 30.0, 79_000, 60.0)) == 30.0
    assert (wait_s(Quota(5, 30.0)), wait_s(None)) == (None, None)


@pytest.mark.anyio
@pytest.mark.parametrize("maker", ["sdk", "http1"])
async def test_a_provider_hands_up_what_it_was_told_once(maker: Any) -> None:
    """Good answers and refusals tell it; a 429 without Retry-After waits for what is used up."""
    told = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "12s"}
    script = [
        say({"model": "m"}, "/v1/chat/completions", "hi", headers=OPENAI),
        json_reply({"error": {"message": "slow down"}}, 429, headers=told),
    ]
    async with wired("openai", script, maker=maker) as (provider, _):
        assert isinstance(provider, HttpProvider)
        await called(provider, stream=False)
        assert provider.quota("m") == quota_of(OPENAI)
        with pytest.raises(RateLimitError) as caught:
            await called(provider, stream=True)
    assert caught.value.retry_after_s == 12.0
    assert (provider.quota("m"), provider.quota("m")) == (Quota(0, 12.0), None)


@pytest.mark.anyio
async def test_nothing_is_sent_that_the_provider_said_it_would_refuse() -> None:
    """After an answer that says nothing is left for a minute, a call with less time fails here and is not sent."""
    told = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "60s"}
    with WireServer(lambda request, path: say(request, path, "hi", headers=told)) as server:
        chosen = Settings(model_providers=(settings("openai", server.url, models=({"name": "m"},)),))
        gateway = Gateway(chosen, maker="http1")
        request = HELLO.model_copy(update={"deadline_s": 5.0})
        await gateway.complete(request)
        with pytest.raises(RateLimitError):
            await gateway.complete(request)
        await gateway.aclose()
    assert len(server.requests) == 1
