"""What is told of a call: one span ``chat {model}`` and one debug line. Never a secret; prompt and answer only on wish.

Source of the attribute names: OpenTelemetry's semantic conventions for generative AI client spans.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer, get_tracer

from gateway.content import input_messages, output_messages
from gateway.routing import Model
from schemas.errors import EngineError
from schemas.model import ModelRequest, ModelResponse

INSTRUMENTATION = "plan-execute-engine.gateway"
_log = structlog.get_logger(INSTRUMENTATION)


def default_tracer() -> Tracer:
    """Return the tracer of the process's own OpenTelemetry set-up, which does nothing where there is none."""
    return get_tracer(INSTRUMENTATION)


class CallTrace:
    """The span and the log line of one call.

    Args:
        tracer: Gives the tracer; asked once.
        model: The first model tried; the span is named after the one that answered.
        request: What is asked; only its numbers are told, unless content is wanted.
        ids: The run's id, the role, the step's id: whatever is known.
        content: Whether the span carries the request and the reply.
    """

    __slots__ = ("_content", "_ids", "_model", "_span")

    def __init__(
        self,
        tracer: Callable[[], Tracer],
        model: Model,
        request: ModelRequest,
        ids: dict[str, str],
        *,
        content: bool = False,
    ) -> None:
        self._ids = ids
        self._content = content
        self._model = model
        self._span = tracer().start_span(f"chat {model.name}", kind=SpanKind.CLIENT)
        if self._span.is_recording():
            self._span.set_attributes({f"engine.{key}": value for key, value in ids.items()})
            self._span.set_attribute("gen_ai.operation.name", "chat")
            if request.max_output_tokens is not None:
                self._span.set_attribute("gen_ai.request.max_tokens", request.max_output_tokens)
            if request.temperature is not None:
                self._span.set_attribute("gen_ai.request.temperature", request.temperature)
            if content:
                self._span.set_attribute("gen_ai.input.messages", input_messages(request))

    def attempt(self, model: Model) -> None:
        """Note which model is asked now."""
        self._model = model

    def failed(self, error: EngineError) -> None:
        """Note a failed attempt."""
        if self._span.is_recording():
            self._span.add_event("attempt failed", {"error.type": error.code, "gen_ai.request.model": self._model.name})

    def answered(self, response: ModelResponse) -> None:
        """End with an answer."""
        usage = response.usage
        if self._span.is_recording():
            self._end_attributes()
            self._span.set_attributes(
                {
                    "gen_ai.response.model": response.model,
                    "gen_ai.response.id": response.response_id,
                    "gen_ai.response.finish_reasons": (response.stop_reason,),
                    "gen_ai.usage.input_tokens": usage.input_tokens,
                    "gen_ai.usage.output_tokens": usage.output_tokens,
                    "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
                    "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens,
                    "engine.attempts": response.attempts,
                    "engine.route": response.route,
                }
            )
            if usage.cost_usd is not None:
                self._span.set_attribute("engine.cost_usd", usage.cost_usd)
            if self._content:
                self._span.set_attribute("gen_ai.output.messages", output_messages(response))
        self._span.end()
        _log.debug(
            "model call",
            model=self._model.ref,
            attempts=response.attempts,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cost_usd=usage.cost_usd,
            latency_s=round(response.latency_s, 3),
            stop_reason=response.stop_reason,
            **self._ids,
        )

    def gave_up(self, error: EngineError, attempts: int) -> None:
        """End with an error: its code, not its message, which may quote what the provider was sent."""
        if self._span.is_recording():
            self._end_attributes()
            self._span.set_attributes({"error.type": error.code, "engine.attempts": attempts})
            self._span.set_status(Status(StatusCode.ERROR, error.code))
        self._span.end()
        _log.debug("model call failed", model=self._model.ref, attempts=attempts, error=error.code, **self._ids)

    def _end_attributes(self) -> None:
        provider = self._model.provider
        self._span.update_name(f"chat {self._model.name}")
        self._span.set_attribute("gen_ai.request.model", self._model.name)
        self._span.set_attribute("gen_ai.provider.name", provider.kind if provider.base_url is None else provider.name)
