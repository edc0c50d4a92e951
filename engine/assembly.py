"""What an engine is made of, and how a run is put together from it."""

from __future__ import annotations

import copy
import os
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self, cast

import anyio

from engine.config import LoadedSettings, load_settings, settings_from
from engine.dag.state import RunState
from engine.driven import DrivenRun
from engine.durable.artifacts import Artifacts
from engine.durable.lazy import opened_later
from engine.durable.memory import MemoryLog
from engine.durable.opening import open_store
from engine.durable.patience import PatientLedger, PatientLog
from engine.durable.statistics import ToolStatistics
from engine.executor.agents import AgentAccounts
from engine.executor.executor import Executor
from engine.executor.fill import LLMFiller
from engine.executor.judge import LLMJudge
from engine.executor.spending import Spending
from engine.executor.step import CallContext, Surroundings, ToolRunner
from engine.executor.summary import LLMSummarizer
from engine.filtering import FilterTools, filters_of
from engine.following import Following
from engine.hooks import Hook
from engine.journal import Inbox
from engine.judging import Judging
from engine.loop import Happening, Loop, Moved, Parts, Prelude
from engine.metering import OpenCalls, RunModel
from engine.offer import Offer
from engine.parking import Parking, loop_clock
from engine.passing import Passing
from engine.pausing import Pauses
from engine.planner.cache import CachingPlanner, PlanCache
from engine.planner.llm import LLMPlanner
from engine.planning import Planning
from engine.presence import DriverKind, Presence, is_local
from engine.react.llm import ReactPlanner
from engine.replanner.view import BYTES_PER_TOKEN, Rules
from engine.synth.forming import Former
from engine.synth.llm import LLMSynthesizer
from engine.synth.template import partial_answer, stopped_note
from engine.telemetry import quiet_by_default, tracer
from engine.telling import Summaries, TellingFiller, TellingPlanner, TellingSynthesizer
from engine.tools.agents.base import Place
from engine.tools.agents.records import Records
from engine.tools.agents.roster import Roster
from engine.tools.mcp.servers import mcp_servers
from engine.tools.registry import Registry, from_settings
from gateway.accounting import Accounting
from gateway.budget import MemoryLedger
from gateway.budgets import Budgets
from gateway.filters.posting import PooledPost
from gateway.gateway import Gateway
from schemas.errors import ConfigError, NoRouteError
from schemas.events import ModelCalled, RunLimits
from schemas.live import LiveProgress
from schemas.planning import StepCall
from schemas.protocols import Filler, Ledger, Planner, Synthesizer, Tool
from schemas.result import Usage
from schemas.settings import Settings
from schemas.stores import RunLog, RunStore

Config = Settings | LoadedSettings | str | Path | Mapping[str, Any] | None


