"""The engine as a library: ``Engine(config).run(task)``, ``.stream``, ``.plan``, ``.apply``, and hooks."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import anyio

from engine.config import LoadedSettings, load_settings, settings_from
from engine.dag.build import Problem, check_plan, plan_error
from engine.dag.state import RunState
from engine.durable.artifacts import Artifacts
from engine.durable.memory import MemoryLog
from engine.estimate import Estimate, estimate_plan
from engine.executor.executor import Executor
from engine.executor.fill import LLMFiller
from engine.executor.step import CallContext, Surroundings, ToolRunner
from engine.handle import Feed, Hook, RunHandle, call_hooks
from engine.journal import Inbox
from engine.loop import Happening, Loop, Moved, Parts
from engine.metering import RunModel
from engine.planner.llm import LLMPlanner
from engine.planner.triage import choose_mode
from engine.planning import Planned, Planning
from engine.react.llm import ReactPlanner
from engine.replaying import replay
from engine.synth.llm import LLMSynthesizer
from engine.synth.template import partial_answer
from engine.telemetry import tracer
from engine.tools.registry import Registry, from_settings
from gateway.budget import MemoryLedger
from gateway.gateway import Gateway
from schemas.errors import EngineError, PlanParseError, RunCancelledError
from schemas.events import (
    ApproveMode,
    LiveEvent,
    LiveProgress,
    LoggedRecord,
    Mode,
    PlanStarted,
    RunLimits,
    RunStarted,
    Warned,
)
from schemas.plan import Plan
from schemas.planning import PlanReady, StepCall
from schemas.protocols import Filler, Ledger, Planner, RunLog, Synthesizer, Tool
from schemas.result import RunResult, Usage
from schemas.settings import Settings

Config = Settings | LoadedSettings | str | Path | Mapping[str, Any] | None
H = TypeVar("H", bound=Hook)
_GRACE_S = 0.15


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


class Engine:
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

    def __init__(
        self,
        config: Config = None,
        *,
        tools: Iterable[Tool | Callable[..., Any]] = (),
        environ: Mapping[str, str] | None = None,
        log: RunLog | None = None,
        ledger: Ledger | None = None,
        gateway: Gateway | None = None,
        planner: Planner | None = None,
        react: Planner | None = None,
        synthesizer: Synthesizer | None = None,
        filler: Filler | None = None,
    ) -> None:
        given = tuple(tools)
        self.loaded = _load(config, os.environ if environ is None else environ)
        self.settings = self.loaded.settings
        self.tools = _registry(self.loaded, _declares_tools(config, self.loaded), given)
        self.log: RunLog = log or MemoryLog()
        self.ledger: Ledger = ledger or MemoryLedger()
        self.gateway = gateway or Gateway(self.settings, ledger=self.ledger, environ=environ, tracer=tracer)
        limits = self.settings.limits
        self._planner: Planner = planner or LLMPlanner(max_repairs=limits.max_repairs)
        self._react: Planner = react or ReactPlanner(partial_answer, max_turns=limits.max_turns)
        self._synthesizer: Synthesizer = synthesizer or LLMSynthesizer()
        self._filler: Filler = filler or LLMFiller()
        self._hooks: dict[str, list[Hook]] = {}

    async def __aenter__(self) -> Engine:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections to model providers."""
        await self.gateway.aclose()

    def on(self, kind: str = "*") -> Callable[[H], H]:
        """Register a hook for one kind of event (``*`` for all): called once an event, in order.

        A hook may be sync or async; one that raises is logged and harms nothing.
        """

        def register(hook: H) -> H:
            self._hooks.setdefault(kind, []).append(hook)
            return hook

        return register

    def limits(self, **changes: Any) -> RunLimits:
        """Return the configured caps of a run, changed where an argument is not None."""
        budget, limits = self.settings.budget, self.settings.limits
        base = RunLimits(
            budget_usd=budget.run_usd,
            max_tokens=budget.run_tokens,
            time_limit_s=budget.run_seconds,
            max_replans=limits.max_replans,
            max_steps=limits.max_steps,
            max_parallel=limits.max_parallel,
        )
        return base.model_copy(update={name: value for name, value in changes.items() if value is not None})

    # ------------------------------------------------------------------ running

    async def run(self, task: str, **options: Any) -> RunResult:
        """Plan and run a task and return how it came out; takes the options of ``start``."""
        async with self.start(task, **options) as run:
            return await run.result()

    async def stream(self, task: str, **options: Any) -> AsyncIterator[LoggedRecord | LiveEvent]:
        """Plan and run a task, yielding its events and live text; leaving early cancels the run."""
        async with self.start(task, **options) as run:
            async for item in run.events():
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
        if plan is not None:
            self._require(plan)
        run_id = run_id or uuid.uuid4().hex[:12]
        started = self._started(task, plan, mode, approve, limits, user)
        handle, loop = self._assemble(run_id, plan)
        hooks = Feed()
        if self._hooks:
            handle.also(hooks)
        await loop.begin(started)
        await self._open_budget(run_id, started.limits)
        failure: BaseException | None = None
        async with anyio.create_task_group() as group:
            if self._hooks:
                group.start_soon(call_hooks, hooks, self._hooks)
            group.start_soon(self._drive, loop, handle)
            try:
                yield handle
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
            handle.finish(await loop.drive())
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
        run_id = f"plan-{uuid.uuid4().hex[:12]}"
        started = self._started(task, None, "plan", None, limits, "")
        await self._open_budget(run_id, started.limits)
        state = self._state(run_id, Artifacts(self.log))
        state.apply(started)
        model = RunModel(self.gateway, run_id, lambda _: None)
        planning = Planning(self._planner, self._react, self.tools, model)
        found: list[Planned] = []
        request = planning.request(state, PlanStarted())
        await planning.call(request, anyio.CancelScope(), found.append)
        last = found[-1].item
        if isinstance(last, EngineError):
            raise last
        if not isinstance(last, PlanReady):
            raise PlanParseError("the planner ended without a plan")
        usage = await self.ledger.spent(f"run:{run_id}")
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
                log=self.log,
            )
        ) as replayed:
            async for record in replayed:
                yield record

    def check(self, plan: Plan) -> list[Problem]:
        """Return everything wrong with a plan; an empty list means it may run."""
        return check_plan(plan, self.tools.specs())

    def estimate(self, plan: Plan) -> Estimate:
        """Return what running a plan would take."""
        return estimate_plan(plan, self.tools.specs(), self.gateway)

    def _require(self, plan: Plan) -> None:
        problems = self.check(plan)
        if problems:
            raise plan_error(problems)

    # ------------------------------------------------------------------ assembling a run

    def _started(
        self,
        task: str,
        plan: Plan | None,
        mode: Mode,
        approve: ApproveMode | None,
        limits: RunLimits | None,
        user: str,
    ) -> RunStarted:
        visible = [spec for spec in self.tools.specs().values() if spec.enabled and not spec.hidden]
        chosen, reason = (mode, "asked for") if mode != "auto" else choose_mode(task, visible)
        if plan is not None:
            chosen, reason = "plan", "the plan was given"
        dialect, tier = ("", "") if plan is not None else self.gateway.planner_dialect("planner")
        return RunStarted(
            task=task or (plan.goal if plan is not None else ""),
            mode=chosen,
            mode_reason=reason,
            limits=limits or self.limits(max_replans=0 if plan is not None else None),
            approve=approve or self.settings.approvals.mode,
            on_failure=self.settings.limits.on_failure,
            models=self._models(),
            dialect=dialect,
            tier=tier,
            tools=tuple(spec for _, spec in sorted(self.tools.specs().items())),
            given=plan is not None,
            user=user,
        )

    def _models(self) -> dict[str, str]:
        """The first model of each role."""
        return {role: self.gateway.resolve(role)[0].model.ref for role in ("planner", "executor", "synthesizer")}

    async def _open_budget(self, run_id: str, limits: RunLimits) -> None:
        await self.ledger.open(
            f"run:{run_id}",
            limit_usd=limits.budget_usd,
            limit_tokens=limits.max_tokens,
            keep_share=self.settings.budget.synthesizer_share,
        )

    def _state(self, run_id: str, artifacts: Artifacts) -> RunState:
        ask = self.settings.approvals.effectful
        return RunState(run_id, self.tools.specs(), load=artifacts.value, ask_effectful=ask)

    def _assemble(self, run_id: str, plan: Plan | None) -> tuple[RunHandle, Loop]:
        inbox: Inbox[Happening] = Inbox()
        artifacts = Artifacts(self.log)

        def new_state() -> RunState:
            return self._state(run_id, artifacts)

        handle = RunHandle(run_id, self.log, new_state, artifacts, lambda: inbox.put(Moved()))
        model = RunModel(self.gateway, run_id, inbox.put)
        planning = Planning(self._planner, self._react, self.tools, model, plan)

        def on_progress(call: StepCall, message: str, fraction: float | None) -> None:
            handle.publish(LiveProgress(step_id=call.step_id, message=message, fraction=fraction))

        def new_executor(group: anyio.abc.TaskGroup, loop: Loop) -> Executor:
            around = Surroundings(
                tools=self.tools,
                keep=artifacts.keep,
                model_for=model.for_step,
                on_progress=on_progress,
                on_retry=loop.report,
                expected=lambda step_id: _expected(loop.state, step_id),
                result_bytes=self.settings.limits.result_bytes,
                max_result_bytes=self.settings.limits.max_result_bytes,
                clock=anyio.current_time,
            )
            return Executor(
                group,
                ToolRunner(around),
                self._filler,
                loop.report,
                loop.settle,
                lambda call: CallContext(call, model.for_step, on_progress),
                model.for_step,
            )

        parts = Parts(
            log=self.log,
            artifacts=artifacts,
            planning=planning,
            synthesizer=self._synthesizer,
            new_state=new_state,
            new_executor=new_executor,
            limits=self.settings.limits,
            publish=lambda item: handle.publish(item),
            notices=tuple(Warned(code="roles", message=text) for text in self.gateway.role_warnings()),
        )
        loop = Loop(run_id, parts, inbox)
        return handle, loop


