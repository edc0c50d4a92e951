"""The part of a report that tells the failure suite: what each way of working makes of what goes wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.manifest import Manifest
from benchmarks.orchestration.failure import COMPLAINTS, HEADS, ROWS, WAYS, Row, cells
from benchmarks.report.document import Block, Folded, Heading, Picture, Table, Words
from benchmarks.report.svg import lines

RATES = (0, 10, 20, 30, 40)
RISING = (
    ("calls-fail", "calls fail in passing", "% of calls that fail, and work when made again"),
    (
        "lasting",
        "calls fail for good",
        "% of calls that fail however often they are made, another tool stands in",
    ),
)
"""Scenarios that come at several rates, what there is more of, and what the rate is of."""

Of = Callable[[Row], float]
PLOTS: tuple[tuple[Of, str, str, str], ...] = (
    (lambda row: row.right * 100, "Right answers", "% of runs", "right"),
    (lambda row: row.cost_usd * 100, "Cost of a run", "US cents (mean)", "cost"),
    (lambda row: row.seconds, "Seconds of a run", "seconds (mean)", "seconds"),
)


def section(told: Manifest, folder: Path, name: str) -> Iterator[Block]:
    """Yield what was measured: what is right, what it costs, how long it takes, and what may never be said of a run."""
    text = (folder / ROWS).read_text(encoding="utf-8")
    rows = [Row(**json.loads(line)) for line in text.splitlines()]
    systems = tuple(dict.fromkeys(row.system for row in rows))
    yield Heading(f"{told.suite}, profile “{told.profile}”")
    yield Words(
        f"{sum(row.runs for row in rows)} runs: {told.cases} questions, {len({row.scenario for row in rows})} ways in "
        "which tools, models and agents fail, the same calls for every system. Systems of ours have caps on steps, "
        "turns, replans, calls at once, money and time; peers have what they bring along."
    )
    yield Words(_judged(folder), strong=True)
    for key, what, across in RISING:
        yield from _rising(rows, systems, key, (what, across), name)
    yield Heading("Right answers, in percent of runs", 3)
    yield _pivot(rows, systems, lambda row: row.right, "{:.0%}")
    yield Heading("US cents a run", 3)
    yield _pivot(rows, systems, lambda row: row.cost_usd * 100, "{:.2f}")
    yield Heading("Seconds a run", 3)
    yield _pivot(rows, systems, lambda row: row.seconds, "{:.1f}")
    yield Folded("Every figure of every row", [Table(HEADS, [cells(row) for row in rows])])


def _judged(folder: Path) -> str:
    path = folder / COMPLAINTS
    if not path.exists():
        return "What may never be said of a run was not written down: run the suite again."
    all_told = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    found = [str(one["said"]) for one in all_told if one["system"] in WAYS]
    if not found:
        return "No run of ours ended without an answer or a stated reason, said more than is true, or exceeded a cap."
    return f"{len(found)} times a run of ours did what none may: {'; '.join(found)}."


def _rising(rows: Sequence[Row], systems: Sequence[str], key: str, told: tuple[str, str], name: str) -> Iterator[Block]:
    """Yield how things change as a rate rises; where nothing fails is its beginning."""
    at = {f"{key}-{rate}" if rate else "nothing": rate for rate in RATES}
    here = [row for row in rows if row.scenario in at]
    if len({row.scenario for row in here}) < 3:
        return
    for of, title, up, slug in PLOTS:
        series = [
            (system, sorted((float(at[row.scenario]), of(row)) for row in here if row.system == system))
            for system in systems
        ]
        yield Picture(f"{name}-{key}-{slug}", lines(f"{title}, as more {told[0]}", told[1], up, series))


def _pivot(rows: Sequence[Row], systems: Sequence[str], of: Of, form: str) -> Table:
    """Return a table of what goes wrong by system."""
    found = {(row.scenario, row.system): form.format(of(row)) for row in rows}
    scenarios = dict.fromkeys(row.scenario for row in rows)
    body = [(scenario, *(found.get((scenario, system), "") for system in systems)) for scenario in scenarios]
    return Table(("what goes wrong", *systems), body)
