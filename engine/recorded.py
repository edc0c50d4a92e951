"""What models and the plan cache said in a recorded run, said again; what stands in for tools, clock and people."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import cast

import anyio

from engine.journal import Inbox, Journal
from engine.loop import Happening
from engine.parking import Parking
from schemas.driving import PlanningPostponed, TimeCame
from schemas.errors import (
    CostBudgetError,
    EngineError,
    ModelOutputError,
    RunCancelledError,
    StoreError,
    ToolNotFoundError,
    from_info,
)
from schemas.events import (
    ApprovalRequested,
    BudgetExhausted,
    LoggedRecord,
    ModelCalled,
    PlanLookedUp,
    PlanRejected,
    PlanStarted,
    ReplanStarted,
    RunStarted,
    StepStarted,
)
from schemas.model import (
    Done,
    ModelChunk,
    ModelRequest,
    ModelResponse,
    Part,
    ReasoningDelta,
    Restart,
    TextDelta,
    ToolCallDelta,
)
from schemas.planning import CacheLookup, FillRequest, PlanDelta, PlanReady, PlanRequest, StepCall
from schemas.protocols import ModelClient, Planner, Tool
from schemas.settings import Limits
from schemas.tool import ToolSpec

PATIENCE_S = 5.0
Key = tuple[str, str | None, int | None]


class Recording:
    """The recorded calls of one run: each is handed out once, in order, to who made it.

    Args:
        events: The run's calls as logged, in order.
    """

    def __init__(self, events: Iterable[ModelCalled]) -> None:
        self._calls: defaultdict[Key, deque[ModelCalled]] = defaultdict(deque)
        for event in events:
            self._calls[event.role, event.step_id, event.revision].append(event)

    def take(self, role: str, step_id: str | None, revision: int | None) -> ModelCalled:
        """Return the next call that role made for that step and revision.

        Raises:
            ModelOutputError: It made no more such calls.
        """
        calls = self._calls.get((role, step_id, revision))
        if not calls:
            where = f" for step {step_id}" if step_id is not None else ""
            where += f" in revision {revision}" if revision is not None else ""
            raise ModelOutputError(
                f"the recorded run holds no further call of the {role or 'model'}{where}",
                hint="replay with the task, tools and settings of the recorded run, or run it anew",
                details={"role": role, "step_id": step_id, "revision": revision},
            )
        return calls.popleft()

    def put_back(self, call: ModelCalled) -> None:
        """Leave a call to the next who asks: who took it was broken off."""
        self._calls[call.role, call.step_id, call.revision].appendleft(call)


def broken_off(call: ModelCalled) -> bool:
    """Whether a call was given up on before it was answered or failed."""
    return call.error is not None and call.error.code == RunCancelledError.code


class RecordedModel:
    """Gives each caller the replies recorded for it (implements ``schemas.protocols.ModelClient``).

    Args:
        records: The whole run.
        started: Its first event.
        inbox: Where calls are reported.
        head: Tells how much of the record was played.
        whole: Whether the record ends with the run; else a call that it lacks was lost with its driver.
    """

    def __init__(
        self,
        records: Sequence[LoggedRecord],
        started: RunStarted,
        inbox: Inbox[Happening],
        head: Callable[[], int] = lambda: 0,
        *,
        whole: bool = True,
    ) -> None:
        self._whole = whole
        self._recording = Recording(r.event for r in records if isinstance(r.event, ModelCalled))
        self._places = {id(r.event): r.seq for r in records if isinstance(r.event, ModelCalled)}
        self._head = head
        self._started = started
        self._inbox = inbox
        self._spent = next((r.event for r in records if isinstance(r.event, BudgetExhausted)), None)
        self._refused = {
            record.event.revision: record.event.error
            for record in records
            if isinstance(record.event, PlanRejected) and record.event.error.code.startswith("budget.")
        }

    def planner_dialect(self, role: str) -> tuple[str, str]:
        """Return what the recorded run's planner spoke."""
        del role
        return self._started.dialect, self._started.tier

    async def stream(
        self, request: ModelRequest, *, role: str, step_id: str | None = None, revision: int | None = None
    ) -> AsyncIterator[ModelChunk]:
        """Stream the recorded reply, whatever is asked, and report the recorded call.

        Each part comes whole: where a reader stopped in the middle of a reply, the record ends there.
        A call that was broken off in the recorded run is never answered: it waits for the same to happen again.

        Raises:
            EngineError: As recorded; CostBudgetError where the run had no budget left.
        """
        del request
        call = await self._taken(role, step_id, revision)
        told = broken_off(call)  # such a call stands in the record by itself
        try:
            for chunk in _written(call):
                yield chunk
            if told:
                await anyio.sleep_forever()
            told = True
            self._inbox.put(call)
            if call.error is not None:
                raise from_info(call.error)
            yield Done(response=_response(call))
        except EngineError:
            if not told:
                self._inbox.put(call)
            raise
        except BaseException:
            if not told:
                self._recording.put_back(call)
            raise

    async def complete(
        self, request: ModelRequest, *, role: str, step_id: str | None = None, revision: int | None = None
    ) -> ModelResponse:
        """Return the recorded reply whole. Raises as ``stream``."""
        replying = self.stream(request, role=role, step_id=step_id, revision=revision)
        async with aclosing(cast("AsyncGenerator[ModelChunk]", replying)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, Done):
                    return chunk.response
        raise StoreError("a recorded reply has no end")

    async def _taken(self, role: str, step_id: str | None, revision: int | None) -> ModelCalled:
        try:
            call = self._recording.take(role, step_id, revision)
            while broken_off(call) and self._places[id(call)] <= self._head():  # its caller never came so far again
                call = self._recording.take(role, step_id, revision)
            return call
        except EngineError as exc:
            if revision in self._refused:
                raise from_info(self._refused[revision]) from exc
            if self._spent is not None:
                raise CostBudgetError(self._spent.message) from exc
            if not self._whole:
                await anyio.sleep_forever()
            raise


