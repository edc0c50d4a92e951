"""``run failure``: what each way of working makes of tools that fail, models that err, and agents that are dead.

Counted: how often the answer is right, what it takes, and whether a run ever ends without an answer or a reason for
having none, or goes beyond one of its caps. Neither may happen; the command fails where it does.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from benchmarks.entry import Entry, declare_out
from benchmarks.manifest import Manifest
from benchmarks.orchestration import synthetic
from benchmarks.orchestration.case import Case
from benchmarks.orchestration.ours import Ours
from benchmarks.orchestration.outcome import Outcome
from benchmarks.orchestration.runner import Plan, performed_by, untold
from benchmarks.orchestration.ways import Way
from benchmarks.orchestration.world import Trouble
from benchmarks.simulated.profile import PROFILES, Fault, Profile
from benchmarks.simulated.provider import SimulatedProvider
from schemas.errors import ConfigError
from schemas.settings import Budget, Limits

ROWS = "failure.jsonl"
COMPLAINTS = "complaints.jsonl"
HEADS = (
    "what goes wrong", "system", "right", "in part", "no answer", "seconds", "USD", "calls", "tool calls", "replans",
)  # fmt: skip
SHAPES = ((1, 1), (3, 3), (4, 2), (6, 2), (6, 3), (9, 3), (5, 1), (8, 4))
"""Look-ups and things of the questions that are asked."""
CAPS = Limits(max_parallel=4, max_steps=20, max_turns=24, max_replans=3)
BUDGET = Budget(run_usd=0.12, run_seconds=120.0)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What goes wrong.

    Attributes:
        trouble: With tools.
        faults: With models.
        stand_in: Whether another tool can do what fails.
        agent: Whether an agent takes part.
        tight: Whether the budget is so small that most runs meet it.
    """

    name: str
    trouble: Trouble = field(default_factory=Trouble)
    faults: dict[Fault, float] = field(default_factory=dict[Fault, float])
    stand_in: bool = False
    agent: bool = False
    tight: bool = False

    def cases(self, most: int | None = None) -> list[Case]:
        """Return its questions."""
        return [
            synthetic.case(steps, width, suite="failure", stand_in=self.stand_in, agent=self.agent)
            for steps, width in SHAPES[:most]
        ]


_EVERYTHING: dict[Fault, float] = {
    "rate_limit": 0.1, "overloaded": 0.1, "malformed_plan": 0.1, "wrong_argument": 0.1, "unknown_tool": 0.1, "cut": 0.1
}  # fmt: skip
SCENARIOS: dict[str, Scenario] = {
    one.name: one
    for one in (
        Scenario("nothing"),
        *(Scenario(f"calls-fail-{rate}", Trouble(rate=rate / 100)) for rate in (10, 20, 30, 40)),
        *(Scenario(f"lasting-{rate}", Trouble(lasting=rate / 100), stand_in=True) for rate in (10, 20, 30, 40)),
        Scenario("lasting-20-no-stand-in", Trouble(lasting=0.2)),
        Scenario("dead-tool", Trouble(dead=("look_up",)), stand_in=True),
        Scenario("dead-tool-no-stand-in", Trouble(dead=("look_up",))),
        Scenario("dead-agent", Trouble(dead=("analyst",)), stand_in=True, agent=True),
        Scenario("dead-agent-no-stand-in", Trouble(dead=("analyst",)), agent=True),
        Scenario("malformed-plan", faults={"malformed_plan": 0.4}),
        Scenario("wrong-argument", faults={"wrong_argument": 0.4}),
        Scenario("unknown-tool", faults={"unknown_tool": 0.4}),
        Scenario("cut", faults={"cut": 0.3}),
        Scenario("rate-limit", faults={"rate_limit": 0.3}),
        Scenario("overloaded", faults={"overloaded": 0.3}),
        Scenario("always-malformed", faults={"malformed_plan": 1.0}),
        Scenario("everything", Trouble(rate=0.2, lasting=0.1), _EVERYTHING, stand_in=True, agent=True),
        Scenario("everything-tight", Trouble(rate=0.2, lasting=0.1), _EVERYTHING, stand_in=True, tight=True),
    )
}


