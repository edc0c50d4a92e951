"""Which ready step starts next under caps: the one with the longest remaining path.

List scheduling by upward rank (Topcuoglu, Hariri, Wu: HEFT, IEEE TPDS 13(3), 2002, section 4.2, with one kind of
processor); any list schedule is within 2 − 1/k of the best (Graham 1969).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence

_SHARED = ""
Entry = tuple[float, tuple[int, int], str]


class ReadyQueue:
    """Ready steps by priority, under one cap for the run and one for each tool that has its own.

    ``stuck`` holds, by tool, the steps whose blocking calls never came back: they count against their tool's own cap
    (whatever it protects is still in use) and no longer against the run's. ``size`` is how many steps are ready.

    Cost: O(log n) to add; to take, O(log n + tools with a cap of their own).
    """

    def __init__(self, max_parallel: int | None) -> None:
        self._max_parallel = max_parallel
        self._heaps: dict[str, list[Entry]] = {_SHARED: []}
        self._caps: dict[str, int] = {}
        self._busy: dict[str, int] = {}
        self.stuck: dict[str, list[str]] = {}
        self._total_busy = 0
        self.size = 0

    @property
    def busy(self) -> int:
        """Slots in use."""
        return self._total_busy

    def add(self, step_id: str, tool: str, cap: int | None, rank: float, order: tuple[int, int]) -> None:
        """Add a ready step; ``rank`` is the length of its remaining path, ``order`` breaks ties."""
        key = _SHARED
        if cap is not None:
            key = tool
            self._caps[tool] = cap
        heapq.heappush(self._heaps.setdefault(key, []), (-rank, order, step_id))
        self.size += 1

    def take(self) -> str | None:
        """Remove and return the next step that a free slot allows, or that no slot will ever be free for, or None."""
        if not self.size or (self._max_parallel is not None and self._total_busy >= self._max_parallel):
            return None
        best: list[Entry] | None = None
        for tool, heap in self._heaps.items():
            free = tool == _SHARED or self._busy.get(tool, 0) < self._caps[tool] or self.hopeless(tool)
            if heap and free and (best is None or heap[0] < best[0]):
                best = heap
        if best is None:
            return None
        self.size -= 1
        return heapq.heappop(best)[2]

    def occupy(self, tool: str) -> None:
        """Take a slot."""
        self._total_busy += 1
        self._busy[tool] = self._busy.get(tool, 0) + 1

    def free(self, tool: str) -> None:
        """Give a slot back."""
        self._total_busy -= 1
        self._busy[tool] -= 1

    def get_stuck(self, tool: str, step_id: str) -> None:
        """Count a call that does not come back no longer against the run's cap."""
        self._total_busy -= 1
        self.stuck.setdefault(tool, []).append(step_id)

    def come_back(self, tool: str, step_id: str) -> None:
        """Give the slot of an abandoned call back, stuck or not."""
        held = self.stuck.get(tool, ())
        if step_id in held:
            self.stuck[tool].remove(step_id)
            self._total_busy += 1
        self.free(tool)

    def forget_threads(self, running: Iterable[str]) -> None:
        """Count only these tools' running calls from now on: abandoned ones ended with the process they were in."""
        self.stuck = {}
        self._busy, self._total_busy = {}, 0
        for tool in running:
            self.occupy(tool)

    def hopeless(self, tool: str) -> bool:
        """Whether every slot of a tool's own cap is held by a call that does not come back."""
        if not self.stuck:
            return False
        return tool in self._caps and len(self.stuck.get(tool, ())) >= self._caps[tool]

    def rerank(self, rank: Callable[[str], float]) -> None:
        """Order everything anew."""
        for key, heap in self._heaps.items():
            self._heaps[key] = [(-rank(step_id), order, step_id) for _, order, step_id in heap]
            heapq.heapify(self._heaps[key])


class Durations:
    """Observed seconds by tool; a prior stands in until a tool was seen.

    A mean changes after 1, 2, 4, 8 … observations only: then ranks are worked out anew, and whoever folds the same
    events later has the same ranks, however often he was asked in between.
    """

    def __init__(self) -> None:
        self._sums: dict[str, tuple[int, float]] = {}
        self._means: dict[str, float] = {}

    def add(self, tool: str, seconds: float) -> bool:
        """Add an observation; True when it changed the mean."""
        count, total = self._sums.get(tool, (0, 0.0))
        self._sums[tool] = (count + 1, total + seconds)
        if (count + 1) & count:
            return False
        self._means[tool] = (total + seconds) / (count + 1)
        return True

    def mean(self, tool: str, prior: float | None) -> float:
        """Seconds to expect of one call."""
        return self._means.get(tool, prior or 1.0)


def upward_ranks(
    order: Sequence[str], dependents: Callable[[str], Iterable[str]], weights: Mapping[str, float]
) -> dict[str, float]:
    """Return the length of the longest remaining path from each step, its own weight included.

    Args:
        order: Step ids, every step before its dependents.
        dependents: Steps that wait for a step.
        weights: Seconds by step id.

    >>> upward_ranks(["a", "b"], {"a": ["b"], "b": []}.__getitem__, {"a": 1, "b": 2})
    {'b': 2, 'a': 3}
    """
    ranks: dict[str, float] = {}
    for step_id in reversed(order):
        longest = max((ranks.get(later, 0.0) for later in dependents(step_id)), default=0)
        ranks[step_id] = weights[step_id] + longest
    return ranks
