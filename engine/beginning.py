"""How a run begins: the mode its task calls for, the tools it knows, and its first event."""

from __future__ import annotations

from engine.asking import Asked
from engine.assembly import Assembly
from engine.offer import client_tools, offered
from engine.planner.triage import Triage
from engine.triaging import Chosen, choose
from schemas.events import RunStarted
from schemas.tool import ToolSpec


def first_event(engine: Assembly, asked: Asked, chosen: Triage) -> RunStarted:
    """Return a run's first event: the mode chosen, the caps, the models and tools as they are now."""
    plan, settings = asked.plan, engine.settings
    dialect, tier = ("", "") if plan is not None else engine.gateway.planner_dialect("planner")
    roles = ("planner", "executor", "synthesizer")
    return RunStarted(
        task=asked.task or (plan.goal if plan is not None else ""),
        mode=chosen.mode,
        mode_reason=chosen.reason,
        limits=asked.limits or engine.limits(max_replans=0 if plan is not None else None),
        approve=asked.approve or settings.approvals.mode,
        on_failure=settings.limits.on_failure,
        models={role: engine.gateway.resolve(role)[0].model.ref for role in roles},
        dialect=dialect,
        tier=tier,
        tools=tuple(engine.statistics.expecting(offered_to(engine, asked)).values()),
        **settings.approvals.asking,
        plan=plan,
        user=asked.user,
        assistant=asked.assistant,
        conversation=asked.conversation,
        instructions=asked.instructions,
        chosen=None if asked.tools is None else tuple(asked.tools),
    )


def offered_to(engine: Assembly, asked: Asked) -> dict[str, ToolSpec]:
    """Return the tools that a run of this knows, sorted by name."""
    declared = offered(engine.tools.specs(), asked.tools, asked.user)
    return dict(sorted({**declared, **client_tools(asked.client_tools, declared)}.items()))


async def chosen_mode(engine: Assembly, run_id: str, asked: Asked) -> Chosen:
    """Return the mode a run will have: the one asked for, or what its task calls for."""
    if asked.plan is not None:
        return Chosen(Triage("plan", "the plan was given"))
    if asked.mode != "auto":
        return Chosen(Triage(asked.mode, "asked for"))
    down = engine.tools.unavailable()
    visible = [s for n, s in offered_to(engine, asked).items() if s.enabled and not s.hidden and n not in down]
    limits = asked.limits or engine.limits()
    return await choose(asked.task, visible, engine.gateway, engine.ledger, run_id, limits)
