"""Graphs of timed steps: shapes to schedule, and the bounds no scheduler can beat."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

LAYERS = 10


@dataclass(frozen=True, slots=True)
class TimedStep:
    """A step that takes ``seconds`` once its parents are done."""

    id: str
    parents: tuple[str, ...]
    seconds: float


Graph = tuple[TimedStep, ...]


def chain(count: int, seconds: float = 0.0) -> Graph:
    """Return steps one after another.

    >>> [step.parents for step in chain(3)]
    [(), ('1',), ('2',)]
    """
    return tuple(TimedStep(str(n), (str(n - 1),) if n > 1 else (), seconds) for n in range(1, count + 1))


def fan_out(count: int, seconds: float = 0.0) -> Graph:
    """Return steps that wait for nothing."""
    return tuple(TimedStep(str(n), (), seconds) for n in range(1, count + 1))


def layered(seed: int, count: int = 200, median_s: float = 0.02, sigma: float = 1.0) -> Graph:
    """Return ``count`` steps in ten layers, each waiting for one to three of the layer above it.

    Times are log-normal: most near ``median_s``, a few many times longer.
    """
    chance = random.Random(seed)
    width = count // LAYERS
    steps: list[TimedStep] = []
    for number in range(count):
        above = range(max(0, (number // width - 1) * width), number // width * width)
        chosen = sorted(chance.sample(above, chance.randint(1, 3))) if above else []
        parents = tuple(str(parent + 1) for parent in chosen)
        steps.append(TimedStep(str(number + 1), parents, median_s * chance.lognormvariate(0, sigma)))
    return tuple(steps)


def critical_path_s(graph: Graph) -> float:
    """Return the longest chain of times. Cost: O(steps + edges); parents stand before children."""
    ends: dict[str, float] = {}
    for step in graph:
        ends[step.id] = max((ends[parent] for parent in step.parents), default=0.0) + step.seconds
    return max(ends.values(), default=0.0)


def bound_s(graph: Graph, cap: int) -> float:
    """Return the time below which no schedule with ``cap`` at once can get: critical path or shared work."""
    return max(critical_path_s(graph), sum(step.seconds for step in graph) / cap)


def scaled(graph: Graph, critical_s: float) -> Graph:
    """Return the same graph with its times scaled to a critical path of ``critical_s``."""
    factor = critical_s / critical_path_s(graph)
    return tuple(replace(step, seconds=step.seconds * factor) for step in graph)


def in_order(steps: Sequence[TimedStep]) -> Graph:
    """Return the steps with parents before children, otherwise in the order given. Cost: O(steps + edges)."""
    children: dict[str, list[TimedStep]] = {step.id: [] for step in steps}
    waiting = {step.id: len(step.parents) for step in steps}
    for step in steps:
        for parent in step.parents:
            children[parent].append(step)
    ordered = [step for step in steps if not step.parents]
    for step in ordered:
        for child in children[step.id]:
            waiting[child.id] -= 1
            if not waiting[child.id]:
                ordered.append(child)
    return tuple(ordered)
