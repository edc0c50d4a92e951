"""The ways of doing a task that can be compared, each a setting of the same engine."""

from __future__ import annotations

import difflib
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal, cast

from schemas.errors import ConfigError
from schemas.planning import PlanDelta, PlanRequest, StepDraft
from schemas.protocols import ModelClient, Planner


@dataclass(frozen=True, slots=True)
class System:
    """One way.

    Attributes:
        name: As it is asked for.
        about: What it does, in a few words.
        mode: The engine's mode.
        streams: Whether steps may start while the plan is still being written.
        max_parallel: Most steps at once; None for the configured cap.
        max_calls: Most tool calls in one ReAct turn; None for the configured cap.
    """

    name: str
    about: str
    mode: Literal["plan", "react", "direct"]
    streams: bool = True
    max_parallel: int | None = None
    max_calls: int | None = None


SYSTEMS: dict[str, System] = {
    system.name: system
    for system in (
        System("plan", "a plan; steps start while it is still being written", "plan"),
        System("plan-no-stream", "a plan; no step starts before it is whole", "plan", streams=False),
        System("sequential", "a plan, one step at a time", "plan", streams=False, max_parallel=1),
        System("react", "turn by turn; the calls of one turn run at once", "react"),
        System("react-sequential", "turn by turn, one call a turn", "react", max_parallel=1, max_calls=1),
        System("direct", "the model alone, without tools", "direct"),
    )
}
DEFAULT = ("plan", "react")


def systems_named(names: Iterable[str]) -> tuple[System, ...]:
    """Return the systems of these names, each once, in the order given; ``all`` is every one.

    Raises:
        ConfigError: There is none of that name, or no name at all.

    >>> [system.name for system in systems_named(["react", "plan", "react"])]
    ['react', 'plan']
    """
    wanted = [name.strip().lower() for name in names if name.strip()]
    chosen: dict[str, System] = {}
    for name in wanted:
        if name == "all":
            chosen.update(SYSTEMS)
        elif name in SYSTEMS:
            chosen[name] = SYSTEMS[name]
        else:
            near = difflib.get_close_matches(name, SYSTEMS, 1)
            guess = f"did you mean {near[0]}? " if near else ""
            raise ConfigError(f"there is no system {name!r}", hint=f"{guess}systems: {', '.join(SYSTEMS)}, all")
    if not chosen:
        raise ConfigError("no system to compare is named", hint=f"systems: {', '.join(SYSTEMS)}, all")
    return tuple(chosen.values())


class Whole:
    """A planner that hands on its plan only when it is whole (implements ``schemas.protocols.Planner``)."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner

    async def plan(self, request: PlanRequest, model: ModelClient) -> AsyncGenerator[PlanDelta]:
        """Stream what the planner streams, without the steps of the unfinished plan. Raises as that planner."""
        stream = cast("AsyncGenerator[PlanDelta]", self._planner.plan(request, model))
        async with aclosing(stream) as deltas:
            async for delta in deltas:
                if not isinstance(delta, StepDraft):
                    yield delta


class Capped:
    """A ReAct planner that may make only so many calls a turn (implements ``schemas.protocols.Planner``)."""

    def __init__(self, planner: Planner, max_calls: int) -> None:
        self._planner = planner
        self._max_calls = max_calls

    async def plan(self, request: PlanRequest, model: ModelClient) -> AsyncGenerator[PlanDelta]:
        """Stream a turn of at most so many calls. Raises as that planner."""
        asked = request.model_copy(update={"max_steps": min(request.max_steps, self._max_calls)})
        stream = cast("AsyncGenerator[PlanDelta]", self._planner.plan(asked, model))
        async with aclosing(stream) as deltas:
            async for delta in deltas:
                yield delta
