"""The beginning of a report: what is in it, and every suite of cases in one row."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence

from benchmarks.manifest import Manifest
from benchmarks.orchestration.figures import named
from benchmarks.orchestration.outcome import Outcome
from benchmarks.report.document import Block, Heading, Picture, Table, Words
from benchmarks.report.ratios import Interval, by_case, ratio_of
from benchmarks.report.svg import strips

Of = Callable[[Outcome], float]
BASES = ("react", "react-parallel", "langgraph-react")
"""What a plan is held against, the weakest first."""
MEASURES: tuple[tuple[str, Of], ...] = (
    ("seconds", lambda one: one.seconds),
    ("USD", lambda one: one.cost_usd),
)


def glance(runs: Sequence[tuple[Manifest, Sequence[Outcome]]]) -> Iterator[Block]:
    """Yield how a streamed plan does beside ReAct and LangGraph's agent, a row for each run of a suite of cases."""
    there = [(told, outcomes) for told, outcomes in runs if any(named(one) == "plan" for one in outcomes)]
    if not there:
        return
    tables = [(what, [_row(told, outcomes, of) for told, outcomes in there]) for what, of in MEASURES]
    if not any(cell for _, rows in tables for row in rows for cell in row[3:]):
        return
    yield Heading("At a glance")
    yield Words(
        "A plan that streams, by one model, beside sequential ReAct, ReAct with parallel calls, and LangChain's agent "
        "on LangGraph (parallel calls): how many times as long they take, and as much money; above 1 the plan is "
        "better. In brackets the 95 % interval of a bootstrap over cases."
    )
    for what, rows in tables:
        heads = [f"× {'faster' if what == 'seconds' else 'cheaper'} than {base}" for base in BASES]
        yield Table(("suite", "cases", f"plan, {what}", *heads), rows)
    dots = [(_called(told), _faster(outcomes)) for told, outcomes in there]
    if any(values for _, values in dots):
        yield Picture(
            "at-a-glance",
            strips(
                "A plan beside sequential ReAct, each case a dot, the stroke the median",
                "times faster",
                [(label, values) for label, values in dots if values],
                (1.0, "as fast"),
            ),
        )


def _called(told: Manifest) -> str:
    return told.suite if told.profile == "plain" else f"{told.suite}, {told.profile or told.planner_model}"


def _row(told: Manifest, outcomes: Sequence[Outcome], of: Of) -> tuple[str, ...]:
    sides = {base: by_case((one for one in outcomes if named(one) == base), of) for base in (*BASES, "plan")}
    ours = sides.pop("plan")
    mean = statistics.fmean(ours.values())
    return (
        _called(told),
        str(len(ours)),
        f"{mean:.2f}" if mean > 0.5 else f"{mean:.4f}",
        *(_told(ratio_of(theirs, ours)) for theirs in sides.values()),
    )


def _told(ratio: Interval | None) -> str:
    return "" if ratio is None else str(ratio)


def _faster(outcomes: Sequence[Outcome]) -> list[float]:
    sides: list[Mapping[str, float]] = [
        by_case((one for one in outcomes if named(one) == system), lambda one: one.seconds)
        for system in ("react", "plan")
    ]
    react, plan = sides
    return [react[case] / took for case, took in plan.items() if case in react]
