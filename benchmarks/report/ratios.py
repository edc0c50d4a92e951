"""Ratios of two systems over the same cases, with how sure they are."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from benchmarks.orchestration.outcome import Outcome

RESAMPLES = 2_000


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the 95 % interval around it; ``cases`` is over how many."""

    value: float
    low: float
    high: float
    cases: int

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f}–{self.high:.2f})"


def by_case(outcomes: Iterable[Outcome], of: Callable[[Outcome], float]) -> dict[str, float]:
    """Return the mean of a number over the repeats of each case."""
    found: dict[str, list[float]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.case, []).append(of(outcome))
    return {case: statistics.fmean(values) for case, values in found.items()}


def mean_of(values: Sequence[float]) -> Interval:
    """Return the mean, and its interval by resampling."""
    return _resampled([(value, 1.0) for value in values])


def ratio_of(base: dict[str, float], other: dict[str, float]) -> Interval | None:
    """Return how many times as much the base takes: the ratio of means over the cases both have done.

    Args:
        base: By case, what is compared with.
        other: By case, what is judged.
    """
    pairs = [(base[case], other[case]) for case in base if case in other]
    return _resampled(pairs) if pairs and sum(value for _, value in pairs) > 0 else None


def _resampled(pairs: Sequence[tuple[float, float]]) -> Interval:
    """Bootstrap over cases: percentiles of the ratio of sums; the same pairs give the same interval."""
    drawn = random.Random(7)
    found: list[float] = []
    for _ in range(RESAMPLES):
        chosen = drawn.choices(pairs, k=len(pairs))
        below = sum(other for _, other in chosen)
        if below > 0:
            found.append(sum(one for one, _ in chosen) / below)
    found.sort()
    value = sum(one for one, _ in pairs) / sum(other for _, other in pairs)
    return Interval(value, found[int(len(found) * 0.025)], found[int(len(found) * 0.975)], len(pairs))
