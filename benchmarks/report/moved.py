"""What moved between two runs: counts exactly, times beyond what their spread explains, measures against their targets.

Everything below two folders is compared, whatever suites it is of.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from benchmarks.orchestration.figures import COUNTS, named
from benchmarks.orchestration.outcome import Outcome
from benchmarks.orchestration.runner import OUTCOMES, read
from benchmarks.report.document import Table, Words, to_markdown
from benchmarks.report.measured import ROWS, SCORES
from benchmarks.report.ratios import by_case, ratio_of
from schemas.errors import ConfigError

NOISE = 0.1
"""A measure keeps no spread; what is nearer than this is taken for the same."""
_MORE_IS_BETTER = ("exact", "kept_out", "f1")
_LESS_IS_BETTER = ("refused", "unknown", "misses", "tokens")


@dataclass(slots=True)
class Moved:
    """What a comparison found.

    Attributes:
        counts: System, count, before, after, in how many cases it is worse and better.
        times: System, the ratio before/after with its interval, what that says.
        measures: Measure, before, after, their ratio, the target, what that says.
        scores: Set of plans, score, before, after.
        alone: What only one of the two has, told.
        worse: Whether a count or a score is worse in any mean, or a target is missed that was met.
    """

    counts: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    times: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    measures: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    scores: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    alone: list[str] = field(default_factory=list[str])
    worse: bool = False

    def told(self) -> str:
        """Return it as Markdown."""
        tables = (
            Table(("system", "count", "before", "after", "cases worse", "cases better"), self.counts),
            Table(("system", "before, s", "after, s", "before / after", ""), self.times),
            Table(("measure", "before", "after", "before / after", "target", ""), self.measures),
            Table(("set", "score", "before", "after"), self.scores),
        )
        still = [Words("No count moved.")] if self.times and not self.counts else []
        blocks = [*still, *(table for table in tables if table.rows), *map(Words, self.alone)]
        blocks = blocks or [Words("Nothing moved.")]
        return to_markdown(blocks).rstrip()


def compared(before: Path, after: Path) -> Moved:
    """Return what moved from one folder to another, over the cases, systems, measures and sets both have.

    Raises:
        ConfigError: One of them holds no results.
    """
    found = Moved()
    for folder in (before, after):
        if not any((*_files(folder, OUTCOMES), *_files(folder, ROWS), *_files(folder, SCORES))):
            raise ConfigError(f"there are no results in {folder}", hint="name the --out folder of a run")
    sides = [_by_system(folder) for folder in (before, after)]
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
    _compare_measures(_rows(before), _rows(after), found)
    _compare_scores(_scores(before), _scores(after), found)
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


def _compare_measures(was: Mapping[str, Any], now: Mapping[str, Any], found: Moved) -> None:
    for name in dict.fromkeys([*was, *now]):
        if name not in was or name not in now:
            found.alone.append(f"{name}: measured in one of the two only.")
            continue
        old, new = was[name], now[name]
        ratio = old["value"] / new["value"] if new["value"] else float("inf") if old["value"] else 1.0
        verdict = "" if abs(ratio - 1) <= NOISE else "less" if ratio > 1 else "more"
        if (old["met"], new["met"]) in ((True, False), (False, True)):
            verdict = "met now" if new["met"] else "MISSED now"
            found.worse = found.worse or not new["met"]
        values = (f"{one['value']:,.4g} {one['unit']}" for one in (old, new))
        found.measures.append((name, *values, f"{ratio:.2f} ×", new["target"], verdict))


def _compare_scores(was: Mapping[str, Any], now: Mapping[str, Any], found: Moved) -> None:
    for name in dict.fromkeys([*was, *now]):
        if name not in was or name not in now:
            found.alone.append(f"{name}: scored in one of the two only.")
            continue
        for key in (*_MORE_IS_BETTER, *_LESS_IS_BETTER):
            for part, old, new in _pairs(key, was[name].get(key), now[name].get(key)):
                if abs(new - old) > 1e-9:
                    found.scores.append((name, part, f"{old:,.4g}", f"{new:,.4g}"))
                    found.worse = found.worse or (new < old) == (key in _MORE_IS_BETTER)


def _pairs(key: str, old: Any, new: Any) -> Iterator[tuple[str, float, float]]:
    """Yield a score's name with its two values; one of several parts part by part."""
    parts = [cast("dict[str, float]", one) if isinstance(one, dict) else {"": one} for one in (old, new)]
    for part, value in parts[0].items():
        if part in parts[1] and value is not None and parts[1][part] is not None:
            yield f"{key} {part}".rstrip(), value, parts[1][part]


def _files(folder: Path, name: str) -> list[Path]:
    return sorted(folder.rglob(name))


def _under(folder: Path, path: Path) -> str:
    """Return where below a folder of several runs a file is, with a space behind it; empty: in the folder itself."""
    place = path.parent.relative_to(folder).as_posix()
    return "" if place == "." else f"{place} "


def _rows(folder: Path) -> dict[str, Any]:
    return {
        f"{_under(folder, path)}{row['measure']}": row
        for path in _files(folder, ROWS)
        for row in json.loads(path.read_text(encoding="utf-8"))["rows"]
    }


def _scores(folder: Path) -> dict[str, Any]:
    return {
        f"{_under(folder, path)}{score['name']} by {score['model']}": score
        for path in _files(folder, SCORES)
        for score in json.loads(path.read_text(encoding="utf-8"))
    }


def _by_system(folder: Path) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    for path in _files(folder, OUTCOMES):
        for one in read(path.parent):
            found.setdefault(f"{_under(folder, path) or f'{one.suite} '}{named(one)}", []).append(one)
    return found
