"""Runs written down by hand, as a sink receives them."""

from __future__ import annotations

from collections.abc import Iterable

from schemas import events
from schemas.events import LoggedEvent, LoggedRecord
from schemas.plan import Plan, Step
from schemas.result import ErrorInfo, StepResult, Usage

RUN = "run_1"
START = 1_700_000_000.0


def records(timed: Iterable[tuple[float, LoggedEvent]]) -> list[LoggedRecord]:
    """Number events that happen so many seconds after the start."""
    return [LoggedRecord(run_id=RUN, seq=n, at=START + at, event=event) for n, (at, event) in enumerate(timed, 1)]


def called(role: str = "planner", cost_usd: float | None = 0.0042) -> events.ModelCalled:
    """A model call of 1,200 tokens."""
    usage = Usage(calls=1, input_tokens=1000, cached_tokens=600, output_tokens=200, cost_usd=cost_usd)
    return events.ModelCalled(role=role, model="large-1", usage=usage, latency_s=1.5)


def started(step_id: str, tool: str = "search", **arguments: object) -> events.StepStarted:
    """A step starts."""
    return events.StepStarted(step_id=step_id, tool=tool, input=arguments)


def ended(step_id: str, duration_s: float = 1.0, tool: str = "search", value: object = "found") -> events.StepEnded:
    """A step is done."""
    result = StepResult(status="done", value=value, attempts=1, duration_s=duration_s)
    return events.StepEnded(step_id=step_id, tool=tool, result=result)


def failed(step_id: str, message: str, tool: str = "search") -> events.StepEnded:
    """A step failed after two attempts."""
    error = ErrorInfo(code="tool.failed", message=message)
    return events.StepEnded(
        step_id=step_id, tool=tool, result=StepResult(status="failed", error=error, attempts=2, duration_s=0.5)
    )


PLAN = Plan(
    goal="compare",
    steps=(
        Step(id="1", tool="fetch_filings", tool_input={"ticker": "AAPL", "years": 3}),
        Step(id="2", tool="fetch_filings", tool_input={"ticker": "MSFT", "years": 3}),
        Step(id="3", tool="ratio", tool_input={"a": "{{1.revenue}}", "b": "{{2.revenue}}"}, depends_on=("1", "2")),
    ),
)


def comparison() -> list[LoggedRecord]:
    """Two fetches in parallel, then a ratio that fails once, then an answer: 5 s."""
    over = events.RunEnded(
        status="completed",
        usage=Usage(calls=2, input_tokens=2000, cached_tokens=1200, output_tokens=400, cost_usd=0.0084),
        replans=0,
        steps=3,
        duration_s=5.0,
        critical_path_s=2.5,
        sequential_s=4.5,
    )
    return records(
        [
            (0.0, events.RunStarted(task="Compare the revenue of Apple and Microsoft", mode="plan")),
            (0.1, events.PlanStarted()),
            (0.6, events.PlanStep(revision=1, step=PLAN.steps[0])),
            (0.6, started("1", "fetch_filings", ticker="AAPL", years=3)),
            (0.8, events.PlanStep(revision=1, step=PLAN.steps[1])),
            (0.8, started("2", "fetch_filings", ticker="MSFT", years=3)),
            (1.0, events.PlanStep(revision=1, step=PLAN.steps[2])),
            (1.1, called()),
            (1.1, events.PlanAccepted(revision=1, plan=PLAN)),
            (2.6, ended("1", 2.0, "fetch_filings")),
            (2.8, ended("2", 2.0, "fetch_filings")),
            (2.8, started("3", "ratio", a=1, b=2)),
            (3.0, events.StepRetried(step_id="3", attempt=1, delay_s=0.2, error=ErrorInfo(code="x", message="busy"))),
            (3.3, ended("3", 0.5, "ratio", 0.5)),
            (4.8, called("synthesizer")),
            (4.9, events.Answer(text="Apple earns half as much.", steps_used=("1", "2", "3"))),
            (5.0, over),
        ]
    )


def fan_out(count: int, *, running: int = 3, broken: int = 1) -> list[LoggedRecord]:
    """A plan of ``count`` steps: the first ones done but ``broken`` of them, then ``running`` of them active."""
    steps = tuple(Step(id=str(n), tool="fetch", tool_input={"page": n}) for n in range(1, count + 1))
    done = count // 2
    timed: list[tuple[float, LoggedEvent]] = [
        (0.0, events.RunStarted(task="Read every page", mode="plan")),
        (0.1, events.PlanAccepted(revision=1, plan=Plan(goal="read", steps=steps))),
    ]
    for n in range(1, done + 1):
        timed.append((0.2, started(str(n), "fetch", page=n)))
        timed.append(
            (0.5, failed(str(n), "404 for this page", "fetch") if n <= broken else ended(str(n), 0.3, "fetch"))
        )
    timed += [(0.6, started(str(n), "fetch", page=n)) for n in range(done + 1, done + running + 1)]
    return records(timed)
