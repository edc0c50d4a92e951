"""What is measured of each run, and what a comparison says of its systems. All of it is data, ready for JSON."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence

from pydantic import Field

from schemas.events import LoggedRecord, ModelCalled
from schemas.result import ErrorInfo, Record, RunResult, RunStatus, Usage


class Measured(Record):
    """One run of one system.

    Attributes:
        round: 1 for the first of its system.
        usage: Tokens by kind, and USD as billed: with the provider's prompt caching as it was.
        uncached_usd: The same tokens at the price of uncached input: computed, not billed.
        planner_calls: Calls of the planner, or ReAct turns.
        steps: Tool calls that began.
        seconds: From the first event to the last.
        critical_path_s: Longest chain of dependent steps, as long as they took.
        sequential_s: All steps one after another.
        first_step_s: Seconds until the first step was known; None where there is none.
        answer_s: Seconds the model took to write the answer from the results; 0 where none was asked.
    """

    system: str
    round: int
    run_id: str
    status: RunStatus
    answer: str
    partial: bool = False
    missing: tuple[str, ...] = ()
    error: ErrorInfo | None = None
    usage: Usage = Usage()
    uncached_usd: float | None = None
    planner_calls: int = 0
    steps: int = 0
    replans: int = 0
    seconds: float = 0.0
    critical_path_s: float = 0.0
    sequential_s: float = 0.0
    first_step_s: float | None = None
    answer_s: float = 0.0


class LowerBound(Record):
    """The least time the task can take with these tools and models, read off the best plan that ran through.

    No step can begin before the planner has written one, the longest chain of dependent steps must run, and the answer
    can only be written after it: the sum of the three. A plan that was mended on the way gives no bound.
    """

    seconds: float
    first_step_s: float
    critical_path_s: float
    answer_s: float
    system: str
    round: int


class Figures(Record):
    """The medians of a system's runs; of those that completed, where any did.

    Attributes:
        efficiency: The lower bound over ``seconds``, in 0–1; None where there is no bound or no step ran.
    """

    calls: float = 0
    planner_calls: float = 0
    steps: float = 0
    replans: float = 0
    input_tokens: float = 0
    cached_tokens: float = 0
    cache_write_tokens: float = 0
    output_tokens: float = 0
    reasoning_tokens: float = 0
    cost_usd: float | None = None
    uncached_usd: float | None = None
    seconds: float = 0
    fastest_s: float = 0
    slowest_s: float = 0
    critical_path_s: float = 0
    sequential_s: float = 0
    efficiency: float | None = None


class SystemReport(Record):
    """One system: what it is, its runs, their medians, and the answer shown (of its first run that completed)."""

    name: str
    about: str
    runs: tuple[Measured, ...]
    completed: int
    figures: Figures
    answer: str
    answers: int = 1


class Judgement(Record):
    """What the judge said of two answers, asked in both orders.

    Attributes:
        winner: One of the two; None for a tie, or where the verdict depends on the order.
        agreed: Whether both orders gave the same.
        reasons: One for each order.
    """

    first: str
    second: str
    winner: str | None = None
    agreed: bool = True
    reasons: tuple[str, ...] = ()


class Comparison(Record):
    """What came of it.

    Attributes:
        rounds: Runs of each system.
        bound: The lower bound; None where no plan ran through.
        judge: The judge's model; empty where none judged.
        judgements: One for each two different answers.
        judge_usage: What judging took; not part of any system's figures.
        notes: What must be known to read the figures.
    """

    task: str
    rounds: int = 1
    models: dict[str, str] = Field(default_factory=dict)
    systems: tuple[SystemReport, ...] = ()
    bound: LowerBound | None = None
    judge: str = ""
    judgements: tuple[Judgement, ...] = ()
    judge_usage: Usage = Usage()
    notes: tuple[str, ...] = ()

    @property
    def wins(self) -> dict[str, int]:
        """How many of the other systems' answers each system's answer beat."""
        won = {report.name: 0 for report in self.systems}
        for judgement in self.judgements:
            if judgement.winner is not None:
                won[judgement.winner] += 1
        return won


Price = Callable[[ModelCalled], float | None]


def measured(system: str, number: int, result: RunResult, records: Sequence[LoggedRecord], price: Price) -> Measured:
    """Read off one run what is compared.

    Args:
        system: Whose run it is.
        number: Which of its runs.
        result: How it came out.
        records: Its log.
        price: Gives what a call would have cost without prompt caching.
    """
    calls = [record.event for record in records if isinstance(record.event, ModelCalled)]
    began = records[0].at
    known = next((r.at for r in records if r.event.kind == "plan_step" or _has_steps(r)), None)
    written = [call.latency_s for call in calls if call.role == "synthesizer" and call.error is None]
    prices = [price(call) for call in calls if call.error is None]
    return Measured(
        system=system,
        round=number,
        run_id=result.run_id,
        status=result.status,
        answer=result.answer,
        partial=result.partial,
        missing=result.missing,
        error=result.error,
        usage=result.usage,
        uncached_usd=_sum(prices),
        planner_calls=sum(1 for call in calls if call.role == "planner"),
        steps=sum(1 for record in records if record.event.kind == "step_started"),
        replans=result.replans,
        seconds=result.duration_s,
        critical_path_s=result.critical_path_s,
        sequential_s=result.sequential_s,
        first_step_s=None if known is None else known - began,
        answer_s=written[-1] if written else 0.0,
    )


def _has_steps(record: LoggedRecord) -> bool:
    return record.event.kind == "plan_accepted" and bool(record.event.plan.steps)


def _sum(prices: Sequence[float | None]) -> float | None:
    known = [price for price in prices if price is not None]
    return sum(known) if len(known) == len(prices) else None


def lower_bound(runs: Iterable[Measured], planned: Iterable[str]) -> LowerBound | None:
    """Return the least that a plan which ran through says the task takes; None where none did.

    Args:
        runs: All runs of the comparison.
        planned: The systems whose steps say what they depend on.
    """
    names = frozenset(planned)
    bounds = [
        LowerBound(
            seconds=run.first_step_s + run.critical_path_s + run.answer_s,
            first_step_s=run.first_step_s,
            critical_path_s=run.critical_path_s,
            answer_s=run.answer_s,
            system=run.system,
            round=run.round,
        )
        for run in runs
        if run.system in names and run.status == "completed" and not run.replans and run.first_step_s is not None
    ]
    return min(bounds, key=lambda bound: bound.seconds, default=None)


def system_report(name: str, about: str, runs: Sequence[Measured], bound: LowerBound | None) -> SystemReport:
    """Put a system's runs together."""
    completed = [run for run in runs if run.status == "completed"]
    counted = completed or list(runs)
    return SystemReport(
        name=name,
        about=about,
        runs=tuple(runs),
        completed=len(completed),
        figures=_figures(counted, bound) if counted else Figures(),
        answer=counted[0].answer if counted else "",
        answers=len({run.answer for run in counted}),
    )


