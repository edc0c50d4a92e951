"""The part of a report that tells where a plan is worth it: maps of steps × width, one for each executor's price."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.manifest import Manifest
from benchmarks.orchestration.line import EVEN, PRICES, Cell, kept, shares
from benchmarks.orchestration.runner import PROMPTS
from benchmarks.report.document import Block, Code, Folded, Heading, Picture, Table, Words
from benchmarks.report.svg import Place, heat

DEEPEST = 3.0
"""The ratio from which on a cell's colour gets no stronger."""
WAVES = ((1, 1), (2, 2), (3, 3), (4, 5), (6, 10), (11, 20))
EXECUTORS = {"big": "the planner's own model", "small": "a small one"}
LEGEND = "blue: the plan is better; orange: ReAct is; grey: within 5 %. Framed: auto chose ReAct"

Of = Callable[[Cell], float]
MAPS: tuple[tuple[str, str, Of, str], ...] = (
    ("faster", "Times faster with a plan", lambda one: one.react_s / one.plan_s, "faster"),
    ("cheaper", "Times cheaper with a plan", lambda one: one.react_usd / one.plan_usd, "cheaper"),
    (
        "better",
        "Times less seconds × USD with a plan",
        lambda one: one.react_s * one.react_usd / (one.plan_s * one.plan_usd),
        "better",
    ),
)


def section(told: Manifest, folder: Path, name: str) -> Iterator[Block]:
    """Yield the maps, how often ``auto`` chose well, and where the line lies by the number of waves."""
    cells = kept(folder)
    found = shares(cells)
    yield Heading(f"Where the line lies, profile “{told.profile}”")
    yield Words(
        f"{told.cases} questions, of 1 to 20 look-ups about 1 to 10 things side by side (width), done by ReAct with "
        "parallel calls and by a plan whose answer is written by the planner's own model or by a small one. Every "
        "figure is a run of the engine on a virtual clock, with the bytes of the real wire: exact, and the same on "
        "every machine. Numbers are ReAct's over the plan's: above 1 the plan is better."
    )
    well, decided = found["auto, even ones count as well chosen"], found["auto, even ones left out"]
    yield Words(
        f"Better is who takes less seconds × USD; a difference of at most {EVEN:.0%} is none. auto, which sees the "
        f"question's words and not its plan, chose the better side in {well:.1%} "
        f"of {len(cells)} cells (of those that are not even, {decided:.1%}).",
        strong=True,
    )
    for executor in PRICES:
        here = [one for one in cells if one.executor == executor]
        for slug, title, of, side in MAPS:
            yield Picture(
                f"{name}-{slug}-{executor}", _map(f"{title}, executor: {EXECUTORS[executor]}", here, of, side)
            )
    yield Heading("By waves: how many look-ups in a row the longest chain takes", 3)
    yield _waves(cells)
    yield Heading("How often the better side was chosen", 3)
    yield Table(("by", "of cells"), [(by, f"{share:.1%}") for by, share in found.items()])
    yield Folded("Every cell", [_cells(cells)])
    prompts = folder / PROMPTS
    if prompts.exists():
        for which, prompt in sorted(json.loads(prompts.read_text(encoding="utf-8")).items()):
            yield Folded(f"Prompt: {which}", [Code(prompt)])


def _map(title: str, cells: Sequence[Cell], of: Of, side: str) -> str:
    judged = side == "better"
    places = [
        Place(
            one.steps,
            one.width,
            0.0 if getattr(one, side) == "even" else _shade(of(one)),
            f"{of(one):.1f}" if of(one) < 9.95 else f"{of(one):.0f}",
            framed=one.auto == "react",
            marked=judged and not one.chose_well,
        )
        for one in cells
    ]
    legend = f"{LEGEND}{'; corner filled: auto erred' if judged else ''}"
    return heat(title, "look-ups in all (steps)", "side by side (width)", places, legend)


def _shade(ratio: float) -> float:
    """Return how strong a cell's colour is, in −1…1: as much for twice as for half."""
    return max(-1.0, min(1.0, math.log(ratio) / math.log(DEEPEST)))


def _waves(cells: Sequence[Cell]) -> Table:
    rows: list[tuple[str, ...]] = []
    for low, high in WAVES:
        there = [one for one in cells if low <= one.waves <= high]
        if not there:
            continue
        row = [str(low) if low == high else f"{low}–{high}", str(len(there) // len(PRICES))]
        for executor in PRICES:
            here = [one for one in there if one.executor == executor]
            row += [f"{statistics.geometric_mean(of(one) for one in here):.2f}" for _, _, of, _ in MAPS[:2]]
        rows.append(tuple(row))
    heads = [f"× {what}, {executor}" for executor in PRICES for what in ("faster", "cheaper")]
    return Table(("waves", "questions", *heads), rows)


def _cells(cells: Sequence[Cell]) -> Table:
    heads = ("steps", "width", "executor", "ReAct, s", "plan, s", "ReAct, USD", "plan, USD", "auto", "better")
    rows = [
        (
            str(one.steps), str(one.width), one.executor, f"{one.react_s:.2f}", f"{one.plan_s:.2f}",
            f"{one.react_usd:.5f}", f"{one.plan_usd:.5f}", one.auto, one.better,
        )
        for one in cells
    ]  # fmt: skip
    return Table(heads, rows)
