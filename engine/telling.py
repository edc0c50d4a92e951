"""Gives later prompts the summaries they want: made when the first prompt needs one, once a result, kept in the log.

Planner, synthesizer and filler are wrapped, so that none of them knows where a summary comes from. A summary that can't
be had (the model fails, the budget does not cover it) leaves the preview in its place and one warning.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Protocol, cast

import anyio

from engine.dag.state import RunState
from engine.executor.summary import LLMSummarizer
from engine.replanner.view import head, summarized
from schemas.errors import EngineError
from schemas.events import LoggedEvent, ResultSummarized, Warned
from schemas.excerpts import excerpts
from schemas.planning import AnswerReady, AnswerRequest, FillRequest, PastStep, PlanDelta, PlanRequest, PlanText
from schemas.protocols import Filler, ModelClient, Planner, Synthesizer

WARNING = "summary"
_READ_CHARS = 60_000
_MOST_HEAD = 4 * _READ_CHARS


class Teller(Protocol):
    """Puts summaries in the place of previews."""

    async def told(self, steps: tuple[PastStep, ...], task: str) -> tuple[PastStep, ...]:
        """Return the steps with every summary that is wanted and can be had."""
        ...


class Summaries:
    """Makes the summaries of one run.

    Args:
        state: Gives the run as it is now.
        model: The gateway as this run sees it.
        report: Takes each summary as an event, and a warning where there is none.
        summarizer: Writes them.
    """

    def __init__(
        self,
        state: Callable[[], RunState],
        model: ModelClient,
        report: Callable[[LoggedEvent], None],
        summarizer: LLMSummarizer,
    ) -> None:
        self._state = state
        self._model = model
        self._report = report
        self._summarizer = summarizer
        self._made: dict[str, str | None] = {}
        self._locks: dict[str, anyio.Lock] = {}

    async def told(self, steps: tuple[PastStep, ...], task: str) -> tuple[PastStep, ...]:
        """Return the steps with their summaries, asking for those not made yet, side by side.

        Cancellation: a call under way is broken off; another prompt that wants the same summary asks again.
        Cost: one model call for each result never asked for before.
        """
        wanted = [past for past in steps if past.summarize]
        if not wanted:
            return steps
        async with anyio.create_task_group() as group:
            for past in wanted:
                group.start_soon(self._make, past, task)
        return tuple(self._shown(past) for past in steps)

    async def _make(self, past: PastStep, task: str) -> None:
        step_id = past.step.id
        async with self._locks.setdefault(step_id, anyio.Lock()):
            if step_id in self._made:
                return
            known = self._state().summaries.get(step_id)
            self._made[step_id] = known if known is not None else await self._ask(past, task)

    async def _ask(self, past: PastStep, task: str) -> str | None:
        step_id = past.step.id
        text = excerpts([head(self._state().graph.values.get(step_id), _MOST_HEAD)], _READ_CHARS)[0]
        try:
            summary = await self._summarizer.summarize(task, past, text, self._model)
        except EngineError as exc:
            message = f"the result of step {step_id} is shown to models as a preview: {exc.message}"
            self._report(Warned(code=WARNING, message=message, where=f"step {step_id}"))
            return None
        self._report(ResultSummarized(step_id=step_id, text=summary))
        return summary

    def _shown(self, past: PastStep) -> PastStep:
        return _summarized(past, self._made.get(past.step.id), self._state()) if past.summarize else past


class RecordedSummaries:
    """The summaries of a recorded run (implements ``Teller``): none is made.

    Args:
        state: Gives the run as it is now.
        texts: The recorded summaries by step id.
    """

    def __init__(self, state: Callable[[], RunState], texts: Mapping[str, str]) -> None:
        self._state = state
        self._texts = texts

    async def told(self, steps: tuple[PastStep, ...], task: str) -> tuple[PastStep, ...]:
        """Return the steps with the summaries that were made."""
        del task
        state = self._state()
        return tuple(
            _summarized(past, self._texts.get(past.step.id), state) if past.summarize else past for past in steps
        )


def _summarized(past: PastStep, summary: str | None, state: RunState) -> PastStep:
    if summary is None:
        return past.model_copy(update={"summarize": False})
    step = state.graph.steps[past.step.id]
    artifact = step.result.artifact if step.result is not None else None
    text = summarized(past.step.id, state.graph.values.get(past.step.id), artifact, summary)
    return past.model_copy(update={"preview": text, "view": "summary", "summarize": False})


class TellingPlanner:
    """A planner that is told summaries (implements ``schemas.protocols.Planner``)."""

    def __init__(self, planner: Planner, teller: Teller) -> None:
        self._planner = planner
        self._teller = teller

    async def plan(self, request: PlanRequest, model: ModelClient) -> AsyncIterator[PlanDelta]:
        """Stream one plan. Raises as the planner does."""
        history = request.history
        if history is not None:
            steps = await self._teller.told(history.steps, request.task)
            request = request.model_copy(update={"history": history.model_copy(update={"steps": steps})})
        planning = cast("AsyncGenerator[PlanDelta]", self._planner.plan(request, model))
        async with aclosing(planning) as items:
            async for item in items:
                yield item


class TellingSynthesizer:
    """A synthesizer that is told summaries (implements ``schemas.protocols.Synthesizer``)."""

    def __init__(self, synthesizer: Synthesizer, teller: Teller) -> None:
        self._synthesizer = synthesizer
        self._teller = teller

    async def answer(self, request: AnswerRequest, model: ModelClient) -> AsyncIterator[PlanText | AnswerReady]:
        """Stream the answer. Raises as the synthesizer does."""
        steps = await self._teller.told(request.steps, request.task)
        answering = self._synthesizer.answer(request.model_copy(update={"steps": steps}), model)
        async with aclosing(cast("AsyncGenerator[PlanText | AnswerReady]", answering)) as items:
            async for item in items:
                yield item


class TellingFiller:
    """A filler that is told summaries (implements ``schemas.protocols.Filler``)."""

    def __init__(self, filler: Filler, teller: Teller) -> None:
        self._filler = filler
        self._teller = teller

    async def fill(self, request: FillRequest, model: ModelClient) -> dict[str, Any]:
        """Return the whole input. Raises as the filler does."""
        inputs = await self._teller.told(request.inputs, request.task)
        return await self._filler.fill(request.model_copy(update={"inputs": inputs}), model)