def _written(call: ModelCalled) -> Iterator[ModelChunk]:
    """What a recorded call streamed: before it began anew, and its reply, or what there was of it."""
    for begun in call.anew:
        yield from _chunks(begun.parts)
        yield Restart(reason=begun.reason)
    yield from _chunks(call.parts)


def _chunks(parts: Sequence[Part]) -> Iterator[ModelChunk]:
    index = 0
    for part in parts:
        if part.kind == "text":
            yield TextDelta(text=part.text)
        elif part.kind == "reasoning":
            yield ReasoningDelta(text=part.text)
        elif part.kind == "tool_call":
            yield ToolCallDelta(index=index, call_id=part.call_id, name=part.name)
            yield ToolCallDelta(index=index, arguments=part.raw or (json.dumps(part.arguments) if part.valid else ""))
            index += 1


def _response(call: ModelCalled) -> ModelResponse:
    return ModelResponse(
        model=call.model,
        provider=call.provider,
        parts=call.parts,
        stop_reason=call.stop_reason,
        usage=call.usage,
        attempts=call.attempts,
        route=call.route,
        latency_s=call.latency_s,
        first_token_s=call.first_token_s,
    )


class RecordedLookup:
    """Gives a first plan as the record says the plan cache did (implements ``schemas.protocols.Planner``)."""

    def __init__(self, planner: Planner, records: Sequence[LoggedRecord]) -> None:
        self._planner = planner
        found = (record.event for record in records if isinstance(record.event, PlanLookedUp))
        self._found = {event.revision: event for event in found}

    async def plan(self, request: PlanRequest, model: ModelClient) -> AsyncIterator[PlanDelta]:
        """Yield what the cache said, and its plan, or what the planner writes."""
        found = self._found.get(request.revision)
        if found is not None:
            yield CacheLookup(plan=found.plan, reason=found.reason, saved=found.saved, saved_s=found.saved_s)
        if found is not None and found.plan is not None:
            yield PlanReady(plan=found.plan)
            return
        async with aclosing(cast("AsyncGenerator[PlanDelta]", self._planner.plan(request, model))) as items:
            async for item in items:
                yield item


class RecordedParking(Parking):
    """Puts off what the record says was put off, wakes nothing and lets nothing go: the record tells when."""

    def __init__(self, journal: Journal, records: Sequence[LoggedRecord], limits: Limits) -> None:
        super().__init__(journal, limits, _no_clock)
        self._state = lambda: journal.state
        self._fact = journal.fact
        self._records = records

    async def watch(self, report: Callable[[TimeCame], None]) -> None:
        """Watch nothing."""

    def look(self, *, leaving: bool) -> None:
        """Let nothing go."""

    def dated(self, event: ApprovalRequested) -> ApprovalRequested:
        """Return a request with the time that the record says."""
        place = self._state().seq
        said = self._records[place].event if place < len(self._records) else None
        return event.model_copy(update={"expires_at": getattr(said, "expires_at", None)})

    def postpones(self, role: str, item: object) -> bool:
        """Whether the record says so."""
        place = self._state().seq
        event = self._records[place].event if place < len(self._records) else None
        wanted = isinstance(item, EngineError) and isinstance(event, PlanningPostponed) and event.role == role
        return wanted and self._fact(event)  # pyright: ignore[reportArgumentType]


async def _no_clock() -> float:
    return 0.0


class IdleExecutor:
    """Calls no tool: what became of each step is in the record. It notes only which steps were begun."""

    def __init__(self, begun: set[str]) -> None:
        self.filling: set[str] = set()
        self._begun = begun

    def start(self, run_id: str, event: StepStarted) -> None:
        """Call nothing."""
        del run_id
        self._begun.add(event.step_id)

    def fill(self, request: FillRequest) -> None:
        """Ask nothing."""
        self._begun.add(request.step.id)
        self.filling.add(request.step.id)

    def rehearse(self, call: StepCall) -> None:
        """Call nothing."""
        self._begun.add(call.step_id)
        self.filling.add(call.step_id)

    def cancel(self, step_id: str) -> None:
        """Cancel nothing."""


class Declared:
    """Tools that can be looked at and not called (implements ``schemas.protocols.ToolSource``)."""

    def __init__(self, specs: Mapping[str, ToolSpec], records: Sequence[LoggedRecord], head: Callable[[], int]) -> None:
        self._specs = specs
        self._records = records
        self._head = head

    def specs(self) -> Mapping[str, ToolSpec]:
        """Return the tools as they were when the plan that is now asked for was asked for."""
        specs = dict(self._specs)
        for record in self._records:
            if isinstance(record.event, (PlanStarted, ReplanStarted)):
                specs.update((tool.name, tool) for tool in record.event.added)
                for name in record.event.removed:
                    specs.pop(name, None)
                if record.seq > self._head():
                    break
        return specs

    def unavailable(self) -> Mapping[str, str]:
        """Return what was down when the plan that is now asked for was asked for."""
        for record in self._records[self._head() :]:
            if isinstance(record.event, (PlanStarted, ReplanStarted)):
                return dict.fromkeys(record.event.unavailable, "")
        return {}

    def get(self, name: str) -> Tool:
        """Refuse.

        Raises:
            ToolNotFoundError: Always: a replay calls no tool.
        """
        raise ToolNotFoundError(f"a replay calls no tool, not {name} either")