class Assembly:
    """The parts of an engine: its settings, tools, models, planners, and where its runs live.

    Args:
        config: A path to an engine.yaml, its content as a mapping, ``Settings``, or None for the usual places
            ($ENGINE_CONFIG, ./engine.yaml, else the environment's keys, else the offline model).
        tools: Tools, or functions, beside those of the configuration. Given without a configuration file, they are
            the only ones.
        environ: Where secrets are looked up; the process's environment by default.
        store: Where runs live: a RunStore, or what names one (``sqlite:PATH``, a path, ``postgresql://…``,
            ``memory:``); by default the configuration's, else memory.
        kind: What kind of process this is, for ``engine workers`` and whoever finds a run driven by it.
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
        store: RunStore | str | None = None,
        kind: DriverKind = "library",
        ledger: Ledger | None = None,
        gateway: Gateway | None = None,
        planner: Planner | None = None,
        react: Planner | None = None,
        synthesizer: Synthesizer | None = None,
        filler: Filler | None = None,
        statistics: ToolStatistics | None = None,
        plan_cache: PlanCache | None = None,
    ) -> None:
        given = _listed(tools)
        known = os.environ if environ is None else environ
        self.loaded = _load(config, known)
        self.settings = self.loaded.settings
        self.tools = _registry(self.loaded, _declares_tools(config, self.loaded), given, known)
        self.servers = mcp_servers(self.settings, self.loaded.folder, self.tools, known)
        self._owns_store = store is None or isinstance(store, str)
        self.store: RunStore = _store(store, self.loaded)
        self.following = Following(self.store)
        self.presence = Presence(self.store, kind, self.settings.durability.driver_timeout_s)
        self.ledger: Ledger = ledger or _ledger(self.store, self.presence, self.settings.durability.store_retry_s)
        self.accounting = Accounting(self.store.usage_book)
        self.budgets = Budgets(self.settings.gateway.budgets, self.ledger)
        self.gateway = gateway or _gateway(self.loaded, self.ledger, environ, self.accounting, self.store)
        self.statistics = statistics or ToolStatistics(self.store.notes)
        self.plan_cache = plan_cache or _plan_cache(self.settings, self.store)
        limits = self.settings.limits
        self._planner: Planner = planner or LLMPlanner(
            max_repairs=limits.max_repairs, catalogue_tokens=limits.catalogue_tokens
        )
        former = Former(model="synthesizer")
        self._react: Planner = react or ReactPlanner(
            partial_answer, stopped_note, max_turns=limits.max_turns, form=former.put
        )
        results = self.settings.results
        self.rules = Rules(results, summaries=self.settings.roles.summarizer is not None)
        self._synthesizer: Synthesizer = synthesizer or LLMSynthesizer(
            max_chars=results.prompt_tokens * BYTES_PER_TOKEN
        )
        self._judge = LLMJudge()
        self._summarizer = LLMSummarizer(max_tokens=results.summary_tokens)
        self._filler: Filler = filler or LLMFiller()
        self.hooks: dict[str, list[Hook]] = {}
        self.agents = _roster(self, known)
        quiet_by_default(self.settings.telemetry)

    def varied(
        self,
        *,
        tools: Registry | None = None,
        planner: Callable[[Planner], Planner] | None = None,
        react: Callable[[Planner], Planner] | None = None,
    ) -> Self:
        """Return an engine with this one's models, store and ledger, no hooks, other tools, its planners wrapped."""
        other = copy.copy(self)
        other.hooks = {}
        other.tools = tools if tools is not None else self.tools
        other._planner = planner(self._planner) if planner is not None else self._planner
        other._react = react(self._react) if react is not None else self._react
        return other

    @property
    def has_judge(self) -> bool:
        """Whether a model is configured that can decide what only words say; the offline rules cannot."""
        try:
            return any(route.model.provider.kind != "offline" for route in self.gateway.resolve("judge"))
        except NoRouteError:
            return False

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
            max_questions=limits.max_questions,
        )
        return base.model_copy(update={name: value for name, value in changes.items() if value is not None})

    @property
    def planner(self) -> Planner:
        """Writes plans; looks a first one up where plans are kept."""
        return self._planner if self.plan_cache is None else CachingPlanner(self._planner, self.plan_cache)

    @asynccontextmanager
    async def hosting(self, owner: str, *, estimates: bool = True) -> AsyncGenerator[None]:
        """Hold what tools and agents need to be called, started and looked at, for a run or until it is left.

        ``estimates``: also read what tools took lately, as is asked where a run begins or somebody looks at its plan.
        """
        async with self.servers.hosting(owner), self.agents.hosting(owner):
            await self.servers.ready(owner)
            await self.agents.ready()
            if estimates and self.settings.statistics:
                await self.statistics.refresh()
            yield

    async def open_budget(self, run_id: str, limits: RunLimits, used: Usage | None = None) -> None:
        """Open a run's budget in the ledger, if it has any, with what its log says was ``used`` so far.

        Told again by whoever resumes the run it counts once, and what the ledger knows beyond it (calls whose driver
        died before their end was logged) stays.
        """
        if limits.amounts:
            spent = None if used is None else {"usd": used.cost_usd, "tokens": used.total_tokens}
            share = self.settings.budget.synthesizer_share
            await self.ledger.open(f"run:{run_id}", limits.amounts, keep_share=share, spent=spent)

    def driving_log(self) -> RunLog:
        """The store as the driver of a run sees it: one that is away for a while is waited for."""
        return self.store if is_local(self.store) else PatientLog(self.store, self.settings.durability.store_retry_s)

    def assemble(
        self, run_id: str, log: RunLog, artifacts: Artifacts, made: Prelude = (), *, park: bool = False
    ) -> tuple[DrivenRun, Loop]:
        """Put a run together: the handle its caller holds and the loop that drives it.

        Args:
            run_id: Its id.
            log: Where it lives, as its driver sees it.
            artifacts: Its large results.
            made, park: What happened before it began; whether it may be parked.
        """
        inbox: Inbox[Happening] = Inbox()

        def new_state() -> RunState:
            return new_state_of(run_id, artifacts)

        handle = DrivenRun(run_id, self.following, new_state, artifacts, lambda: inbox.put(Moved()))
        calls = OpenCalls(lambda: inbox.put(Moved()), patience_s=self.settings.limits.park_after_s)
        model = RunModel(
            self.gateway,
            run_id,
            inbox.put,
            open_calls=calls,
            run=lambda: loop,
            agent_of=lambda step_id: _agent(loop.state, step_id),
        )
        summaries = Summaries(lambda: loop.state, model, inbox.put, self._summarizer)
        offer = Offer(self.tools, lambda: loop.state)
        planning = self._planning(model, summaries, offer)
        judging = Judging(lambda: loop.state, model, inbox.put, self._judge)

        def on_progress(call: StepCall, message: str, fraction: float | None) -> None:
            handle.publish(LiveProgress(step_id=call.step_id, message=message, fraction=fraction))

        passing = Passing(lambda: loop.state, lambda: loop.streams)

        def new_executor(group: anyio.abc.TaskGroup, loop: Loop) -> Executor:
            around = self._surroundings(loop, offer, artifacts, model, judging, on_progress)
            return Executor(
                group,
                ToolRunner(around),
                TellingFiller(self._filler, summaries),
                loop.report,
                loop.settle,
                lambda call: CallContext(call, model.for_step, on_progress, passing.text, loop.parking.questions.ask),
                model.for_step,
            )

        parts = Parts(
            log=log,
            artifacts=artifacts,
            planning=planning,
            synthesizer=TellingSynthesizer(self._synthesizer, summaries),
            new_state=new_state,
            new_executor=new_executor,
            limits=self.settings.limits,
            publish=handle.publish,
            new_parking=lambda own: Parking(
                own, self.settings.limits, self.store.now, handle.expire, park=park, asks=self.store.asks
            ),
            calling=lambda: calls.number > 0 or inbox.holds(ModelCalled),
            prelude=made,
        )
        loop = Loop(run_id, parts, inbox)
        return handle, loop

    def _surroundings(
        self,
        loop: Loop,
        offer: Offer,
        artifacts: Artifacts,
        model: RunModel,
        judging: Judging,
        on_progress: Callable[[StepCall, str, float | None], None],
    ) -> Surroundings:
        """Return what every step of a run shares."""
        return Surroundings(
            tools=offer,
            keep=artifacts.keep,
            agents=AgentAccounts(
                self.ledger,
                self.budgets,
                loop.report,
                self.accounting,
                lambda: self.gateway.payer(loop.state.started.user),
            ),
            model_for=model.for_step,
            on_progress=on_progress,
            on_retry=loop.report,
            expected=_expectations(loop),
            contradiction=judging.contradiction if self.settings.judge.expected_output == "ask" else None,
            result_bytes=self.settings.limits.result_bytes,
            max_result_bytes=self.settings.limits.max_result_bytes,
            clock=loop_clock(),
            spending=Spending(self.ledger, loop.state.started.user),
            patience=loop.parking.patience(),
        )

    def _planning(self, model: RunModel, summaries: Summaries, offer: Offer) -> Planning:
        """Return the planners of one run, told its summaries."""
        planner, react = TellingPlanner(self.planner, summaries), TellingPlanner(self._react, summaries)
        return Planning(planner, react, offer, model, self.rules)


