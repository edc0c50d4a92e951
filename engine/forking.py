"""Forks a run: a new one that begins with what was done before a step, and goes on anew from there.

What is kept is decided on the old run's state: a step that is done keeps its result unless it is the step to begin at,
was changed, or comes after one of these, by its data or because both touch the same resource. What had failed, was
cancelled or never ran is open again; that alone repeats no effect of others. The new run's log holds the plan and the
kept results, so whoever claims it simply goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from engine.asking import Asked
from engine.dag.build import dependencies, in_dependency_order
from engine.dag.hazards import HazardIndex, access
from engine.dag.refs import find_references, resolve
from engine.dag.state import RunState
from engine.dag.step import UNKNOWN_TOOL, StepState
from engine.dag.validate import as_declared
from engine.durable.artifacts import Artifacts
from engine.executor.outcome import store_value
from schemas.driving import StepReused
from schemas.errors import ConfigError, NotFoundError, StepInputError
from schemas.events import LoggedEvent, PlanAccepted, PlanStarted, RunStarted, StepExpanded, Warned
from schemas.plan import Plan, Step
from schemas.result import StepResult
from schemas.settings import Limits
from schemas.tool import ToolSpec

WARNING = "fork"


@dataclass(frozen=True, slots=True)
class Change:
    """What the fork is to do otherwise.

    Attributes:
        from_step: The step it begins at; None: at what is not done.
        tool_input: Another input of that step.
        plan: Another plan.
    """

    from_step: str | None = None
    tool_input: dict[str, Any] | None = None
    plan: Plan | None = None


async def forked(
    state: RunState, plan: Plan | None, from_step: str | None, started: RunStarted, artifacts: Artifacts, limits: Limits
) -> list[LoggedEvent]:
    """Return the first events of a fork of a run.

    Args:
        state: The run, as it stands: ended, parked or broken off.
        plan: What the fork runs, checked; None: it asks for a plan.
        from_step: The step it begins at; None: at what is not done.
        started: The fork's first event, without its plan.
        artifacts: The run's large results; the fork's are kept beside them.
        limits: From which size a result is an artifact.
    """
    if plan is None:
        return [started]
    tools = {tool.name: tool for tool in started.tools}
    kept = _kept(state, plan, from_step, tools)
    events: list[LoggedEvent] = [started.model_copy(update={"plan": plan})]
    events += _warnings(state, plan, kept, tools)
    events += (PlanStarted(revision=1, mode=started.mode), PlanAccepted(revision=1, plan=plan))
    for step in in_dependency_order(plan.steps):
        for reused in _parts(state, step, kept):
            events.append(
                reused if isinstance(reused, StepExpanded) else await _reused(state, reused, artifacts, limits)
            )
    return events


# ---------------------------------------------------------------------- the plan


def plan_now(state: RunState, from_step: str | None = None) -> Plan | None:
    """Return what a run's accepted plans amount to: the last one, with what it needs, and what was done before it.

    Where a step is named that the last plan dropped, the plan that still held it counts. None: no plan was accepted.

    Raises:
        NotFoundError: No accepted plan has that step.
    """
    plans = {revision: plan for revision, plan in state.accepted.items() if not plan.question}
    known = {step.id: step for step in state.graph.plan_steps() if step.revision in state.accepted}
    if not plans and state.started.plan is not None:
        return state.started.plan
    if from_step is not None and from_step not in known:
        raise _no_step(state.run_id, from_step, known)
    if not plans:
        return None
    revision = max(plans)
    ids = _held(plans[revision], known, revision)
    if from_step is not None and from_step not in ids:
        revision = known[from_step].revision
        ids = _held(plans[revision], known, revision)
    steps = tuple(step.step for step in known.values() if step.id in ids)
    return plans[revision].model_copy(update={"steps": steps, "goal": state.task})


def _held(plan: Plan, known: Mapping[str, StepState], revision: int) -> set[str]:
    """The ids of a plan's steps, of those they need, and of those that were done in earlier plans."""
    todo = [step.id for step in plan.steps] + [reference.step_id for reference in find_references(plan.answer)]
    todo += [step.id for step in known.values() if step.revision < revision and _done(step)]
    ids: set[str] = set()
    while todo:
        step_id = todo.pop()
        if step_id not in ids and step_id in known:
            ids.add(step_id)
            todo.extend(known[step_id].deps)
    return ids


def started_again(state: RunState, now: RunStarted) -> RunStarted:
    """Return a fork's first event, without its plan: asked for as the run was, models and tools as they are now."""
    taken = {"models": now.models, "tools": now.tools, "dialect": now.dialect, "tier": now.tier}
    again = {"task": state.task, "plan": None, "driver": "", "forked_from": state.run_id}
    return state.started.model_copy(update={**taken, **again})


def asked_for(state: RunState, plan: Plan | None) -> Asked:
    """Return what a run was asked for, with another plan."""
    was = state.started
    return Asked(
        task=state.task,
        plan=plan,
        user=was.user,
        tools=was.chosen,
        assistant=was.assistant,
        instructions=was.instructions,
        conversation=was.conversation,
        client_tools=tuple(tool for tool in was.tools if tool.kind == "client"),
    )


