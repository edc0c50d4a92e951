"""What a plan would take, before somebody decides on it: money, calls, seconds, and which steps change something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engine.dag.policy import asks_of
from engine.dag.state import RunState
from engine.decisions import check_edited
from engine.estimate import Estimate, estimate_plan
from engine.serve import bodies
from engine.serve.desk import Desk, Json, run_of
from engine.serve.view import state_of
from schemas.errors import ConflictError
from schemas.plan import Plan


@dataclass(frozen=True, slots=True)
class Plans:
    """The endpoint POST /runs/{id}/estimate."""

    desk: Desk

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [Route("/runs/{run_id}/estimate", self.estimate, methods=["POST"])]

    async def estimate(self, request: Request) -> Response:
        """POST …/estimate: what running a plan would take; without one, the plan that waits, or the run's own.

        Raises:
            PlanError: The given plan cannot run: what is wrong with it, and where.
            ConflictError: None is given, and the run has none.
        """
        asked = await self.desk.body(request, bodies.Estimating)
        state = await state_of(self.desk.engine.store, run_of(request))
        plan = self.desk.plan(asked.plan, checked=False)
        if plan is not None:
            check_edited(state, plan)
        else:
            plan = _plan_of(state)
        engine = self.desk.engine
        found = estimate_plan(plan, state.graph.tools, engine.gateway, engine.statistics.observed)
        return Json(_told(found, plan, state))


def _plan_of(state: RunState) -> Plan:
    """Return the plan that waits for somebody, else the one that runs. Raises ConflictError."""
    waits = next((asked.plan for asked in state.pending_approvals() if asked.plan is not None), None)
    plan = waits or state.accepted.get(state.revision)
    if plan is None:
        raise ConflictError(f"run {state.run_id} has no plan yet", hint="give one, as plan")
    return plan


def _told(found: Estimate, plan: Plan, state: RunState) -> dict[str, Any]:
    return {
        "model_calls": found.calls,
        "tokens": found.tokens,
        "cost_usd": found.usd,
        "p95_cost_usd": found.p95_usd,
        "duration_s": round(found.seconds, 3),
        "p95_duration_s": round(found.p95_s, 3),
        "steps_guessed": found.steps_guessed,
        "model_calls_guessed": found.model_calls_guessed,
        "steps": [
            {
                "id": step.id,
                "tool": step.tool,
                "effects": spec.effects if (spec := state.graph.tools.get(step.tool)) is not None else "none",
                "asks": asks_of(spec, step, state.started) if spec is not None else "",
                "cost_usd": one.usd,
                "duration_s": round(one.seconds, 3),
                "calls_seen": one.calls,
            }
            for step in plan.steps
            if (one := found.steps[step.id])
        ],
    }
