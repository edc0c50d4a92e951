"""A plan as a person decides on it: its graph, its steps with their effects, what it will probably cost."""

from __future__ import annotations

from collections.abc import Mapping

from engine.dag.render import to_text
from engine.estimate import Estimate
from engine.sinks.words import count, input_text, seconds, shortened, usd
from schemas.plan import Plan
from schemas.tool import ToolSpec

INPUT_WIDTH = 60


def estimate_line(estimate: Estimate) -> str:
    """Return the estimate on one line."""
    parts = (
        count(estimate.calls, "model call"),
        f"{estimate.tokens:,} tokens",
        usd(estimate.usd),
        f"about {seconds(estimate.seconds)}",
    )
    return f"estimate: {' · '.join(parts)}"


def preview(plan: Plan, tools: Mapping[str, ToolSpec], estimate: Estimate | None = None) -> str:
    """Return the graph, a table of the steps, and the estimate, as plain text."""
    if plan.question:
        return f"the planner asks: {plan.question}"
    if not plan.steps:
        return plan.answer or "the plan has no steps"
    parts = [to_text(plan).rstrip(), "", *_table(plan, tools)]
    if plan.answer is not None:
        parts += ["", f"answer: {plan.answer}"]
    if estimate is not None:
        parts += ["", estimate_line(estimate)]
    return "\n".join(parts)


def _table(plan: Plan, tools: Mapping[str, ToolSpec]) -> list[str]:
    rows = [("step", "tool", "effects", "input")]
    for step in plan.steps:
        rows.append((step.id, step.tool, _effects(tools.get(step.tool)), _input(step.tool_input)))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return ["  ".join((*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[3])).rstrip() for row in rows]


def _effects(spec: ToolSpec | None) -> str:
    if spec is None:
        return "unknown tool"
    asks = ", asks" if spec.needs_approval else ""
    return {"none": "reads", "idempotent": "writes (repeatable)", "effectful": "writes"}[spec.effects] + asks


def _input(arguments: Mapping[str, object] | None) -> str:
    return shortened(input_text(arguments), INPUT_WIDTH) if arguments is not None else "(the executor model fills it)"
