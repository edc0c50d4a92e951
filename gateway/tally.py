"""What one call used and how it ended, told once: to the span and the log, to its caller, to every observer."""

from __future__ import annotations

import time
from typing import Any

from gateway.attempt import Attempt, CallContext, Services
from gateway.form import Form
from gateway.record import NOTHING, CallRecord, show
from gateway.trace import Told
from gateway.trail import Trail
from schemas.errors import EngineError
from schemas.result import Usage


class Tally:
    """Counts for one call.

    Args:
        services: Who is told.
        form, context: What is asked, and for whom.
        trail: Whom it asks.

    Attributes:
        began: When the call came, on anyio's clock.
        sent: Requests sent to providers.
        used: What all attempts used so far; None before one was counted.
        shown: Whether a client has the head of its answer.
        told: Whether the end was told.
    """

    __slots__ = (
        "_began_at",
        "_context",
        "_form",
        "_parent",
        "_services",
        "_trail",
        "began",
        "sent",
        "shown",
        "told",
        "used",
    )

    def __init__(self, services: Services, form: Form[Any], context: CallContext, trail: Trail) -> None:
        self._services = services
        self._form = form
        self._context = context
        self._trail = trail
        self._parent = services.trace.parent()
        self._began_at = time.time()
        self.began = form.clock()
        self.sent = 0
        self.used: Usage | None = None
        self.shown = self.told = False

    def count(self, attempt: Attempt) -> None:
        """Add what an attempt used, once; however many there were, it is one call."""
        used, attempt.usage = attempt.usage, None
        if used is not None:
            both = used if self.used is None else self.used + used
            self.used = both.model_copy(update={"calls": 1}) if both.calls > 1 else both

    def with_facts(self, error: EngineError) -> EngineError:
        """Return an error with what the gateway knows of the call."""
        route = self._trail.route
        facts: dict[str, Any] = {
            "provider": route.model.provider.name,
            "model": route.model.name,
            "attempts": self.sent,
            "route": self._trail.why(),
        }
        if self.used is not None:
            facts["usage"] = self.used.model_dump()
        error.details.update(facts)
        return error

    def tell(self, attempt: Attempt, error: EngineError | None, *, cached: bool = False) -> None:
        """Tell span, log and observers how the call ended, once."""
        self.told = True
        services, context, form = self._services, self._context, self._form
        record = self._record(attempt, error)
        record.cached, record.fallbacks = cached, self._trail.moves
        if form.prepares:
            record.decisions = form.decisions
        failures = [(at, exc.code, route.model.name) for route, exc, at in self._trail.failed]
        told = Told(record, self._parent, attempt.model.provider, failures, form.request, attempt.response)
        told.response_model, told.response_id = attempt.response_model, attempt.response_id
        told.stop_reason = attempt.stop_reason
        if form.wire is None:
            services.trace.tell(told)
        else:
            services.trace.later(told)
        outcome = error or attempt.response
        if context.observe is not None and outcome is not None:
            context.observe(outcome, context)
        show(record, services.observers)

    def _record(self, attempt: Attempt, error: EngineError | None) -> CallRecord:
        context, used, form = self._context, self.used or NOTHING, self._form
        return CallRecord(
            request_id=context.request_id,
            began=self._began_at,
            took_s=form.clock() - self.began,
            first_token_s=None if attempt.first_token is None else attempt.first_token - self.began,
            format=form.wire,
            asked=form.asked,
            provider=attempt.model.provider.name,
            model=attempt.model.name,
            reason=self._trail.why(),
            outcome="" if error is None else error.code,
            status=200 if error is None or self.shown else error.status,
            attempts=self.sent,
            usage=used,
            cost_usd=used.cost_usd,
            key=context.key,
            agent=context.agent,
            listener=context.listener,
            run_id=context.run_id or "",
            role=context.role,
            step_id=context.step_id or "",
            streamed=form.streamed,
        )
