"""Performs what the scheduler decides: starts steps, fills their arguments, cancels them. Decides nothing itself."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import anyio.abc

from engine.executor.outcome import Outcome
from engine.executor.step import CallContext, ToolRunner
from engine.telemetry import Span, log_ids, span
from schemas.errors import EngineError, StepError
from schemas.events import LoggedEvent, StepEnded, StepFilled, StepStarted, ThreadEnded
from schemas.planning import FillRequest, StepCall
from schemas.protocols import Filler, ModelClient
from schemas.result import StepResult


class Executor:
    """Runs steps as tasks of one group and reports what happened as events.

    Args:
        group: The run's task group; every step is a task of it.
        runner: Calls tools.
        filler: Completes arguments.
        report: Takes each event; called on the event loop, never awaited.
        new_context: Makes the context of a call.
        model_for: Gives the model client of a step.
    """

    def __init__(
        self,
        group: anyio.abc.TaskGroup,
        runner: ToolRunner,
        filler: Filler,
        report: Callable[[LoggedEvent], None],
        new_context: Callable[[StepCall], CallContext],
        model_for: Callable[[str], ModelClient],
    ) -> None:
        self._group = group
        self._runner = runner
        self._filler = filler
        self._report = report
        self._new_context = new_context
        self._model_for = model_for
        self._scopes: dict[str, anyio.CancelScope] = {}
        self.filling: set[str] = set()

    def start(self, run_id: str, event: StepStarted) -> None:
        """Call the tool of a started step."""
        call = StepCall(
            run_id=run_id,
            step_id=event.step_id,
            tool=event.tool,
            input=event.input,
            idempotency_key=event.idempotency_key,
        )
        self._group.start_soon(self._run, call, self._scope(event.step_id))

    def fill(self, request: FillRequest) -> None:
        """Let the executor model complete a step's arguments."""
        self.filling.add(request.step.id)
        self._group.start_soon(self._fill, request, self._scope(request.step.id))

    def cancel(self, step_id: str) -> None:
        """Cancel a step; its end is reported as any other."""
        scope = self._scopes.get(step_id)
        if scope is not None:
            scope.cancel()

    def _scope(self, step_id: str) -> anyio.CancelScope:
        """Make a step's scope: it can be cancelled before its task has begun."""
        scope = self._scopes[step_id] = anyio.CancelScope()
        return scope

    async def _run(self, call: StepCall, scope: anyio.CancelScope) -> None:
        context = self._new_context(call)
        outcome: Outcome | None = None
        with scope, log_ids(step_id=call.step_id), span("step", **_attributes(call.step_id, call.tool)) as current:
            try:
                outcome = await self._runner.attempt_all(call, context)
            finally:
                self._scopes.pop(call.step_id, None)
                if outcome is None:
                    outcome = Outcome(_cancelled(context), context.thread_done)
                _tell(current, outcome.result)
                self._report(StepEnded(step_id=call.step_id, tool=call.tool, result=outcome.result))
        if context.thread_done is not None:
            await context.thread_done.wait()
            self._report(ThreadEnded(step_id=call.step_id))

    async def _fill(self, request: FillRequest, scope: anyio.CancelScope) -> None:
        step_id = request.step.id
        event: LoggedEvent = StepEnded(
            step_id=step_id, tool=request.step.tool, result=StepResult(status="cancelled", reason="cancelled")
        )
        with scope, log_ids(step_id=step_id), span("fill", **_attributes(step_id, request.step.tool)) as current:
            try:
                filled = await self._filler.fill(request, self._model_for(step_id))
                event = StepFilled(step_id=step_id, input=filled)
            except EngineError as exc:
                event = _failed_fill(request, exc)
                _tell(current, event.result)
            finally:
                self._scopes.pop(step_id, None)
                self.filling.discard(step_id)
                self._report(event)


def _attributes(step_id: str, tool: str) -> dict[str, str]:
    return {"engine.step.id": step_id, "engine.tool": tool}


def _tell(current: Span, result: StepResult) -> None:
    """Tell a span how its step ended: the error's code, not its message, which may quote arguments."""
    current.set(**{"engine.step.status": result.status, "engine.attempts": result.attempts})
    if result.error is not None:
        current.set(**{"error.type": result.error.code})
        current.fail(result.error.code)


def _cancelled(context: CallContext) -> StepResult:
    return StepResult(
        status="cancelled",
        reason="cancelled while it ran",
        attempts=1,
        in_doubt=bool(context.call.idempotency_key),
        abandoned=context.thread_done is not None,
    )


def _failed_fill(request: FillRequest, exc: EngineError) -> StepEnded:
    error = exc.to_info()
    if not isinstance(exc, StepError):
        error = error.model_copy(update={"message": f"its arguments could not be completed: {exc.message}"})
    return StepEnded(step_id=request.step.id, tool=request.step.tool, result=StepResult(status="failed", error=error))
