"""What came of one case done by one system once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.orchestration.case import Case
from benchmarks.orchestration.world import World


@dataclass(slots=True)
class Outcome:
    """One run; ready for JSON.

    Attributes:
        seconds: As the run's own time goes: with ``speed`` times what a clock shows.
        right: Whether the answer is right.
        reason: Why it did not complete, or what it left other than it should be.
        mode: What the engine did: plan, react, direct; empty for others' systems.
        bound_s: The least it can take (``benchmarks.orchestration.bounds``); None where there is none.
        spans: Its tool calls, and ``calls`` its model calls as the provider saw them.
    """

    system: str
    suite: str
    case: str
    repeat: int = 0
    profile: str = ""
    planner: str = ""
    worker: str = ""
    speed: float = 1.0
    seconds: float = 0.0
    status: str = ""
    answer: str = ""
    right: bool = False
    partial: bool = False
    reason: str = ""
    replans: int = 0
    mode: str = ""
    peak_parallel: int = 0
    bound_s: float | None = None
    plans: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    spans: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    calls: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    @classmethod
    def of(
        cls,
        system: str,
        case: Case,
        world: World,
        *,
        seconds: float,
        status: str,
        answer: str,
        partial: bool = False,
        reason: str = "",
        replans: int = 0,
        mode: str = "",
        plans: Sequence[dict[str, Any]] = (),
    ) -> Outcome:
        """Return the outcome of a run that ended."""
        strays = world.strays()
        return cls(
            system=system,
            suite=case.suite,
            case=case.id,
            speed=world.speed,
            seconds=seconds,
            status=status,
            answer=answer,
            right=case.right(answer) and not partial and not strays,
            partial=partial,
            reason=reason or (f"not as it should be: {', '.join(strays)}" if strays else ""),
            replans=replans,
            mode=mode,
            peak_parallel=world.peak,
            plans=list(plans),
            spans=[asdict(span) for span in world.spans],
        )

    @classmethod
    def failed(cls, system: str, case: Case, world: World, reason: str) -> Outcome:
        """Return the outcome of a run that could not be made."""
        return cls.of(system, case, world, seconds=world.seconds, status="failed", answer="", reason=reason)

    @property
    def tool_calls(self) -> int:
        """How many calls of tools were made."""
        return len(self.spans)

    @property
    def cost_usd(self) -> float:
        """What its model calls cost."""
        return sum(call["cost_usd"] for call in self.calls)

    def tokens(self, kind: str) -> int:
        """Return its tokens of a kind: prompt, cached, completion."""
        return sum(call[f"{kind}_tokens"] for call in self.calls)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)
