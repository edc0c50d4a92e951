"""``run quick``: what does not depend on the machine, of every suite, held against what is committed.

The expectations are by how tokens are counted, for without o200k's vocabulary they are estimated. What is missing of
the public data sets is left out, and said. Times are shown nowhere here: they are for ``run SUITE`` and ``compare``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from benchmarks import data
from benchmarks.entry import Entry
from benchmarks.simulated import counting
from schemas.errors import ConfigError

EXPECTED = Path(__file__).parent / "expected"
SLACK = 1e-6
Counts = dict[str, dict[str, float]]


@dataclass(slots=True)
class Verdict:
    """What differs from what is expected, told a line each.

    Attributes:
        worse: Counts that rose, or rows that are gone.
        better: Counts that fell.
        new: Rows that nothing is expected of.
    """

    worse: list[str] = field(default_factory=list[str])
    better: list[str] = field(default_factory=list[str])
    new: list[str] = field(default_factory=list[str])


def judged(found: Mapping[str, Mapping[str, float]], expected: Mapping[str, Mapping[str, float]]) -> Verdict:
    """Hold what was found against what is expected of the same rows.

    >>> judged({"a": {"calls": 3}, "b": {"calls": 1}}, {"a": {"calls": 2}})
    Verdict(worse=['a: calls 3, expected 2'], better=[], new=['b'])
    """
    verdict = Verdict()
    verdict.worse += [f"{row}: is not there any more" for row in expected if row not in found]
    for row, counts in found.items():
        if row not in expected:
            verdict.new.append(row)
            continue
        for name, wanted in expected[row].items():
            if name not in counts:
                verdict.worse.append(f"{row}: {name} is not counted any more, expected {wanted:g}")
            elif abs(counts[name] - wanted) > SLACK:
                told = f"{row}: {name} {counts[name]:g}, expected {wanted:g}"
                (verdict.worse if counts[name] > wanted else verdict.better).append(told)
    return verdict


def entry(suites: Sequence[Entry]) -> Entry:
    """Return the quick tier of some suites as an entry of ``run``."""

    def run(options: argparse.Namespace, arguments: Sequence[str]) -> int:
        del arguments
        return _run([one for one in suites if not options.only or one.name in options.only], options)

    about = "what does not depend on the machine, of every suite, against what is committed"
    return Entry("quick", about, _declare, run)


def _declare(command: argparse.ArgumentParser) -> None:
    command.add_argument("--only", nargs="+", metavar="SUITE", help="only these suites")
    command.add_argument("--update", action="store_true", help="write what was found down as what is expected")


def _run(suites: Iterable[Entry], options: argparse.Namespace) -> int:
    """Count, compare, tell; return 1 for a regression."""
    path = EXPECTED / f"{'o200k' if counting.exact() else 'four-bytes'}.json"
    known: Counts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    found, ran = _counted(suites)
    if data.folder() is None:
        ran.clear()  # rows that need data are missing for that reason
    if options.update:
        others = {row: wanted for row, wanted in known.items() if not _of(row, ran)}
        _keep({**others, **found}, path)
        print(f"{len(found)} rows kept in {path.name}")
        return 0
    verdict = judged(found, {row: wanted for row, wanted in known.items() if row in found or _of(row, ran)})
    _tell(verdict)
    print(f"{len(found)} rows, {len(verdict.worse)} counts worse than expected")
    return 1 if verdict.worse else 0


def _counted(suites: Iterable[Entry]) -> tuple[Counts, set[str]]:
    """Return what was counted, and the names of the suites that could be."""
    found: Counts = {}
    ran: set[str] = set()
    for suite in suites:
        if suite.quick is None:
            continue
        began = monotonic()
        try:
            counts = suite.quick()
        except ConfigError as error:
            print(f"LEFT OUT: {suite.name}: {error.message}")
            continue
        ran.add(suite.name)
        found |= {row: dict(values) for row, values in counts.items()}
        print(f"{suite.name}: {len(counts)} rows, {monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return found, ran


def _of(row: str, suites: Iterable[str]) -> bool:
    return row.partition(" ")[0] in suites


def _keep(counts: Counts, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(dict(sorted(counts.items())), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _tell(verdict: Verdict) -> None:
    for head, told in (("WORSE", verdict.worse), ("BETTER", verdict.better), ("NEW", verdict.new)):
        for one in told:
            print(f"{head}: {one}")
    if verdict.better or verdict.new:
        print("python -m benchmarks run quick --update keeps what is better and new")
