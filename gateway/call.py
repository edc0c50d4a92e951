"""One call on its way: from attempt to attempt, model to model, until one answers or none is left.

Decisions are made in ``retry``, ``breaker`` and ``routing``; here they are carried out, once for streams and whole
replies alike.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import anyio

from gateway.attempt import Attempt, CallContext, Lane, Services
from gateway.record import NOTHING, CallRecord, show
from gateway.retry import asked_wait_s, blames_model, delay_s
from gateway.routing import Route
from gateway.trace import CallTrace
from schemas.errors import (
    EngineError,
    ModelError,
    ModelRefusalError,
    ModelTimeoutError,
    RateLimitError,
    RunCancelledError,
)
from schemas.model import Done, ModelChunk, ModelRequest, ModelResponse, Restart
from schemas.result import Usage


class Call:
    """One call; ``chunks`` is run once.

    Args:
        services: What calls share.
        request: What is asked.
        context: For whom.
        routes: Models to try, first choice first; at least one.
    """

    def __init__(
        self, services: Services, request: ModelRequest, context: CallContext, routes: Sequence[Route]
    ) -> None:
        self._services = services
        self._request = request
        self._context = context
        self._began = anyio.current_time()
        self._began_at = time.time()
        self._deadline = None if request.deadline_s is None else self._began + request.deadline_s
        self._rest = deque(routes)
        self._left_out: list[str] = []
        self._failed: list[tuple[Route, ModelError]] = []
        self._sent = 0
        self._used: Usage | None = None
        self._route = self._next_route() or self._soonest(routes)
        ids = {"run_id": context.run_id, "role": context.role, "step_id": context.step_id}
        known = {key: value for key, value in ids.items() if value}
        self._trace = CallTrace(services.tracer, self._route.model, request, known, content=services.content)
        self._reported = False

    async def chunks(self, *, streamed: bool) -> AsyncGenerator[ModelChunk]:
        """Yield the reply; the last chunk is ``Done``. A whole reply is that chunk alone.

        Raises:
            ModelError: Every model of the list failed, or a reply broke off that may not begin anew.
            BudgetError: A budget doesn't cover the call.
            ConfigError: The provider's key is missing.

        Cancellation: closes the upstream call; what it wrote so far is counted by an estimate.
        """
        shown = False
        response = ModelResponse(model=self._route.model.name)
        attempt = self._attempt()
        try:
            while True:
                try:
                    async with attempt:
                        timeout_s = await self._enter(attempt)
                        async with aclosing(attempt.chunks(streamed=streamed, timeout_s=timeout_s)) as chunks:
                            async for chunk in chunks:
                                if chunk.kind != "done":
                                    shown = True
                                    yield chunk
                                    continue
                                response = await self._accept(attempt, chunk.response, shown)
                    break
                except ModelError as exc:
                    wait_s = self._after(attempt, exc, shown)
                if shown:
                    shown = False
                    yield Restart(reason=self._restart_reason())
                await anyio.sleep(wait_s)
                attempt = self._attempt()
            response = self._finish(attempt, response)
            self._report(response)
            yield Done(response=response)
        except EngineError as exc:
            self._report(exc)
            raise
        finally:
            if not self._reported:
                self._count(attempt)
                self._lane.breaker.give_up()
                self._report(self._with_facts(RunCancelledError("the model call was given up before it ended")))

    def _attempt(self) -> Attempt:
        return Attempt(self._services, self._route.model, self._request, self._context)

    @property
    def _lane(self) -> Lane:
        return self._services.lane(self._route.model)

    def _remaining_s(self) -> float | None:
        return None if self._deadline is None else self._deadline - anyio.current_time()

    def _patience_s(self) -> float | None:
        """Seconds that one wait may take: to the deadline, and as long as the caller wants to wait for a model."""
        known = [limit for limit in (self._remaining_s(), self._context.patience_s) if limit is not None]
        return min(known, default=None)

    async def _enter(self, attempt: Attempt) -> float:
        """Reserve and wait in line; return the seconds the attempt may take."""
        remaining = self._remaining_s()
        if remaining is not None and remaining <= 0:
            raise ModelTimeoutError(f"the call of {self._route.model.ref} had no time left when it was to be sent")
        await attempt.enter(self._deadline)
        self._sent += 1
        self._trace.attempt(self._route.model)
        timeout_s = self._route.model.provider.timeout_s
        remaining = self._remaining_s()
        timeout_s = timeout_s if remaining is None else max(0.0, min(timeout_s, remaining))
        self._lane.breaker.begin(anyio.current_time(), timeout_s)
        return timeout_s

    async def _accept(self, attempt: Attempt, response: ModelResponse, shown: bool) -> ModelResponse:
        """Settle a whole reply and take it, unless it is a refusal and another model may be asked."""
        await attempt.settle(response.usage)
        self._lane.breaker.succeed()
        if response.stop_reason == "refusal" and self._rest and (self._context.may_restart or not shown):
            ref = self._route.model.ref
            raise ModelRefusalError(f"{ref} refused to answer", details={"model": ref})
        return response

    def _after(self, attempt: Attempt, error: ModelError, shown: bool) -> float:
        """Decide what follows a failed attempt: return the seconds to wait before the next, on ``self._route``.

        Raises:
            ModelError: Nothing follows.
        """
        self._count(attempt)
        self._trace.failed(error)
        self._failed.append((self._route, error))
        if isinstance(error, RateLimitError) and attempt.sent:
            attempt.pause(asked_wait_s(error) or 0.0)
        if shown and not self._context.may_restart:
            self._lane.breaker.give_up()
            raise self._last(error)
        failures = sum(route is self._route for route, _ in self._failed)
        remaining, chance = self._patience_s(), self._services.chance()
        wait_s = delay_s(error, failures, self._services.retry, remaining_s=remaining, chance=chance)
        if wait_s is not None:
            return wait_s
        self._move_on(attempt, error)
        return 0.0

    def _move_on(self, attempt: Attempt, error: ModelError) -> None:
        """Leave the model, and count the failure against it where it is to blame; go to the next one or raise."""
        remaining = self._remaining_s()
        out_of_time = remaining is not None and remaining <= 0
        if attempt.sent and not out_of_time and blames_model(error):
            self._lane.breaker.fail(anyio.current_time())
        else:
            self._lane.breaker.give_up()
        following = None if out_of_time else self._next_route()
        if following is None:
            raise self._last(error)
        self._route = following

    def _next_route(self) -> Route | None:
        """Take the next model of the list that isn't left out for failing."""
        while self._rest:
            route = self._rest.popleft()
            if self._services.lane(route.model).breaker.ready(anyio.current_time()):
                return route
            self._left_out.append(route.model.ref)
        return None

    def _soonest(self, routes: Sequence[Route]) -> Route:
        """Choose among models that are all left out: trying one is better than failing for certain."""
        route = min(routes, key=lambda route: self._services.lane(route.model).breaker.open_until)
        self._left_out.remove(route.model.ref)
        return route

    def _finish(self, attempt: Attempt, response: ModelResponse) -> ModelResponse:
        """Return the reply with what only the gateway knows: cost, attempts, route, times."""
        self._count(attempt)
        now = anyio.current_time()
        took = now - attempt.began
        first = None if attempt.first_token is None else attempt.first_token - attempt.began
        self._lane.pace.note(took, first, response.usage.output_tokens)
        facts = {
            "model": response.model or self._route.model.name,
            "provider": self._route.model.provider.name,
            "usage": self._used,
            "attempts": self._sent,
            "route": self._why(),
            "latency_s": took,
            "first_token_s": first,
        }
        return response.model_copy(update=facts)

    def _count(self, attempt: Attempt) -> None:
        """Add what an attempt used, once; however many there were, it is one call."""
        used, attempt.usage = attempt.usage, None
        if used is not None:
            both = used if self._used is None else self._used + used
            self._used = both.model_copy(update={"calls": 1}) if both.calls > 1 else both

    def _why(self) -> str:
        """Say in one sentence why this model was chosen, and what failed before."""
        words = [self._route.reason]
        counts: dict[str, int] = {}
        last: dict[str, str] = {}
        for route, error in self._failed:
            ref = route.model.ref
            counts[ref], last[ref] = counts.get(ref, 0) + 1, error.code
        words += [f"{ref} failed {count}× ({last[ref]})" for ref, count in counts.items()]
        words += [f"{ref} is left out for now, it kept failing" for ref in self._left_out]
        return "; ".join(words)

    def _restart_reason(self) -> str:
        route, error = self._failed[-1]
        return f"{route.model.ref} broke off ({error.code}), {self._route.model.ref} begins anew"

    def _last(self, error: ModelError) -> ModelError:
        """Return what to raise when nothing follows: the last error, and what else was tried."""
        tried = list(dict.fromkeys(route.model.ref for route, _ in self._failed))
        if len(tried) > 1:
            attempts = [
                {"model": route.model.ref, "code": exc.code, "message": exc.message} for route, exc in self._failed
            ]
            details = {**error.details, "tried": attempts}
            text = f"none of {len(tried)} models answered ({', '.join(tried)}); the last error: {error.message}"
            error = type(error)(text, hint=error.hint, details=details)
        self._with_facts(error)
        return error

    def _with_facts(self, error: EngineError) -> EngineError:
        facts: dict[str, Any] = {
            "provider": self._route.model.provider.name,
            "model": self._route.model.name,
            "attempts": self._sent,
            "route": self._why(),
        }
        if self._used is not None:
            facts["usage"] = self._used.model_dump()
        error.details.update(facts)
        return error

    def _report(self, outcome: ModelResponse | EngineError) -> None:
        """Tell span, log and observer how the call ended, once."""
        self._reported = True
        if isinstance(outcome, ModelResponse):
            self._trace.answered(outcome)
        else:
            self._trace.gave_up(outcome, self._sent)
        if self._context.observe is not None:
            self._context.observe(outcome, self._context)
        if self._services.observers:
            error = outcome if isinstance(outcome, EngineError) else None
            record = recorded(self._context, self._request, self._route, error, self._used or NOTHING)
            record.began, record.took_s = self._began_at, anyio.current_time() - self._began
            record.reason, record.attempts = self._why(), self._sent
            show(record, self._services.observers)


def recorded(
    context: CallContext, request: ModelRequest, route: Route, error: EngineError | None, usage: Usage
) -> CallRecord:
    """Return the record of a call, but for its times."""
    return CallRecord(
        request_id=context.request_id,
        asked=request.model,
        provider=route.model.provider.name,
        model=route.model.name,
        outcome=error.code if error else "",
        status=error.http_status if error else 200,
        usage=usage,
        cost_usd=usage.cost_usd,
        key=context.key,
        agent=context.agent,
        listener=context.listener,
        run_id=context.run_id or "",
        role=context.role,
        step_id=context.step_id or "",
    )
