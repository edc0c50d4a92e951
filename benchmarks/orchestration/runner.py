"""Runs cases by systems: interleaved, some at once, each outcome written down as soon as it is there."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

import anyio

from benchmarks.orchestration.bounds import bound_s
from benchmarks.orchestration.case import Case
from benchmarks.orchestration.outcome import Outcome
from benchmarks.orchestration.suites import world_of
from benchmarks.orchestration.world import WALL, Clock, Trouble, World
from benchmarks.simulated.profile import Profile
from benchmarks.simulated.provider import SimulatedProvider

OUTCOMES = "outcomes.jsonl"
PROMPTS = "prompts.json"


class Contestant(Protocol):
    """A system: a way of doing cases."""

    @property
    def name(self) -> str:
        """As it is asked for."""
        ...

    @property
    def planner(self) -> str:
        """The tier of the model that plans, or takes the turns."""
        ...

    @property
    def worker(self) -> str:
        """The tier of the model that does the rest."""
        ...

    async def run(self, case: Case, world: World, base_url: str, profile: Profile) -> Outcome:
        """Do a case once. Never raises for a run that fails: that is an outcome."""
        ...


class Models(Protocol):
    """Where the models of runs are (``SimulatedProvider``, or one on a virtual clock)."""

    async def register(self, token: str, case: Case, profile: Profile, system: str) -> str:
        """Register a run and return the base URL of its models."""
        ...

    async def calls(self, token: str) -> list[Mapping[str, Any]]:
        """Return what a run's calls took, and forget the run."""
        ...

    async def prompts(self) -> dict[str, str]:
        """Return the first prompt that each system sent for each part, by ``system: part``."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """One run to be made; ``key`` tells it from all others."""

    case: Case
    contestant: Contestant
    repeat: int

    @property
    def key(self) -> str:
        """Names it."""
        one = self.contestant
        return f"{one.name} {one.planner} {one.worker} {self.case.name} {self.repeat}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run.

    Attributes:
        repeats: Runs of each case by each system.
        at_once: Runs at the same time; each has its own models, tools and clock.
        trouble: What goes wrong with tools.
        simulated: Whether the models are the simulated provider's; else each system has its own.
        clock: What the tools' time is by.
    """

    cases: Sequence[Case]
    contestants: Sequence[Contestant]
    profile: Profile
    repeats: int = 1
    at_once: int = 4
    trouble: Trouble = field(default_factory=Trouble)
    simulated: bool = True
    clock: Clock = WALL

    def jobs(self) -> Iterator[Job]:
        """Yield every run, systems taking turns on each case, each time another one first."""
        for repeat in range(self.repeats):
            for number, case in enumerate(self.cases):
                first = (number + repeat) % len(self.contestants)
                for contestant in (*self.contestants[first:], *self.contestants[:first]):
                    yield Job(case, contestant, repeat)


async def perform(plan: Plan, folder: Path, told: Callable[[Outcome, int, int], None]) -> list[Outcome]:
    """Make the runs that are not in a folder yet, and return all outcomes; as ``performed_by``."""
    with SimulatedProvider() as provider:
        try:
            return await performed_by(provider, plan, folder, told)
        finally:
            await provider.aclose()


async def performed_by(
    provider: Models, plan: Plan, folder: Path, told: Callable[[Outcome, int, int], None]
) -> list[Outcome]:
    """Make the runs that are not in a folder yet, and return all outcomes.

    Args:
        provider: Where the models are; it has been started.
        plan: What is to be run.
        folder: Where outcomes are kept, one a line; what was made there before is not made again.
        told: Called with each new outcome, how many there are, and how many there will be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = {_key(outcome): outcome for outcome in read(folder)}
    jobs = list(plan.jobs())
    left = [job for job in jobs if job.key not in known]
    found = {job.key: known[job.key] for job in jobs if job.key in known}
    gate = anyio.CapacityLimiter(plan.at_once)
    with (folder / OUTCOMES).open("a", encoding="utf-8") as lines:

        async def one(job: Job) -> None:
            async with gate:
                outcome = await _performed(plan, job, provider)
            lines.write(json.dumps(outcome.to_json(), ensure_ascii=False) + "\n")
            lines.flush()
            found[job.key] = outcome
            told(outcome, len(found), len(jobs))

        async with _opened(plan.contestants if left else ()):
            if left and plan.simulated:
                await _warm(plan, provider)
            async with anyio.create_task_group() as group:
                for job in left:
                    group.start_soon(one, job)
    _keep(await provider.prompts(), folder)
    return [found[job.key] for job in jobs]


@asynccontextmanager
async def _opened(contestants: Sequence[Contestant]) -> AsyncGenerator[None]:
    """Open those that have something to be opened: a process of their own."""
    async with AsyncExitStack() as stack:
        for contestant in contestants:
            if isinstance(contestant, AbstractAsyncContextManager):
                await stack.enter_async_context(cast("AbstractAsyncContextManager[object]", contestant))
        yield


def _keep(prompts: Mapping[str, str], folder: Path) -> None:
    """Keep the prompts that were seen, beside those of earlier runs into the same folder."""
    path = folder / PROMPTS
    known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**prompts, **known}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def untold(outcome: Outcome, done: int, of: int) -> None:
    """Take an outcome and tell nobody."""
    del outcome, done, of


async def _warm(plan: Plan, provider: Models) -> None:
    """Run the first case once by every system, so that none pays for what all load."""
    for contestant in plan.contestants:
        await _performed(plan, Job(plan.cases[0], contestant, -1), provider)


async def _performed(plan: Plan, job: Job, provider: Models) -> Outcome:
    profile, contestant = plan.profile, job.contestant
    token = job.key.replace(" ", "_").replace("/", "_")
    base_url = ""
    if plan.simulated:
        base_url = await provider.register(token, job.case, profile, f"{contestant.name} {contestant.planner}")
    world = world_of(job.case, profile.speed, plan.trouble)
    world.clock = plan.clock
    outcome = await contestant.run(job.case, world, base_url, profile)
    if plan.simulated:
        outcome.calls = [dict(call) for call in await provider.calls(token)]
    outcome.repeat, outcome.profile = job.repeat, profile.name
    outcome.planner, outcome.worker = contestant.planner, contestant.worker
    if plan.simulated and outcome.status == "completed" and not outcome.replans:
        outcome.bound_s = bound_s(job.case, outcome, profile)
    return outcome


def read(folder: Path) -> list[Outcome]:
    """Return the outcomes of a folder; a line that was being written when a run was broken off is left out."""
    path = folder / OUTCOMES
    if not path.exists():
        return []
    found: list[Outcome] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            told: Mapping[str, object] = json.loads(line)
        except ValueError:
            continue
        found.append(Outcome(**told))  # pyright: ignore[reportArgumentType] (as it was written)
    return found


def _key(outcome: Outcome) -> str:
    return f"{outcome.system} {outcome.planner} {outcome.worker} {outcome.suite}/{outcome.case} {outcome.repeat}"
