"""Who drives a run, and what the driver before left behind. Pure: folded from the log, a part of the run's state.

What follows from a claim is a function of the log alone. ``run_claimed`` folds in: the steps that were running are
inherited (in plan order), the slots of abandoned threads are free (they ended with their process), a planning call
under way is lost. ``decide`` then says of each inherited step, in that order, ``step_interrupted``: ``again`` where its
tool, as the run's first event declares it, only reads or is idempotent; else a person is asked at once, unless the run
is to stop anyway. A replay does the same: it folds the claim in and decides.
"""

from __future__ import annotations

from engine.dag.step import StepState, by_order
from engine.dag.steps import StepGraph
from schemas.driving import RunClaimed, RunParked, StepInterrupted
from schemas.events import ApprovalAnswered, ApprovalRequested
from schemas.result import StepResult

FURTHER = frozenset(
    {
        "plan_accepted",
        "step_filled",
        "step_rehearsed",
        "step_ended",
        "answer",
        "approval_requested",
        "approval_answered",
        "goal_changed",
        "cancel_requested",
    }
)
"""Kinds of events that show that a run got further since it was claimed."""


class Tenure:
    """Who drives a run.

    Args:
        graph: Its steps.

    Attributes:
        driver: Whose claim was the last (``schemas.runs.Driver.id``); empty while nobody drives.
        parked: Why nobody does, if the driver let go by itself.
        idle_claims: Claims in a row without any progress: how many drivers may have died of it.
        inherited: Steps that ran when the driver before died, of which nothing was said yet.
        unasked: Steps in doubt that no person was asked about yet.
        given: Steps whose results came from outside: a person declared them done, a client made the call.
    """

    def __init__(self, graph: StepGraph) -> None:
        self._graph = graph
        self.driver = ""
        self.parked: RunParked | None = None
        self.idle_claims = 0
        self.inherited: list[str] = []
        self.unasked: list[str] = []
        self.given: list[str] = []

    def begin(self, driver: str) -> None:
        """Take the run's first event in: with a driver it is the first claim."""
        self.driver = driver
        self.idle_claims = 1 if driver else 0

    def claim(self, event: RunClaimed) -> None:
        """Take a new driver in."""
        self.driver = event.driver
        self.parked = None
        self.idle_claims = 1 if event.forced else self.idle_claims + 1
        running = sorted(self._graph.running(), key=lambda step: (by_order(step), step.id))
        self._graph.queue.forget_threads(step.step.tool for step in running)
        self.inherited = [step.id for step in running]

    def park(self, event: RunParked) -> None:
        """Take in that the driver let go."""
        self.driver = ""
        self.parked = event
        if event.reason != "set_aside":
            self.idle_claims = 0

    def interrupt(self, event: StepInterrupted) -> None:
        """Take in what is to become of an inherited step."""
        step = self._graph.get_open(event.step_id)
        self.inherited = [step_id for step_id in self.inherited if step_id != step.id]
        self._graph.deactivate(step)
        step.cancelling = False
        if event.again:
            step.phase = "pending"
            self._graph.wake(step)
        else:
            step.phase, step.doubt = "approving", True
            self.unasked.append(step.id)

    def ask(self, event: ApprovalRequested) -> None:
        """Take in that a person is asked about a step in doubt."""
        self.unasked = [step_id for step_id in self.unasked if step_id != event.step_id]

    def answer(self, step: StepState, event: ApprovalAnswered) -> bool:
        """Take in what a person says of a step in doubt; False: the run is to be aborted."""
        if event.decision == "reject":
            return False
        step.doubt = False
        if event.decision == "done":
            by = f" by {event.by}" if event.by else ""
            self.give(step, StepResult(status="done", value=event.result, reason=event.reason or f"declared done{by}"))
            return True
        step.approved = step.filled = True
        step.input = event.input if event.decision == "edit" else step.input
        self._graph.wake(step)
        return True

    def give(self, step: StepState, result: StepResult) -> None:
        """Take in how a step came out whose tool was called elsewhere."""
        step.given = result
        self.given.append(step.id)

    def thread_stuck(self, step_id: str) -> None:
        """Take in that an abandoned call does not come back: the run's cap counts it no longer."""
        self._graph.queue.get_stuck(self._graph.steps[step_id].step.tool, step_id)

    def thread_ended(self, step_id: str) -> None:
        """Take in that an abandoned call came back."""
        self._graph.queue.come_back(self._graph.steps[step_id].step.tool, step_id)