def new_state_of(run_id: str, artifacts: Artifacts) -> RunState:
    """Return an empty state of a run; its tools come with its first event."""
    return RunState(run_id, {}, load=artifacts.value)


def _store(store: RunStore | str | None, loaded: LoadedSettings) -> RunStore:
    """Where runs live; what is named is opened when it is first used."""
    if store is None:
        store = loaded.settings.store_url
    if store is None or store == "memory:":
        return MemoryLog()
    if not isinstance(store, str):
        return store
    return opened_later(partial(open_store, store, loaded.folder, keep=loaded.settings.retention))


def _agent(state: RunState, step_id: str) -> str:
    """The agent that a step asks, if it asks one."""
    step = state.graph.steps.get(step_id)
    return step.spec.name if step is not None and step.spec.kind == "agent" else ""


def _roster(engine: Assembly, environ: Mapping[str, str]) -> Roster:
    """Return the agents of an engine's configuration and store."""
    configured = {one.name: one for one in engine.settings.agents}
    records = Records(engine.store, configured, shared=not is_local(engine.store))
    pauses = Pauses(engine.settings.gateway.budgets, engine.ledger)
    place = Place(engine.loaded.folder, environ)
    return Roster(engine.settings.agents, engine.tools, place, records, pauses)


def _expectations(loop: Loop) -> Callable[[str], dict[str, Any] | str | None]:
    """Return what gives a step's expected_output by its id."""

    def expected(step_id: str) -> dict[str, Any] | str | None:
        step = loop.state.graph.steps.get(step_id)
        return None if step is None or step.parent is not None else step.step.expected_output

    return expected


