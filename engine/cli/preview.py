"""A plan as a person decides on it: its graph, its steps with their effects, what it will probably cost."""

from __future__ import annotations

from collections.abc import Mapping

from engine.dag.render import to_text
from engine.estimate import Estimate, StepEstimate
from engine.sinks.words import count, input_text, seconds, shortened, usd
from schemas.plan import Plan
from schemas.tool import ToolSpec

INPUT_WIDTH = 60


def estimate_line(estimate: Estimate) -> str:
    """Return the estimate on one line."""
    parts = (
        count(estimate.calls, "model call"),
        f"{estimate.tokens:,} tokens",
        _between(usd(estimate.usd), usd(estimate.p95_usd)),
        f"about {_between(seconds(estimate.seconds), seconds(estimate.p95_s))}{_guessed(estimate)}",
    )
    return f"estimate: {' · '.join(parts)}"


def _guessed(estimate: Estimate) -> str:
    """Say which part of the time rests on nothing that was seen."""
    steps = count(estimate.steps_guessed, "step") if estimate.steps_guessed else ""
    parts = [part for part in (steps, "model calls" if estimate.model_calls_guessed else "") if part]
    return f" (guessed: {', '.join(parts)})" if parts else ""


def _between(middle: str, slow: str) -> str:
    """Write a median, and what 95 % stay below where that is another."""
    return middle if middle == slow else f"{middle} (95 %: {slow})"


def preview(plan: Plan, tools: Mapping[str, ToolSpec], estimate: Estimate | None = None) -> str:
    """Return the graph, a table of the steps, and the estimate, as plain text."""
    if plan.question:
        return f"the planner asks: {plan.question}"
    if not plan.steps:
        return plan.answer or "the plan has no steps"
    parts = [to_text(plan).rstrip(), "", *_table(plan, tools, estimate)]
    if plan.answer is not None:
        parts += ["", f"answer: {plan.answer}"]
    if estimate is not None:
        parts += ["", estimate_line(estimate)]
    return "\n".join(parts)


def _table(plan: Plan, tools: Mapping[str, ToolSpec], estimate: Estimate | None) -> list[str]:
    rows = [("step", "tool", "effects", "time", "input")]
    for step in plan.steps:
        took = _time(estimate.steps.get(step.id) if estimate is not None else None)
        rows.append((step.id, step.tool, _effects(tools.get(step.tool)), took, _input(step.tool_input)))
    if estimate is None:
        rows = [(*row[:3], row[4]) for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return ["  ".join((*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[-1])).rstrip() for row in rows]


def _time(step: StepEstimate | None) -> str:
    """Median and 95th percentile of the calls seen, and how many; a guess where none was seen."""
    if step is None:
        return ""
    if not step.calls:
        return f"{seconds(step.seconds)} {'declared' if step.declared else 'guessed'}"
    cost = f", {_between(usd(step.usd), usd(step.p95_usd))}" if step.usd != 0 else ""
    return f"{_between(seconds(step.seconds), seconds(step.p95_s))}{cost}, {count(step.calls, 'call')} seen"


def _effects(spec: ToolSpec | None) -> str:
    if spec is None:
        return "unknown tool"
    asks = ", asks" if spec.asks else ""
    return {"none": "reads", "idempotent": "writes (repeatable)", "effectful": "writes"}[spec.effects] + asks


def _input(arguments: Mapping[str, object] | None) -> str:
    return shortened(input_text(arguments), INPUT_WIDTH) if arguments is not None else "(the executor model fills it)"
