"""Our systems under names of their own: the same way of working with other caps, or another choice of mode."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.orchestration.case import Case
from benchmarks.orchestration.ours import Ours
from benchmarks.orchestration.outcome import Outcome
from benchmarks.orchestration.world import World
from benchmarks.simulated.profile import Profile


@dataclass(frozen=True, slots=True)
class Way:
    """One of our systems under a name of its own (a contestant of the runner)."""

    name: str
    made: Ours

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
