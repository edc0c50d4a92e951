"""Runs one call of one step to its end: checks, deadline, retries, result.

A failure is a value. What may be tried again follows from what is known of the failed attempt: a tool without effects,
or an idempotent one, is repeated after any transient failure; an effectful one only when the attempt certainly did
not happen. Otherwise the step is *in doubt* and left to a person.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import anyio

from engine.dag.validate import faults
from engine.executor.agents import AgentAccounts
from engine.executor.asked import Ask, Asked
from engine.executor.footing import Footing
from engine.executor.outcome import Keep, Stored, store_value
from engine.executor.spending import Spending
from engine.tools.failures import interrupted
from gateway.budget import MemoryLedger
from schemas.driving import StepPostponed
from schemas.errors import (
    ElicitationDeclinedError,
    EngineError,
    StepOutputError,
    StepTimeoutError,
    ToolArgumentsError,
    ToolError,
    ToolFailedError,
    ToolPostponedError,
    described,
)
from schemas.events import StepRetried
from schemas.planning import StepCall
from schemas.protocols import ModelClient, Tool, ToolSource
from schemas.result import ErrorInfo, StepResult, Usage
from schemas.tool import RetryPolicy, ToolSpec

_RETRY_AFTER = "retry_after_s"
_SHORTEST_GRACE_S = 1.0
_LONGEST_GRACE_S = 30.0
Contradiction = Callable[[StepCall, str, Any], Awaitable[str]]
"""(call, expected in words, value) → why they contradict each other, or empty."""
OnText = Callable[[StepCall, str | None], None]
"""(call, the next piece of what it writes; None: all of it so far is void)."""


class CallContext:
    """What a running tool may use of its run (implements ``schemas.protocols.ToolContext``)."""

    __slots__ = (
        *("_ask", "_asked", "_model", "_model_for", "_on_progress", "_on_text", "_usage", "_written"),
        *("attempts", "call", "deadline", "footing", "left_usd", "replan", "thread_done"),
    )

    def __init__(
        self,
        call: StepCall,
        model_for: Callable[[str], ModelClient | None],
        on_progress: Callable[[StepCall, str, float | None], None],
        on_text: OnText | None = None,
        ask: Ask | None = None,
    ) -> None:
        self.call = call
        self.deadline: anyio.CancelScope | None = None
        self._ask = ask
        self._asked: Asked | None = None
        self._usage: Usage | None = None
        self.left_usd: float | None = None
        self._on_text = on_text
        self._written = False
        self.attempts = 0
        self.replan = ""
        self.thread_done: anyio.Event | None = None
        self.footing: Footing | None = None
        self._model: ModelClient | None = None
        self._model_for = model_for
        self._on_progress = on_progress

    @property
    def model(self) -> ModelClient | None:
        """Model calls counted to the run and this step."""
        if self._model is None:
            self._model = self._model_for(self.call.step_id)
        return self._model

    def progress(self, message: str = "", fraction: float | None = None) -> None:
        """Tell whoever watches how far the call is."""
        self._on_progress(self.call, message, fraction)

    def text(self, piece: str) -> None:
        """Show the next piece of what the call writes, as its step's live text."""
        if self._on_text is not None and piece:
            self._written = True
            self._on_text(self.call, piece)

    def void(self) -> None:
        """What the call wrote so far is void: it failed."""
        if self._on_text is not None and self._written:
            self._written = False
            self._on_text(self.call, None)

    def used(self, usage: Usage) -> None:
        """Count what the call used otherwise than through ``model``."""
        self._usage = self.usage + usage

    @property
    def usage(self) -> Usage:
        """What the call used otherwise than through ``model``."""
        return self._usage or Usage()

    def request_replan(self, reason: str) -> None:
        """Ask for a new plan once this step has ended."""
        self.replan = str(reason)

    def postpone(self, *, seconds: float | None = None, until: float | None = None, reason: str = "") -> NoReturn:
        """End this call: the same one is made again later.

        Raises:
            ToolPostponedError: Always.
            ToolArgumentsError: Not exactly one of the two times is given.
        """
        if (seconds is None) == (until is None):
            raise ToolArgumentsError(f"{self.call.tool} is postponed by seconds, or until a time: give one of the two")
        raise ToolPostponedError(
            f"{self.call.tool} is to be called later{f': {reason}' if reason else ''}",
            details={"seconds": seconds, "until": until, "reason": reason},
        )

    def begin(self) -> None:
        """Another attempt begins: what it asks is counted anew."""
        self.deadline = self._asked = None

    async def ask(self, question: str, answer_schema: dict[str, Any] | None = None) -> Any:
        """Ask a person and return the answer; the attempt's deadline stands still meanwhile.

        Raises:
            ElicitationDeclinedError: There will be no answer.
        """
        if self._ask is None:
            raise ElicitationDeclinedError(f"{self.call.tool} asks, but it was called outside a run")
        if self._asked is None:
            self._asked = Asked(self.call, self._ask, self.deadline)
        return await self._asked.ask(question, answer_schema)

    @property
    def waited_s(self) -> float:
        """Seconds that this attempt waited for people."""
        return self._asked.waited_s if self._asked is not None else 0.0

    def abandoned(self, thread_done: anyio.Event) -> None:
        """A blocking call was given up on; the event is set when its thread ends."""
        self.thread_done = thread_done