def changed_plan(state: RunState, change: Change) -> Plan | None:
    """Return the plan a fork runs; None: none was accepted, and none is given.

    Raises:
        NotFoundError: It has no such step; the message lists those there are.
        ConfigError: An input is given and no step.
    """
    if change.tool_input is not None and change.from_step is None:
        raise ConfigError("an input is given, but no step that takes it", hint="name the step to begin at")
    plan = change.plan or plan_now(state, change.from_step)
    if plan is None or change.from_step is None:
        return plan
    if change.from_step not in {step.id for step in plan.steps}:
        raise _no_step(state.run_id, change.from_step, [step.id for step in plan.steps])
    if change.tool_input is None:
        return plan
    edited = [
        step.model_copy(update={"tool_input": change.tool_input}) if step.id == change.from_step else step
        for step in plan.steps
    ]
    return plan.model_copy(update={"steps": tuple(edited)})


def _no_step(run_id: str, step_id: str, known: Collection[str]) -> NotFoundError:
    if not known:
        return NotFoundError(f"run {run_id} has no step {step_id!r}: it has no plan", hint="fork it from its beginning")
    near = get_close_matches(step_id, known, n=1)
    instance = step_id.partition("[")[0]
    meant = instance if instance in known else near[0] if near else ""
    return NotFoundError(
        f"run {run_id} has no step {step_id!r}; it has {', '.join(known)}",
        hint=f"did you mean {meant!r}?" if meant else "engine runs show lists them",
    )


# ---------------------------------------------------------------------- what is kept


def _kept(state: RunState, plan: Plan, from_step: str | None, tools: Mapping[str, ToolSpec]) -> set[str]:
    """Return the ids of the steps that need not run again: done, and after nothing that runs again by choice."""
    hazards = HazardIndex()
    kept: set[str] = set()
    chosen: set[str] = set()
    for step in in_dependency_order(plan.steps):
        known = state.graph.steps.get(step.id)
        needs, touched = dependencies(step), _touched(step, known, tools)
        after = hazards.add(step.id, touched)
        if step.id == from_step or chosen & {*needs, *after} or (known is not None and not _same(state, step, known)):
            chosen.add(step.id)
        elif known is not None and _done(known):
            kept.add(step.id)
    return kept


def _touched(step: Step, known: StepState | None, tools: Mapping[str, ToolSpec]) -> Any:
    spec = tools.get(step.tool, UNKNOWN_TOOL)
    sent = known.input if known is not None and known.step == step and not known.instances else None
    return access(spec, sent or step.tool_input)


def _done(step: StepState) -> bool:
    return step.result is not None and step.result.status == "done"


def _same(state: RunState, step: Step, known: StepState) -> bool:
    """Whether a step of the plan is the call that the run knows by its id."""
    old = known.step
    if (step.tool, step.foreach, step.when) != (old.tool, old.foreach, old.when):
        return False
    if step.tool_input == old.tool_input:
        return True
    if step.foreach is not None or known.input is None or step.tool_input is None:
        return False
    try:
        return as_declared(known.spec.input_schema, resolve(step.tool_input, state.graph.lookup(known))) == known.input
    except StepInputError:
        return False


def _parts(state: RunState, step: Step, kept: set[str]) -> Iterator[StepState | StepExpanded]:
    """What is kept of a step: its result, or of an unfinished foreach those of the items that are done."""
    known = state.graph.steps.get(step.id)
    if known is None:
        return
    if step.id in kept:
        yield known
    elif known.instances and not _done(known) and set(known.deps) <= kept and known.step == step:
        yield StepExpanded(step_id=step.id, count=len(known.instances))
        yield from (state.graph.steps[item] for item in known.instances if _done(state.graph.steps[item]))


async def _reused(state: RunState, step: StepState, artifacts: Artifacts, limits: Limits) -> StepReused:
    """Return the event that gives a step its result; a value made of others' is written out."""
    result = step.result or StepResult(status="done")
    value, artifact = result.value, result.artifact
    if result.gathered:
        whole = state.graph.values[step.id]
        stored = await store_value(whole, artifacts.keep, limits.result_bytes, limits.max_result_bytes)
        value, artifact = (None if stored.artifact else stored.value), stored.artifact
    plain = StepResult(status="done", value=value, artifact=artifact, warnings=result.warnings)
    return StepReused(step_id=step.id, result=plain)


def _warnings(state: RunState, plan: Plan, kept: Collection[str], tools: Mapping[str, ToolSpec]) -> Iterator[Warned]:
    """Name what had its effect, or may have had it, and will have it again."""
    again = [
        f"{step.id} ({step.tool})"
        for step in plan.steps
        if step.id not in kept and step.tool in tools and not tools[step.tool].read_only and _called(state, step.id)
    ]
    if again:
        word = "steps" if len(again) > 1 else "step"
        yield Warned(code=WARNING, message=f"{word} {', '.join(again)} had effects, and will run again with a new key")


def _called(state: RunState, step_id: str) -> bool:
    """Whether a step's tool was, or may have been, called."""
    known = state.graph.steps.get(step_id)
    if known is None:
        return False
    calls = (known, *(state.graph.steps[item] for item in known.instances))
    begun = ("running", "outside", "waiting")
    return any(call.phase in begun or (call.result is not None and call.result.attempts > 0) for call in calls)
