"""What models and the plan cache said in a recorded run, said again to whoever asks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from typing import cast

from engine.journal import Inbox
from engine.loop import Happening
from engine.planner.reply import BEGAN_ANEW
from gateway.providers.replay import Recording, ReplayProvider
from schemas.errors import CostBudgetError, EngineError, StoreError, from_info
from schemas.events import (
    BudgetExhausted,
    LoggedRecord,
    ModelCalled,
    PlanLookedUp,
    PlanRejected,
    PlanRepair,
    RunStarted,
)
from schemas.model import Done, ModelChunk, ModelRequest, ModelResponse, Restart, TextDelta
from schemas.planning import CacheLookup, PlanDelta, PlanReady, PlanRequest
from schemas.protocols import ModelClient, Planner

PATIENCE_S = 5.0


class RecordedModel:
    """Gives each caller the replies recorded for it (implements ``schemas.protocols.ModelClient``)."""

    def __init__(self, records: Sequence[LoggedRecord], started: RunStarted, inbox: Inbox[Happening]) -> None:
        calls = [record.event for record in records if isinstance(record.event, ModelCalled)]
        self._provider = ReplayProvider(Recording(calls))
        self._started = started
        self._inbox = inbox
        self._spent = next((r.event for r in records if isinstance(r.event, BudgetExhausted)), None)
        self._refused = {
            record.event.revision: record.event.error
            for record in records
            if isinstance(record.event, PlanRejected) and record.event.error.code.startswith("budget.")
        }
        self._anew = _begun_anew(records)

    def planner_dialect(self, role: str) -> tuple[str, str]:
        """Return what the recorded run's planner spoke."""
        del role
        return self._started.dialect, self._started.tier

    async def stream(
        self, request: ModelRequest, *, role: str, step_id: str | None = None, revision: int | None = None
    ) -> AsyncIterator[ModelChunk]:
        """Stream the recorded reply and report the recorded call.

        Raises:
            EngineError: As recorded; CostBudgetError where the run had no budget left.
        """
        try:
            call = self._provider.recording.take(role, step_id, revision)
        except EngineError as exc:
            if revision in self._refused:
                raise from_info(self._refused[revision]) from exc
            if self._spent is not None:
                raise CostBudgetError(self._spent.message) from exc
            raise
        for chunk in _cut_off(call, self._anew.get(id(call), ())):
            yield chunk
        asked = ReplayProvider(Recording([call]), role=role, step_id=step_id, revision=revision)
        try:
            replying = cast("AsyncGenerator[ModelChunk]", asked.stream("", request, timeout_s=PATIENCE_S))
            async with aclosing(replying) as chunks:
                async for chunk in chunks:
                    if isinstance(chunk, Done):
                        self._inbox.put(call)
                    yield chunk
        except EngineError:
            self._inbox.put(call)
            raise

    async def complete(
        self, request: ModelRequest, *, role: str, step_id: str | None = None, revision: int | None = None
    ) -> ModelResponse:
        """Return the recorded reply whole. Raises as ``stream``."""
        async for chunk in self.stream(request, role=role, step_id=step_id, revision=revision):
            if isinstance(chunk, Done):
                return chunk.response
        raise StoreError("a recorded reply has no end")


def _begun_anew(records: Sequence[LoggedRecord]) -> dict[int, list[tuple[str, str]]]:
    """What each planner's call (by its identity) wrote before it began anew, and why, as plan_repair events say."""
    found: dict[int, list[tuple[str, str]]] = {}
    waiting: list[tuple[str, str]] = []
    for record in records:
        event = record.event
        if isinstance(event, PlanRepair) and event.errors and event.errors[0].startswith(BEGAN_ANEW):
            waiting.append((event.raw, event.errors[0].removeprefix(BEGAN_ANEW)))
        elif isinstance(event, ModelCalled) and event.role == "planner":
            found[id(event)], waiting = waiting, []
    return found


def _cut_off(call: ModelCalled, anew: Sequence[tuple[str, str]]) -> Iterator[ModelChunk]:
    """What a recorded call streamed before its reply, or before it failed for good."""
    for raw, reason in anew:
        yield TextDelta(text=raw)
        yield Restart(reason=reason)
    if call.error is not None:
        yield from (TextDelta(text=part.text) for part in call.parts if part.kind == "text")


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
