"""A dict with an end: its keys may be what clients make up, such as names of models at a provider without a list."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MOST = 5_000


class Remembered(dict[K, V]):
    """Forgets what was put in first, once there is more than fits; reading costs what it costs in a dict.

    Only ``remembered[key] = value`` puts in.

    Args:
        most: So many are kept, and those of ``always`` beside them.
        always: Never forgotten.
    """

    __slots__ = ("_always", "_most")

    def __init__(self, most: int = MOST, always: Collection[K] = ()) -> None:
        super().__init__()
        self._always = always
        self._most = most + len(always)

    def __setitem__(self, key: K, value: V) -> None:
        """Put in. Cost: O(1), and O(always) once it is full."""
        super().__setitem__(key, value)
        if len(self) > self._most:
            del self[next(known for known in self if known not in self._always)]