@dataclass(frozen=True, slots=True)
class Patience:
    """When a step is postponed instead of waited for.

    Attributes:
        now: Unix time.
        postponed: Tells how often a step was postponed.
        attempts: Tells how many calls were made before a step was last postponed.
        longest_s: From which wait on, asked for by what a tool calls, it is.
        most: How often it may be.
    """

    now: Callable[[], float] = time.time
    postponed: Callable[[str], int] = lambda _: 0
    attempts: Callable[[str], int] = lambda _: 0
    longest_s: float = 60.0
    most: int = 100


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every step of a run shares.

    Attributes:
        tools: The declared tools.
        keep: Keeps a large result: (value, its JSON, preview) → reference.
        model_for: Gives the model client of a step.
        on_progress: Takes (call, message, fraction).
        on_retry: Takes the event of an attempt that failed and will be repeated.
        expected: Gives a step's expected_output by its id.
        contradiction: Asks the judge why a result contradicts what is expected in words; None asks nobody.
        result_bytes: Results beyond this become artifacts.
        max_result_bytes: Results beyond this fail the step.
        clock: Monotonic seconds.
        jitter: Draws from [0, 1).
        spending: Holds calls to the spending limits of their tools.
        patience: When steps are postponed.
        agents: Counts what agents use; None counts nothing.
    """

    tools: ToolSource
    keep: Keep
    model_for: Callable[[str], ModelClient | None]
    on_progress: Callable[[StepCall, str, float | None], None]
    on_retry: Callable[[StepRetried], None]
    expected: Callable[[str], dict[str, Any] | str | None]
    contradiction: Contradiction | None = None
    result_bytes: int = 65_536
    max_result_bytes: int = 100_000_000
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random
    spending: Spending = field(default_factory=lambda: Spending(MemoryLedger()))
    patience: Patience = field(default_factory=lambda: Patience())
    agents: AgentAccounts | None = None


class ToolRunner:
    """Calls tools for steps (implements ``schemas.protocols.StepRunner``).

    Attributes:
        postponed: How often a step was postponed, by its id.
    """

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self.postponed = around.patience.postponed

    async def run(self, call: StepCall, context: CallContext | None = None) -> StepResult:
        """Call the tool until it succeeds, fails for good, or its attempts are used up.

        Cancellation: raises it through; a blocking call is abandoned (``thread_done`` of the context).

        Raises:
            EngineError: The same call is to be made again later: ``put_off`` says when.
        """
        around = self._around
        context = context or CallContext(call, around.model_for, around.on_progress)
        started = around.clock()
        try:
            tool = around.tools.get(call.tool)
            _check_arguments(tool.spec, call.input)
            if tool.spec.simulate is not None:
                await self._simulate(tool.spec, tool.spec.simulate, call, context)
            if tool.spec.spending is not None:
                async with around.spending.held(tool.spec, call) as outcome:
                    outcome.result = await self._counted(tool, call, context, started)
                return outcome.result
        except EngineError as exc:
            return _failed(exc.to_info(), 0, around.clock() - started)
        return await self._counted(tool, call, context, started)

    def _counted(self, tool: Tool, call: StepCall, context: CallContext, started: float) -> Awaitable[StepResult]:
        """Make the attempts; what an agent uses in them is held against, and counted to, its budgets."""
        agents = self._around.agents
        if tool.spec.kind != "agent" or agents is None:
            return self._attempts(tool, call, context, started)
        return self._budgeted(agents, tool, call, context, started)

    async def _budgeted(
        self, agents: AgentAccounts, tool: Tool, call: StepCall, context: CallContext, started: float
    ) -> StepResult:
        around = self._around
        try:
            held = await agents.reserve(tool.spec, call)
        except EngineError as exc:
            if self.put_off(call.step_id, exc) is not None:
                raise
            return _failed(exc.to_info(), 0, around.clock() - started)
        context.left_usd = held.left_usd
        try:
            return await self._attempts(tool, call, context, started)
        finally:
            await agents.settle(held, context.usage, around.clock() - started)

    def in_all(self, step_id: str, result: StepResult) -> StepResult:
        """Return a result with all calls of its step counted, those before it was postponed too."""
        before = self._around.patience.attempts(step_id)
        return result.model_copy(update={"attempts": before + result.attempts}) if before else result

    def put_off(self, step_id: str, error: EngineError) -> StepPostponed | None:
        """Return the event that puts a step off, where its tool, or what it calls, asks for that; else None."""
        patience = self._around.patience
        if isinstance(error, ToolPostponedError):
            until, seconds = error.details.get("until"), error.details.get("seconds")
            due = patience.now() + (seconds or 0.0) if until is None else until
            return StepPostponed(step_id=step_id, until=due, reason=str(error.details.get("reason", "")))
        wait_s = error.details.get(_RETRY_AFTER)
        if not error.retryable or wait_s is None or wait_s <= patience.longest_s:
            return None
        if patience.postponed(step_id) >= patience.most:
            return None
        return StepPostponed(step_id=step_id, until=patience.now() + wait_s, reason=error.message, cause="rate_limit")

    def grace_s(self, tool: str) -> float:
        """Seconds an abandoned call of a tool may take to come back: its time limit again, 1 at least, at most 30."""
        spec = self._around.tools.specs().get(tool)
        limit_s = spec.timeout_s if spec is not None else None
        return _LONGEST_GRACE_S if limit_s is None else min(max(limit_s, _SHORTEST_GRACE_S), _LONGEST_GRACE_S)

    async def rehearse(self, call: StepCall, context: CallContext) -> StepResult:
        """Make the declared dry run of a call, and return what it shows; a large value as its beginning.

        Cancellation: raises it through; a blocking call is abandoned.
        """
        around = self._around
        started = around.clock()
        try:
            spec = around.tools.get(call.tool).spec
            _check_arguments(spec, call.input)
            value = await self._simulate(spec, spec.simulate or "", call, context)
            stored = await store_value(value, around.keep, around.result_bytes, around.max_result_bytes)
        except EngineError as exc:
            return _failed(exc.to_info(), 0, around.clock() - started)
        shown = stored.value if stored.artifact is None else stored.preview
        return StepResult(status="done", value=shown, duration_s=around.clock() - started)

    async def _simulate(self, spec: ToolSpec, simulate: str, call: StepCall, context: CallContext) -> Any:
        """Call the declared dry run first; its failure keeps the real call from being made.

        Raises:
            ToolFailedError: It failed.
        """
        dry = self._around.tools.get(simulate)
        accepted = dry.spec.input_schema.get("properties", {})
        arguments = {name: value for name, value in call.input.items() if name in accepted}
        try:
            _check_arguments(dry.spec, arguments)
            return await _call_once(dry, arguments, context)
        except EngineError as exc:
            raise ToolFailedError(
                f"{spec.name} was not called: its dry run {simulate} failed: {exc.message}", hint=exc.hint
            ) from exc

    async def _attempts(self, tool: Tool, call: StepCall, context: CallContext, started: float) -> StepResult:
        around, spec = self._around, tool.spec
        attempt = call.attempts_made
        while True:
            attempt += 1
            context.attempts = attempt
            try:
                value = await _call_once(tool, call.input, context)
                stored = await store_value(value, around.keep, around.result_bytes, around.max_result_bytes)
                duration_s = around.clock() - started - context.waited_s
                expected = around.expected(call.step_id)
                if expected is not None:
                    await self._check_output(expected, call, stored)
                return _done(stored, attempt, duration_s, context.replan)
            except EngineError as exc:
                error = self._not_too_often(call, exc)
                context.void()
            if context.thread_done is None and self.put_off(call.step_id, error) is not None:
                raise error
            doubtful = _ambiguous(error) and spec.effects == "effectful"
            if doubtful or not error.retryable or attempt >= spec.retry.max_attempts or context.thread_done is not None:
                duration = around.clock() - started - context.waited_s
                abandoned = context.thread_done is not None
                return _failed(error.to_info(), attempt, duration, in_doubt=doubtful, abandoned=abandoned)
            delay_s = backoff_s(spec.retry, attempt, error.details.get(_RETRY_AFTER), around.jitter)
            around.on_retry(StepRetried(step_id=call.step_id, attempt=attempt, delay_s=delay_s, error=error.to_info()))
            await anyio.sleep(delay_s)

    def _not_too_often(self, call: StepCall, error: EngineError) -> EngineError:
        """Return an error as it is, or that its tool asked too often to be called later."""
        if not isinstance(error, ToolPostponedError) or call.postponed < self._around.patience.most:
            return error
        return ToolFailedError(
            f"{call.tool} was postponed {call.postponed} times, and asks for more",
            hint="raise limits.max_postponements, or let it wait longer at once",
        )

    async def _check_output(self, expected: dict[str, Any] | str, call: StepCall, stored: Stored) -> None:
        """Hold a result to what the plan expects: by its schema, or by the judge where one is asked.

        Raises:
            StepOutputError: The result contradicts it.
        """
        if isinstance(expected, dict):
            found = next((f"{path}: {message}" for path, message in faults(expected, stored.value)), "")
        elif self._around.contradiction is not None:
            found = await self._around.contradiction(call, expected, stored.value)
        else:
            return
        if found:
            raise StepOutputError(
                f"the result contradicts expected_output: {found}",
                details={"contradicts": True, "preview": stored.preview},
            )


def backoff_s(policy: RetryPolicy, attempt: int, retry_after_s: float | None, jitter: Callable[[], float]) -> float:
    """Return seconds to wait after the ``attempt``-th failure: exponential, jittered, at least Retry-After.

    Source: "equal jitter", Brooker, Exponential Backoff and Jitter (AWS Architecture Blog, 2015).

    >>> backoff_s(RetryPolicy(base_delay_s=1.0), 3, None, lambda: 0.0)
    2.0
    """
    ceiling = min(policy.max_delay_s, policy.base_delay_s * 2 ** (attempt - 1))
    return max(ceiling * (0.5 + 0.5 * jitter()), retry_after_s or 0.0)


def _call_once(tool: Tool, arguments: Mapping[str, Any], context: CallContext) -> Awaitable[Any]:
    """Make one attempt under the tool's deadline.

    Raises:
        EngineError: Whatever went wrong, in our terms; a real cancellation passes through.
    """
    timeout_s = tool.spec.timeout_s
    context.begin()
    if timeout_s is None:
        return _guarded(tool, arguments, context, context.footing or Footing())
    return _limited(tool, arguments, context, timeout_s)


async def _limited(tool: Tool, arguments: Mapping[str, Any], context: CallContext, timeout_s: float) -> Any:
    with anyio.move_on_after(timeout_s) as context.deadline:
        return await _guarded(tool, arguments, context, Footing())
    raise StepTimeoutError(f"{tool.spec.name} took longer than {timeout_s:g} s", details={"timeout_s": timeout_s})


async def _guarded(tool: Tool, arguments: Mapping[str, Any], context: CallContext, footing: Footing) -> Any:
    """Call the tool so that whatever it raises, or leaves behind in this task, is its own failure only."""
    try:
        value = await tool.call(arguments, context)
    except EngineError as exc:
        if footing.lost:
            await footing.regain()
        raise exc
    except BaseException as exc:
        error = _meaning(tool.spec.name, exc, await footing.regain() if footing.lost else "")
        if error is exc:
            raise
        raise error from exc
    if footing.lost:
        did = await footing.regain()
        if did:
            raise ToolFailedError(f"{tool.spec.name} {did}")
    return value


def _meaning(name: str, exc: BaseException, did: str) -> BaseException:
    """What an exception of a tool is to the engine: itself, where it is a real cancellation or the user's Ctrl-C."""
    if interrupted(exc):
        return exc
    if isinstance(exc, anyio.get_cancelled_exc_class()):
        if anyio.current_effective_deadline() == float("-inf"):
            return exc
        return ToolFailedError(f"{name} {did or f'raised a cancellation of its own ({type(exc).__name__})'}")
    if isinstance(exc, (ConnectionError, TimeoutError)):
        return StepTimeoutError(f"{name}: {described(exc)}")
    return ToolFailedError(f"{name} raised {described(exc)}")


