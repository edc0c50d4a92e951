"""``run failure``: what each way of working makes of tools that fail, models that err, and agents that are dead.

Counted: how often the answer is right, what it takes, and whether a run ever ends without an answer or a reason for
having none, or goes beyond one of its caps. Neither may happen; the command fails where it does.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from benchmarks.entry import Entry, at_least, declare_out, known_as, more_than_0
from benchmarks.manifest import Manifest
from benchmarks.orchestration import peers
from benchmarks.orchestration.complaints import complaints
from benchmarks.orchestration.ours import Ours
from benchmarks.orchestration.outcome import Outcome
from benchmarks.orchestration.peers import Peer
from benchmarks.orchestration.runner import Models, Plan, performed_by
from benchmarks.orchestration.scenarios import SCENARIOS, SHAPES, Scenario
from benchmarks.orchestration.ways import Way
from benchmarks.orchestration.world import WALL
from benchmarks.progress import Progress
from benchmarks.simulated.clock import virtually
from benchmarks.simulated.profile import PROFILES, Profile
from benchmarks.simulated.provider import SimulatedProvider
from benchmarks.simulated.virtual import CLOCK, VirtualProvider
from gateway.upstream.base import Upstream
from schemas.errors import ConfigError
from schemas.settings import Budget, Limits

NAME = "failure"
ROWS = "failure.jsonl"
COMPLAINTS = "complaints.jsonl"
HEADS = (
    "what goes wrong", "system", "right", "in part", "no answer", "seconds", "USD", "calls", "tool calls", "replans",
)  # fmt: skip
QUICK = ("calls-fail-20", "lasting-20", "dead-agent", "malformed-plan", "unknown-tool", "always-malformed")
"""Those in which no budget ends runs: how long retries pause is drawn by chance, so seconds are not counted either."""
QUICK_CASES = 4
CAPS = Limits(max_parallel=4, max_steps=20, max_turns=24, max_replans=3)
BUDGET = Budget(run_usd=0.12, run_seconds=120.0)


WAYS: Mapping[str, tuple[str, Limits]] = {
    "plan-no-replan": ("plan", CAPS.model_copy(update={"max_replans": 0})),
    "plan": ("plan", CAPS),
    "plan-then-react": ("plan", CAPS.model_copy(update={"max_replans": 1, "react_fallback": True})),
    "react": ("react", CAPS),
    "react-parallel": ("react-parallel", CAPS),
}
"""Our ways of working by name: the system, and the caps that each of its runs has."""


def ways(names: Iterable[str] = WAYS, *, tight: bool = False, carrier: Upstream | None = None) -> tuple[Way, ...]:
    """Return ways of working of ours.

    Args:
        names: Of ``WAYS``.
        tight: Whether the budget is so small that most runs meet it.
        carrier: What carries requests to the models, where that is no network.
    """
    budget = Budget(run_usd=0.03, run_seconds=10.0) if tight else BUDGET
    chosen = ((name, *WAYS[name]) for name in names)
    return tuple(
        Way(name, Ours(system, limits=limits, budget=budget, carrier=carrier)) for name, system, limits in chosen
    )


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


@dataclass(frozen=True, slots=True)
class Trial:
    """What is to be measured.

    Attributes:
        names: Of our ways of working; ``others`` are peers beside them.
        most: Questions a scenario, at most.
        at_once: Runs at the same time.
    """

    scenarios: Sequence[Scenario]
    profile: Profile
    folder: Path
    names: Sequence[str] = tuple(WAYS)
    others: Sequence[Peer] = ()
    most: int | None = None
    at_once: int = 4

    @property
    def runs(self) -> int:
        """How many there are in all."""
        contestants = len(self.names) + len(self.others)
        return sum(len(scenario.cases(self.most)) for scenario in self.scenarios) * contestants


@dataclass(slots=True)
class Found:
    """What was measured: rows, and by scenario and system what may never be said of a run."""

    rows: list[Row]
    complaints: list[dict[str, str]]

    def of_ours(self) -> list[str]:
        """Return the complaints about runs of ours."""
        return [f"{one['scenario']}: {one['said']}" for one in self.complaints if one["system"] in WAYS]


def measured(trial: Trial) -> Found:
    """Run scenarios, each in a folder of its own.

    Without peers it is done on a virtual clock, in this process and with the bytes of the real wire: the same on every
    machine, but for how long retries pause, which is drawn by chance. With peers, which have processes of their own,
    all of it goes by the wall clock.
    """
    if not trial.others:
        provider = VirtualProvider()
        return virtually(partial(_measured, provider, replace(trial, at_once=1), provider))[0]
    return anyio.run(_beside_peers, trial)


async def _beside_peers(trial: Trial) -> Found:
    with SimulatedProvider() as provider:
        try:
            async with AsyncExitStack() as stack:
                for peer in trial.others:
                    await stack.enter_async_context(peer)
                return await _measured(provider, trial, None)
        finally:
            await provider.aclose()


async def _measured(provider: Models, trial: Trial, carrier: Upstream | None) -> Found:
    found, progress, before = Found([], []), Progress(), 0
    for scenario in trial.scenarios:
        known = {way.name: way for way in ways(trial.names, tight=scenario.tight, carrier=carrier)}
        beside = {peer.name: Way(peer.name, peer) for peer in trial.others}
        plan = Plan(
            scenario.cases(trial.most),
            [*known.values(), *beside.values()],
            replace(trial.profile, faults=scenario.faults),
            at_once=trial.at_once,
            trouble=replace(scenario.trouble, seed=trial.profile.seed),
            clock=WALL if carrier is None else CLOCK,
        )
        told = partial(_tell, progress, scenario.name, before, trial.runs)
        outcomes = await performed_by(provider, plan, trial.folder / scenario.name, told)
        before += len(outcomes)
        for name, way in {**known, **beside}.items():
            its = [outcome for outcome in outcomes if outcome.system == name]
            found.rows.append(row(scenario.name, name, its))
            said = (one for outcome in its for one in complaints(outcome, way.made, trial.profile.speed))
            found.complaints += [{"scenario": scenario.name, "system": name, "said": one} for one in said]
    return found


def _tell(progress: Progress, scenario: str, before: int, runs: int, outcome: Outcome, done: int, of: int) -> None:
    del of
    progress(f"{scenario} {outcome.system}", before + done, runs)


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options."""
    names = ", ".join((*WAYS, *peers.anywhere()))
    command.add_argument("--only", nargs="+", metavar="NAME", help=", ".join(SCENARIOS))
    command.add_argument("--systems", default=",".join(WAYS), metavar="A,B,…", help=f"of {names} (default: ours)")
    command.add_argument("--simulated", default="plain", metavar="PROFILE", help=", ".join(PROFILES))
    command.add_argument("--n", type=at_least(1), help=f"questions a scenario (default {len(SHAPES)})")
    command.add_argument("--seed", type=int, default=1, help="of what goes wrong")
    told = "beside peers, the simulated time is so many times faster (default 4)"
    command.add_argument("--speed", type=more_than_0, default=4.0, help=told)
    command.add_argument("--at-once", type=at_least(1), default=4, help="beside peers, runs at the same time")
    declare_out(command, NAME)


