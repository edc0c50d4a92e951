"""What goes wrong in the failure suite: tools that fail, in passing or for good, models that err, dead agents."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.orchestration import synthetic
from benchmarks.orchestration.case import Case
from benchmarks.orchestration.world import Trouble
from benchmarks.simulated.profile import Fault

SHAPES = ((1, 1), (3, 3), (4, 2), (6, 2), (6, 3), (9, 3), (5, 1), (8, 4))
"""Look-ups and things of the questions that are asked."""


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
