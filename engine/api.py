"""The engine as a library: ``Engine(config).run(task)``, ``.stream``, ``.plan``, ``.apply``, and hooks."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import Any, TypeVar, Unpack

import anyio

from engine.asking import Asked
from engine.assembly import new_state_of
from engine.beginning import first_event, require
from engine.driving import Driving
from engine.durable.artifacts import Artifacts
from engine.estimate import Estimate, estimate_plan
from engine.forking import Change, asked_for, changed_plan, forked, started_again
from engine.handle import RunHandle
from engine.hooks import Hook, require_kind
from engine.metering import RunModel, used_by
from engine.offer import Offer, require_known
from engine.options import RunOptions, StartOptions
from engine.planner.formats.detect import Form
from engine.planner.formats.loading import load_plan
from engine.planner.triage import Triage
from engine.planning import Planned, Planning
from engine.replaying import replay
from engine.script import to_python
from engine.streaming import EventStream
from engine.tools.judge import ask_judge
from engine.tools.mcp.servers import ServerState
from schemas.approvals import Through
from schemas.errors import EngineError, PlanParseError
from schemas.events import LoggedEvent, LoggedRecord, PlanStarted, RunLimits, RunStarted
from schemas.plan import Plan
from schemas.planning import PlanReady
from schemas.result import RunResult, Usage

H = TypeVar("H", bound=Hook)
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


class Engine(Driving):
    """Plans and runs tasks over declared tools.

    Args:
        config: A path to an engine.yaml, its content as a mapping, ``Settings``, or None for the usual places
            ($ENGINE_CONFIG, ./engine.yaml, else the environment's keys, else the offline model).
        tools: Tools, or functions, beside those of the configuration. Given without a configuration file, they are
            the only ones.
        environ: Where secrets are looked up; the process's environment by default.
        store: Where runs live: a RunStore, or what names one (``sqlite:PATH``, a path, ``postgresql://…``,
            ``memory:``); by default the configuration's, else memory.
        kind: What kind of process this is: cli, library, serve or worker.
        gateway, planner, react, synthesizer, filler, ledger: Replacements for the engine's own.

    Raises:
        ConfigError: The configuration, or a tool, is wrong.
    """

    async def __aenter__(self) -> Engine:
        """Let the engine own its MCP servers and agents: started when first needed, kept for all its runs."""
        owning = AsyncExitStack()
        await owning.enter_async_context(self.servers.hosting())
        await owning.enter_async_context(self.agents.hosting())
        self._owning = owning
        return self

    async def __aexit__(self, *failure: Any) -> None:
        try:
            await self._owning.__aexit__(*failure)
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Close the connections to model providers, and the store, unless it was given open."""
        await self.gateway.aclose()
        await self.accounting.finish()
        if self._owns_store:
            await self.store.aclose()

    async def ready(self) -> list[ServerState]:
        """Start the MCP servers that do not run, and return how each is; ``tools`` then holds their tools.

        Every run does so by itself. An engine that was not entered has no servers outside its runs: each is then
        started, asked and ended again.
        """
        async with self.hosting(_ASKED):
            return self.servers.states()

    def on(self, kind: str = "*") -> Callable[[H], H]:
        """Register a hook for one kind of event (``*`` for all): called once an event, in order.

        A hook may be sync or async; one that raises, or does not return in ten seconds, is logged and harms nothing.

        Raises:
            ConfigError: There is no such kind of event.
        """
        require_kind(kind)

        def register(hook: H) -> H:
            self.hooks.setdefault(kind, []).append(hook)
            return hook

        return register

    # ------------------------------------------------------------------ running

    async def run(self, task: str, **options: Unpack[StartOptions]) -> RunResult:
        """Plan and run a task and return how it came out; takes the options of ``start``.

        Nobody holds the run meanwhile: unless ``limits`` say otherwise, a question of the planner is its answer.
        """
        options["limits"] = options.get("limits") or self.limits(max_questions=0)
        async with self.start(task, **options) as run:
            run.unheard()
            return await run.result()

    def stream(self, task: str, **options: Unpack[StartOptions]) -> EventStream:
        """Plan and run a task, yielding its events and live text; leaving early, in any way, cancels the run."""
        return EventStream(self.start(task, **options))

    async def apply(self, plan: Plan, **options: Unpack[RunOptions]) -> RunResult:
        """Run a saved or edited plan; one whose inputs are complete and that has an ``answer`` needs no model.

        Raises:
            PlanError: The plan cannot run as it is; nothing was started.
        """
        async with self.start(plan=plan, **options) as run:
            run.unheard()
            return await run.result()

    def attach(self, run_id: str, *, through: Through = "library") -> RunHandle:
        """Return a run that anybody drives: watch it, answer it, cancel it, steer it, wait for its result.

        ``through``: how what is said by it is said, for the account of who did what (``engine.audit``).
        Whether there is such a run shows when it is first asked for something (NotFoundError).
        """
        artifacts = Artifacts(self.store)
        handle = RunHandle(run_id, self.following, lambda: new_state_of(run_id, artifacts), artifacts)
        handle.through = through
        return handle

    async def fork(
        self,
        source: str,
        from_step: str | None = None,
        *,
        tool_input: dict[str, Any] | None = None,
        plan: Plan | None = None,
        run_id: str | None = None,
    ) -> str:
        """Begin a new run with what another one did before a step, and return its id; nobody drives it yet.

        Steps that are done keep their results, and nothing of them is called again, but the step itself, what was
        changed, and all that comes after these: by its data, or because both touch the same resource. Effects that
        will happen again are named in a warning.

        Args:
            source: A run that ended, is parked, was broken off or still runs.
            from_step: The step to begin at; by default what is not done is done again, and nothing else.
            tool_input: Another input of that step; may hold references.
            plan: Another plan: its steps that are done in the run as they stand here are not run again.
            run_id: A name of your own; must be new.

        Raises:
            NotFoundError: There is no such run, or no such step in it.
            ConfigError: ``tool_input`` is given without ``from_step``.
            PlanError: The plan, with what was changed, cannot run with the tools there are now.
            ConflictError: There already is a run of that id.
            StoreError: The store cannot be read or written.
        """
        async with self._here(run_id) as run_id:
            artifacts = Artifacts(self.store)
            state = new_state_of(source, artifacts)
            records = await self.store.load(source)
            await artifacts.fetch(records)
            for record in records:
                state.apply(record.event)
            chosen = changed_plan(state, Change(from_step, tool_input, plan))
            asked = asked_for(state, chosen)
            if chosen is not None:
                require(self.check(chosen, asked), self.servers.down())
            started = started_again(state, first_event(self, asked, Triage("plan", "")))
            events = await forked(state, chosen, from_step, started, artifacts, self.settings.limits)
            await self.store.append(run_id, 0, events)
            return run_id

    # ------------------------------------------------------------------ planning only

    async def plan(
        self,
        task: str,
        *,
        limits: RunLimits | None = None,
        user: str = "",
        tools: Sequence[str] | None = None,
        assistant: str = "",
        instructions: str = "",
    ) -> PlanPreview:
        """Ask for a plan and return it with an estimate; nothing of it is run. Takes the arguments of ``start``.

        Raises:
            ConfigError: ``tools`` names what is not there.
            PlanError: No valid plan after the repair cap.
            ModelError, BudgetError: The planner could not be asked.
        """
        asked = Asked(task, None, "plan", None, limits, user, tools, assistant, instructions)
        run_id = f"plan-{uuid.uuid4().hex[:12]}"
        async with self.hosting(run_id):
            if not assistant:
                require_known(tools, self.tools.specs(), self.servers.down())
            return await self._planned(run_id, first_event(self, asked, Triage("plan", "asked for")))

    async def _planned(self, run_id: str, started: RunStarted) -> PlanPreview:
        await self.open_budget(run_id, started.limits)
        state = new_state_of(run_id, Artifacts(self.store))
        state.apply(started)
        made: list[LoggedEvent] = []
        model = RunModel(self.gateway, run_id, made.append)
        planning = Planning(self.planner, self._react, Offer(self.tools, lambda: state), model)
        found: list[Planned] = []
        _, request = planning.ask(state, PlanStarted())
        await planning.call(request, anyio.CancelScope(), found.append)
        await self.ledger.close(f"run:{run_id}")
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
                log=self.store,
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

    def script(self, plan: Plan) -> str:
        """Return a plan as a stand-alone Python script that needs no engine."""
        return to_python(plan, self.tools.specs(), self.tools.functions())

    def estimate(self, plan: Plan) -> Estimate:
        """Return what running a plan would take."""
        return estimate_plan(plan, self.tools.specs(), self.gateway, self.statistics.observed)
