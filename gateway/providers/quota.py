"""What a server says beside an answer of how much it still takes.

Source: OpenAI's "Rate limits" (``x-ratelimit-…``; Groq and others write them alike), Anthropic's "Rate limits"
(``anthropic-ratelimit-…``), Cerebras' "Rate limits" (per day and minute), OpenRouter's "Limits" (``x-ratelimit-…``
without a measure, in milliseconds of Unix time).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from gateway.limits import Quota

_FAMILIES = (
    ("x-ratelimit-remaining-{}", "x-ratelimit-reset-{}", "requests", "tokens"),
    ("anthropic-ratelimit-{}-remaining", "anthropic-ratelimit-{}-reset", "requests", "tokens"),
    ("x-ratelimit-remaining-{}", "x-ratelimit-reset-{}", "requests-day", "tokens-minute"),
    ("x-ratelimit-remaining{}", "x-ratelimit-reset{}", "", "-tokens"),
)
_NAMES = tuple(
    (left.format(requests), reset.format(requests), left.format(tokens), reset.format(tokens))
    for left, reset, requests, tokens in _FAMILIES
)
_TELLING = frozenset(name for requests, _, tokens, _ in _NAMES for name in (requests, tokens))
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_UNITS_S = (86_400.0, 3_600.0, 60.0, 1.0, 0.001)
_LONGEST_S = 86_400.0 * 31


def quota_of(headers: Mapping[str, str], now: datetime | None = None) -> Quota | None:
    """Return what the headers of an answer say, or None when they say nothing of it.

    Cost: 1 to 2 µs.

    >>> quota_of({"x-ratelimit-remaining-requests": "59", "x-ratelimit-reset-requests": "6m0s"})
    Quota(requests=59, requests_reset_s=360.0, tokens=None, tokens_reset_s=None)
    """
    if _TELLING.isdisjoint(headers):
        return None
    for requests, requests_reset, tokens, tokens_reset in _NAMES:
        left, more = headers.get(requests), headers.get(tokens)
        if left is not None or more is not None:
            return Quota(
                _count(left),
                _seconds(headers.get(requests_reset), now),
                _count(more),
                _seconds(headers.get(tokens_reset), now),
            )
    return None


def wait_s(quota: Quota | None) -> float | None:
    """Return the seconds until what is used up is there again; None when nothing is, or nobody said when."""
    if quota is None:
        return None
    empty = [
        reset
        for left, reset in ((quota.requests, quota.requests_reset_s), (quota.tokens, quota.tokens_reset_s))
        if left is not None and left <= 0 and reset is not None
    ]
    return max(empty, default=None)


def _count(text: str | None) -> int | None:
    if text is None or not re.fullmatch(r"\s*-?\d{1,15}(\.\d+)?\s*", text):
        return None
    return max(0, int(float(text)))


def _seconds(text: str | None, now: datetime | None) -> float | None:
    """Return a reset as seconds from now: a duration, a number of them, Unix time, or a date."""
    if not text:
        return None
    written = text.strip()
    match = _DURATION.fullmatch(written)
    if match is not None and any(match.groups()):
        return sum(float(part) * unit for part, unit in zip(match.groups(), _UNITS_S, strict=True) if part)
    present = now or datetime.now(UTC)
    try:
        number = float(written)
    except ValueError:
        return _until(written, present)
    if number > 1e11:
        number /= 1000
    seconds = number - present.timestamp() if number > 1e9 else number
    return seconds if 0 <= seconds <= _LONGEST_S else None


def _until(written: str, present: datetime) -> float | None:
    try:
        date = datetime.fromisoformat(written)
    except ValueError:
        return None
    aware = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (aware - present).total_seconds())
