"""``run line``: from how many steps on, and how wide, is a plan worth it? A map over steps × width × executor's price.

Each place is a question of so many look-ups, about so many things side by side, done turn by turn (with parallel calls,
the best ReAct there is) and by a plan, which has its arguments and its answer written by a dear model or a cheap one.
Every run is the real engine with the bytes of the real wire, in this process and on a virtual clock: its seconds are
those of its models and tools, exact and the same on every machine, and its dollars are counted.

A side is *faster* and *cheaper* by those. It is *better* where seconds times dollars are less: a saving of a tenth in
one outweighs a loss of less than a tenth in the other, whatever the units. Within 5 % neither is.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from benchmarks.entry import Entry, declare_out
from benchmarks.manifest import Manifest
from benchmarks.orchestration import synthetic
from benchmarks.orchestration.case import Case
from benchmarks.orchestration.figures import exact, named
from benchmarks.orchestration.ours import Ours
from benchmarks.orchestration.outcome import Outcome
from benchmarks.orchestration.runner import Plan, performed_by, untold
from benchmarks.orchestration.ways import Way
from benchmarks.progress import Progress
from benchmarks.simulated.clock import virtually
from benchmarks.simulated.profile import PROFILES, Profile
from benchmarks.simulated.virtual import CLOCK, VirtualProvider
from gateway.upstream.base import Upstream
from schemas.errors import ConfigError

Told = Callable[[Outcome, int, int], None]
NAME = "line"
CELLS = "cells.jsonl"
QUICK = ((1, 1), (3, 1), (4, 4), (8, 4), (12, 3), (20, 10))
STEPS, WIDTHS = range(1, 21), range(1, 11)
EVEN = 0.05
TARGET = 0.9
PRICES = ("big", "small")
"""Tiers of the model that writes arguments and answers; the planner's is ``big``."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What was measured at one place of the map.

    Attributes:
        executor: The tier of the executor's model.
        react_s, plan_s, auto_s: Seconds; ``sequential_s`` those of one call a turn.
        auto: The mode that ``auto`` chose.
        faster, cheaper, better: react, plan, or even.
    """

    steps: int
    width: int
    executor: str
    react_s: float
    plan_s: float
    sequential_s: float
    auto_s: float
    react_usd: float
    plan_usd: float
    sequential_usd: float
    auto_usd: float
    auto: str
    faster: str
    cheaper: str
    better: str

    @property
    def waves(self) -> int:
        """How many look-ups the longest chain has."""
        return -(-self.steps // self.width)

    @property
    def chose_well(self) -> bool:
        """Whether ``auto`` chose the better side, or one as good."""
        return self.better in ("even", self.auto)


def side(react: float, plan: float) -> str:
    """Return which is less, or that they are even."""
    if abs(react - plan) <= EVEN * min(react, plan):
        return "even"
    return "react" if react < plan else "plan"


def places(steps: Iterable[int] = STEPS, widths: Iterable[int] = WIDTHS) -> list[tuple[int, int]]:
    """Return the places of the map: no question is wider than it has steps."""
    wide = list(widths)
    return [(one, width) for one in steps for width in wide if width <= one]


def systems(carrier: Upstream) -> tuple[Way, ...]:
    """Return what is run at every place."""
    return (
        Way("react", Ours("react", carrier=carrier)),
        Way("react-parallel", Ours("react-parallel", carrier=carrier)),
        *(Way("plan", Ours("plan", worker=tier, carrier=carrier)) for tier in PRICES),
        *(Way("auto", Ours("plan", worker=tier, mode="auto", carrier=carrier)) for tier in PRICES),
    )


def measured(cases: Sequence[Case], profile: Profile, folder: Path, told: Told = untold) -> list[Outcome]:
    """Run every system at every place that is not in a folder yet, and return all outcomes."""
    provider = VirtualProvider()
    plan = Plan(cases, systems(provider), profile, at_once=1, clock=CLOCK)
    return virtually(partial(performed_by, provider, plan, folder, told))[0]


def cells(cases: Mapping[tuple[int, int], Case], outcomes: Sequence[Outcome]) -> list[Cell]:
    """Return the cells of a map."""
    known = {(one.case, one.system, one.worker): one for one in outcomes}
    found: list[Cell] = []
    for (steps, width), case in cases.items():
        for executor in PRICES:
            react, turns = (known[case.id, name, "big"] for name in ("react-parallel", "react"))
            plan, auto = (known[case.id, name, executor] for name in ("plan", "auto"))
            found.append(
                Cell(
                    steps, width, executor,
                    react.seconds, plan.seconds, turns.seconds, auto.seconds,
                    react.cost_usd, plan.cost_usd, turns.cost_usd, auto.cost_usd,
                    auto=auto.mode,
                    faster=side(react.seconds, plan.seconds),
                    cheaper=side(react.cost_usd, plan.cost_usd),
                    better=side(react.seconds * react.cost_usd, plan.seconds * plan.cost_usd),
                )
            )  # fmt: skip
    return found


_SIGNS = {"react": "r", "plan": "P", "even": "="}


def heat(found: Sequence[Cell], of: str, executor: str) -> str:
    """Return one map as text: a row a width, a column a step count; P a plan, r ReAct, = even, x where auto errs."""
    here = {(one.steps, one.width): one for one in found if one.executor == executor}
    columns = sorted({steps for steps, _ in here})
    lines = ["width " + "".join(f"{steps:>3}" for steps in columns) + "  steps"]
    for width in sorted({width for _, width in here}, reverse=True):
        signs = (_sign(here.get((steps, width)), of) for steps in columns)
        lines.append(f"{width:>5} " + "".join(f"{sign:>3}" for sign in signs))
    return "\n".join(lines)


def _sign(cell: Cell | None, of: str) -> str:
    if cell is None:
        return "·"
    if of == "auto":
        return _SIGNS[cell.auto] if cell.chose_well else "x"
    return _SIGNS[str(getattr(cell, of))]


def shares(found: Sequence[Cell]) -> dict[str, float]:
    """Return how often a choice was the better side, as shares in 0–1.

    ``auto`` over all cells, where one that is even counts as well chosen; over those that are not even; over the cells
    of each side; by seconds and by dollars alone; and what always planning, and never, would reach.
    """
    decided = [one for one in found if one.better != "even"]
    sides: dict[str, list[Cell]] = {mode: [one for one in decided if one.better == mode] for mode in ("plan", "react")}
    return {
        "auto, even ones count as well chosen": _share(found, lambda one: one.chose_well),
        "auto, even ones left out": _share(decided, lambda one: one.auto == one.better),
        "auto, where a plan is better": _share(sides["plan"], lambda one: one.auto == "plan"),
        "auto, where ReAct is better": _share(sides["react"], lambda one: one.auto == "react"),
        "auto, by seconds alone": _share(found, lambda one: one.faster in ("even", one.auto)),
        "auto, by dollars alone": _share(found, lambda one: one.cheaper in ("even", one.auto)),
        "always a plan": _share(found, lambda one: one.better in ("even", "plan")),
        "always ReAct": _share(found, lambda one: one.better in ("even", "react")),
    }


def _share(found: Sequence[Cell], good: Callable[[Cell], bool]) -> float:
    return sum(map(good, found)) / len(found) if found else 1.0


def summary(found: Sequence[Cell]) -> str:
    """Return the maps, and how often ``auto`` chose well."""
    parts: list[str] = []
    for executor in PRICES:
        for of, told in (("faster", "faster"), ("cheaper", "cheaper"), ("better", "less seconds × USD"),
                         ("auto", "what auto chose")):  # fmt: skip
            parts.append(f"{told}, executor {executor}:\n{heat(found, of, executor)}")
    parts.append(f"the better side of {len(found)} cells was chosen by")
    return "\n\n".join(parts) + "".join(f"\n  {name:<38} {share:>5.1%}" for name, share in shares(found).items())


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options."""
    command.add_argument(
        "--steps", type=partial(_numbers, STEPS), default=list(STEPS), metavar="A,B,…", help="default: 1 to 20"
    )
    command.add_argument(
        "--widths", type=partial(_numbers, WIDTHS), default=list(WIDTHS), metavar="A,B,…", help="default: 1 to 10"
    )
    command.add_argument("--simulated", default="plain", choices=PROFILES, help="how the models behave")
    command.add_argument("--check", action="store_true", help="exit with 1 where auto errs in over one of ten")
    declare_out(command, NAME)


