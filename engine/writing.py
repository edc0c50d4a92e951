"""Asks the synthesizer for the answer: one at a time, broken off when nobody wants it any more."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import cast

import anyio
import anyio.abc
import structlog

from engine.dag.state import RunState
from engine.streams import Streams
from engine.telemetry import span
from schemas.errors import EngineError, ModelOutputError, described
from schemas.planning import AnswerReady, AnswerRequest, PlanText
from schemas.protocols import ModelClient, Synthesizer

_STREAM = "answer"


@dataclass(frozen=True, slots=True)
class Wrote:
    """The synthesizer's reply, or why there is none; ``scope`` tells which of several."""

    scope: anyio.CancelScope
    item: PlanText | AnswerReady | EngineError


class Writer:
    """Writes the answer of one run.

    Args:
        synthesizer: Writes it.
        model: The gateway as this run sees it.
        report: Takes each part of the reply, or why there is none.
        streams: Takes the text as it grows.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        model: ModelClient,
        report: Callable[[Wrote], None],
        streams: Streams,
    ) -> None:
        self._synthesizer = synthesizer
        self._model = model
        self._report = report
        self._streams = streams
        self._scope: anyio.CancelScope | None = None
        self._turn = anyio.Lock()
        self.task = ""

    @property
    def busy(self) -> bool:
        """Whether an answer is being written."""
        return self._scope is not None

    def start(self, group: anyio.abc.TaskGroup, request: AnswerRequest) -> None:
        """Begin to write; the reply is reported."""
        self.task = request.task
        self._streams.close(_STREAM)
        self._scope = anyio.CancelScope()
        group.start_soon(self._ask, request, self._scope)

    def break_off(self, reason: str) -> None:
        """Forget the answer that is being written, if any; what is reported of it from now on is not wanted."""
        if self._scope is not None:
            self._scope.cancel()
            self._scope = None
            self._streams.reset(_STREAM, reason)

    def look(self, state: RunState) -> bool:
        """Break off an answer that nobody wants any more: the run was stopped, or its goal changed.

        Return whether one is being written.
        """
        if self._scope is not None and (state.stop is not None or state.task != self.task):
            self.break_off(state.stop_reason or "the goal changed")
        return self._scope is not None

    def take(self, wrote: Wrote) -> AnswerReady | EngineError | None:
        """Take a reported part in; return the end of the reply once it is there."""
        if wrote.scope is not self._scope:
            return None
        if not isinstance(wrote.item, PlanText):
            self._scope = None
            return wrote.item
        if wrote.item.restart:
            self._streams.reset(_STREAM, "the reply began anew")
        self._streams.text(_STREAM, wrote.item.text)
        return None

    async def _ask(self, request: AnswerRequest, scope: anyio.CancelScope) -> None:
        with scope, span("synthesize"):
            ready = False
            await self._turn.acquire()  # the call that was broken off is over: the record holds them in their order
            try:
                answering = self._synthesizer.answer(request, self._model)
                async with aclosing(cast("AsyncGenerator[PlanText | AnswerReady]", answering)) as items:
                    async for item in items:
                        ready = ready or isinstance(item, AnswerReady)
                        self._report(Wrote(scope, item))
                if not ready:
                    raise ModelOutputError("the synthesizer ended without an answer")
            except EngineError as exc:
                self._report(Wrote(scope, exc))
            except Exception as exc:
                structlog.get_logger().exception("the synthesizer raised")
                self._report(Wrote(scope, ModelOutputError(f"the synthesizer raised {described(exc)}")))
            finally:
                self._turn.release()
