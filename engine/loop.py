"""Drives one run: plan → execute → replan? → synthesize, as one stream of events.

Everything that happens arrives in one inbox; the loop folds it in, decides what follows (``engine.dag.decide``,
``engine.replanner.policy``), writes both through the RunLog as one batch, and only then acts. The log is the run: the
order of the inbox is the only thing not determined by it, which is what makes a replay exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import anyio
import anyio.abc

from engine.claiming import Claim
from engine.dag.decide import Decision, decide
from engine.dag.state import RunState
from engine.drafting import Drafting
from engine.durable.artifacts import Artifacts
from engine.ending import Ending
from engine.executor.executor import Executor
from engine.journal import Inbox, Journal
from engine.parking import Parking
from engine.planning import Planned, Planning, as_ended, asked_again, asked_by, fill_request, given_plan, wanted
from engine.replanner.policy import Move, next_move, situation, undisturbed
from engine.replanner.view import Rules
from engine.streams import Streams
from engine.telemetry import log_ids, span
from engine.watching import watch_clock, watch_log
from engine.writing import Writer, Wrote
from schemas.errors import ConflictError
from schemas.events import (
    ApprovalRequested,
    LoggedEvent,
    LoggedRecord,
    ModeChanged,
    ModelCalled,
    PlanStarted,
    ReplanStarted,
    RunStarted,
    StepEnded,
    StepFilled,
    StepPostponed,
    StepRehearsed,
    StepStarted,
    Warned,
)
from schemas.live import LiveEvent
from schemas.planning import (
    AnswerRequest,
    PlanRequest,
)
from schemas.protocols import Synthesizer
from schemas.settings import Limits
from schemas.stores import RunLog

Prelude = tuple[ModelCalled | Warned, ...]
"""What happened before a run began."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Somebody else wrote to the run's log, or may have.

    Attributes:
        beyond: Nothing but that something stands beyond this event: where that is our own, it is no news.
    """

    beyond: float = math.inf


Happening = LoggedEvent | Planned | Wrote | Moved


@dataclass(frozen=True, slots=True)
class Parts:
    """What a loop is made of; each is replaceable.

    Attributes:
        log: Where the run lives, as its driver sees it.
        artifacts: Its large results.
        planning: Makes planning calls.
        synthesizer: Writes the answer.
        new_state: Makes an empty state of the run.
        new_executor: Makes the executor, given the run's task group and the loop it reports to.
        limits: Caps that are not part of the run's own limits.
        publish: Takes every record and live event, in order; never waits.
        new_parking: Makes what waits for times and people.
        calling: Whether a model call of the run is under way, or over and not in the log yet.
        prelude: What happened before the run began: calls that chose its mode, warnings.
    """

    log: RunLog
    artifacts: Artifacts
    planning: Planning
    synthesizer: Synthesizer
    new_state: Callable[[], RunState]
    new_executor: Callable[[anyio.abc.TaskGroup, Loop], Executor]
    limits: Limits
    publish: Callable[[LoggedRecord | LiveEvent], None]
    new_parking: Callable[[Journal], Parking]
    calling: Callable[[], bool] = lambda: False
    prelude: Prelude = ()

    @property
    def rules(self) -> Rules:
        """How results are shown to models."""
        return self.planning.rules


class Loop:
    """One run, driven to its end, from its first event (``begin``) or from where another driver left it (``go_on``)."""

    def __init__(self, run_id: str, parts: Parts, inbox: Inbox[Happening]) -> None:
        self.run_id = run_id
        self.inbox = inbox
        self._parts = parts
        self._journal = Journal(parts.log, run_id, parts.new_state, parts.artifacts)
        self.streams = Streams(lambda: self._journal.head, parts.publish)
        self._drafting = Drafting(self._journal, parts.limits.similarity, self.streams)
        self._writer = Writer(parts.synthesizer, parts.planning.model, self.report, self.streams)
        self._then: Callable[[], None] = _nothing
        self._handed: StepStarted | None = None
        self._leaving = False
        self._began = 0.0
        self._planning_scope = anyio.CancelScope()
        self._ending = Ending(self._journal, parts.limits, parts.rules)
        self.parking = parts.new_parking(self._journal)
        self.parking.questions.report = self.report

    @property
    def _done(self) -> bool:
        state = self._journal.state
        return state.ended is not None or state.tenure.parked is not None  # over, or let go

    @property
    def state(self) -> RunState:
        """The run as it is now."""
        return self._journal.state

    def report(self, happening: Happening) -> None:
        """Take what happened; never waits."""
        self.inbox.put(happening)

    def leave(self) -> None:
        """Start nothing more, and once what runs has ended let the run go, for whoever takes it up."""
        self._leaving = True
        self.look()

    def look(self, beyond: float = math.inf) -> None:
        """Look soon at what others wrote to the log: whether it is still ours. ``beyond``: as of ``Moved``."""
        self.report(Moved(beyond))

    async def begin(self, started: RunStarted) -> None:
        """Write the run's first event; from now on it is there for everybody.

        Raises:
            ConflictError: There already is a run of that id.
            StoreError: The log cannot be written.
        """
        self._began = anyio.current_time()
        for event in (started, *self._parts.prelude):
            self._journal.emit(event)
        records = await self._journal.flush()
        if records is None:
            raise ConflictError(f"there already is a run {self.run_id}", hint="choose another id, or none")
        self._publish(records)

    def go_on(self, claim: Claim) -> None:
        """Take a run over where its log ends; what was under way there is decided anew, from the log alone."""
        self._began = anyio.current_time() - claim.driven_s
        self._journal.adopt(claim.state)
        self._ending.take_over(claim.state)
        self._publish([claim.record])

    async def drive(self) -> RunState:
        """Run to the end and return the final state.

        Cancellation: steps are cancelled, blocking threads abandoned; the log holds what was done so far, and whoever
        claims the run goes on from there.

        Raises:
            FencedError: Another driver claimed the run; it goes on there.
            StoreError: The log cannot be written, also after a while of trying; the run can be resumed.
        """
        started = self.state.started
        with log_ids(run_id=self.run_id), span("run", **{"engine.run.id": self.run_id, "engine.mode": started.mode}):
            async with anyio.create_task_group() as group:
                self._group = group
                self._executor = self._parts.new_executor(group, self)
                if started.limits.time_limit_s is not None:
                    group.start_soon(watch_clock, self.run_id, self._began, started.limits.time_limit_s, self.report)
                group.start_soon(self.parking.watch, self.report)
                group.start_soon(watch_log, self._parts.log, self._journal, self.look)
                try:
                    await self._follow()
                finally:
                    self._journal.closed = True  # whoever goes on decides about steps that still end now
                group.cancel_scope.cancel()
        return self.state

    async def _follow(self) -> None:
        """Take what happens, until the run has ended or is let go."""
        await self._advance()
        while not self._done:
            happenings = await self.inbox.take()
            if not self._done and _is_news(happenings, self._journal.head):
                await self._catch_up()  # first: what people said is older than what came with it
            for happening in (one for one in happenings if not isinstance(one, Moved)):
                self._take(happening)
            await self._advance()

    async def settle(self, event: StepEnded) -> StepStarted | None:
        """Take a step's end in its own task, and return one step that may start now for that task to go on with.

        Saves a chain the way through the inbox. Where other steps run the event waits there, for they may end in the
        same tick and are then written as one batch; likewise behind what the step itself reported (a model call).
        """
        if len(self._journal.state.graph.active) > 1 or self._journal.closed or not self.inbox.hold():
            self.report(event)
            return None
        try:
            self._journal.fact(as_ended(self._journal.state, event))
            await self._advance(hand_over=True)
            following, self._handed = self._handed, None
            if self._done:
                self.look()
            return following
        finally:
            self.inbox.release()

    async def _advance(self, *, hand_over: bool = False) -> None:
        """Do everything that follows from the state, until nothing does; what waits for no model is one batch."""
        decision: Decision | None = None
        more = True
        while more and not self._journal.closed:
            state = self._journal.state
            decision = decision if self._leaving else decide(state, self._journal.emit, decision)
            decided = state.seq
            self._direct(state)
            more = state.seq != decided and not self._done
            if more and self._then is _nothing:
                continue
            records = await self._journal.flush()
            then, self._then = self._then, _nothing
            if records is None:
                await self._catch_up()
                more = True
            else:
                self._act(records, decision, hand_over)
                then()
            decision = None

    def _act(self, records: list[LoggedRecord], decision: Decision | None, hand_over: bool) -> None:
        """Do what is now written."""
        self._publish(records)
        for record in records:
            if type(event := record.event) is not StepStarted:
                continue
            if hand_over and self._handed is None:
                self._handed = event
            else:
                self._executor.start(self.run_id, event)
        if decision is not None:
            for step_id, given in decision.fills:
                self._executor.fill(fill_request(self.state, step_id, given, self._parts.rules))
            _rehearse_and_cancel(self._executor, decision)

    def _publish(self, records: list[LoggedRecord]) -> None:
        for record in records:
            self._parts.publish(record)
        self.parking.see(records)

    async def _catch_up(self) -> None:
        """Fold in what others wrote; bring back what is no event."""
        self._publish(await self._journal.reload())
        for step_id in self._executor.filling:
            step = self.state.graph.steps.get(step_id)
            if step is not None and step.phase in ("pending", "ready"):
                self.state.graph.activate(step, "filling")

    def _direct(self, state: RunState) -> None:
        """Decide what the run as a whole does next."""
        writing = self._writer.look(state)
        if self._leaving:
            self._let_go()
        elif state.ended is not None or writing or undisturbed(state):
            pass
        elif state.answer is not None:
            if not self._parts.calling():  # a call that was broken off is told, and paid for, before the end
                self._ending.end(anyio.current_time() - self._began)
        elif state.stop is not None:
            self._planning_scope.cancel()
            self._ending.stop()
        elif state.approved_plan is not None:
            self._drafting.accept_approved(*state.approved_plan)
        elif state.planning_lost:
            self._ask(asked_again(state))
        elif state.mode == "direct":
            self._write(self._ending.direct())
        elif state.revision == 0:
            self._ask(PlanStarted(revision=1, mode=state.started.mode))
        else:
            self._move(next_move(situation(state, self._parts.limits)))

    def _let_go(self) -> None:
        """Let the run go once nothing runs that the next driver would have to do again, where that is wanted."""
        if not (self._done or self._writer.busy or self._parts.calling() or self.inbox.waiting):
            self.parking.look(leaving=self._leaving)

    def _move(self, move: Move) -> None:
        match move.kind:
            case "replan" | "turn":
                self._planning_scope.cancel()
                self._ask(asked_by(self.state, move))
            case "fallback":
                self._journal.emit(ModeChanged(mode="react", reason=move.reason))
            case "finish":
                self._write(self._ending.finish(move.reason))
            case "wait":
                self._let_go()

    def _ask(self, event: PlanStarted | ReplanStarted) -> None:
        given = given_plan(self.state, event)
        event, request = self._parts.planning.ask(self.state, event)
        self._journal.emit(event)
        self._drafting.begin(given)
        if given is None:
            self._then = partial(self._call_planner, request)

    def _call_planner(self, request: PlanRequest) -> None:
        self._planning_scope = anyio.CancelScope()
        self._group.start_soon(self._parts.planning.call, request, self._planning_scope, self.report)

    def _take(self, happening: LoggedEvent | Planned | Wrote) -> None:
        """Fold one happening in."""
        match happening:
            case Planned():
                if wanted(self.state, happening) and not self.parking.postpones("planner", happening.item):
                    self._drafting.take(happening.item)
            case Wrote():
                self._writer.look(self.state)
                written = self._writer.take(happening)
                if written is not None and not self.parking.postpones("synthesizer", written):
                    self._ending.wrote(written)
            case StepEnded():
                self._journal.fact(as_ended(self.state, happening))
            case StepFilled() | StepPostponed() | StepRehearsed():
                self._executor.filling.discard(happening.step_id)
                self._journal.fact(happening)
            case ApprovalRequested():
                self._journal.fact(happening.model_copy(update={"approval_id": self.state.approvals.next_id}))
            case _:
                self._journal.fact(happening)

    def _write(self, request: AnswerRequest | None) -> None:
        if request is None:
            self._let_go()
        else:
            self._then = lambda: self._writer.start(self._group, request)


def _is_news(happenings: list[Happening], head: int) -> bool:
    """Whether others may have written beyond what is known here."""
    return any(isinstance(happening, Moved) and happening.beyond >= head for happening in happenings)


def _rehearse_and_cancel(executor: Executor, decision: Decision) -> None:
    for call in decision.rehearsals:
        executor.rehearse(call)
    for step_id in decision.cancels:
        executor.cancel(step_id)


def _nothing() -> None:
    """What is done after a decision that calls no model."""
