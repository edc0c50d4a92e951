"""A foreach as its items are known: expanded, refused, or, where all its calls together cost much, asked about once.

Pure. Somebody who is asked agrees to all of the calls, to the first few (the input edited to fewer ``calls``), or to
none; what one call is asked about (its policy, its effects) is still asked of each.
"""

from __future__ import annotations

from typing import Any, cast

from engine.dag.policy import asked_of_cost_of
from engine.dag.refs import resolve
from engine.dag.state import RunState
from engine.dag.step import StepState
from schemas.approvals import ApprovalRequested
from schemas.errors import CostBudgetError, EngineError, StepInputError, StepRejectedError
from schemas.events import LoggedEvent, StepEnded, StepExpanded
from schemas.result import StepResult

CALLS = "calls"
"""How many calls are made, in the input that is shown of a foreach that is asked about."""

_SHOWN = 20


def expansion(state: RunState, step: StepState) -> LoggedEvent:
    """Return what follows for a foreach whose list is there.

    Raises:
        StepInputError: It is no list, or too long.
    """
    items = _items(state, step)
    count = len(items)
    if step.approved:
        count = min(count, agreed_calls(step.input, count))
    too_dear = _too_dear(state, step, count)
    if count == 0:
        return _end(step, StepResult(status="done", value=[]))
    if step.rejected is not None:
        return _failed(step, StepRejectedError(f"rejected: {step.rejected}"))
    if too_dear is not None:
        return _failed(step, too_dear)
    return _asked(state, step, items) or StepExpanded(step_id=step.id, count=count)


def agreed_calls(shown: dict[str, Any] | None, most: int) -> int:
    """Return to how many calls somebody agreed."""
    found = (shown or {}).get(CALLS, most)
    return found if isinstance(found, int) else most


def edit_schema(asked: ApprovalRequested) -> dict[str, Any]:
    """Return what an edited input of a foreach has to be: the same list, and fewer calls."""
    shown = asked.input or {}
    calls = {"type": "integer", "minimum": 1, "maximum": shown.get(CALLS, 1)}
    properties: dict[str, Any] = {name: {"const": value} for name, value in shown.items()} | {CALLS: calls}
    return {"type": "object", "properties": properties, "required": [CALLS], "additionalProperties": False}


def _items(state: RunState, step: StepState) -> list[Any]:
    items = resolve(step.step.foreach, state.graph.lookup(step))
    if not isinstance(items, (list, tuple)):
        raise StepInputError(f"step {step.id}: foreach {step.step.foreach} is no list but {type(items).__name__}")
    found = list(cast("list[Any]", items))
    if len(found) > step.step.max_items:
        raise StepInputError(
            f"step {step.id}: foreach gives {len(found)} items, at most {step.step.max_items} are allowed",
            hint="raise the step's max_items, or narrow the list",
        )
    return found


def _asked(state: RunState, step: StepState, items: list[Any]) -> LoggedEvent | None:
    """Return the question about all calls together, where their cost is one; None: nobody is asked."""
    mode, calls = state.started.approve, len(items)
    asking = None if step.approved or mode == "all" else asked_of_cost_of(step.spec, calls, state.started)
    if asking is None or (calls == 1 and step.revision in state.plan_approved):
        return None
    if mode == "none":
        hint = "run with --approve ask, or --approve all"
        told = f"rejected: {asking.reason}, and approvals are set to none"
        return _failed(step, StepRejectedError(told, hint=hint))
    return ApprovalRequested(
        approval_id=state.approvals.next_id,
        subject="step",
        step_id=step.id,
        tool=step.step.tool,
        input={CALLS: calls, "items": items[:_SHOWN]},
        revision=step.revision,
        reason=asking.reason,
        rationale=step.step.rationale or step.step.description or "",
        expected_usd=calls * (step.spec.expected_usd or 0.0),
        timeout_s=asking.timeout_s,
        by_default=asking.by_default,
    )


def _too_dear(state: RunState, step: StepState, count: int) -> CostBudgetError | None:
    """Why a foreach may not begin: its calls would cost more than what is left of the run's budget."""
    limit, one = state.started.limits.budget_usd, step.spec.expected_usd
    if limit is None or not one:
        return None
    spent = state.usage.cost_usd or 0.0
    if count * one <= limit - spent:
        return None
    return CostBudgetError(
        f"step {step.id}: foreach gives {count} items at about ${one:.4g} a call of {step.step.tool},"
        f" ${count * one:.4g} together, but ${max(limit - spent, 0.0):.4g} of the run's ${limit:.4g} are left",
        hint="raise it by --budget-usd (budget.run_usd), or narrow the list",
        details={"items": count, "expected_usd": count * one, "limit": limit, "spent": spent},
    )


def _failed(step: StepState, error: EngineError) -> StepEnded:
    return _end(step, StepResult(status="failed", error=error.to_info()))


def _end(step: StepState, result: StepResult) -> StepEnded:
    return StepEnded(step_id=step.id, tool=step.step.tool, result=result)
