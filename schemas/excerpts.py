"""Texts shortened fairly: what is short stays whole, the longest are cut first."""

from __future__ import annotations

from collections.abc import Sequence

_TAIL_SHARE = 0.25


def excerpts(texts: Sequence[str], max_chars: int) -> list[str]:
    """Return the texts cut to one common length, so that together they have about ``max_chars`` characters.

    Each cut text says how many characters were left out; its begin and its end are kept.
    Cost: O(n log n) in the number of texts.

    >>> excerpts(["short", "x" * 100], 65)[0]
    'short'
    """
    limit = _limit([len(text) for text in texts], max_chars)
    return [text if len(text) <= limit else _cut(text, limit) for text in texts]


def _limit(lengths: list[int], max_chars: int) -> int:
    """Return the largest length L for which sum(min(length, L)) stays within ``max_chars``."""
    left = max(0, max_chars)
    ordered = sorted(lengths)
    for position, length in enumerate(ordered):
        share = left // (len(ordered) - position)
        if length > share:
            return share
        left -= length
    return max(ordered, default=0)


def _cut(text: str, limit: int) -> str:
    note = f" … [{len(text) - limit:,} of {len(text):,} characters left out] … "
    tail = int(limit * _TAIL_SHARE)
    return text[: limit - tail] + note + text[len(text) - tail :]
