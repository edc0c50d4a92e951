"""What the shape and the times of a run say: critical path, work, bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.dag.build import dependencies
from engine.dag.steps import StepGraph
from schemas.plan import Step


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds.

    Attributes:
        critical_path_s: Longest chain of dependent steps: no schedule is faster.
        sequential_s: All steps one after another.
        path: Ids along the critical path.
    """

    critical_path_s: float
    sequential_s: float
    path: tuple[str, ...] = ()

    def lower_bound_s(self, max_parallel: int | None = None) -> float:
        """The best any schedule can do: critical path, or work over slots."""
        shared = self.sequential_s / max_parallel if max_parallel else 0.0
        return max(self.critical_path_s, shared)


def timing(needs: Mapping[str, Sequence[str]], seconds: Mapping[str, float]) -> Timing:
    """Work out a DAG's critical path.

    Args:
        needs: What each step waits for; ids in any order.
        seconds: Each step's duration.

    Raises:
        ValueError: The steps form a cycle.

    >>> timing({"a": [], "b": ["a"], "c": []}, {"a": 1, "b": 2, "c": 4}).critical_path_s
    4.0
    """
    finish: dict[str, float] = {}
    through: dict[str, str | None] = {}
    todo = list(needs)[::-1]
    pending: set[str] = set()
    while todo:
        step_id = todo[-1]
        if step_id in finish:
            todo.pop()
            continue
        before: str | None = None
        open_needs: list[str] = []
        for needed in needs[step_id]:
            if needed in finish:
                before = needed if before is None or finish[needed] > finish[before] else before
            elif needed in needs:
                open_needs.append(needed)
        if open_needs:
            if step_id in pending:
                raise ValueError(f"steps wait for each other near {step_id}")
            pending.add(step_id)
            todo.extend(open_needs)
            continue
        finish[step_id] = (finish[before] if before is not None else 0.0) + seconds.get(step_id, 0.0)
        through[step_id] = before
    last = max(finish, key=finish.__getitem__, default=None)
    total = sum(seconds.get(step_id, 0.0) for step_id in needs)
    return Timing(float(finish[last]) if last is not None else 0.0, float(total), _path(through, last))


def _path(through: Mapping[str, str | None], last: str | None) -> tuple[str, ...]:
    path: list[str] = []
    while last is not None:
        path.append(last)
        last = through[last]
    return tuple(reversed(path))


def plan_timing(steps: Sequence[Step], seconds: Mapping[str, float]) -> Timing:
    """Work out a plan's timing from expected seconds by step id."""
    return timing({step.id: dependencies(step) for step in steps}, seconds)


def run_timing(graph: StepGraph) -> Timing:
    """Work out a run's timing from what its steps took; a foreach counts its longest item, its work all items."""
    needs: dict[str, Sequence[str]] = {}
    seconds: dict[str, float] = {}
    work = 0.0
    for step in graph.steps.values():
        took = step.result.duration_s if step.result is not None else 0.0
        if not step.instances:
            work += took
        if step.parent is None:
            needs[step.id] = step.deps
            seconds[step.id] = took
    found = timing(needs, seconds)
    return Timing(found.critical_path_s, work, found.path)