def _numbers(known: range, text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if wrong := [part for part in parts if not part.isdecimal() or int(part) not in known]:
        raise argparse.ArgumentTypeError(f"{wrong[0]!r} is not one of {known[0]} to {known[-1]}")
    return [int(part) for part in parts]


def run(options: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Measure the map and print it; with ``--check`` 1 where ``auto`` errs too often. Raises ConfigError."""
    profile = PROFILES[options.simulated]
    cases = {place: synthetic.case(*place) for place in places(options.steps, options.widths)}
    if not cases:
        raise ConfigError("no question is wider than it has steps", hint="a width of --widths that --steps allows")
    Manifest.now(
        arguments=arguments,
        suite=NAME,
        systems=("react", "react-parallel", "plan", "plan/small", "auto", "auto/small"),
        profile=profile.name,
        clock="virtual",
        cases=len(cases),
    ).write(options.out)
    progress = Progress()
    outcomes = measured(
        list(cases.values()), profile, options.out, lambda one, done, of: progress(f"{named(one)} {one.case}", done, of)
    )
    found = cells(cases, outcomes)
    keep(found, options.out)
    print(summary(found))
    wrong = [one for one in outcomes if not one.right]
    print(*(f"NOT RIGHT: {one.case} by {one.system}: {one.reason or one.answer}" for one in wrong), sep="\n")
    well = _share(found, lambda one: one.chose_well) >= TARGET
    return 1 if options.check and (wrong or not well) else 0


def counted() -> dict[str, dict[str, float]]:
    """Return what a few places take of what does not depend on the machine, and how often ``auto`` errs there."""
    cases = {place: synthetic.case(*place) for place in QUICK}
    with tempfile.TemporaryDirectory() as folder:
        outcomes = measured(list(cases.values()), PROFILES["plain"], Path(folder))
    by_system: dict[str, list[Outcome]] = {}
    for one in outcomes:
        by_system.setdefault(f"{NAME} {named(one)}", []).append(one)
    erred = sum(not one.chose_well for one in cells(cases, outcomes))
    return {**{system: exact(found) for system, found in by_system.items()}, f"{NAME} cells": {"auto errs": erred}}


def keep(found: Sequence[Cell], folder: Path) -> None:
    """Write the cells down, one a line."""
    text = "".join(json.dumps(asdict(one)) + "\n" for one in found)
    (folder / CELLS).write_text(text, encoding="utf-8")


def kept(folder: Path) -> list[Cell]:
    """Return the cells of a folder."""
    return [Cell(**json.loads(line)) for line in (folder / CELLS).read_text(encoding="utf-8").splitlines()]


ENTRY = Entry(
    NAME, "from how many steps on a plan is worth it: steps × width × executor's price", declare, run, quick=counted
)
