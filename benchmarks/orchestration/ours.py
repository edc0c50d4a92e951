"""Our own ways of working, as contenders: the real engine over the real wire, one engine a run."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.orchestration.case import Case, CaseTool
from benchmarks.orchestration.outcome import Outcome
from benchmarks.orchestration.real import calls_of
from benchmarks.orchestration.world import CallFailedError, World
from benchmarks.simulated.oracle import WARM
from benchmarks.simulated.profile import Profile
from engine.api import Engine
from engine.comparison.systems import SYSTEMS, Capped, System, Whole
from gateway.budget import MemoryLedger
from gateway.gateway import Gateway
from gateway.providers.http import HttpProvider
from gateway.upstream.base import Upstream
from gateway.wire.chat.provider import ChatProviderFormat
from gateway.wire.messages.provider import MessagesProviderFormat
from schemas.errors import EngineError, ToolFailedError, ToolUnavailableError
from schemas.events import Mode, PlanAccepted, RunStarted
from schemas.model import Message, ModelRequest
from schemas.policies import ApprovalPolicy
from schemas.protocols import Planner, ToolContext
from schemas.settings import Budget, Limits, ModelProvider, ModelSettings, Roles, Settings
from schemas.tool import RetryPolicy, ToolSpec

ANSWERING = "plan-writes-answer"
ANSWERING_ABOUT = (
    "as plan, same oracle, but the planner also writes the answer's template where one step's result is the answer:"
    " such a run makes one model call"
)
"""What a real planner does is between ``plan`` and this."""
NAMES = {
    "react": "react-sequential",
    "react-parallel": "react",
    "plan": "plan",
    ANSWERING: "plan",
    "plan-no-stream": "plan-no-stream",
    "sequential": "sequential",
}
"""Our systems by the harness's names, as ``engine.comparison`` calls them."""

MESSAGES = "@messages"


@dataclass(frozen=True, slots=True)
class _Called:
    """A tool of a case (implements ``schemas.protocols.Tool``)."""

    spec: ToolSpec
    world: World

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        """Make the call. Raises ToolFailedError, ToolUnavailableError."""
        del context
        try:
            return await self.world.call(self.spec.name, arguments)
        except CallFailedError as exc:
            raise (ToolUnavailableError if exc.passing else ToolFailedError)(str(exc)) from exc


