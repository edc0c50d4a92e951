"""What is told of a call: one span ``chat {model}`` and one debug line. Never a secret; prompt and answer only on wish.

Both are written when the call is over. Calls over HTTP leave them for later: a span takes as long to write as the rest
of the call, so they wait as they are and are written at most ``SLICE`` at a time, between which other calls go on.

Source of the attribute names: OpenTelemetry's semantic conventions for generative AI client spans.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anyio
import structlog
from opentelemetry.context import Context, get_current
from opentelemetry.trace import NoOpTracer, Span, SpanKind, Status, StatusCode, Tracer, get_tracer

from gateway.content import input_messages, output_messages
from gateway.record import CallRecord
from schemas.model import ModelRequest, ModelResponse
from schemas.settings import ModelProvider

INSTRUMENTATION = "plan-execute-engine.gateway"
SLICE = 16
MOST_WAITING = 256
"""So many spans wait at most: then the oldest are written at once, whoever is in a hurry."""
_NS = 1_000_000_000
_OPERATIONS = {"embeddings": "embeddings"}
_log = structlog.get_logger(INSTRUMENTATION)


def default_tracer() -> Tracer:
    """Return the tracer of the process's own OpenTelemetry set-up, which does nothing where there is none."""
    return get_tracer(INSTRUMENTATION)


@dataclass(slots=True, eq=False)
class Told:
    """One call that is over, as it will be told.

    Attributes:
        record: Its numbers.
        parent: The OpenTelemetry context it was made in.
        provider: Who was asked last.
        failures: Attempts that failed: Unix time, error code, model.
        request, response: What was asked and answered, where that is known in the neutral form.
        response_model, response_id, stop_reason: As the answer says.
    """

    record: CallRecord
    parent: Context
    provider: ModelProvider
    failures: list[tuple[float, str, str]]
    request: ModelRequest | None = None
    response: ModelResponse | None = None
    response_model: str = ""
    response_id: str = ""
    stop_reason: str = ""


class Trace:
    """Writes spans and log lines.

    Args:
        tracer: Gives the tracer; asked when a span is written.
        content: Whether spans carry the request and the reply.
    """

    def __init__(self, tracer: Callable[[], Tracer], *, content: bool = False) -> None:
        self._tracer = tracer
        self._content = content
        self._waiting: deque[Told] = deque()

    def parent(self) -> Context:
        """Return the context that a call's span will belong to."""
        return get_current()

    def tell(self, told: Told) -> None:
        """Write a call's span and line now."""
        self._write(told, *self._listening())

    def later(self, told: Told) -> None:
        """Keep a call for ``flush``."""
        self._waiting.append(told)
        if len(self._waiting) > MOST_WAITING:
            self._write_slice()

    async def flush(self) -> None:
        """Write what waits, in slices, between which others run."""
        while self._waiting:
            self._write_slice()
            await anyio.sleep(0)

    def _write_slice(self) -> None:
        tracer, says = self._listening()
        for _ in range(min(SLICE, len(self._waiting))):
            self._write(self._waiting.popleft(), tracer, says)

    def _listening(self) -> tuple[Tracer | None, bool]:
        """Return what makes spans, if anything does, and whether lines are read."""
        tracer = self._tracer()
        return None if isinstance(tracer, NoOpTracer) else tracer, _log.bind().is_enabled_for(logging.DEBUG)

    def _write(self, told: Told, tracer: Tracer | None, says: bool) -> None:
        if tracer is not None:
            self._write_span(told, tracer)
        if says:
            _say(told.record, told.stop_reason)

    def _write_span(self, told: Told, tracer: Tracer) -> None:
        record = told.record
        operation = _OPERATIONS.get(record.format or "", "chat")
        span = tracer.start_span(
            f"{operation} {record.model}" if record.model else operation,
            context=told.parent,
            kind=SpanKind.CLIENT,
            start_time=int(record.began * _NS),
        )
        if span.is_recording():
            span.set_attributes(_attributes(told, operation))
            for at, code, model in told.failures:
                attributes = {"error.type": code, "gen_ai.request.model": model}
                span.add_event("attempt failed", attributes, timestamp=int(at * _NS))
            if record.outcome:
                span.set_status(Status(StatusCode.ERROR, record.outcome))
            if self._content:
                _add_content(span, told)
        span.end(int((record.began + record.took_s) * _NS))


def _attributes(told: Told, operation: str) -> dict[str, Any]:
    record, provider, request = told.record, told.provider, told.request
    ids = {
        "run_id": record.run_id,
        "role": record.role,
        "step_id": record.step_id,
        "request_id": record.request_id,
        "key": record.key,
        "agent": record.agent,
        "listener": record.listener,
        "route": record.reason,
    }
    found: dict[str, Any] = {f"engine.{name}": value for name, value in ids.items() if value}
    found |= {
        "gen_ai.operation.name": operation,
        "gen_ai.request.model": record.model,
        "gen_ai.provider.name": provider.kind if provider.base_url is None else provider.name,
        "engine.attempts": record.attempts,
    }
    if request is not None and request.max_output_tokens is not None:
        found["gen_ai.request.max_tokens"] = request.max_output_tokens
    if request is not None and request.temperature is not None:
        found["gen_ai.request.temperature"] = request.temperature
    if record.cost_usd is not None:
        found["engine.cost_usd"] = record.cost_usd
    if record.outcome:
        return found | {"error.type": record.outcome}
    usage = record.usage
    return found | {
        "gen_ai.response.model": told.response_model,
        "gen_ai.response.id": told.response_id,
        "gen_ai.response.finish_reasons": (told.stop_reason,),
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens,
    }


def _add_content(span: Span, told: Told) -> None:
    if told.request is not None:
        span.set_attribute("gen_ai.input.messages", input_messages(told.request))
    if told.response is not None:
        span.set_attribute("gen_ai.output.messages", output_messages(told.response))


def _say(record: CallRecord, stop_reason: str) -> None:
    """Write the line; an error by its code, not its message, which may quote what the provider was sent."""
    facts: dict[str, Any] = {
        "model": f"{record.provider}/{record.model}",
        "attempts": record.attempts,
        "input_tokens": record.usage.input_tokens,
        "output_tokens": record.usage.output_tokens,
        "cost_usd": record.cost_usd,
        "latency_s": round(record.took_s, 3),
    }
    ids = {"run_id": record.run_id, "role": record.role, "step_id": record.step_id, "request_id": record.request_id}
    facts |= {name: value for name, value in ids.items() if value}
    if record.outcome:
        _log.debug("model call failed", error=record.outcome, **facts)
    else:
        _log.debug("model call", stop_reason=stop_reason, **facts)