def ways(*, tight: bool = False) -> tuple[Way, ...]:
    """Return the ways of working that are compared, with the caps that every run has."""
    budget = Budget(run_usd=0.03, run_seconds=10.0) if tight else BUDGET
    once = CAPS.model_copy(update={"max_replans": 0})
    turning = CAPS.model_copy(update={"max_replans": 1, "react_fallback": True})
    return (
        Way("plan, no replan", Ours("plan", limits=once, budget=budget)),
        Way("plan", Ours("plan", limits=CAPS, budget=budget)),
        Way("plan, then ReAct", Ours("plan", limits=turning, budget=budget)),
        Way("ReAct", Ours("react", limits=CAPS, budget=budget)),
        Way("ReAct, parallel", Ours("react-parallel", limits=CAPS, budget=budget)),
    )


def complaints(outcome: Outcome, way: Way, speed: float) -> list[str]:
    """Return what may never be said of a run.

    A run whose time is up still says what it has; five seconds (on the clock, as the machine may be busy) are
    granted for that. A model call that is under way when the budget runs out was covered when it began.
    """
    told = f"{outcome.case} by {outcome.system}"
    return [f"{told}: {one}" for one in (*_untrue(outcome), *_beyond(outcome, way.made, speed))]


def _untrue(outcome: Outcome) -> Iterator[str]:
    """Yield what is not said, or not as it is."""
    complete = outcome.status == "completed" and not outcome.partial
    asked = [call["status"] for call in outcome.calls if call["part"] in ("planner", "react")]
    admits = "could be had" in outcome.answer
    for wrong, said in (
        (not outcome.answer.strip() and not outcome.reason.strip(), "it ended without an answer and without a reason"),
        (outcome.partial and not outcome.reason.strip(), "its answer is partial, and it does not say why"),
        (complete and not outcome.right and not admits, "it says that it is complete, and its answer is wrong"),
        (complete and asked[-1:] >= [400], "it says that it is complete, though its last turn could not be had"),
        (outcome.status not in ("completed", "failed"), f"it ended as {outcome.status!r}"),
    ):
        if wrong:
            yield said


def _beyond(outcome: Outcome, made: Ours, speed: float) -> Iterator[str]:
    """Yield the caps that were exceeded."""
    limits, budget = made.limits, made.budget
    turns = sum(call["part"] == "react" and call["status"] == 200 for call in outcome.calls)
    grace_s = 5 * speed
    for measure, had, cap in (
        ("replans", outcome.replans, limits.max_replans),
        ("calls at once", outcome.peak_parallel, limits.max_parallel),
        ("USD", round(outcome.cost_usd, 5), budget.run_usd),
        ("seconds", round(outcome.seconds - grace_s, 1), budget.run_seconds),
        ("model calls of turns", turns, 3 * (limits.max_turns + 1)),  # a turn may ask for its calls again, twice
    ):
        if cap is not None and had > cap:
            yield f"{had} {measure} of {cap}"


@dataclass(frozen=True, slots=True)
class Row:
    """What a way of working made of a scenario: shares in 0–1, means over its runs.

    Attributes:
        right: Shares of runs with the right answer; ``partial`` with a part of it, said to be one; ``failed`` with
            none, and a reason.
    """

    scenario: str
    system: str
    runs: int
    right: float
    partial: float
    failed: float
    seconds: float
    cost_usd: float
    calls: float
    tool_calls: float
    replans: float


def row(scenario: str, system: str, found: Sequence[Outcome]) -> Row:
    """Return the row of some outcomes."""

    def mean(of: Callable[[Outcome], float]) -> float:
        return statistics.fmean(map(of, found))

    return Row(
        scenario,
        system,
        len(found),
        right=mean(lambda one: one.right),
        partial=mean(lambda one: not one.right and one.status == "completed"),
        failed=mean(lambda one: one.status != "completed"),
        seconds=mean(lambda one: one.seconds),
        cost_usd=mean(lambda one: one.cost_usd),
        calls=mean(lambda one: len(one.calls)),
        tool_calls=mean(lambda one: one.tool_calls),
        replans=mean(lambda one: one.replans),
    )


