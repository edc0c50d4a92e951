"""Performs what the scheduler decides: starts steps, fills their arguments, cancels them. Decides nothing itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

import anyio
import anyio.abc
import structlog

from engine.executor.footing import Footing
from engine.executor.step import CallContext, ToolRunner
from engine.telemetry import Span, log_step, span
from schemas.driving import StepPostponed
from schemas.errors import EngineError, StepError, StepInputError, described
from schemas.events import LoggedEvent, StepEnded, StepFilled, StepRehearsed, StepStarted, ThreadEnded, ThreadStuck
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
        settle: Takes a step's end and returns a step that may start now, in the same task.
        new_context: Makes the context of a call.
        model_for: Gives the model client of a step.
    """

    def __init__(
        self,
        group: anyio.abc.TaskGroup,
        runner: ToolRunner,
        filler: Filler,
        report: Callable[[LoggedEvent], None],
        settle: Callable[[StepEnded], Awaitable[StepStarted | None]],
        new_context: Callable[[StepCall], CallContext],
        model_for: Callable[[str], ModelClient],
    ) -> None:
        self._group = group
        self._runner = runner
        self._filler = filler
        self._report = report
        self._settle = settle
        self._new_context = new_context
        self._model_for = model_for
        self._scopes: dict[str, anyio.CancelScope] = {}
        self._starts: deque[tuple[str, StepStarted, anyio.CancelScope]] = deque()
        self._spare = False
        self.filling: set[str] = set()

    def start(self, run_id: str, event: StepStarted) -> None:
        """Call the tool of a started step."""
        self._starts.append((run_id, event, self._scope(event.step_id)))
        self._hire()

    def fill(self, request: FillRequest) -> None:
        """Let the executor model complete a step's arguments."""
        self.filling.add(request.step.id)
        self._group.start_soon(self._fill, request, self._scope(request.step.id))

    def rehearse(self, call: StepCall) -> None:
        """Make the dry run of a call that somebody is to be asked about."""
        self.filling.add(call.step_id)
        self._group.start_soon(self._rehearse, call, self._scope(call.step_id))

    def cancel(self, step_id: str) -> None:
        """Cancel a step; its end is reported as any other."""
        scope = self._scopes.get(step_id)
        if scope is not None:
            scope.cancel()

    def _scope(self, step_id: str) -> anyio.CancelScope:
        """Make a step's scope: it can be cancelled before its task has begun."""
        scope = self._scopes[step_id] = anyio.CancelScope()
        return scope

    def _hire(self) -> None:
        """Have a task ready for the next start."""
        if not self._spare:
            self._spare = True
            self._group.start_soon(self._work)

    async def _work(self) -> None:
        """Run starts as long as there are any; while one is waited for, another task is ready for the next.

        So steps that wait run side by side, each in a task of its own, and steps that do not wait share one: a task
        costs more than such a step.
        """
        self._spare = False
        while self._starts:
            run_id, event, scope = self._starts.popleft()
            if self._starts:
                self._hire()
            await self._run(run_id, event, scope)

    async def _run(self, run_id: str, event: StepStarted, scope: anyio.CancelScope) -> None:
        """Run a step, and then the first of those that its end lets start, and so on: a chain is one task.

        They share a scope until one of them is cancelled: opening one costs more than a step that does not wait.
        """
        context = self._context(run_id, event)
        while True:
            result: StepResult | StepPostponed | None = None
            with scope:
                footing = Footing()  # once: the steps of a chain all stand like this
                while not scope.cancel_called:  # else a tool would still run up to its first await
                    context.footing = footing
                    result = await self._one(context)
                    if scope.cancel_called:
                        break
                    following = await self._end(context, result)
                    if following is None:
                        return
                    result = None
                    context = self._context(run_id, following)
                    self._scopes[context.call.step_id] = scope
            following = await self._end(context, result or _cancelled(context))
            if following is None:
                return
            scope = self._scope(following.step_id)
            context = self._context(run_id, following)

    def _context(self, run_id: str, event: StepStarted) -> CallContext:
        step_id = event.step_id
        postponed = self._runner.postponed(step_id)
        return self._new_context(
            StepCall(run_id, step_id, event.tool, event.input, event.idempotency_key, postponed=postponed)
        )

    async def _one(self, context: CallContext) -> StepResult | StepPostponed:
        call = context.call
        log_step(call.step_id)
        result: StepResult | StepPostponed | None = None
        with span("step", **{"engine.step.id": call.step_id, "engine.tool": call.tool}) as current:
            try:
                result = await self._runner.run(call, context)
                return result
            except EngineError as exc:
                postponed = self._runner.put_off(call.step_id, exc)
                if postponed is None:
                    raise
                result = postponed.model_copy(update={"attempts": context.attempts})
                return result
            finally:
                self._scopes.pop(call.step_id, None)
                if current.recorded and not isinstance(result, StepPostponed):
                    _tell(current, result or _cancelled(context))

    async def _end(self, context: CallContext, result: StepResult | StepPostponed) -> StepStarted | None:
        call = context.call
        if not isinstance(result, StepResult):
            self._report(result)
            return None
        if call.postponed:
            result = self._runner.in_all(call.step_id, result)
        if context.thread_done is not None and not result.abandoned:  # its dry run's, or one that a tool caught
            result = result.model_copy(update={"abandoned": True})
        following = await self._settle(StepEnded.trusted(step_id=call.step_id, tool=call.tool, result=result))
        if context.thread_done is not None:
            self._group.start_soon(self._watch_thread, call, context.thread_done)
        return following

    async def _watch_thread(self, call: StepCall, thread_done: anyio.Event) -> None:
        """Report when an abandoned call comes back, and before, when it does not in its grace."""
        grace_s = self._runner.grace_s(call.tool)
        with anyio.move_on_after(grace_s):
            await thread_done.wait()
        if not thread_done.is_set():
            self._report(ThreadStuck(step_id=call.step_id, grace_s=grace_s))
            await thread_done.wait()
        self._report(ThreadEnded(step_id=call.step_id))

    async def _fill(self, request: FillRequest, scope: anyio.CancelScope) -> None:
        step_id = request.step.id
        event: LoggedEvent = StepEnded(
            step_id=step_id, tool=request.step.tool, result=StepResult(status="cancelled", reason="cancelled")
        )
        log_step(step_id)
        with scope, span("fill", **_attributes(step_id, request.step.tool)) as current:
            try:
                filled = await self._filler.fill(request, self._model_for(step_id))
                event = StepFilled(step_id=step_id, input=filled)
            except EngineError as exc:
                event = self._runner.put_off(step_id, exc) or _failed_fill(request, exc)
                if isinstance(event, StepEnded):
                    _tell(current, event.result)
            except Exception as exc:
                structlog.get_logger().exception("the filler raised", step_id=step_id)
                event = _failed_fill(request, StepInputError(f"the filler raised {described(exc)}"))
                _tell(current, event.result)
            finally:
                self._scopes.pop(step_id, None)
                self._report(event)

    async def _rehearse(self, call: StepCall, scope: anyio.CancelScope) -> None:
        cancelled = StepResult(status="cancelled", reason="cancelled")
        event: LoggedEvent = StepEnded(step_id=call.step_id, tool=call.tool, result=cancelled)
        log_step(call.step_id)
        with scope, span("rehearsal", **_attributes(call.step_id, call.tool)) as current:
            try:
                result = await self._runner.rehearse(call, self._new_context(call))
                event = StepRehearsed(step_id=call.step_id, tool=call.tool, result=result)
                _tell(current, result)
            finally:
                self._scopes.pop(call.step_id, None)
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
        attempts=context.attempts,
        in_doubt=bool(context.call.idempotency_key) and context.attempts > 0,
        abandoned=context.thread_done is not None,
    )


def _failed_fill(request: FillRequest, exc: EngineError) -> StepEnded:
    error = exc.to_info()
    if not isinstance(exc, StepError):
        error = error.model_copy(update={"message": f"its arguments could not be completed: {exc.message}"})
    return StepEnded(step_id=request.step.id, tool=request.step.tool, result=StepResult(status="failed", error=error))
