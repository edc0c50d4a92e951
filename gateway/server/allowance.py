"""What is left of a key's limits, as OpenAI's answers say it.

Source: https://platform.openai.com/docs/guides/rate-limits (``x-ratelimit-*``; a reset is written ``1.5s``).
"""

from __future__ import annotations

import time

from gateway.gateway import Gateway
from schemas.bookkeeping import ApiKey

_Headers = list[tuple[bytes, bytes]]


def allowance(gateway: Gateway, key: ApiKey) -> _Headers:
    """Return the headers; none for a key without limits a minute, or before its first call."""
    gate = gateway.gates.of_key(key)
    if gate is None or not gate.counts:
        return []
    calls, tokens, resets_s = gate.counted(time.monotonic())
    limits = gate.limits
    return [
        *_said(b"requests", limits.requests_per_minute, calls, resets_s),
        *_said(b"tokens", limits.tokens_per_minute, tokens, resets_s),
    ]


def _said(what: bytes, most: int | None, used: int, resets_s: float) -> _Headers:
    if most is None:
        return []
    return [
        (b"x-ratelimit-limit-" + what, b"%d" % most),
        (b"x-ratelimit-remaining-" + what, b"%d" % max(0, most - used)),
        (b"x-ratelimit-reset-" + what, b"%.3fs" % resets_s),
    ]
