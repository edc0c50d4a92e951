"""When somebody is asked before a call is made, or a plan is run. Pure: of a spec, an input and the run's first event.

Everything it needs stands in ``run_started`` (the tools with their policies, ``ask_*``), so a resumed or replayed run
decides the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from engine.dag.refs import find_references
from schemas.events import RunStarted
from schemas.plan import Plan, Step
from schemas.policies import ApprovalDefault, ApprovalPolicy
from schemas.rules import RuleError, broken_rule
from schemas.tool import ToolSpec


@dataclass(frozen=True, slots=True)
class Asking:
    """That somebody is asked.

    Attributes:
        reason: Which rule says so, of this very call: ``amount_usd is 900, above 500``.
        timeout_s: After so many seconds ``by_default`` is taken as the decision; None: never.
        by_default: See there.
    """

    reason: str
    timeout_s: float | None = None
    by_default: ApprovalDefault = "reject"


def asked_of_call(
    spec: ToolSpec, tool_input: Mapping[str, Any], started: RunStarted, *, agreed: bool = False
) -> Asking | None:
    """Return why somebody is asked before a call is made; None: nobody is.

    A rule that cannot be told of this input asks. ``never`` is a tool's last word.

    Args:
        spec: The tool.
        tool_input: The resolved input.
        started: What the run began with.
        agreed: Whether somebody agreed to the cost of the plan, or of the foreach, that the call stands in.
    """
    policy = spec.approval
    if policy is None and started.ask_over_usd is None and not started.ask_effectful:
        return None
    if policy is not None and policy.ask == "never":
        return None
    reasons = [*_reasons(policy, spec, tool_input, started), *(() if agreed else _dear(spec, 1, started))]
    return _asking("; ".join(reasons), policy, started) if reasons else None


def asked_of_cost_of(spec: ToolSpec, calls: int, started: RunStarted) -> Asking | None:
    """Return why somebody is asked, for their cost alone, before a foreach makes so many calls; None: nobody is."""
    policy = spec.approval
    reasons = () if policy is not None and policy.ask == "never" else tuple(_dear(spec, calls, started))
    return _asking(reasons[0], policy, started) if reasons else None


def asks_of(spec: ToolSpec, step: Step, started: RunStarted) -> Literal["", "rule", "always"]:
    """Return whether a planned call will be asked about, once its plan is agreed to; by a rule: that is told later."""
    policy = spec.approval
    if started.approve == "all" or (started.approve == "plan" and stands(step)):
        return ""
    if policy is None:
        return "always" if started.ask_effectful and not spec.read_only else ""
    return "" if policy.ask == "never" else policy.ask


def stands(step: Step) -> bool:
    """Whether a planned call is made just as it stands in the plan: who agrees to the plan has seen its input."""
    return step.tool_input is not None and not find_references(step.tool_input)


def asked_of_cost(usd: float | None, started: RunStarted) -> Asking | None:
    """Return why somebody is asked before a plan that costs about so much is run; None: nobody is."""
    over = started.ask_over_usd
    if over is None or usd is None or usd <= over:
        return None
    return _asking(f"the plan costs about ${usd:.4g}, above approvals.over_usd {over:g}", None, started)


def asked_of_plan(started: RunStarted) -> Asking:
    """Return how somebody is asked where every plan is to be approved."""
    return _asking("", None, started)


def cost_of(plan: Plan, tools: Mapping[str, ToolSpec]) -> float:
    """Return what the calls of a plan cost, by what their tools are expected to cost (USD); a foreach counts once."""
    return sum(tools[step.tool].expected_usd or 0.0 for step in plan.steps if step.tool in tools)


def _reasons(
    policy: ApprovalPolicy | None, spec: ToolSpec, tool_input: Mapping[str, Any], started: RunStarted
) -> Iterable[str]:
    if policy is None:
        if started.ask_effectful and not spec.read_only:
            yield f"{spec.name} changes something, and each such call is asked about"
    elif policy.ask == "always":
        yield f"each call of {spec.name} is asked about"
    else:
        yield from (reason for rule in policy.rule if (reason := _told(rule, tool_input)))


def _dear(spec: ToolSpec, calls: int, started: RunStarted) -> Iterable[str]:
    over, one = started.ask_over_usd, spec.expected_usd
    if over is not None and one and one * calls > over:
        each = f"{calls} calls cost about ${one * calls:.4g}" if calls > 1 else f"a call costs about ${one:.4g}"
        yield f"{each}, above approvals.over_usd {over:g}"


def _told(rule: str, tool_input: Mapping[str, Any]) -> str:
    try:
        return broken_rule(rule, tool_input)
    except RuleError as exc:
        return f"whether {rule} holds is not clear: {exc}"


def _asking(reason: str, policy: ApprovalPolicy | None, started: RunStarted) -> Asking:
    timeout_s = policy.timeout_s if policy is not None and policy.timeout_s is not None else started.ask_timeout_s
    by_default = policy.by_default if policy is not None and policy.by_default is not None else started.ask_by_default
    return Asking(reason, timeout_s, by_default)
