"""How a run begins: the mode its task calls for, the tools it knows, and its first event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from engine.asking import Asked
from engine.assembly import Assembly
from engine.assistants import Assistants
from engine.dag.build import Problem, plan_error
from engine.dag.handing import passed_to
from engine.offer import client_tools, offered, require_known, wants_agent, wants_tools
from engine.planner.triage import Triage
from engine.triaging import Chosen, choose
from schemas.agents import AssistantSettings
from schemas.errors import ConflictError, ToolUnavailableError
from schemas.events import LoggedEvent, ModelCalled, RunStarted, Warned
from schemas.plan import Plan
from schemas.result import Usage
from schemas.stores import RunLog
from schemas.tool import ToolSpec

Checking = Callable[[Plan, Asked], Sequence[Problem]]
"""Returns what is wrong with a plan where the tools of that run are known."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How a run begins.

    Attributes:
        started: Its first event, without a driver.
        made: What came before it and is written behind it: calls that chose its mode, warnings.
        usage: Of these calls.
    """

    started: RunStarted
    made: tuple[ModelCalled | Warned, ...]
    usage: Usage


async def opening(engine: Assembly, run_id: str, asked: Asked, check: Checking) -> Opening:
    """Return how a run begins: its mode chosen, its plan checked, its tools written down.

    Raises:
        ConfigError: A tool is named that is not there.
        PlanError: The given plan cannot run as it is.
    """
    if not asked.assistant:  # an assistant does without what was removed
        require_known(asked.tools, engine.tools.specs(), engine.servers.down())
    if asked.plan is not None:
        require(check(asked.plan, asked), engine.servers.down())
    chosen = await chosen_mode(engine, run_id, asked)
    if chosen.triage.agent:
        plan = passed_to(chosen.triage.agent, asked.task)
        asked = replace(asked, plan=plan, limits=asked.limits or engine.limits())
        require(check(plan, asked), engine.servers.down())
    started = first_event(engine, asked, chosen.triage)
    return Opening(started, (*chosen.calls, *warnings(engine, asked)), chosen.usage)


async def written(log: RunLog, run_id: str, events: Sequence[LoggedEvent]) -> None:
    """Write the first events of a run that nobody drives yet.

    Raises:
        ConflictError: There already is a run of that id.
        StoreError: The log cannot be written.
    """
    try:
        await log.append(run_id, 0, events)
    except ConflictError:
        raise ConflictError(f"there already is a run {run_id}", hint="choose another id, or none") from None


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
        wishes=asked.wishes,
    )


def offered_to(engine: Assembly, asked: Asked) -> dict[str, ToolSpec]:
    """Return the tools that a run of this knows, sorted by name."""
    declared = offered(engine.tools.specs(), asked.tools, asked.user)
    return dict(sorted({**declared, **client_tools(asked.client_tools, declared)}.items()))


def warnings(engine: Assembly, asked: Asked) -> Iterator[Warned]:
    """Return what a person should know before a run begins; of tools and agents, only of those it may use."""
    choice, named = asked.tools, Assistants(engine)
    for text in engine.gateway.role_warnings():
        yield Warned(code="roles", message=text)
    for text in engine.servers.down() if wants_tools(choice) else ():
        yield Warned(code=ToolUnavailableError.code, message=text)
    for one in engine.agents.states():
        if one.status in ("down", "paused") and wants_agent(choice, one.name):
            message = f"the agent '{one.name}' is not available: {one.reason}"
            yield Warned(code=ToolUnavailableError.code, message=message)
    for text in named.lacks(asked.assistant) if asked.assistant in named else ():
        yield Warned(code="assistant", message=text)


async def chosen_mode(engine: Assembly, run_id: str, asked: Asked) -> Chosen:
    """Return the mode a run will have, and the agent its task goes to as it is: as asked for, or by its task."""
    assistant = next((one for one in engine.settings.assistants if one.name == asked.assistant), None)
    if asked.plan is not None:
        return Chosen(Triage("plan", "the plan was given"))
    if assistant is not None and assistant.passthrough is not None:
        return Chosen(Triage("plan", f"{assistant.passthrough} takes every task", agent=assistant.passthrough))
    if asked.mode != "auto":
        return Chosen(Triage(asked.mode, "asked for"))
    down = engine.tools.unavailable()
    visible = [s for n, s in offered_to(engine, asked).items() if s.enabled and not s.hidden and n not in down]
    limits = asked.limits or engine.limits()
    chosen = await choose(asked.task, visible, engine.gateway, engine.ledger, run_id, limits)
    default = _default_agent(visible, assistant)
    if chosen.triage.mode != "direct" or not default:
        return chosen
    return Chosen(Triage("plan", f"no other agent is for it ({chosen.triage.reason})", agent=default), chosen.calls)


def _default_agent(visible: Sequence[ToolSpec], assistant: AssistantSettings | None) -> str:
    """Return the agent that takes what no other is for: the assistant's, else one that says so; empty: none."""
    names = [tool.name for tool in visible if tool.kind == "agent"]
    if assistant is not None and assistant.default in names:
        return assistant.default or ""
    return next((tool.name for tool in visible if tool.agent is not None and tool.agent.default), "")


def require(problems: Sequence[Problem], down: Sequence[str]) -> None:
    """Raise PlanError where something is wrong with a plan; what is down may be why."""
    if problems:
        error = plan_error(problems)
        error.hint = "; ".join(part for part in (error.hint, *down) if part)
        raise error