def table(rows: Iterable[Row]) -> str:
    """Return the rows as a table in Markdown."""
    grid = [HEADS, *(cells(one) for one in rows)]
    widths = [max(len(line[column]) for line in grid) for column in range(len(HEADS))]
    grid.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in grid
    )


def cells(one: Row) -> tuple[str, ...]:
    """Return a row as text, in the order of ``HEADS``."""
    shares = (f"{share:.0%}" for share in (one.right, one.partial, one.failed))
    counts = (f"{count:.1f}" for count in (one.calls, one.tool_calls, one.replans))
    return (one.scenario, one.system, *shares, f"{one.seconds:.1f}", f"{one.cost_usd:.4f}", *counts)


async def measured(
    scenarios: Sequence[Scenario], profile: Profile, folder: Path, *, most: int | None = None, at_once: int = 4
) -> tuple[list[Row], list[str]]:
    """Run scenarios, each in a folder of its own, and return their rows and the complaints about their runs."""
    rows: list[Row] = []
    found: list[str] = []
    with SimulatedProvider() as provider:
        try:
            for number, scenario in enumerate(scenarios, 1):
                known = {way.name: way for way in ways(tight=scenario.tight)}
                faulty = replace(profile, faults=scenario.faults)
                trouble = replace(scenario.trouble, seed=profile.seed)
                plan = Plan(scenario.cases(most), list(known.values()), faulty, at_once=at_once, trouble=trouble)
                outcomes = await performed_by(provider, plan, folder / scenario.name, untold)
                print(f"… {number}/{len(scenarios)} {scenario.name}", file=sys.stderr, flush=True)
                for name, way in known.items():
                    its = [outcome for outcome in outcomes if outcome.system == name]
                    rows.append(row(scenario.name, name, its))
                    for outcome in its:
                        found += [f"{scenario.name}: {said}" for said in complaints(outcome, way, profile.speed)]
        finally:
            await provider.aclose()
    return rows, found


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options."""
    command.add_argument("--only", nargs="+", metavar="NAME", help=", ".join(SCENARIOS))
    command.add_argument("--simulated", default="plain", choices=PROFILES, help="how the models behave")
    command.add_argument("--n", type=int, help=f"questions a scenario (default {len(SHAPES)})")
    command.add_argument("--seed", type=int, default=1, help="of what goes wrong")
    command.add_argument("--speed", type=float, default=4.0, help="the simulated time is so many times faster")
    command.add_argument("--at-once", type=int, default=4, help="runs at the same time")
    declare_out(command, "failure")


def run(options: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Run the suite and print its table; 1 where a run said nothing or went beyond a cap. Raises ConfigError."""
    unknown = [name for name in options.only or () if name not in SCENARIOS]
    if unknown:
        raise ConfigError(f"nothing goes wrong by the name {unknown[0]!r}", hint=f"known: {', '.join(SCENARIOS)}")
    scenarios = [SCENARIOS[name] for name in options.only or SCENARIOS]
    profile = replace(PROFILES[options.simulated], speed=options.speed, seed=options.seed)
    manifest = Manifest.now(
        arguments=arguments,
        suite="failure",
        systems=tuple(way.name for way in ways()),
        profile=profile.name,
        speed=profile.speed,
        seed=profile.seed,
        cases=len(SHAPES[: options.n]),
    )
    manifest.write(options.out)
    made = partial(measured, scenarios, profile, options.out, most=options.n, at_once=options.at_once)
    rows, found = anyio.run(made)
    _keep((asdict(one) for one in rows), options.out / ROWS)
    _keep(({"said": said} for said in found), options.out / COMPLAINTS)
    print(table(rows))
    print(*(f"NEVER: {said}" for said in found), sep="\n")
    print(f"{sum(one.runs for one in rows)} runs, {len(found)} without an answer or a reason, or beyond a cap")
    return 1 if found else 0


def _keep(told: Iterable[dict[str, Any]], path: Path) -> None:
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in told), encoding="utf-8")


ENTRY = Entry("failure", "what each way of working makes of failing tools, erring models and dead agents", declare, run)
