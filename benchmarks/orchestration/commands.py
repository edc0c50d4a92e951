"""``run SUITE`` for the suites of cases: every system does every case, side by side."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio

from benchmarks import data
from benchmarks.entry import Entry, at_least, declare_out, known_as, more_than_0
from benchmarks.manifest import Manifest
from benchmarks.orchestration import peers
from benchmarks.orchestration.figures import counts, exact, named, table
from benchmarks.orchestration.outcome import Outcome
from benchmarks.orchestration.runner import Contestant, Plan, perform, performed_by
from benchmarks.orchestration.suites import SUITES, Suite, cases_of
from benchmarks.orchestration.systems import DEFAULT, NAMES, real_systems, systems_named
from benchmarks.orchestration.world import World
from benchmarks.progress import Progress
from benchmarks.simulated.clock import virtually
from benchmarks.simulated.profile import PROFILES
from benchmarks.simulated.virtual import CLOCK, VirtualProvider
from schemas.errors import ConfigError

QUICK_SPEED = 20.0
QUICK_SYSTEMS = ("react", "react-parallel", "plan", "plan/small", "plan-no-stream")


def declare(command: argparse.ArgumentParser, suite: Suite) -> None:
    """Declare the options of a suite of cases."""
    usual = ",".join((*DEFAULT, *suite.more))
    told = f"of {', '.join(NAMES)}; NAME/small: a small worker (default: {usual})"
    command.add_argument("--systems", default=usual, metavar="A,B,…", help=told)
    command.add_argument("--simulated", default="plain", metavar="PROFILE", help=", ".join(PROFILES))
    command.add_argument(
        "--model", metavar="PROVIDER/MODEL", help="a real model, by your configuration, for everything"
    )
    command.add_argument("--planner-model", metavar="PROVIDER/MODEL", help="the one that plans, or takes ReAct's turns")
    command.add_argument("--worker-model", metavar="PROVIDER/MODEL", help="the one that completes steps and answers")
    command.add_argument("--n", type=at_least(1), help="at most so many cases, evenly spread")
    command.add_argument("--repeat", type=at_least(1), default=1, help="runs of each case by each system")
    command.add_argument("--data", type=Path, help="folder of the public sets (default: ENGINE_BENCH_DATA)")
    command.add_argument("--seed", type=int, default=1, help="of what goes wrong")
    command.add_argument("--speed", type=more_than_0, default=1.0, help="the simulated time is so many times faster")
    command.add_argument("--at-once", type=at_least(1), default=4, help="runs at the same time")
    told = "on a virtual clock: seconds of models and tools alone, exact on every machine; systems of ours only"
    command.add_argument("--virtual", action="store_true", help=told)
    declare_out(command, suite.name)


def run(options: argparse.Namespace, arguments: Sequence[str], suite: Suite) -> int:
    """Run a suite of cases and print its table; what is in its folder is not run again. Raises ConfigError."""
    known_as(options.simulated, PROFILES, "profile")
    names, real = options.systems.split(","), _real_models(options)
    carrier = _carrier(options, suite, real=real is not None)
    cases = cases_of(suite, options.data or data.folder(), options.n)
    contestants = real_systems(names, *real) if real else systems_named(names, suite.name, carrier=carrier)
    speed = 1.0 if real or carrier else options.speed
    profile = replace(PROFILES[options.simulated], speed=speed, seed=options.seed, **({"name": ""} if real else {}))
    Manifest.now(
        arguments=arguments,
        peers=peers.versions(one.name for one in contestants if one.name in peers.KINDS),
        tokens="as the providers count" if real else "",
        suite=suite.name,
        systems=tuple(_named(one) for one in contestants),
        profile=profile.name,
        planner_model=real[0] if real else "",
        worker_model=real[1] if real else "",
        clock="wall" if carrier is None else "virtual",
        speed=profile.speed,
        seed=profile.seed,
        cases=len(cases),
        repeats=options.repeat,
    ).write(options.out)
    plan = Plan(cases, contestants, profile, repeats=options.repeat, at_once=options.at_once, simulated=not real)
    outcomes = _performed(plan, options.out, carrier)
    print(table(outcomes))
    print(f"\n{len(outcomes)} outcomes in {options.out}")
    return 0


def _carrier(options: argparse.Namespace, suite: Suite, *, real: bool) -> VirtualProvider | None:
    """Return the models on a virtual clock, where that is asked for. Raises ConfigError."""
    if not options.virtual:
        return None
    if real:
        raise ConfigError("real models have no virtual clock", hint="--model without --virtual")
    if suite.world is not World:
        raise ConfigError(f"{suite.name} cannot run on a virtual clock: its tools have a process of their own",
                          hint="without --virtual; --speed makes it faster")  # fmt: skip
    return VirtualProvider()


def _performed(plan: Plan, folder: Path, carrier: VirtualProvider | None) -> list[Outcome]:
    told = _telling(Progress())
    if carrier is None:
        return anyio.run(perform, plan, folder, told)
    return virtually(partial(performed_by, carrier, replace(plan, at_once=1, clock=CLOCK), folder, told))[0]


def _named(one: Contestant) -> str:
    return one.name if one.worker == one.planner else f"{one.name}/{one.worker}"


def counted(suite: Suite) -> dict[str, dict[str, float]]:
    """Return what a few cases take of what does not depend on the machine, by system. Raises ConfigError.

    They run on a virtual clock, and their seconds count too, unless their tools have a process of their own.
    """
    cases = cases_of(suite, data.folder(), suite.quick_cases)
    carrier = VirtualProvider() if suite.world is World else None
    profile = replace(PROFILES["plain"], speed=QUICK_SPEED if carrier is None else 1.0)
    systems = systems_named((*QUICK_SYSTEMS, *suite.more), suite.name, carrier=carrier)
    with tempfile.TemporaryDirectory() as folder:
        outcomes = _performed(Plan(cases, systems, profile, at_once=6), Path(folder), carrier)
    found: dict[str, list[Outcome]] = {}
    for one in outcomes:
        found.setdefault(f"{suite.name} {named(one)}", []).append(one)
    return {system: (counts if carrier is None else exact)(ones) for system, ones in found.items()}


def _real_models(options: argparse.Namespace) -> tuple[str, str] | None:
    planner = options.planner_model or options.model or options.worker_model
    worker = options.worker_model or options.model or options.planner_model
    return (planner, worker) if planner else None


def _telling(progress: Progress) -> Callable[[Outcome, int, int], None]:
    def tell(outcome: Outcome, done: int, of: int) -> None:
        progress(f"{named(outcome)} {outcome.case}", done, of)

    return tell


def entries() -> tuple[Entry, ...]:
    """Return every suite of cases as an entry of ``run``."""
    return tuple(
        Entry(
            suite.name,
            suite.about,
            partial(declare, suite=suite),
            partial(run, suite=suite),
            kind="cases",
            quick=partial(counted, suite),
        )
        for suite in SUITES.values()
    )
