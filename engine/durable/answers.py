"""Kept answers in memory."""

from __future__ import annotations

import time
from collections.abc import Callable

MOST_BYTES = 64_000_000


class MemoryAnswers:
    """Keeps answers as long as the process lives (implements ``schemas.bookkeeping.AnswerCache``).

    Args:
        clock: Gives Unix time in seconds.
        most_bytes: Beyond this many bytes of answers the one that was kept first goes.
    """

    def __init__(self, clock: Callable[[], float] = time.time, most_bytes: int = MOST_BYTES) -> None:
        self._clock = clock
        self._most_bytes = most_bytes
        self._kept: dict[str, tuple[float, bytes]] = {}
        self._bytes = 0

    async def get(self, key: str) -> bytes | None:
        """Return the answer, or None."""
        until, answer = self._kept.get(key, (0.0, b""))
        if key in self._kept and self._clock() >= until:
            self._drop(key)
        return answer if key in self._kept else None

    async def put(self, key: str, answer: bytes, ttl_s: float) -> None:
        """Keep an answer."""
        self._drop(key)
        self._kept[key] = (self._clock() + ttl_s, answer)
        self._bytes += len(answer)
        while self._bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))

    async def clear(self) -> int:
        """Forget all answers and return how many there were."""
        now = self._clock()
        count = sum(now < until for until, _ in self._kept.values())
        self._kept.clear()
        self._bytes = 0
        return count

    def _drop(self, key: str) -> None:
        _, answer = self._kept.pop(key, (0.0, b""))
        self._bytes -= len(answer)
