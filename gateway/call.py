"""One call on its way: from attempt to attempt, model to model, until one answers or none is left.

Decisions are made in ``retry``, ``trail``, ``breaker`` and ``routing``; here they are carried out, once for streams and
whole replies, and for both forms of a call (``gateway.form``).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Generic, TypeVar

import anyio

from gateway.attempt import Attempt, CallContext, Services
from gateway.form import Form
from gateway.record import NOTHING
from gateway.retry import blames_model, delay_s
from gateway.routing import Model, Route
from gateway.tally import Tally
from gateway.trail import Trail, held_s
from schemas.errors import EngineError, ModelError, ModelRefusalError, ModelTimeoutError, RunCancelledError

Item = TypeVar("Item")


class Call(Generic[Item]):
    """One call; ``items`` is run once.

    Args:
        services: What calls share.
        form: What is asked, and how the answer is handed out.
        context: For whom.
        routes: Models to try, first choice first; at least one.
        answered: Called with the model that answered, and its answer's id.

    Attributes:
        trail: Whom it asks, and what failed.
        tally: What it used so far.
    """

    __slots__ = ("_answered", "_context", "_deadline", "_form", "_services", "tally", "trail")

    def __init__(
        self,
        services: Services,
        form: Form[Item],
        context: CallContext,
        routes: Sequence[Route],
        answered: Callable[[Model, str], None] | None = None,
    ) -> None:
        self._services = services
        self._answered = answered
        self._form = form
        self._context = context
        self.trail = Trail(services, form.asked, routes, refusals_go_on=form.wire is None)
        self.tally = Tally(services, form, context, self.trail)
        self._deadline = None if form.deadline_s is None else self.tally.began + form.deadline_s

    async def items(self) -> AsyncGenerator[Item]:
        """Yield the answer, in the form's own kind of pieces.

        Raises:
            ModelError: Every model of the list failed, or an answer broke off that may not begin anew.
            BudgetError: A budget doesn't cover the call.
            ConfigError: The provider's key is missing.

        Cancellation: closes the upstream call; what it wrote so far is counted by an estimate.
        """
        shown, form = False, self._form
        attempt = self._attempt()
        try:
            for item in await self._prepared(attempt):
                yield item
            while not self.tally.told:
                try:
                    async with attempt:
                        timeout_s = await self._enter(attempt)
                        if not form.streamed:
                            await form.whole(attempt, timeout_s)
                        else:
                            async with aclosing(form.answer(attempt, timeout_s)) as items:
                                async for item in items:
                                    shown = True
                                    yield item
                        await self._accept(attempt, shown)
                    break
                except ModelError as exc:
                    wait_s = self._after(attempt, exc, shown)
                if shown:
                    shown = False
                    told = form.restart(self.trail.restart_reason())
                    if told is not None:
                        yield told
                await anyio.sleep(wait_s)
                attempt = self._attempt()
            if not self.tally.told:
                last = await self._finish(attempt)
                if last is not None:
                    yield last
        except EngineError as exc:
            self.tally.tell(attempt, exc)
            raise
        finally:
            if not self.tally.told:
                self.tally.count(attempt)
                self.trail.lane.breaker.give_up()
                error = RunCancelledError("the model call was given up before it ended")
                self.tally.tell(attempt, self.tally.with_facts(error))

    async def _prepared(self, attempt: Attempt) -> Sequence[Item]:
        """Have filters look at the request; return the kept answer, which ends the call. Raises EngineError."""
        kept = await self._form.prepare() if self._form.prepares else None
        if kept is None:
            return ()
        self.tally.tell(attempt, None, cached=True)
        return kept

    def _attempt(self) -> Attempt:
        trail = self.trail
        form = self._form
        return Attempt(self._services, trail.lane, trail.route.model, form.estimate, self._context, form.clock)

    def _remaining_s(self) -> float | None:
        return None if self._deadline is None else self._deadline - self._form.clock()

    def _patience_s(self) -> float | None:
        """Seconds that one wait may take: to the deadline, and as long as the caller wants to wait for a model."""
        known = [limit for limit in (self._remaining_s(), self._form.patience_s) if limit is not None]
        return min(known, default=None)

    async def _enter(self, attempt: Attempt) -> float:
        """Reserve and wait in line; return the seconds the attempt may take."""
        remaining = self._remaining_s()
        if remaining is not None and remaining <= 0:
            raise ModelTimeoutError(f"the call of {attempt.model.ref} had no time left when it was to be sent")
        await attempt.enter(self._deadline)
        self.tally.sent += 1
        timeout_s = attempt.model.provider.timeout_s
        if self._deadline is not None:
            timeout_s = max(0.0, min(timeout_s, self._deadline - attempt.began))
        attempt.lane.breaker.begin(attempt.began, timeout_s)
        return timeout_s

    async def _accept(self, attempt: Attempt, shown: bool) -> None:
        """Settle an answer and take it, unless it is a refusal and another model is to be asked."""
        await attempt.settle()
        attempt.lane.breaker.succeed()
        if attempt.refused and (self._form.may_restart or not shown):
            ref = attempt.model.ref
            refusal = ModelRefusalError(f"{ref} refused to answer", details={"model": ref})
            if self.trail.goes_on(refusal):
                raise refusal

    def _after(self, attempt: Attempt, error: ModelError, shown: bool) -> float:
        """Decide what follows a failed attempt: return the seconds to wait before the next.

        Raises:
            ModelError: Nothing follows.
        """
        self.tally.count(attempt)
        trail = self.trail
        trail.note(error)
        held = held_s(error)
        if held is not None:
            attempt.pause(held)
        if shown and not self._form.may_restart:
            self._blame(attempt, error)
            raise self.tally.with_facts(trail.last(error))
        if error.details.get("gate") in ("key", "listener"):  # its own limits: no other model would help
            raise self.tally.with_facts(trail.last(error))
        remaining, chance = self._patience_s(), self._services.chance()
        elsewhere = self._form.hasty and trail.goes_on(error)
        policy = self._services.retry
        wait_s = delay_s(error, trail.failures, policy, remaining_s=remaining, chance=chance, elsewhere=elsewhere)
        if wait_s is None or (elsewhere and attempt.lane.breaker.open):  # a probe is made once
            self._move_on(attempt, error)
            return 0.0
        return wait_s

    def _move_on(self, attempt: Attempt, error: ModelError) -> None:
        """Leave the model for the next one. Raises ModelError: there is none, or no time."""
        remaining = self._remaining_s()
        out_of_time = remaining is not None and remaining <= 0
        if out_of_time:
            attempt.lane.breaker.give_up()
        else:
            self._blame(attempt, error)
        if out_of_time or not self.trail.move_on(error):
            raise self.tally.with_facts(self.trail.last(error))

    def _blame(self, attempt: Attempt, error: ModelError) -> None:
        """Count the failure against the model where it is to blame."""
        if attempt.sent and blames_model(error):
            attempt.lane.breaker.fail(self._form.clock())
        else:
            attempt.lane.breaker.give_up()

    async def _finish(self, attempt: Attempt) -> Item | None:
        """Tell how the call ended and return what is left to hand out, with what only the gateway knows."""
        self.tally.count(attempt)
        now = self._form.clock()
        took = now - attempt.began
        first = None if attempt.first_token is None else attempt.first_token - attempt.began
        attempt.lane.pace.note(took, first, attempt.reported.output_tokens if attempt.reported else 0)
        if self._answered is not None:
            self._answered(attempt.model, attempt.response_id)
        response = attempt.response
        if response is not None:
            facts = {
                "model": response.model or attempt.model.name,
                "provider": attempt.model.provider.name,
                "usage": self.tally.used or NOTHING,
                "attempts": self.tally.sent,
                "route": self.trail.why(),
                "latency_s": took,
                "first_token_s": first,
            }
            response = attempt.response = response.model_copy(update=facts)
        self.tally.tell(attempt, None)
        last = self._form.end(response)
        if self._form.prepares:
            await self._form.keep()
        return last