def _ledger(store: RunStore, presence: Presence, retry_s: float) -> Ledger:
    shared = store.ledger(lambda: presence.driver.id)
    return MemoryLedger() if shared is None else PatientLedger(shared, retry_s)


def _gateway(
    loaded: LoadedSettings,
    ledger: Ledger,
    environ: Mapping[str, str] | None,
    accounting: Accounting,
    store: RunStore,
) -> Gateway:
    known = os.environ if environ is None else environ
    return Gateway(
        loaded.settings,
        ledger=ledger,
        environ=environ,
        tracer=tracer,
        observers=[accounting],
        filters=filters_of(loaded, known, PooledPost("sdk"), FilterTools(loaded.folder, known)),
        answers=store.answer_cache,
    )


def _plan_cache(settings: Settings, store: RunStore) -> PlanCache | None:
    return PlanCache(store.notes) if settings.plan_cache else None


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


def _listed(tools: Iterable[Tool | Callable[..., Any]]) -> tuple[Tool | Callable[..., Any], ...]:
    """Return the tools given in code. Raises ConfigError for what is no list of tools or functions."""
    told = cast("object", tools)
    shown = repr(told)[:80]
    if isinstance(told, Iterable) and not isinstance(told, (str, bytes, Mapping)):
        listed = tuple(tools)
        if all(callable(tool) or callable(getattr(tool, "call", None)) for tool in listed):
            return listed
    raise ConfigError(
        f"tools: expected a list of tools or functions, not {shown}", hint="such as Engine(tools=[my_function])"
    )


def _registry(
    loaded: LoadedSettings,
    declared: bool,
    given: tuple[Tool | Callable[..., Any], ...],
    environ: Mapping[str, str] | None,
) -> Registry:
    registry = from_settings(loaded.settings, loaded.folder, environ) if declared or not given else Registry()
    for tool in given:
        registry.add(tool)
    return registry
