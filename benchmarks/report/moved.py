"""What moved between two runs of a suite: counts exactly, times beyond what their spread explains."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.orchestration.figures import COUNTS, named
from benchmarks.orchestration.outcome import Outcome
from benchmarks.orchestration.runner import read
from benchmarks.report.document import Table, Words, to_markdown
from benchmarks.report.ratios import by_case, ratio_of
from schemas.errors import ConfigError


@dataclass(slots=True)
class Moved:
    """What a comparison found.

    Attributes:
        counts: System, count, before, after, in how many cases it is worse and better.
        times: System, the ratio before/after with its interval, what that says.
        alone: Cases that only one of the two has, told.
        worse: Whether a count is worse in any system's mean.
    """

    counts: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    times: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    alone: list[str] = field(default_factory=list[str])
    worse: bool = False

    def told(self) -> str:
        """Return it as Markdown."""
        heads = ("system", "count", "before", "after", "cases worse", "cases better")
        blocks = [
            Table(heads, self.counts) if self.counts else Words("No count moved."),
            Table(("system", "before, s", "after, s", "before / after", ""), self.times),
            *map(Words, self.alone),
        ]
        return to_markdown(blocks).rstrip()


def compared(before: Path, after: Path) -> Moved:
    """Return what moved from one folder to another, over the cases and systems both have.

    Raises:
        ConfigError: One of them holds no outcomes of cases.
    """
    sides = [_by_system(folder) for folder in (before, after)]
    found = Moved()
    for system in dict.fromkeys([*sides[0], *sides[1]]):
        was, now = (side.get(system, []) for side in sides)
        common = {one.case for one in was} & {one.case for one in now}
        lonely = len({one.case for one in (*was, *now)} - common)
        if lonely:
            found.alone.append(f"{system}: {lonely} cases are in one of the two only, and are left out.")
        if common:
            _compare(
                system, [one for one in was if one.case in common], [one for one in now if one.case in common], found
            )
    return found


def _compare(system: str, was: Sequence[Outcome], now: Sequence[Outcome], found: Moved) -> None:
    for name, count in COUNTS.items():
        old, new = by_case(was, count), by_case(now, count)
        worse, better = (sum(1 for case in old if sign * (new[case] - old[case]) > 1e-9) for sign in (1, -1))
        if worse or better:
            means = [statistics.fmean(one.values()) for one in (old, new)]
            found.counts.append((system, name, *(f"{mean:,.2f}" for mean in means), str(worse), str(better)))
            found.worse = found.worse or means[1] > means[0] + 1e-9
    old, new = by_case(was, lambda one: one.seconds), by_case(now, lambda one: one.seconds)
    ratio = ratio_of(old, new)
    if ratio is not None:
        verdict = "within noise" if ratio.low <= 1 <= ratio.high else "faster" if ratio.low > 1 else "slower"
        means = (statistics.fmean(old.values()), statistics.fmean(new.values()))
        found.times.append((system, *(f"{mean:.2f}" for mean in means), str(ratio), verdict))


def _by_system(folder: Path) -> dict[str, list[Outcome]]:
    outcomes = read(folder)
    if not outcomes:
        raise ConfigError(f"there are no outcomes of cases in {folder}", hint="name the --out folder of a run")
    found: dict[str, list[Outcome]] = {}
    for one in outcomes:
        found.setdefault(f"{one.suite} {named(one)}", []).append(one)
    return found