def run(options: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Run the suite and print its table; 1 where a run said nothing or went beyond a cap. Raises ConfigError."""
    for name in options.only or ():
        known_as(name, SCENARIOS, "scenario")
    scenarios = [SCENARIOS[name] for name in options.only or SCENARIOS]
    profile = known_as(options.simulated, PROFILES, "profile")
    names, others = _systems(options.systems)
    speed = options.speed if others else 1.0
    trial = Trial(
        scenarios,
        replace(PROFILES[profile], speed=speed, seed=options.seed),
        options.out,
        names,
        others,
        most=options.n,
        at_once=options.at_once,
    )
    Manifest.now(
        arguments=arguments,
        peers=peers.versions(peer.name for peer in others),
        suite=NAME,
        systems=(*names, *(peer.name for peer in others)),
        profile=profile,
        clock="wall" if others else "virtual",
        speed=speed,
        seed=options.seed,
        cases=len(SHAPES[: options.n]),
    ).write(options.out)
    found = measured(trial)
    keep(found, options.out)
    print(table(found.rows))
    ours = found.of_ours()
    print(*(f"NEVER: {said}" for said in ours), sep="\n")
    runs = sum(one.runs for one in found.rows)
    print(f"{runs} runs, {len(ours)} of ours without an answer or a reason, or beyond a cap")
    return 1 if ours else 0


def counted() -> dict[str, dict[str, float]]:
    """Return what each of our ways makes of a few questions and scenarios; none may say nothing or break a cap."""
    with tempfile.TemporaryDirectory() as folder:
        found = measured(Trial([SCENARIOS[name] for name in QUICK], PROFILES["plain"], Path(folder), most=QUICK_CASES))
    rows = {
        f"{NAME} {one.scenario} {one.system}": {
            "wrong": round(1 - one.right, 4),
            "no answer": round(one.failed, 4),
            "model calls": round(one.calls, 4),
            "tool calls": round(one.tool_calls, 4),
            "replans": round(one.replans, 4),
            "USD": round(one.cost_usd, 6),
        }
        for one in found.rows
    }
    return {**rows, f"{NAME} runs": {"without answer or reason, or beyond a cap": len(found.of_ours())}}


def _systems(asked: str) -> tuple[list[str], list[Peer]]:
    """Return the names of our ways, and the peers; those that cannot be had are left out, and why is said."""
    wanted = [name.strip() for name in asked.split(",") if name.strip()]
    for name in wanted:
        known_as(name, {**WAYS, **peers.KINDS}, "system")
    there = (peers.peer_named(name, "big", "big", NAME) for name in wanted if name in peers.KINDS)
    names, others = [name for name in wanted if name in WAYS], [peer for peer in there if peer is not None]
    if not names and not others:
        raise ConfigError("no system is left to run", hint=f"systems: {', '.join(WAYS)}")
    return names, others


def keep(found: Found, folder: Path) -> None:
    """Write rows and complaints down, beside those of other scenarios and systems that the folder has already."""
    made = {(one.scenario, one.system) for one in found.rows}
    for path, told in ((folder / ROWS, [asdict(one) for one in found.rows]), (folder / COMPLAINTS, found.complaints)):
        kept = [one for one in _lines(path) if (one["scenario"], one["system"]) not in made]
        order = list(SCENARIOS)
        together = sorted([*kept, *told], key=lambda one: order.index(one["scenario"]))
        text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in together)
        path.write_text(text, encoding="utf-8")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())


ENTRY = Entry(
    NAME, "what each way of working makes of failing tools, erring models and dead agents", declare, run, quick=counted
)
