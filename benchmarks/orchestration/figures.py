"""Means over a system's outcomes, and the table they stand in."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.orchestration.outcome import Outcome

HEADS = (
    "system", "seconds", "bound", "efficiency", "calls", "prompt", "cached", "written", "USD", "peak", "replans",
    "right",
)  # fmt: skip

COUNTS: Mapping[str, Callable[[Outcome], float]] = {
    "model calls": lambda one: len(one.calls),
    "tool calls": lambda one: one.tool_calls,
    "prompt tokens": lambda one: one.tokens("prompt"),
    "written tokens": lambda one: one.tokens("completion"),
    "replans": lambda one: one.replans,
    "wrong": lambda one: not one.right,
}
"""What does not depend on the machine; less is better."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Means of one system over its cases.

    Attributes:
        bound_s: The mean lower bound of the runs that have one; ``efficiency`` is bound over seconds of those.
        right, partial: Shares in 0–1.
    """

    system: str
    runs: int
    seconds: float
    bound_s: float | None
    efficiency: float | None
    calls: float
    prompt_tokens: float
    cached_tokens: float
    completion_tokens: float
    cost_usd: float
    tool_calls: float
    peak_parallel: float
    replans: float
    right: float
    partial: float


def counts(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Return the means of what does not depend on the machine."""
    return {name: round(statistics.fmean(count(one) for one in outcomes), 6) for name, count in COUNTS.items()}


def exact(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Return counts of runs on a virtual clock: with their mean seconds, and these over the least they can take."""
    bounded = [one.seconds / one.bound_s for one in outcomes if one.bound_s]
    over = {"seconds over the bound": round(statistics.fmean(bounded), 4)} if bounded else {}
    return {**counts(outcomes), "seconds": round(statistics.fmean(one.seconds for one in outcomes), 4), **over}


def named(outcome: Outcome) -> str:
    """Return a system's name, with the tier of its worker where that is not its planner's."""
    return outcome.system if outcome.worker == outcome.planner else f"{outcome.system}/{outcome.worker}"


def figures(outcomes: Iterable[Outcome]) -> dict[str, Figures]:
    """Return the figures by system, in the order in which they come."""
    by_system: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_system.setdefault(named(outcome), []).append(outcome)
    return {name: _figures(name, found) for name, found in by_system.items()}


def _figures(name: str, found: Sequence[Outcome]) -> Figures:
    def mean(of: Callable[[Outcome], float]) -> float:
        return statistics.fmean(map(of, found))

    bounded = [(outcome.bound_s, outcome.seconds) for outcome in found if outcome.bound_s]
    return Figures(
        system=name,
        runs=len(found),
        seconds=mean(lambda one: one.seconds),
        bound_s=statistics.fmean(bound for bound, _ in bounded) if bounded else None,
        efficiency=statistics.fmean(bound / seconds for bound, seconds in bounded) if bounded else None,
        calls=mean(lambda one: len(one.calls)),
        prompt_tokens=mean(lambda one: one.tokens("prompt")),
        cached_tokens=mean(lambda one: one.tokens("cached")),
        completion_tokens=mean(lambda one: one.tokens("completion")),
        cost_usd=mean(lambda one: one.cost_usd),
        tool_calls=mean(lambda one: one.tool_calls),
        peak_parallel=mean(lambda one: one.peak_parallel),
        replans=mean(lambda one: one.replans),
        right=mean(lambda one: one.right),
        partial=mean(lambda one: one.partial),
    )


def table(outcomes: Iterable[Outcome]) -> str:
    """Return the figures as a table in Markdown."""
    rows = [HEADS, *(cells(one) for one in figures(outcomes).values())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([lines[0], "| " + " | ".join("-" * width for width in widths) + " |", *lines[1:]])


def cells(one: Figures) -> tuple[str, ...]:
    """Return a row of the table as text."""
    return (
        one.system,
        f"{one.seconds:.2f}",
        "" if one.bound_s is None else f"{one.bound_s:.2f}",
        "" if one.efficiency is None else f"{one.efficiency:.3f}",
        f"{one.calls:.2f}",
        f"{one.prompt_tokens:,.0f}",
        f"{one.cached_tokens:,.0f}",
        f"{one.completion_tokens:,.0f}",
        f"{one.cost_usd:.5f}",
        f"{one.peak_parallel:.1f}",
        f"{one.replans:.2f}",
        f"{one.right:.0%}",
    )