def _only(exc: Exception) -> Exception:
    """The one error in a group of one, else the error itself."""
    inner = cast("tuple[Exception, ...]", exc.exceptions) if isinstance(exc, ExceptionGroup) else ()
    return _only(inner[0]) if len(inner) == 1 else cast("Exception", exc)


def _expected(state: RunState, step_id: str) -> dict[str, Any] | str | None:
    step = state.graph.steps.get(step_id)
    return None if step is None or step.parent is not None else step.step.expected_output


def _load(config: Config, environ: Mapping[str, str]) -> LoadedSettings:
    if isinstance(config, LoadedSettings):
        return config
    if isinstance(config, (Settings, Mapping)):
        return settings_from(config, environ)
    return load_settings(None if config is None else str(config), environ)


def _declares_tools(config: Config, loaded: LoadedSettings) -> bool:
    """Whether somebody chose the tools, so that they stand beside those given in code."""
    if isinstance(config, Settings):
        return bool(config.tools)
    if isinstance(config, Mapping):
        return "tools" in config
    return loaded.source != "environment"


def _registry(loaded: LoadedSettings, declared: bool, given: tuple[Tool | Callable[..., Any], ...]) -> Registry:
    registry = from_settings(loaded.settings, loaded.folder) if declared or not given else Registry()
    for tool in given:
        registry.add(tool)
    return registry