def _check_arguments(spec: ToolSpec, arguments: Mapping[str, Any]) -> None:
    broken = faults(spec.input_schema, arguments)
    if broken:
        found = [f"{path}: {message}" for path, message in broken]
        raise ToolArgumentsError(
            f"{spec.name}: {'; '.join(found[:5])}", details={"arguments": sorted(arguments), "faults": found}
        )


def _ambiguous(error: EngineError) -> bool:
    """Whether the attempt may have had its effect although it failed."""
    if isinstance(error, StepTimeoutError):
        return True
    unavailable = isinstance(error, ToolError) and error.retryable
    return unavailable and _RETRY_AFTER not in error.details and error.details.get("ambiguous", True) is True


def _done(stored: Stored, attempts: int, duration_s: float, replan: str) -> StepResult:
    return StepResult.trusted(
        status="done",
        value=None if stored.artifact else stored.value,
        artifact=stored.artifact,
        attempts=attempts,
        duration_s=duration_s,
        replan=replan,
    )


def _failed(
    error: ErrorInfo, attempts: int, duration_s: float, *, in_doubt: bool = False, abandoned: bool = False
) -> StepResult:
    return StepResult(
        status="failed",
        error=error,
        attempts=attempts,
        duration_s=duration_s,
        in_doubt=in_doubt,
        abandoned=abandoned,
    )