@dataclass(frozen=True, slots=True)
class Ours:
    """One of our systems.

    Attributes:
        name: As the harness calls it; with ``MESSAGES`` at its end its models speak that format instead of chat.
        planner, worker: Tiers of the models that plan (or take ReAct's turns), and that do the rest.
        user: The user's own settings: ``planner`` and ``worker`` are then real models, ``provider/model`` each.
        limits: Caps of a run.
        budget: What a run may use.
        mode: The engine's mode, where it is not the system's own: ``auto``.
        carrier: What carries requests to the models, where that is no network.
    """

    name: str
    planner: str = "big"
    worker: str = "big"
    user: Settings | None = None
    limits: Limits = field(default_factory=lambda: Limits(max_parallel=None, max_steps=60, max_turns=60))
    budget: Budget = field(default_factory=Budget)
    mode: Mode | None = None
    carrier: Upstream | None = None

    async def run(self, case: Case, world: World, base_url: str, profile: Profile) -> Outcome:
        """Do a case.

        Args:
            case: The case.
            world: Its tools.
            base_url: Where its models are.
            profile: How they behave: prices.
        """
        system = SYSTEMS[NAMES[self.name.removesuffix(MESSAGES)]]
        settings = self._settings(system, base_url, profile) if self.user is None else self._real(self.user)
        tools = [_Called(spec_of(tool, world.speed, case.approves), world) for tool in case.tools]
        simulated = self.user is None
        made = _engine(settings, tools, profile.speed, self.carrier) if simulated else Engine(settings, tools=tools)
        async with made:
            engine = _variant(made, system)
            limits = engine.limits()
            if system.max_parallel is not None:
                limits = limits.model_copy(update={"max_parallel": system.max_parallel})
            if self.user is None:
                await _connect(engine, f"simulated/{self.planner}-{WARM}")
            world.begin()
            try:
                result = await engine.run(case.question, mode=self.mode or system.mode, approve="all", limits=limits)
            except EngineError as exc:
                return Outcome.failed(self.name, case, world, f"{exc.code}: {exc.message}")
            seconds = world.seconds
            log = await engine.store.load(result.run_id)
        plans = [
            record.event.plan.model_dump(mode="json", exclude_defaults=True)
            for record in log
            if isinstance(record.event, PlanAccepted)
        ]
        outcome = Outcome.of(
            self.name,
            case,
            world,
            seconds=seconds,
            status=result.status,
            answer=result.answer,
            partial=result.partial,
            reason="" if result.error is None else result.error.message,
            replans=result.replans,
            mode=next((one.event.mode for one in log if isinstance(one.event, RunStarted)), ""),
            plans=plans,
        )
        if self.user is not None:
            outcome.calls = calls_of(log)
        return outcome

    def _real(self, user: Settings) -> Settings:
        roles = Roles(planner=self.planner, executor=self.worker, synthesizer=self.worker)
        return user.model_copy(update={"roles": roles, "limits": self.limits, "statistics": False, "tools": ()})

    def _settings(self, system: System, base_url: str, profile: Profile) -> Settings:
        turns = system.mode == "react"
        answering = "-answering" if self.name.removesuffix(MESSAGES) == ANSWERING else ""
        planner = f"{self.planner}-{'react' if turns else f'planner{answering}'}"
        names = (planner, f"{self.worker}-executor", f"{self.worker}-synthesizer")
        known = (*names, f"{self.planner}-{WARM}")
        models = [
            ModelSettings(
                name=name,
                input_usd_per_mtok=tier.price.input,
                output_usd_per_mtok=tier.price.output,
                cached_usd_per_mtok=tier.price.cached,
                context_tokens=128_000,
            )
            for name in dict.fromkeys(known)
            for tier in [profile.tiers[name.partition("-")[0]]]
        ]
        told: dict[str, Any] = {"name": "simulated", "api_key": "simulated", "models": tuple(models)}
        if self.name.endswith(MESSAGES):
            provider = ModelProvider(kind="anthropic", base_url=base_url, **told)
        else:
            provider = ModelProvider(kind="openai", base_url=f"{base_url}/v1", **told)
        roles = dict(zip(("planner", "executor", "synthesizer"), (f"simulated/{name}" for name in names), strict=True))
        seconds = self.budget.run_seconds
        budget = self.budget.model_copy(update={"run_seconds": seconds and seconds / profile.speed})
        return Settings(
            model_providers=(provider,),
            roles=Roles(**roles),
            limits=self.limits,
            budget=budget,
            statistics=False,
        )


def _engine(settings: Settings, tools: list[_Called], speed: float, carrier: Upstream | None) -> Engine:
    """Return an engine that waits before it tries a model again as much less as the model is faster."""
    if speed == 1.0 and carrier is None:
        return Engine(settings, tools=tools, environ={})
    ledger, usual = MemoryLedger(), RetryPolicy()
    policy = RetryPolicy(base_delay_s=usual.base_delay_s / speed, max_delay_s=usual.max_delay_s / speed)
    carried = None if carrier is None else {one.name: _carried(one, carrier) for one in settings.model_providers}
    gateway = Gateway(settings, ledger=ledger, environ={}, retry=policy, providers=carried)
    return Engine(settings, tools=tools, environ={}, ledger=ledger, gateway=gateway)


def _carried(settings: ModelProvider, carrier: Upstream) -> HttpProvider:
    """Return a provider as it always is, but for what carries its bytes."""
    spoken = MessagesProviderFormat() if settings.kind == "anthropic" else ChatProviderFormat()
    return HttpProvider(settings, {}, (spoken,), lambda _: carrier)


async def _connect(engine: Engine, model: str) -> None:
    """Make the provider's client and its connection, as a process that lives longer than a run has them."""
    await engine.gateway.complete(ModelRequest(model=model, messages=(Message.user("ping"),)))


def spec_of(tool: CaseTool, speed: float, approves: Container[str] = ()) -> ToolSpec:
    """Return a tool as the engine declares it."""
    return ToolSpec(
        name=tool.name,
        description=tool.description,
        input_schema=dict(tool.parameters),
        output_schema=None if tool.returns is None else dict(tool.returns),
        effects=tool.effects,
        approval=ApprovalPolicy() if tool.name in approves else None,
        reads=tool.reads,
        writes=tool.writes,
        retry=RetryPolicy(base_delay_s=0.5 / speed),
        kind="agent" if tool.agent else "python",
    )


def _variant(engine: Engine, system: System) -> Engine:
    most = system.max_calls

    def capped(planner: Planner) -> Planner:
        return planner if most is None else Capped(planner, most)

    return engine.varied(planner=None if system.streams else Whole, react=None if most is None else capped)
