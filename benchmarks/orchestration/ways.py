"""Systems under names of their own: a way of working with other caps, another choice of mode, or opened already."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.orchestration.case import Case
from benchmarks.orchestration.outcome import Outcome
from benchmarks.orchestration.runner import Contestant
from benchmarks.orchestration.world import World
from benchmarks.simulated.profile import Profile


@dataclass(frozen=True, slots=True)
class Way:
    """A system under a name of its own (a contestant of the runner); who made it opens it, where that is needed."""

    name: str
    made: Contestant

    @property
    def planner(self) -> str:
        """The tier of the model that plans."""
        return self.made.planner

    @property
    def worker(self) -> str:
        """The tier of the model that does the rest."""
        return self.made.worker

    async def run(self, case: Case, world: World, base_url: str, profile: Profile) -> Outcome:
        """Do a case once."""
        return replace(await self.made.run(case, world, base_url, profile), system=self.name)
