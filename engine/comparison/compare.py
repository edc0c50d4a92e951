"""Runs a task in several ways, one after another, and puts side by side what each took and gave."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.api import Engine
from engine.comparison.figures import Comparison, Judgement, Measured, lower_bound, measured, system_report
from engine.comparison.judge import judged, pairs
from engine.comparison.systems import DEFAULT, Capped, System, Whole, systems_named
from engine.comparison.tools import Stage
from engine.metering import RunModel, used_by
from schemas.errors import ConfigError, EngineError, NoRouteError
from schemas.events import LoggedEvent, ModelCalled, RunLimits
from schemas.result import Usage

OnRun = Callable[[str, int, Measured | None], None]


def _say_nothing(system: str, number: int, run: Measured | None) -> None:
    """Watch nothing."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to compare.

    Attributes:
        rounds: Runs of each system; figures are their medians. Each round begins with another system, since the
            first to run warms a provider's prompt cache for the others.
        limits: The caps of each run; the configuration's by default.
        allow_effects: Call tools with effects, once for each run.
        share_results: Give the n-th call of a tool with the same arguments the same result, after the same seconds,
            in every run, so that nothing but the way of working differs.
        judge: Ask the judge, where one is configured.
        on_run: Told of each run, once before (None) and once after.
    """

    rounds: int = 1
    limits: RunLimits | None = None
    allow_effects: bool = False
    share_results: bool = False
    judge: bool = True
    on_run: OnRun = _say_nothing


async def compare(
    engine: Engine, task: str, systems: Sequence[str] = DEFAULT, options: Options | None = None
) -> Comparison:
    """Run a task in several ways and return what each took and gave.

    Each run has its own budget. The runs follow one another, so that none takes another's time; hooks are not called.

    Args:
        engine: Whose tools and models.
        task: What to do, in any language.
        systems: Names of ``SYSTEMS``, or ``all``.
        options: How.

    Raises:
        ConfigError: A system is unknown, or the task is empty.
        StoreError: A run cannot be written or read.

    Cancellation: the run under way is cancelled; ``Rounds.found`` still tells what came before.
    Cost: one run for each system and round, and two judge calls for each two different answers.
    """
    rounds = Rounds(engine, task, systems, options or Options())
    await rounds.run()
    await rounds.judge()
    return rounds.found()


class Rounds:
    """A comparison under way. Takes the arguments of ``compare``, and raises as it does."""

    def __init__(self, engine: Engine, task: str, systems: Sequence[str], options: Options) -> None:
        if not task.strip():
            raise ConfigError("the task is empty", hint="say what is to be compared")
        self._engine = engine
        self._task = task
        self._systems = systems_named(systems)
        self._options = options
        self._stage = Stage(engine.tools, effects=options.allow_effects, share=options.share_results)
        self._runs: list[Measured] = []
        self._judgements: list[Judgement] = []
        self._judge = ""
        self._judge_usage = Usage()
        self._judge_note = ""

    async def run(self) -> None:
        """Run every system as often as asked, each round beginning with another one."""
        async with self._engine.servers.hosting():
            for number in range(1, self._options.rounds + 1):
                shift = (number - 1) % len(self._systems)
                for system in (*self._systems[shift:], *self._systems[:shift]):
                    self._options.on_run(system.name, number, None)
                    await self._engine.servers.ready()
                    run = await self._one(system, number)
                    self._runs.append(run)
                    self._options.on_run(system.name, number, run)

    async def judge(self) -> None:
        """Ask the judge about every two different answers; without one, or when it fails, a note says so."""
        engine, reports = self._engine, list(self.found().systems)
        if not self._options.judge or len(reports) < 2:
            return
        if not engine.gateway.reasons("judge"):
            self._judge_note = "the offline model cannot judge (roles.judge names one that can)"
            return
        asked = pairs(reports)
        if not asked:
            self._judge_note = "nothing to judge: fewer than two different answers of runs that completed"
            return
        self._judge = engine.gateway.resolve("judge")[0].model.ref
        run_id = f"judge-{uuid.uuid4().hex[:12]}"
        await engine.open_budget(run_id, self._limits(None))
        made: list[LoggedEvent] = []
        model = RunModel(engine.gateway, run_id, made.append)
        try:
            for one, two in asked:
                self._judgements.append(await judged(self._task, one, two, model))
        except EngineError as exc:
            self._judge_note = f"the judge failed: {exc.message}"
        self._judge_usage = used_by(made)

    def found(self) -> Comparison:
        """Return what there is so far."""
        planned = [system.name for system in self._systems if system.mode == "plan"]
        bound = lower_bound(self._runs, planned)
        by_system = {system: [run for run in self._runs if run.system == system.name] for system in self._systems}
        return Comparison(
            task=self._task,
            rounds=self._options.rounds,
            models={role: self._first_model(role) for role in ("planner", "executor", "synthesizer")},
            systems=tuple(system_report(s.name, s.about, runs, bound) for s, runs in by_system.items() if runs),
            bound=bound,
            judge=self._judge,
            judgements=tuple(self._judgements),
            judge_usage=self._judge_usage,
            notes=tuple(self._notes()),
        )

    async def _one(self, system: System, number: int) -> Measured:
        engine = _variant(self._engine, system, self._stage)
        result = await engine.run(self._task, mode=system.mode, approve="all", limits=self._limits(system))
        return measured(system.name, number, result, await engine.store.load(result.run_id), self._uncached_usd)

    def _limits(self, system: System | None) -> RunLimits:
        limits = (self._options.limits or self._engine.limits()).model_copy(update={"max_questions": 0})
        most = system.max_parallel if system is not None else None
        return limits if most is None else limits.model_copy(update={"max_parallel": most})

    def _uncached_usd(self, call: ModelCalled) -> float | None:
        """What a call would have cost without prompt caching."""
        usage = call.usage
        if not usage.cached_tokens and not usage.cache_write_tokens:
            return usage.cost_usd
        plain = usage.model_copy(update={"cached_tokens": 0, "cache_write_tokens": 0})
        try:
            return self._engine.gateway.price(f"{call.provider}/{call.model}", plain).cost_usd
        except NoRouteError:
            return None

    def _first_model(self, role: str) -> str:
        return self._engine.gateway.resolve(role)[0].model.ref

    def _notes(self) -> list[str]:
        stage, notes = self._stage, list[str]()
        if stage.refused:
            names = ", ".join(sorted(stage.refused))
            notes.append(
                f"not called, since they have effects or need approval: {names} "
                f"({sum(stage.refused.values())} calls failed by that; --allow-effects makes them, "
                "`simulate:` names a dry run, `effects: none` says that a tool only reads)"
            )
        if stage.simulated:
            notes.append(f"dry runs stood in for: {', '.join(sorted(stage.simulated))}")
        if stage.share:
            notes.append(f"results were shared: {stage.reused} calls got what the same call gave before, as late")
        if self._judge_note:
            notes.append(self._judge_note)
        return notes


def _variant(engine: Engine, system: System, stage: Stage) -> Engine:
    """Return the engine that works as the system says, without plans kept from before: they would be a head start."""
    max_calls = system.max_calls
    made = engine.varied(
        tools=stage.registry(),
        planner=None if system.streams else Whole,
        react=None if max_calls is None else lambda planner: Capped(planner, max_calls),
    )
    made.plan_cache = None
    return made
