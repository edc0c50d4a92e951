"""``run line``: from how many steps on, and how wide, is a plan worth it? A map over steps × width × executor's price.

Each cell is a question of so many look-ups, about so many things side by side, done turn by turn (with parallel calls,
the best ReAct there is) and by a plan, which has its arguments and its answer written by a dear model or a cheap one.
Seconds are the least that the counted tokens and the tools' times allow (no machine's noise); dollars are counted.

A side is *faster* and *cheaper* by those. It is *better* where seconds times dollars are less: a saving of a tenth in
one outweighs a loss of less than a tenth in the other, whatever the units. Within 5 % neither is.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import anyio

from benchmarks.entry import Entry, declare_out
from benchmarks.manifest import Manifest
from benchmarks.orchestration import synthetic
from benchmarks.orchestration.case import Case
from benchmarks.orchestration.ours import Ours
from benchmarks.orchestration.outcome import Outcome
from benchmarks.orchestration.runner import Plan, perform
from benchmarks.orchestration.ways import Way
from benchmarks.simulated.profile import PROFILES, Profile

CELLS = "cells.jsonl"
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
        react_s, plan_s, auto_s: Seconds by count; ``sequential_s`` those of one call a turn.
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
    def chose_well(self) -> bool:
        """Whether ``auto`` chose the better side, or one as good."""
        return self.better in ("even", self.auto)


def side(react: float, plan: float) -> str:
    """Return which is less, or that they are even."""
    if abs(react - plan) <= EVEN * min(react, plan):
        return "even"
    return "react" if react < plan else "plan"


def counted_s(case: Case, outcome: Outcome, profile: Profile) -> float:
    """Return the least seconds that a run's calls and tools take: the bound of a plan, or turn by turn."""
    calls = sum(_call_s(call, profile) for call in outcome.calls)
    if outcome.bound_s is not None:
        before = (call for call in outcome.calls if call["part"] not in ("planner", "synthesizer"))
        return outcome.bound_s + sum(_call_s(call, profile) for call in before)
    waves: dict[int, list[float]] = {}
    levels: dict[str, int] = {}
    for number, step in enumerate(case.steps):
        levels[step.id] = 1 + max((levels[need] for need in step.needs), default=0)
        wave = number if outcome.system == "react" else levels[step.id]
        waves.setdefault(wave, []).append(case.seconds(step.tool, case.resolved(step)))
    return calls + sum(max(wave) for wave in waves.values())


def _call_s(call: dict[str, float | str], profile: Profile) -> float:
    tier = profile.tiers[str(call["tier"])]
    reading = (float(call["prompt_tokens"]) - float(call["cached_tokens"])) / tier.prompt_tokens_per_s
    return tier.first_token_s + reading + (float(call["completion_tokens"]) - 1) * tier.token_s


def places(steps: Iterable[int] = STEPS, widths: Iterable[int] = WIDTHS) -> list[tuple[int, int]]:
    """Return the places of the map: no question is wider than it has steps."""
    wide = list(widths)
    return [(one, width) for one in steps for width in wide if width <= one]


def systems() -> tuple[Way, ...]:
    """Return what is run at every place."""
    return (
        Way("react", Ours("react")),
        Way("react-parallel", Ours("react-parallel")),
        *(Way("plan", Ours("plan", worker=tier)) for tier in PRICES),
        *(Way("auto", Ours("plan", worker=tier, mode="auto")) for tier in PRICES),
    )


def cells(cases: dict[tuple[int, int], Case], outcomes: Sequence[Outcome], profile: Profile) -> list[Cell]:
    """Return the cells of a map."""
    known = {(one.case, one.system, one.worker): one for one in outcomes}
    found: list[Cell] = []
    for (steps, width), case in cases.items():
        for executor in PRICES:
            ran = {
                name: known[case.id, name, "big" if name.startswith("react") else executor]
                for name in ("react", "react-parallel", "plan", "auto")
            }
            seconds = {name: counted_s(case, one, profile) for name, one in ran.items()}
            usd = {name: one.cost_usd for name, one in ran.items()}
            (react_s, plan_s), (react_usd, plan_usd) = ((of["react-parallel"], of["plan"]) for of in (seconds, usd))
            found.append(
                Cell(
                    steps, width, executor,
                    react_s, plan_s, seconds["react"], seconds["auto"],
                    react_usd, plan_usd, usd["react"], usd["auto"],
                    auto=ran["auto"].mode,
                    faster=side(react_s, plan_s),
                    cheaper=side(react_usd, plan_usd),
                    better=side(react_s * react_usd, plan_s * plan_usd),
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


def summary(found: Sequence[Cell]) -> str:
    """Return the maps, and how often ``auto`` chose well."""
    parts: list[str] = []
    for executor in PRICES:
        for of, told in (("faster", "faster"), ("cheaper", "cheaper"), ("better", "less seconds × USD"),
                         ("auto", "what auto chose")):  # fmt: skip
            parts.append(f"{told}, executor {executor}:\n{heat(found, of, executor)}")
    good = sum(one.chose_well for one in found)
    parts.append(f"auto chose the better side in {good} of {len(found)} cells ({good / len(found):.0%})")
    return "\n\n".join(parts)


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options."""
    command.add_argument("--steps", type=_numbers, default=list(STEPS), metavar="A,B,…", help="default: 1 to 20")
    command.add_argument("--widths", type=_numbers, default=list(WIDTHS), metavar="A,B,…", help="default: 1 to 10")
    command.add_argument("--simulated", default="plain", choices=PROFILES, help="how the models behave")
    command.add_argument("--speed", type=float, default=8.0, help="the simulated time is so many times faster")
    command.add_argument("--at-once", type=int, default=4, help="runs at the same time")
    command.add_argument("--check", action="store_true", help=f"exit with 1 where auto errs in over {1 - TARGET:.0%}")
    declare_out(command, "line")


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def run(options: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Measure the map and print it; with ``--check`` 1 where ``auto`` errs too often. Raises ConfigError."""
    profile = replace(PROFILES[options.simulated], speed=options.speed)
    cases = {place: synthetic.case(*place) for place in places(options.steps, options.widths)}
    Manifest.now(
        arguments=arguments,
        suite="line",
        systems=("react", "react-parallel", "plan", "plan/small", "auto", "auto/small"),
        profile=profile.name,
        speed=profile.speed,
        cases=len(cases),
    ).write(options.out)
    plan = Plan(list(cases.values()), systems(), profile, at_once=options.at_once)
    outcomes = anyio.run(partial(perform, plan, options.out, _tell))
    print(file=sys.stderr)
    found = cells(cases, outcomes, profile)
    keep(found, options.out)
    print(summary(found))
    wrong = [one for one in outcomes if not one.right]
    print(*(f"NOT RIGHT: {one.case} by {one.system}: {one.reason or one.answer}" for one in wrong), sep="\n")
    well = sum(one.chose_well for one in found) >= TARGET * len(found)
    return 1 if options.check and (wrong or not well) else 0


def keep(found: Sequence[Cell], folder: Path) -> None:
    """Write the cells down, one a line."""
    text = "".join(json.dumps(asdict(one)) + "\n" for one in found)
    (folder / CELLS).write_text(text, encoding="utf-8")


def _tell(outcome: Outcome, done: int, of: int) -> None:
    print(f"\r{done}/{of} {outcome.system:<14} {outcome.case:<8}", end="", file=sys.stderr, flush=True)


ENTRY = Entry("line", "from how many steps on a plan is worth it: steps × width × executor's price", declare, run)
