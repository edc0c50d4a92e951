"""What a run waits for that is due at a time: steps, and calls of its own models. Pure: a time comes by an event."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from engine.dag.steps import StepGraph
from schemas.driving import PlanningPostponed, StepPostponed, TimeCame

if TYPE_CHECKING:
    from engine.dag.state import RunState


class Waits:
    """What was postponed.

    Args:
        graph: The run's steps.

    Attributes:
        call: The planner's or the synthesizer's call that is to be made again.
        calls: How often such a call was postponed.
    """

    def __init__(self, graph: StepGraph) -> None:
        self._graph = graph
        self._steps: dict[str, StepPostponed] = {}
        self.call: PlanningPostponed | None = None
        self.calls = 0

    def __bool__(self) -> bool:
        return self.call is not None or bool(self.steps)

    @property
    def steps(self) -> list[StepPostponed]:
        """The steps that wait for a time."""
        if not self._steps:
            return []
        return [event for event in self._steps.values() if self._graph.steps[event.step_id].phase == "waiting"]

    @property
    def until(self) -> float | None:
        """When the first of it is due (Unix time); None: nothing waits."""
        times = [event.until for event in self.steps]
        return min(times + ([self.call.until] if self.call is not None else []), default=None)

    @property
    def answering(self) -> bool:
        """Whether the answer is to be asked for again later."""
        return self.call is not None and self.call.role == "synthesizer"

    @property
    def limited(self) -> bool:
        """Whether what is due first waits because somebody asked for patience."""
        first = self.until
        if self.call is not None and self.call.until == first:
            return True
        return any(event.until == first and event.cause == "rate_limit" for event in self.steps)

    def postpone(self, event: StepPostponed) -> None:
        """Take in that a step waits: its slot is free, its place among hazards is not."""
        step = self._graph.get_open(event.step_id)
        self._graph.deactivate(step)
        step.phase = "waiting"
        step.postponed += 1
        step.attempts_made += event.attempts
        self._steps[step.id] = event

    def postpone_call(self, event: PlanningPostponed) -> None:
        """Take in that a call of the run's own models is to be made again later."""
        self.call = event
        self.calls += 1

    def come(self, event: TimeCame) -> str:
        """Take in that a time came: what was due by then goes on. Return whose call is to be made again, if any."""
        for due in [waiting for waiting in self.steps if waiting.until <= event.until]:
            del self._steps[due.step_id]
            step = self._graph.steps[due.step_id]
            step.phase = "pending"
            self._graph.wake(step)
        if self.call is None or self.call.until > event.until:
            return ""
        role, self.call = self.call.role, None
        return role


def taking_waits(state: RunState) -> dict[str, Callable[[Any], None]]:
    """Return how a run takes its waits in, by kind of event."""
    return {
        "step_postponed": state.waits.postpone,
        "planning_postponed": state.waits.postpone_call,
        "time_came": lambda event: _take_time(state, event),
    }


def _take_time(state: RunState, event: TimeCame) -> None:
    """Take in that a time came; a planner that was to be asked again then is asked as one that was broken off."""
    if state.waits.come(event) == "planner" and state.planning:
        state.planning_lost = True
        state.turns -= state.mode == "react"
