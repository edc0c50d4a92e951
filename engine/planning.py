"""Makes a run's planning calls: what is asked of which planner, and what comes back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, cast

import anyio
import structlog

from engine.dag.approvals import may_ask
from engine.dag.build import dependencies
from engine.dag.handing import agent_of, passed_to
from engine.dag.refs import find_references
from engine.dag.similarity import Call, calls
from engine.dag.state import RunState
from engine.offer import changes
from engine.replanner.history import past_steps, plan_history
from engine.replanner.policy import Move, outdated
from engine.replanner.view import Rules
from engine.telemetry import log_step, span
from schemas.errors import EngineError, PlanError, PlanParseError, described
from schemas.events import PlanStarted, ReplanStarted, StepEnded
from schemas.plan import Plan
from schemas.planning import FillRequest, PlanDelta, PlanReady, PlanRequest, TurnAnswer
from schemas.protocols import ModelClient, Planner, ToolSource
from schemas.trigger import Trigger


@dataclass(frozen=True, slots=True)
class Planned:
    """One item of a planning call, or why it gave no plan."""

    revision: int
    item: PlanDelta | EngineError


def wanted(state: RunState, planned: Planned) -> bool:
    """Whether what a planner says is still of use: after a stop only why there is no plan."""
    if planned.revision != state.revision or not state.planning or outdated(state):
        return False
    return state.stop is None or isinstance(planned.item, EngineError)


def asked_again(state: RunState) -> PlanStarted | ReplanStarted:
    """Return the event that asks anew what the driver before was asking when it died."""
    if state.mode == "react":
        return PlanStarted(revision=state.revision + 1, mode="react")
    resumed = Trigger(kind="resumed", message="the planner was broken off, and is asked again")
    triggers = (*state.asked, *state.triggers, resumed)
    return ReplanStarted(revision=state.revision + 1, triggers=triggers, asked_at=state.seq)


def asked_by(state: RunState, move: Move) -> PlanStarted | ReplanStarted:
    """Return the event that begins a replan, or the next ReAct turn."""
    if move.kind == "turn":
        return PlanStarted(revision=state.revision + 1, mode="react")
    return ReplanStarted(revision=state.revision + 1, triggers=move.triggers, asked_at=state.seq)


@dataclass(frozen=True, slots=True)
class Planning:
    """The planners of one run.

    Attributes:
        planner: Writes plans.
        react: Takes ReAct turns.
        tools: The declared tools.
        model: The gateway as this run sees it.
        rules: How results are shown.
    """

    planner: Planner
    react: Planner
    tools: ToolSource
    model: ModelClient
    rules: Rules = field(default_factory=Rules)

    def ask(
        self, state: RunState, event: PlanStarted | ReplanStarted
    ) -> tuple[PlanStarted | ReplanStarted, PlanRequest]:
        """Return the event that begins a plan, with the tools that are down, new or gone now, and what is asked."""
        said = changes(self.tools, state.graph.tools)
        event = event.model_copy(update=said) if said else event
        return event, self.request(state, event)

    def request(self, state: RunState, event: PlanStarted | ReplanStarted) -> PlanRequest:
        """Return what is asked; built before ``event`` is folded in, for that begins the new revision."""
        specs, down = self.tools.specs(), set(event.unavailable)
        visible = [s for n, s in sorted(specs.items()) if s.enabled and not s.hidden and n not in down]
        react = state.mode == "react" or (isinstance(event, PlanStarted) and event.mode == "react")
        why = event.triggers if isinstance(event, ReplanStarted) else None
        rules = self.rules if react else self.rules.for_planner()
        history = plan_history(state, why, rules) if event.revision > 1 or state.graph.steps else None
        return PlanRequest(
            task=state.task,
            instructions=state.started.instructions,
            tools=tuple(visible),
            unavailable=event.unavailable,
            lacks=state.warnings.lacks([spec.name for spec in visible]),
            first_id=state.graph.highest_id + 1,
            history=history,
            max_steps=state.started.limits.max_steps,
            may_ask=may_ask(state),
            approve_plan=state.started.approve == "plan",
            revision=event.revision,
            turn=state.turns + 1,
            mode="react" if react else "plan",
            wishes=state.started.wishes,
        )

    async def call(self, request: PlanRequest, scope: anyio.CancelScope, report: Callable[[Planned], None]) -> None:
        """Make one planning call and report every item; a failure is reported, never raised."""
        log_step("")
        with scope, span("plan", **{"engine.plan.revision": request.revision}):
            ended = False
            try:
                planner = self.react if request.mode == "react" else self.planner
                planning = planner.plan(request, self.model)
                async with aclosing(cast("AsyncGenerator[PlanDelta]", planning)) as items:
                    async for item in items:
                        report(Planned(request.revision, item))
                        ended = ended or isinstance(item, (PlanReady, TurnAnswer))
                if not ended:
                    report(Planned(request.revision, PlanParseError("the planner ended without a plan")))
            except EngineError as exc:
                report(Planned(request.revision, exc))
            except Exception as exc:
                structlog.get_logger().exception("the planner raised", revision=request.revision)
                report(Planned(request.revision, PlanError(f"the planner raised {described(exc)}")))


def given_plan(state: RunState, event: PlanStarted | ReplanStarted) -> Plan | None:
    """Return the plan that a person gave, where it is its turn: the first time, or again when that was broken off.

    A run whose task goes to one agent as it is asks that agent anew where its goal changed.
    """
    triggers = event.triggers if isinstance(event, ReplanStarted) else ()
    again = any(trigger.kind == "resumed" for trigger in triggers)
    agent = agent_of(state.started)
    if agent and (state.task != state.started.task or any(trigger.kind == "goal_changed" for trigger in triggers)):
        return passed_to(agent, state.task, str(state.graph.highest_id + 1))
    return state.given_plan() if event.revision == 1 or again else None


def keeps(state: RunState, plan: Plan) -> tuple[str, ...]:
    """Return the unstarted steps of earlier revisions that a plan still needs."""
    if not state.graph.steps:
        return ()
    own = {step.id for step in plan.steps}
    wanted = [needed for step in plan.steps for needed in dependencies(step)]
    wanted += [reference.step_id for reference in find_references(plan.answer)]
    known = state.graph.steps
    return tuple(dict.fromkeys(i for i in wanted if i not in own and i in known and known[i].phase != "ended"))


def todo_calls(state: RunState, plan: Plan) -> list[Call]:
    """Return the calls of a plan that are not done, the failed ones with the input they were sent."""
    known = state.graph.steps
    values = state.graph.values
    failed: dict[str, dict[str, Any] | None] = {}
    for step in plan.steps:
        there = known.get(step.id)
        if there is not None and there.result is not None and there.result.status == "failed":
            failed[step.id] = there.input
    todo = [step for step in plan.steps if step.id not in values]
    return calls(todo, values.__getitem__, failed)


def fill_request(state: RunState, step_id: str, given: dict[str, Any], rules: Rules) -> FillRequest:
    """Return what the executor model is asked: this step and what it depends on, nothing else."""
    step = state.graph.steps[step_id]
    inputs = past_steps(state, rules, set(step.deps))
    handles = {past.step.id: state.graph.values[past.step.id] for past in inputs if past.view != "whole"}
    return FillRequest(task=state.task, step=step.step, tool=step.spec, given=given, inputs=inputs, handles=handles)


def as_ended(state: RunState, event: StepEnded) -> StepEnded:
    """Return a step's end as the run sees it: one cancelled because its plan was replaced is discarded."""
    step = state.graph.steps.get(event.step_id)
    if step is None or not step.void or event.result.status != "cancelled":
        return event
    reason = f"replaced by plan {state.revision}"
    result = event.result.model_copy(update={"status": "discarded", "reason": reason})
    return event.model_copy(update={"result": result})
