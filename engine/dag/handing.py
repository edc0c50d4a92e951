"""Runs whose task goes to one agent as it is: the plan that does so, and how it is known again. Pure."""

from __future__ import annotations

from engine.dag.refs import literal
from schemas.events import RunStarted
from schemas.plan import Plan, Step

QUERY = "query"
"""The argument of an agent that holds what it is asked."""


def passed_to(agent: str, task: str, step_id: str = "1") -> Plan:
    """Return the plan that puts a task, to the byte as it is, to one agent."""
    step = Step(id=step_id, tool=agent, tool_input={QUERY: literal(task)})
    return Plan(goal=task, steps=(step,))


def agent_of(started: RunStarted) -> str:
    """Return the agent that every goal of a run goes to as it is; empty: its plans are a planner's.

    It was given such a plan, and may have no other: a passthrough assistant's runs are so.
    """
    plan = started.plan
    if plan is None or len(plan.steps) != 1 or started.limits.max_replans:
        return ""
    agent = plan.steps[0].tool
    return agent if plan == passed_to(agent, started.task, plan.steps[0].id) else ""
