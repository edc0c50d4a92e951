"""Plays a recorded run again: the real loop, planner and synthesizer, with no model and no tool.

The replies of models come from the record, what the world did (results, approvals, budgets) is taken from it in its
order, and everything the engine decided is decided anew. Each event must come out as recorded; the first that does
not ends the replay, so a replay is also a proof that the decisions follow from the log alone.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import cast

import anyio

from engine.claiming import Claim
from engine.dag.state import RunState
from engine.durable.artifacts import Artifacts
from engine.durable.memory import MemoryLog
from engine.executor.judge import WARNING as JUDGE_WARNING
from engine.journal import Inbox
from engine.loop import Happening, Loop, Moved, Parts
from engine.planner.opinion import ROLE as TRIAGE_ROLE
from engine.planning import Planned, Planning
from engine.recorded import (
    PATIENCE_S,
    Declared,
    IdleExecutor,
    RecordedLookup,
    RecordedModel,
    RecordedParking,
)
from engine.replanner.view import Rules
from engine.telling import WARNING as SUMMARY_WARNING
from engine.telling import RecordedSummaries, TellingPlanner, TellingSynthesizer
from engine.tenures import BY_PEOPLE, OWN_CALLS, late_calls, lost_drafts, tenures
from engine.writing import Wrote
from schemas.errors import (
    ConflictError,
    EngineError,
    NotFoundError,
    StoreError,
)
from schemas.events import (
    LoggedEvent,
    LoggedRecord,
    ModelCalled,
    PlanAccepted,
    ResultSummarized,
    RunEnded,
    RunStarted,
    Warned,
)
from schemas.planning import (
    AnswerReady,
    CacheLookup,
    PlanReady,
    PlanText,
    Repairing,
    StepDraft,
    TurnAnswer,
)
from schemas.protocols import Planner, Synthesizer
from schemas.settings import Limits
from schemas.stores import RunLog

_FROM_RECORD = frozenset(
    {
        "step_filled",
        "step_rehearsed",
        "step_retried",
        "step_postponed",
        "time_came",
        "result_summarized",
        "step_judged",
        "thread_stuck",
        "thread_ended",
        "budget_warning",
        "budget_exhausted",
    }
)
_OF_HELPERS = frozenset({SUMMARY_WARNING, JUDGE_WARNING})
_LIVE_KINDS: dict[type, frozenset[str]] = {
    CacheLookup: frozenset({"plan_looked_up"}),
    StepDraft: frozenset({"plan_step"}),
    Repairing: frozenset({"plan_repair"}),
    PlanReady: frozenset({"plan_accepted", "plan_rejected", "approval_requested"}),
    TurnAnswer: frozenset({"answer"}),
    AnswerReady: frozenset({"answer"}),
}


async def replay(
    records: Sequence[LoggedRecord],
    *,
    planner: Planner,
    react: Planner,
    synthesizer: Synthesizer,
    limits: Limits,
    rules: Rules = Rules(),
    log: RunLog | None = None,
) -> AsyncGenerator[LoggedRecord]:
    """Yield a recorded run's events as they are decided again.

    Args:
        records: The whole run, as logged.
        planner, react, synthesizer: As the run had them; they are given the recorded replies.
        limits: The caps of the run that its log does not hold.
        rules: How results were shown to models.
        log: Where its artifacts are; not needed where every result stands in the record.

    Raises:
        StoreError: The record is not whole, or an event came out differently; the message says which.
    """
    if not records or not isinstance(records[0].event, RunStarted) or not isinstance(records[-1].event, RunEnded):
        raise StoreError("the record is no whole run: it must begin with run_started and end with run_ended")
    artifacts = Artifacts(log or MemoryLog())
    try:
        await artifacts.fetch(records)
    except NotFoundError as exc:
        raise StoreError(f"the record names a large result that is not at hand: {exc.message}") from exc
    actors = _Actors(planner, react, synthesizer, limits, rules, artifacts)
    for begin, end in tenures(records):
        await _play(records[:end], begin, actors, whole=end == len(records))
    for record in records:
        yield record


@dataclass(frozen=True, slots=True)
class _Actors:
    """Who plays a recorded run again."""

    planner: Planner
    react: Planner
    synthesizer: Synthesizer
    limits: Limits
    rules: Rules
    artifacts: Artifacts


async def _play(records: Sequence[LoggedRecord], begin: int, actors: _Actors, *, whole: bool) -> None:
    """Play what one driver did, from a place on; what is not whole ends where he did."""
    started, run_id = records[0].event, records[0].run_id
    assert isinstance(started, RunStarted)
    specs, artifacts = {spec.name: spec for spec in started.tools}, actors.artifacts
    written = _CheckedLog(records, whole=whole)
    inbox = _RecordedOrder(records, written, frozenset() if whole else lost_drafts(records, begin))
    model = RecordedModel(records[begin:], started, inbox, lambda: written.head, whole=whole)
    summaries = {r.event.step_id: r.event.text for r in records if isinstance(r.event, ResultSummarized)}
    told = RecordedSummaries(lambda: loop.state, summaries)
    parts = Parts(
        log=written,
        artifacts=artifacts,
        planning=Planning(
            TellingPlanner(RecordedLookup(actors.planner, records), told),
            TellingPlanner(actors.react, told),
            Declared(specs, records, lambda: written.head),
            model,
            actors.rules,
        ),
        synthesizer=TellingSynthesizer(actors.synthesizer, told),
        new_state=lambda: RunState(run_id, specs, load=artifacts.value),
        new_executor=lambda _group, _report: IdleExecutor(inbox.begun),  # pyright: ignore[reportArgumentType, reportUnknownLambdaType]
        limits=actors.limits,
        publish=lambda _: None,
        new_parking=lambda journal: RecordedParking(journal, records, actors.limits),
        calling=lambda: any(r.event.kind == "model_called" for r in records[loop.state.seq :]),
        prelude=_prelude(records),
    )
    loop = Loop(run_id, parts, inbox)
    written.leave = loop.leave
    if begin:
        state = parts.new_state()
        for record in records[:begin]:
            state.apply(record.event)
        written.head = begin
        loop.go_on(Claim(state, records[begin - 1], 0.0))
    await _driven(loop, None if begin else started, written)


async def _driven(loop: Loop, started: RunStarted | None, written: _CheckedLog) -> None:
    """Drive until the run, or its record, is over; raise a difference by itself, out of the groups of its tasks."""
    try:
        if started is not None:
            await loop.begin(started)
        async with anyio.create_task_group() as group:
            group.start_soon(_until, written.over, group.cancel_scope)
            await loop.drive()
            group.cancel_scope.cancel()
    except BaseExceptionGroup as exc:
        difference = _first_difference(exc)
        if difference is None:
            raise
        raise difference from None


async def _until(over: anyio.Event, scope: anyio.CancelScope) -> None:
    await over.wait()
    scope.cancel()


def _first_difference(exc: BaseException) -> StoreError | None:
    if isinstance(exc, BaseExceptionGroup):
        inner = cast("tuple[BaseException, ...]", exc.exceptions)
        return next((found for found in map(_first_difference, inner) if found is not None), None)
    return exc if isinstance(exc, StoreError) else None


class _CheckedLog(MemoryLog):
    """Takes only the events that the record holds, each in its place."""

    def __init__(self, records: Sequence[LoggedRecord], *, whole: bool = True) -> None:
        super().__init__()
        self._records = records
        self._whole = whole
        self._refused = False
        self.head = 0
        self.over = anyio.Event()
        self.leave: Callable[[], None] | None = None

    async def end(self, place: int) -> None:
        """Stop for ever at the end of what a driver wrote who did not end the run."""
        if place >= len(self._records) and not self._whole:
            self.over.set()
            await anyio.sleep_forever()

    async def append(self, run_id: str, expected_seq: int, events: Sequence[LoggedEvent]) -> list[LoggedRecord]:
        """Compare with the record and return its lines.

        Raises:
            ConflictError: A person had spoken before this could be written; ``load`` gives what they said.
            StoreError: An event differs from the recorded one.
        """
        del run_id
        if events:
            await self.end(expected_seq)
        if self.said:
            self.head += self.said
            raise ConflictError("somebody was first", details={"head": self.head})
        for offset, event in enumerate(events):
            place = expected_seq + offset
            await self.end(place)
            recorded = self._records[place].event if place < len(self._records) else None
            if recorded is None or _comparable(event) != _comparable(recorded):
                self._may_leave()
                was = recorded.kind if recorded is not None else "the end"
                raise StoreError(
                    f"the replay differs from the record at event {place + 1}: {event.kind} instead of {was}",
                    hint="replay with the version and the tools of the recorded run",
                    details={"seq": place + 1, "got": event.model_dump(mode="json")},
                )
        self.head = expected_seq + len(events)
        return list(self._records[expected_seq : self.head])

    def _may_leave(self) -> None:
        """Have a driver who did not end the run decide nothing more, once: he was leaving, which no event tells.

        Raises:
            ConflictError: Decisions are dropped; ``load`` gives no more than before.
        """
        if not self._whole and self.leave is not None:
            leave, self.leave, self._refused = self.leave, None, True
            leave()
            raise ConflictError("he decided nothing more", details={"head": self.head})

    @property
    def said(self) -> int:
        """How many events of people come next, one after another."""
        return sum(1 for _ in takewhile(lambda record: record.event.kind in BY_PEOPLE, self._records[self.head :]))

    async def load(self, run_id: str, after: int = 0) -> list[LoggedRecord]:
        """Return what was written, or said by people, beyond an event."""
        del run_id
        if self._refused:
            self._refused = False
            return list(self._records[after : self.head + 1])  # something, so that the loop drops its decisions
        return list(self._records[after : self.head])

    async def wait(self, run_id: str, after: int) -> None:
        """Wait for ever: nobody else writes to a recorded run."""
        del run_id, after
        await anyio.sleep_forever()


def _comparable(event: LoggedEvent) -> LoggedEvent:
    """An event without what a clock gave it."""
    if isinstance(event, RunEnded):
        return event.model_copy(update={"duration_s": 0.0})
    return event


class _RecordedOrder(Inbox[Happening]):
    """Hands the loop what happened in the order of the record: its own lines, or the reply that led to one."""

    def __init__(self, records: Sequence[LoggedRecord], log: _CheckedLog, lost: Collection[int]) -> None:
        super().__init__()
        self._records = records
        self._log = log
        self._lost = lost
        self._late = late_calls(records)
        self._waiting: list[Happening] = []
        self.begun: set[str] = set()  # steps whose end comes from outside: their tool or their filling runs

    async def take(self) -> list[Happening]:
        """Return all that happened before the next decision.

        Raises:
            StoreError: The recorded reply does not come: the replay went another way.
        """
        await self._log.end(self._log.head)
        said = self._log.said
        batch = await self._happened(self._log.head + said, heard=said > 0)
        if said and not any(isinstance(one, (Planned, Wrote)) for one in batch):
            self._log.head += said
            return [Moved(), *batch]  # else the run took a model's words first, and finds what was said when it writes
        if not batch:
            place = self._log.head
            batch.append(await self._reply(self._records[place].event, place, silent=True))
        return batch

    async def _happened(self, begin: int, *, heard: bool) -> list[Happening]:
        """Return what happened from a place on, up to the next decision; ``heard``: after people spoke."""
        batch: list[Happening] = []
        place = begin
        while place < len(self._records) and self._from_outside(place):
            if self._decided_between(begin, place) if batch else heard and self._last_words(place):
                break
            event = self._records[place].event
            if self._recorded(event, place):
                batch.append(event)
                if event.kind == "step_filled" or event.kind == "step_rehearsed":
                    self.begun.discard(event.step_id)
            else:
                happening = await self._reply(event, place)
                batch.append(happening)
                if event.kind == "warning":
                    place += isinstance(happening, Wrote) and isinstance(happening.item, EngineError)
            place += 1
        return batch

    def _decided_between(self, begin: int, place: int) -> bool:
        """Whether what happened from one place on was decided upon before an event came.

        It was when they were written at different times; at the same time by a coarse clock, when the event comes of
        what began without an event of its own.
        """
        if self._records[begin].at != self._records[place].at or self._records[place].event.kind in BY_PEOPLE:
            return True
        return (_of_answer(self._records[place].event) and place not in self._late) or self._of_filling(place)

    def _last_words(self, place: int) -> bool:
        """Whether the call that wrote the run's answer ended at a place: it was begun once what was said was heard."""
        calls = [at for at, r in enumerate(self._records) if r.event.kind == "model_called" and _of_answer(r.event)]
        return place not in self._late and place in calls[-1:]

    def _of_filling(self, place: int) -> bool:
        """Whether an event comes of filling a step that is still to begin, which leaves no event of its own."""
        event = self._records[place].event
        if event.kind == "budget_exhausted" and place + 1 < len(self._records):
            refused = self._records[place + 1].event
            if refused.kind != "step_ended" or refused.result.error is None:
                return False
            return refused.result.error.code.startswith("budget.") and refused.step_id not in self.begun
        if event.kind == "model_called" or event.kind == "step_filled" or event.kind == "step_rehearsed":
            return event.step_id is not None and event.step_id not in self.begun
        return False

    def _from_outside(self, place: int) -> bool:
        """Whether an event came from outside the loop's decisions."""
        event = self._records[place].event
        if self._recorded(event, place):
            return True
        match event.kind:
            case (
                "planning_postponed"
                | "plan_looked_up"
                | "plan_step"
                | "plan_repair"
                | "plan_rejected"
                | "model_called"
                | "warning"
            ):
                return True
            case "plan_accepted":
                return not self._approved(event)
            case "approval_requested":
                return event.subject == "plan"
            case "answer":
                return event.source in ("model", "direct", "react", "refusal")
            case _:
                return False

    def _approved(self, event: LoggedEvent) -> bool:
        """Whether a plan was accepted because a person approved it, which is a decision."""
        if not isinstance(event, PlanAccepted):
            return False
        return any(
            record.event.kind == "approval_requested"
            and record.event.subject == "plan"
            and record.event.revision == event.revision
            for record in self._records
        )

    def _recorded(self, event: LoggedEvent, place: int) -> bool:
        """Whether the record itself stands for what happened."""
        if event.kind == "model_called":
            return event.role not in OWN_CALLS or event.step_id is not None or place in self._late
        if event.kind in ("plan_step", "plan_repair"):
            return place in self._lost
        if event.kind == "approval_requested":
            return event.subject == "elicitation"
        if event.kind == "step_ended":
            return event.step_id in self.begun and event.result.status != "skipped"
        return event.kind in _FROM_RECORD or (isinstance(event, Warned) and event.code in _OF_HELPERS)

    async def _reply(self, event: LoggedEvent, place: int, *, silent: bool = False) -> Happening:
        """Wait for the happening that leads to an event (or, when silent, to none)."""
        with anyio.move_on_after(PATIENCE_S):
            while True:
                for index, happening in enumerate(self._waiting):
                    if self._silent(happening) if silent else self._leads_to(happening, event):
                        return self._waiting.pop(index)
                self._waiting += [item for item in await super().take() if not isinstance(item, Moved)]
        raise StoreError(
            f"the replay differs from the record at event {place + 1}: no {event.kind} comes of the recorded replies",
            details={"seq": place + 1},
        )

    def _silent(self, happening: Happening) -> bool:
        return isinstance(happening, (Planned, Wrote)) and isinstance(happening.item, PlanText)

    def _leads_to(self, happening: Happening, event: LoggedEvent) -> bool:
        if isinstance(happening, ModelCalled):
            return happening is event
        if not isinstance(happening, (Planned, Wrote)) or _stale(happening, event):
            return False
        item = happening.item
        if isinstance(item, EngineError):
            ends = "plan_rejected" if isinstance(happening, Planned) else "warning"
            return event.kind in (ends, "planning_postponed")
        return event.kind in _LIVE_KINDS.get(type(item), frozenset())


def _stale(happening: Planned | Wrote, event: LoggedEvent) -> bool:
    """Whether what a model said belongs to another plan than an event, or to an answer that was broken off."""
    if isinstance(happening, Wrote):
        return happening.scope.cancel_called
    return happening.revision != getattr(event, "revision", happening.revision)


def _of_answer(event: LoggedEvent) -> bool:
    """Whether an event comes of writing the answer, which begins without an event of its own."""
    return event.kind in ("answer", "warning") or (event.kind == "model_called" and event.role == "synthesizer")


def _prelude(records: Sequence[LoggedRecord]) -> tuple[ModelCalled | Warned, ...]:
    """The calls that chose the run's mode, and the warnings it began with."""
    found: list[ModelCalled | Warned] = []
    for record in records[1:]:
        event = record.event
        if not (isinstance(event, Warned) or (isinstance(event, ModelCalled) and event.role == TRIAGE_ROLE)):
            break
        found.append(event)
    return tuple(found)
