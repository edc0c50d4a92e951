"""An engine that drives runs: begins them, takes them over, holds them until they end or are let go."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import anyio

from engine.asking import Asked
from engine.assembly import Assembly, new_state_of
from engine.beginning import offered_to, opening, written
from engine.claiming import SET_ASIDE, Claiming
from engine.dag.build import Problem, check_plan
from engine.driven import DrivenRun, Feed
from engine.durable.artifacts import Artifacts
from engine.hooks import call_hooks
from engine.learning import learn
from engine.loop import Loop, Prelude
from engine.presence import Presence
from engine.tools.judge import ask_judge
from gateway.accounting import Accounting
from schemas.errors import ConflictError, EngineError, RunCancelledError
from schemas.events import ApproveMode, Mode, RunLimits
from schemas.plan import Plan
from schemas.runs import RunSummary
from schemas.stores import RunLog
from schemas.tool import ToolSpec
from schemas.wishes import ANY, AnswerWishes

_GRACE_S = 0.15


@dataclass(frozen=True, slots=True)
class _Begun:
    """A run whose first event, or our claim, is in the log."""

    handle: DrivenRun
    loop: Loop
    hooks: Feed


class Driving(Assembly):
    """Drives runs of its store. Takes the arguments of ``Assembly``."""

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
        tools: Sequence[str] | None = None,
        assistant: str = "",
        instructions: str = "",
        conversation: str = "",
        client_tools: Sequence[ToolSpec] = (),
        wishes: AnswerWishes = ANY,
        run_id: str | None = None,
        park: bool = False,
    ) -> AsyncGenerator[DrivenRun]:
        """Start a run and hold it; leaving the block before its end cancels it.

        MCP servers that do not run are started first, all at once; one that fails is a warning of the run. A process
        that dies within the block leaves a run that can be resumed.

        Args:
            task: What to do, in any language.
            plan: Run this plan instead of asking for one. It is not repaired by a planner unless ``limits`` allow it.
            mode, approve: auto, plan, react or direct; who is asked (by default as the configuration says).
            limits: The run's caps (``Engine.limits``).
            user: Whose run it is; nobody else may answer its approvals.
            tools: Names and patterns of the tools and agents it knows (``engine.offer``); everything by default.
            assistant, instructions: In whose name it runs (``engine.assistants``), and what models are told in it.
            conversation: The one it belongs to.
            client_tools: Tools that you call yourself: each call is asked for, and answered with its result.
            wishes: How the answer is wished: as JSON of a schema, how long, how its model is to write it.
            run_id: A name of your own; must be new.
            park: Let the run go once only people or a time can move it on (``handle.parked``), instead of waiting here.

        Raises:
            ConfigError: ``tools`` names what is not there, or a client tool has a name that is taken.
            PlanError: The given plan cannot run as it is.
            ConflictError: There already is a run of that id.
            StoreError: The run cannot be begun.
        """
        told = (assistant, instructions, conversation, client_tools, wishes)
        asked = Asked(task, plan, mode, approve, limits, user, tools, *told)
        async with self._here(run_id) as run_id, self.presence.held() as driver:
            begun = await self._begin(run_id, asked, driver.id, park=park)
            async with self._driven(begun):
                yield begun.handle

    async def submit(
        self,
        task: str = "",
        *,
        plan: Plan | None = None,
        mode: Mode = "auto",
        approve: ApproveMode | None = None,
        limits: RunLimits | None = None,
        user: str = "",
        tools: Sequence[str] | None = None,
        assistant: str = "",
        instructions: str = "",
        conversation: str = "",
        client_tools: Sequence[ToolSpec] = (),
        wishes: AnswerWishes = ANY,
        run_id: str | None = None,
    ) -> str:
        """Write a run's first event and return its id; nobody drives it yet: ``resume``, ``drive`` or a worker does.

        Takes the arguments of ``start``. The mode is chosen, and the tools are written down, here and now.

        Raises:
            ConfigError: ``tools`` names what is not there, or a client tool has a name that is taken.
            PlanError: The given plan cannot run as it is.
            ConflictError: There already is a run of that id.
            StoreError: The run cannot be written.
        """
        told = (assistant, instructions, conversation, client_tools, wishes)
        asked = Asked(task, plan, mode, approve, limits, user, tools, *told)
        async with self._here(run_id) as run_id:
            first = await opening(self, run_id, asked, self.check)
            await written(self.driving_log(), run_id, (first.started, *first.made))
            return run_id

    @asynccontextmanager
    async def resume(self, run_id: str, *, force: bool = False, park: bool = False) -> AsyncGenerator[DrivenRun]:
        """Claim a run that nobody drives, go on with it, and hold it as ``start`` does.

        What had ended stays as it is. Of what was running when its driver died, steps that only read or are idempotent
        run again, under the same key; about any other a person is asked (``approval_requested``, subject
        ``in_doubt``). A plan or an answer that was being written is asked for again.

        Args:
            run_id: The run.
            force: Take it from a driver that seems to live, go on although it was set aside, or although its steps need
                tools that are not declared here (they fail, and may be planned around).
            park: As for ``start``.

        Raises:
            NotFoundError: There is no such run.
            ConflictError: It is over, its driver lives (and is named), or it is set aside.
            ConfigError: A step that is still to be done needs a tool that is not declared here.
            StoreError: The store cannot be read or written.
        """
        async with self._here(run_id), self.presence.held():
            begun = await self._claim(run_id, force, park=park)
            async with self._driven(begun):
                yield begun.handle

    async def drive(self, run_id: str, *, force: bool = False) -> RunSummary:
        """Claim a run, go on until it ends or parks, and return where it stands; what a worker does.

        A run that another driver takes over meanwhile, or that is set aside, is let go without an error.

        Cancellation: steps are cancelled and nothing more is written; whoever claims the run goes on with it.

        Raises:
            NotFoundError: There is no such run.
            ConflictError: It is over, or its driver lives.
            ConfigError: A step that is still to be done needs a tool that is not declared here.
            StoreError: The store cannot be read or written, also after a while of trying.
        """
        async with self._here(run_id, estimates=False), self.presence.held():
            try:
                begun = await self._claim(run_id, force, park=True)
            except ConflictError as exc:
                if SET_ASIDE not in exc.details:
                    raise
            else:
                begun.handle.unheard()
                async with self._driven(begun, cancels=False):
                    await begun.handle.done()
                if begun.handle.failure is not None:
                    raise begun.handle.failure
        return await self.store.summary(run_id)

    async def drain(self) -> None:
        """Hand over every run that is driven here: its steps and plans under way end, then whoever claims it goes on.

        Returns at once; ``drive`` returns for each run once it is let go, and so it does for those still to come.

        Raises:
            StoreError: That this driver leaves cannot be written; the runs are handed over all the same.
        """
        await self.presence.drain()

    @asynccontextmanager
    async def _here(self, run_id: str | None, *, estimates: bool = True) -> AsyncGenerator[str]:
        """Make room for a run in this process: its name (a new one for None) is taken, it is hosted.

        Raises:
            ConflictError: This process drives it already.
        """
        run_id = run_id or uuid.uuid4().hex[:12]
        with self.presence.taking(run_id):
            async with self.hosting(run_id, estimates=estimates):
                yield run_id

    async def _begin(self, run_id: str, asked: Asked, driver: str, *, park: bool) -> _Begun:
        """Write a run's first event, as its driver."""
        log, first = self.driving_log(), await opening(self, run_id, asked, self.check)
        begun = self._assembled(run_id, log, Artifacts(log), first.made, park=park)
        await begun.loop.begin(first.started.model_copy(update={"driver": driver}))
        await self.open_budget(run_id, first.started.limits, first.usage)
        return begun

    async def _claim(self, run_id: str, force: bool, *, park: bool) -> _Begun:
        log = self.driving_log()
        artifacts = Artifacts(log)
        max_claims = self.settings.durability.max_claims
        claiming = Claiming(self.store, self.presence.driver, self.tools.specs(), max_claims, self.servers.down())
        claim = await claiming.claim(new_state_of(run_id, artifacts), artifacts, force=force)
        begun = self._assembled(run_id, log, artifacts, park=park)
        begun.loop.go_on(claim)
        await self.open_budget(run_id, claim.state.started.limits, claim.state.usage)
        return begun

    def _assembled(self, run_id: str, log: RunLog, artifacts: Artifacts, made: Prelude = (), *, park: bool) -> _Begun:
        handle, loop = self.assemble(run_id, log, artifacts, made, park=park)
        hooks = Feed()
        if self.hooks:
            handle.also(hooks)
        return _Begun(handle, loop, hooks)

    @asynccontextmanager
    async def _driven(self, begun: _Begun, *, cancels: bool = True) -> AsyncGenerator[None]:
        """Drive a run until its end or until the block is left, which cancels it (or, as a worker does, lets it go)."""
        handle, loop = begun.handle, begun.loop
        failure: BaseException | None = None
        self.presence.driven[loop.run_id] = loop.look
        self.presence.leaves[loop.run_id] = loop.leave
        if self.presence.draining:
            loop.leave()
        async with _ctrl_c_as_it_is(), anyio.create_task_group() as group:
            keeping_up = anyio.CancelScope()
            group.start_soon(_keep_up, keeping_up, self.accounting, self.presence)
            if self.hooks:
                group.start_soon(call_hooks, begun.hooks, self.hooks)
            group.start_soon(self._drive, loop, handle)
            try:
                yield
            except anyio.get_cancelled_exc_class():
                raise
            except BaseException as exc:
                failure = exc  # raised below, as it is: the task group would wrap it
            finally:
                if not handle.ended:
                    if cancels:
                        with anyio.move_on_after(_GRACE_S, shield=True):
                            await handle.cancel("its caller went away")
                            await handle.done()
                    group.cancel_scope.cancel()
                keeping_up.cancel()
        await self.accounting.settle()
        if failure is not None:
            raise failure

    async def _drive(self, loop: Loop, handle: DrivenRun) -> None:
        try:
            async with self.following.driving(loop.run_id, relayed=not self.presence.local) as tell:
                handle.tell(tell)
                state = await loop.drive()
            if state.ended is not None:
                statistics = self.statistics if self.settings.statistics else None
                await learn(self.store, loop.run_id, statistics, self.plan_cache)
            handle.finish(state)
        except Exception as exc:
            handle.finish(None, _only(exc))
        except BaseException:
            handle.finish(None, RunCancelledError(f"run {loop.run_id} was broken off; it can be resumed"))
            raise

    def check(self, plan: Plan, asked: Asked | None = None) -> list[Problem]:
        """Return everything wrong with a plan, where all tools or those of one run are known; empty: it may run.

        A plan may ask the judge where one is configured: ``ask_judge`` is then declared with the other tools.
        """
        judge = ask_judge.spec.name
        asks = judge not in self.tools.specs() and any(step.tool == judge for step in plan.steps)
        if asks and self.has_judge:
            self.tools.add(ask_judge, origin="the plan")
        return check_plan(plan, self.tools.specs() if asked is None else offered_to(self, asked))


async def _keep_up(while_driven: anyio.CancelScope, accounting: Accounting, presence: Presence) -> None:
    """Beat, and write what model calls used."""
    with while_driven:
        if presence.local:
            await accounting.run()
        else:
            async with anyio.create_task_group() as group:
                group.start_soon(presence.beat)
                await accounting.run()


@asynccontextmanager
async def _ctrl_c_as_it_is() -> AsyncGenerator[None]:
    """Let the user's Ctrl-C out of the groups of tasks it came through."""
    try:
        yield
    except BaseExceptionGroup as group:
        if group.subgroup(KeyboardInterrupt) is not None:
            raise KeyboardInterrupt from group
        raise


def _only(exc: BaseException) -> Exception:
    """The error of ours in a group, else the one error of a group of one, else the error itself."""
    inner = cast("tuple[BaseException, ...]", exc.exceptions) if isinstance(exc, BaseExceptionGroup) else ()
    leaves = [_only(one) for one in inner]
    ours = [one for one in leaves if isinstance(one, EngineError)]
    if ours:
        return ours[0]
    return leaves[0] if len(leaves) == 1 else cast("Exception", exc)