def _figures(runs: Sequence[Measured], bound: LowerBound | None) -> Figures:
    def middle(value: Callable[[Measured], float]) -> float:
        return statistics.median(value(run) for run in runs)

    took, steps = middle(lambda run: run.seconds), middle(lambda run: run.steps)
    return Figures(
        calls=middle(lambda run: run.usage.calls),
        planner_calls=middle(lambda run: run.planner_calls),
        steps=steps,
        replans=middle(lambda run: run.replans),
        input_tokens=middle(lambda run: run.usage.input_tokens),
        cached_tokens=middle(lambda run: run.usage.cached_tokens),
        cache_write_tokens=middle(lambda run: run.usage.cache_write_tokens),
        output_tokens=middle(lambda run: run.usage.output_tokens),
        reasoning_tokens=middle(lambda run: run.usage.reasoning_tokens),
        cost_usd=_median([run.usage.cost_usd for run in runs]),
        uncached_usd=_median([run.uncached_usd for run in runs]),
        seconds=took,
        fastest_s=min(run.seconds for run in runs),
        slowest_s=max(run.seconds for run in runs),
        critical_path_s=middle(lambda run: run.critical_path_s),
        sequential_s=middle(lambda run: run.sequential_s),
        efficiency=bound.seconds / took if bound is not None and took > 0 and steps else None,
    )


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if len(known) == len(values) else None
