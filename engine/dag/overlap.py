"""Which unended steps must not overlap, as steps come, end, and are replaced. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from engine.dag.hazards import HazardIndex, access
from engine.dag.step import StepState

_BEGUN = ("running", "filling", "outside", "waiting")


class Overlaps:
    """Keeps ``after`` and ``followers`` of the steps: hazards only order, they never carry a failure on.

    Args:
        steps: All steps of the run by id, as they grow.
    """

    def __init__(self, steps: Mapping[str, StepState]) -> None:
        self._steps = steps
        self._hazards = HazardIndex()

    def add(self, step: StepState) -> None:
        """Order a new last step of the plan after the earlier ones it must not overlap."""
        if step.traits.touches:
            touched = access(step.spec, step.input or step.step.tool_input)
            self.after(step, self._hazards.add(step.id, touched))

    def after(self, step: StepState, earlier: Iterable[str]) -> None:
        """Let a step wait for these, or, where one of them never runs, for what that one waited for."""
        for earlier_id in earlier:
            before = self._steps[earlier_id]
            if before.phase == "ended" or before is step:
                continue
            if before.blocked or (before.void and before.phase != "running"):
                self.after(step, before.after)
            elif earlier_id not in step.after:
                before.followers.append(step.id)
                step.after.add(earlier_id)

    def release(self, step: StepState) -> list[StepState]:
        """Let go of the steps ordered after this one and return them; what it still waited for, they wait for."""
        followers, step.followers = step.followers, []
        released = [self._steps[later_id] for later_id in followers]
        for later in released:
            later.after.discard(step.id)
            self.after(later, step.after)
        return released

    def rebuild(self, unended: Sequence[StepState]) -> None:
        """Order the unended steps anew, given in plan order: what already runs stands first."""
        self._hazards = HazardIndex()
        whole = [step for step in unended if step.parent is None]
        for step in whole:
            step.followers = []
            step.after = set()
        for step in sorted(whole, key=lambda step: step.phase not in _BEGUN and not step.doubt):
            if not step.blocked and (not step.void or step.phase == "running"):
                self.add(step)
