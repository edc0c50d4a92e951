"""The engine as a library: ``Engine(config).run(task)``, ``.stream``, ``.plan``, ``.apply``, and hooks."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import anyio

from engine.assembly import Assembly
from engine.dag.build import Problem, check_plan, plan_error
from engine.durable.artifacts import Artifacts
from engine.estimate import Estimate, estimate_plan
from engine.handle import Feed, RunHandle
from engine.hooks import Hook, call_hooks
from engine.learning import learn
from engine.loop import Loop
from engine.metering import RunModel, used_by
from engine.planner.formats.detect import Form
from engine.planner.formats.loading import load_plan
from engine.planner.triage import Triage
from engine.planning import Planned, Planning
from engine.replaying import replay
from engine.script import to_python
from engine.tools.judge import ask_judge
from engine.tools.mcp.servers import ServerState
from schemas.errors import ConfigError, EngineError, PlanParseError, RunCancelledError
from schemas.events import ApproveMode, LoggedEvent, LoggedRecord, Mode, PlanStarted, RunLimits, RunStarted
from schemas.live import LiveEvent
from schemas.plan import Plan
from schemas.planning import PlanReady
from schemas.result import RunResult, Usage

H = TypeVar("H", bound=Hook)
_GRACE_S = 0.15
_ASKED = "ready"


@dataclass(frozen=True, slots=True)
class PlanPreview:
    """A plan that nobody ran yet.

    Attributes:
        plan: The checked plan.
        warnings: What was ignored in the planner's reply.
        estimate: What running it would take.
        usage: What planning took.
    """

    plan: Plan
    warnings: tuple[str, ...]
    estimate: Estimate
    usage: Usage


class Engine(Assembly):
    """Plans and runs tasks over declared tools.

    Args:
        config: A path to an engine.yaml, its content as a mapping, ``Settings``, or None for the usual places
            ($ENGINE_CONFIG, ./engine.yaml, else the environment's keys, else the offline model).
        tools: Tools, or functions, beside those of the configuration. Given without a configuration file, they are
            the only ones.
        environ: Where secrets are looked up; the process's environment by default.
        log: Where runs live; in memory by default.
        gateway, planner, react, synthesizer, filler, ledger: Replacements for the engine's own.

    Raises:
        ConfigError: The configuration, or a tool, is wrong.
    """

    async def __aenter__(self) -> Engine:
        """Let the engine own its MCP servers: started when first needed, kept for all its runs."""
        self._owning = self.servers.hosting()
        await self._owning.__aenter__()
        return self

    async def __aexit__(self, *failure: Any) -> None:
        try:
            await self._owning.__aexit__(*failure)
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Close the connections to model providers."""
        await self.gateway.aclose()

    async def ready(self) -> list[ServerState]:
        """Start the MCP servers that do not run, and return how each is; ``tools`` then holds their tools.

        Every run does so by itself. An engine that was not entered has no servers outside its runs: each is then
        started, asked and ended again.
        """
        async with self.servers.hosting(_ASKED):
            await self.servers.ready(_ASKED)
            return self.servers.states()

    def on(self, kind: str = "*") -> Callable[[H], H]:
        """Register a hook for one kind of event (``*`` for all): called once an event, in order.

        A hook may be sync or async; one that raises, or does not return in ten seconds, is logged and harms nothing.
        """

        def register(hook: H) -> H:
            self.hooks.setdefault(kind, []).append(hook)
            return hook

        return register

    # ------------------------------------------------------------------ running

    async def run(self, task: str, **options: Any) -> RunResult:
        """Plan and run a task and return how it came out; takes the options of ``start``."""
        async with self.start(task, **options) as run:
            return await run.result()

    async def stream(self, task: str, **options: Any) -> AsyncIterator[LoggedRecord | LiveEvent]:
        """Plan and run a task, yielding its events and live text; leaving early cancels the run."""
        async with self.start(task, **options) as run, aclosing(run.events()) as items:
            async for item in items:
                yield item

    async def apply(self, plan: Plan, **options: Any) -> RunResult:
        """Run a saved or edited plan; one whose inputs are complete and that has an ``answer`` needs no model.

        Raises:
            PlanError: The plan cannot run as it is; nothing was started.
        """
        async with self.start(plan=plan, **options) as run:
            return await run.result()

    @asynccontextmanager
    async def start(
        self,
        task: str = "",
        *,
        plan: Plan | None = None,
        mode: Mode = "auto",
        approve: ApproveMode | None = None,
        limits: RunLimits | None = None,
        user: str = "",
        run_id: str | None = None,
    ) -> AsyncGenerator[RunHandle]:
        """Start a run and hold it; leaving the block before its end cancels it.

        MCP servers that do not run are started first, all at once; one that fails is a warning of the run.

        Args:
            task: What to do, in any language.
            plan: Run this plan instead of asking for one. It is not repaired by a planner unless ``limits`` allow it.
            mode: auto, plan, react or direct.
            approve: Who is asked; the configuration's choice by default.
            limits: The run's caps (``Engine.limits``).
            user: Whose run it is; nobody else may answer its approvals.
            run_id: A name of your own; must be new.

        Raises:
            PlanError: The given plan cannot run as it is.
            ConflictError: There already is a run of that id.
            StoreError: The run cannot be begun.
        """
        if plan is None:
            _require_task(task)
        run_id = run_id or uuid.uuid4().hex[:12]
        async with self.servers.hosting(run_id):
            await self.servers.ready(run_id)
            if plan is not None:
                self._require(plan)
            chosen = await self.chosen(run_id, task, plan, mode, limits)
            started = self.started(task, plan, chosen.triage, approve, limits, user)
            handle, loop = self.assemble(run_id, plan, chosen.calls)
            hooks = Feed()
            if self.hooks:
                handle.also(hooks)
            await loop.begin(started)
            await self.open_budget(run_id, started.limits, chosen.usage)
            async with self._driven(loop, handle, hooks):
                yield handle

    @asynccontextmanager
    async def _driven(self, loop: Loop, handle: RunHandle, hooks: Feed) -> AsyncGenerator[None]:
        """Drive a run that has begun, until its end or until the block is left."""
        failure: BaseException | None = None
        async with _ctrl_c_as_it_is(), anyio.create_task_group() as group:
            if self.hooks:
                group.start_soon(call_hooks, hooks, self.hooks)
            group.start_soon(self._drive, loop, handle)
            try:
                yield
            except anyio.get_cancelled_exc_class():
                raise
            except BaseException as exc:
                failure = exc  # raised below, as it is: the task group would wrap it
            finally:
                if not handle.ended:
                    with anyio.move_on_after(_GRACE_S, shield=True):
                        await handle.cancel("its caller went away")
                        await handle.done()
                    group.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def _drive(self, loop: Loop, handle: RunHandle) -> None:
        try:
            state = await loop.drive()
            await learn(self.log, loop.run_id, self.statistics if self.settings.statistics else None, self.plan_cache)
            handle.finish(state)
        except Exception as exc:
            handle.finish(None, _only(exc))
        except BaseException:
            handle.finish(None, RunCancelledError(f"run {loop.run_id} was broken off; its log has no end"))
            raise

    # ------------------------------------------------------------------ planning only

    async def plan(self, task: str, *, limits: RunLimits | None = None) -> PlanPreview:
        """Ask for a plan and return it with an estimate; nothing of it is run.

        Raises:
            PlanError: No valid plan after the repair cap.
            ModelError, BudgetError: The planner could not be asked.
        """
        _require_task(task)
        run_id = f"plan-{uuid.uuid4().hex[:12]}"
        async with self.servers.hosting(run_id):
            await self.servers.ready(run_id)
            triage = Triage("plan", "asked for")
            return await self._planned(run_id, self.started(task, None, triage, None, limits, ""))

    async def _planned(self, run_id: str, started: RunStarted) -> PlanPreview:
        await self.open_budget(run_id, started.limits)
        state = self.state(run_id, Artifacts(self.log), self.expecting())
        state.apply(started)
        made: list[LoggedEvent] = []
        model = RunModel(self.gateway, run_id, made.append)
        planning = Planning(self.planner, self._react, self.tools, model)
        found: list[Planned] = []
        _, request = planning.ask(state, PlanStarted())
        await planning.call(request, anyio.CancelScope(), found.append)
        last = found[-1].item
        if isinstance(last, EngineError):
            raise last
        if not isinstance(last, PlanReady):
            raise PlanParseError("the planner ended without a plan")
        usage = used_by(made)
        return PlanPreview(last.plan, last.warnings, self.estimate(last.plan), usage)

    async def replay(self, records: Sequence[LoggedRecord]) -> AsyncGenerator[LoggedRecord]:
        """Play a recorded run again, with no model and no tool, yielding its events.

        Raises:
            StoreError: The record is not whole, or an event came out differently.
        """
        async with aclosing(
            replay(
                records,
                planner=self._planner,
                react=self._react,
                synthesizer=self._synthesizer,
                limits=self.settings.limits,
                rules=self.rules,
                log=self.log,
            )
        ) as replayed:
            async for record in replayed:
                yield record

    def load(self, text: str, form: Form | None = None, *, checked: bool = True) -> tuple[Plan, list[str]]:
        """Read a plan, in our own format or another's, over the declared tools (``engine.load_plan``).

        A condition in words is decided by the judge model, where one is configured.

        Raises:
            PlanError: As ``load_plan``.
        """
        judge = ask_judge.spec if self.has_judge else None
        return load_plan(text, form, tools=self.tools.specs(), judge=judge, checked=checked)

    def check(self, plan: Plan) -> list[Problem]:
        """Return everything wrong with a plan; an empty list means it may run.

        A plan may ask the judge where one is configured: ``ask_judge`` is then declared with the other tools.
        """
        asks = any(step.tool == ask_judge.spec.name for step in plan.steps)
        if asks and self.has_judge and ask_judge.spec.name not in self.tools.specs():
            self.tools.add(ask_judge, origin="the plan")
        return check_plan(plan, self.tools.specs())

    def script(self, plan: Plan) -> str:
        """Return a plan as a stand-alone Python script that needs no engine."""
        return to_python(plan, self.tools.specs(), self.tools.functions())

    def estimate(self, plan: Plan) -> Estimate:
        """Return what running a plan would take."""
        return estimate_plan(plan, self.tools.specs(), self.gateway, self.statistics.observed)

    def _require(self, plan: Plan) -> None:
        problems = self.check(plan)
        if problems:
            error = plan_error(problems)
            error.hint = "; ".join(part for part in (error.hint, *self.servers.down()) if part)
            raise error


@asynccontextmanager
async def _ctrl_c_as_it_is() -> AsyncGenerator[None]:
    """Let the user's Ctrl-C out of the groups of tasks it came through."""
    try:
        yield
    except BaseExceptionGroup as group:
        if group.subgroup(KeyboardInterrupt) is not None:
            raise KeyboardInterrupt from group
        raise


def _require_task(task: object) -> None:
    """Raise ConfigError for a task that is no text, or empty."""
    if not isinstance(task, str):
        raise ConfigError(f"the task must be text, not {type(task).__name__}", hint='such as engine.run("…")')
    if not task.strip():
        raise ConfigError("the task is empty", hint="say what is wanted")


def _only(exc: BaseException) -> Exception:
    """The error of ours in a group, else the one error of a group of one, else the error itself."""
    inner = cast("tuple[BaseException, ...]", exc.exceptions) if isinstance(exc, BaseExceptionGroup) else ()
    leaves = [_only(one) for one in inner]
    ours = [one for one in leaves if isinstance(one, EngineError)]
    if ours:
        return ours[0]
    return leaves[0] if len(leaves) == 1 else cast("Exception", exc)
