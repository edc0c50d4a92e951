"""Log lines and spans: structlog on stderr, OpenTelemetry over OTLP when a collector is named.

Tracing is off until ``setup_tracing`` (or ``use_tracer``) turns it on. Off, a span is one shared object that does
nothing, and neither OpenTelemetry's API nor its SDK is imported. Spans nest as they are opened: run → plan → step →
chat, across tasks too, since a task starts with its opener's context.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TextIO, cast
from urllib.parse import urlsplit

import structlog

from schemas.settings import Telemetry

if TYPE_CHECKING:
    from opentelemetry.trace import Span as OtelSpan
    from opentelemetry.trace import Tracer

INSTRUMENTATION = "plan-execute-engine"
TRACES_PATH = "/v1/traces"
EXPORT_TIMEOUT_S = 2.0
_EXPORT_LOGGERS = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.sdk._shared_internal",
)

AttributeValue = str | bool | int | float | tuple[str, ...] | None


class Span(Protocol):
    """What code inside a span may do with it."""

    @property
    def recorded(self) -> bool:
        """Whether it is kept, for attributes that cost something to make."""
        ...

    def set(self, **attributes: AttributeValue) -> None:
        """Add attributes; None values are left out. Dotted names are passed as ``**{"gen_ai.system": …}``."""
        ...

    def fail(self, message: str) -> None:
        """Mark the span as failed (an exception that leaves it does so by itself)."""
        ...


class _CurrentStderr:
    """Whatever stderr is when a line is written: a live view puts itself in its place."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr.isatty()


class _NoSpan:
    """The span of an untraced run: one object for all of them, which does nothing and is its own context manager."""

    __slots__ = ()
    recorded = False

    def set(self, **attributes: AttributeValue) -> None:
        """Do nothing."""

    def fail(self, message: str) -> None:
        """Do nothing."""

    def __enter__(self) -> Span:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class _OpenSpan:
    """A recorded span, current between enter and exit."""

    __slots__ = ("_attributes", "_current", "_name", "_span", "_tracer")
    recorded = True

    def __init__(self, tracer: Tracer, name: str, attributes: Mapping[str, AttributeValue]) -> None:
        self._tracer = tracer
        self._name = name
        self._attributes = {key: value for key, value in attributes.items() if value is not None}
        self._current: AbstractContextManager[OtelSpan] | None = None
        self._span: OtelSpan | None = None

    def set(self, **attributes: AttributeValue) -> None:
        """Add attributes."""
        if self._span is not None:
            self._span.set_attributes({key: value for key, value in attributes.items() if value is not None})

    def fail(self, message: str) -> None:
        """Mark the span as failed."""
        from opentelemetry.trace import StatusCode

        if self._span is not None:
            self._span.set_status(StatusCode.ERROR, message)

    def __enter__(self) -> Span:
        self._current = self._tracer.start_as_current_span(self._name, attributes=self._attributes)
        self._span = self._current.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._current is not None:
            self._current.__exit__(kind, exc, trace)


_NO_SPAN = _NoSpan()
_active: list[Tracer] = []


def span(name: str, **attributes: AttributeValue) -> AbstractContextManager[Span]:
    """Return a context manager that records a span named ``name``.

    Cost: with tracing off less than 1 µs, and nothing is allocated but the arguments.

    >>> with span("step", step_id="1") as current:
    ...     current.set(tool="search")
    """
    if not _active:
        return _NO_SPAN
    return _OpenSpan(_active[-1], name, attributes)


def tracing() -> bool:
    """Return whether spans are recorded, for attributes that cost something to make."""
    return bool(_active)


def tracer() -> Tracer:
    """Return the tracer that records spans; OpenTelemetry's own no-op tracer while tracing is off."""
    if _active:
        return _active[-1]
    from opentelemetry.trace import NoOpTracer

    return NoOpTracer()


def use_tracer(chosen: Tracer) -> Callable[[], None]:
    """Record spans with a tracer of the caller's own OpenTelemetry set-up; return what takes it back.

    For programs that already export traces: ``use_tracer(opentelemetry.trace.get_tracer("my-app"))``.
    """
    _active.append(chosen)

    def stop() -> None:
        if chosen in _active:
            _active.remove(chosen)

    return stop


def setup_tracing(settings: Telemetry, *, timeout_s: float = EXPORT_TIMEOUT_S) -> Callable[[], None]:
    """Send spans to ``settings.otlp_endpoint`` and return the function that sends the rest and stops.

    Without an endpoint nothing is imported and the returned function does nothing. An endpoint that names no path
    gets ``/v1/traces``. The SDK's provider is our own, not the process's global one, so a host program keeps its
    set-up. A collector that is down never delays or fails a run: it is said once, and stopping waits ``timeout_s``.

    Source: https://opentelemetry.io/docs/specs/otel/protocol/exporter/ (the default path of traces over HTTP).
    """
    if not settings.otlp_endpoint:
        return _nothing
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    complaint = _one_complaint(settings.otlp_endpoint)
    for name in _EXPORT_LOGGERS:
        logging.getLogger(name).addFilter(complaint)
    exporter = OTLPSpanExporter(
        endpoint=_with_path(settings.otlp_endpoint), headers=dict(settings.headers), timeout=timeout_s
    )
    provider = TracerProvider(resource=Resource.create({"service.name": INSTRUMENTATION}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    stop = use_tracer(provider.get_tracer(INSTRUMENTATION))

    def shutdown() -> None:
        stop()
        provider.shutdown()
        for name in _EXPORT_LOGGERS:
            logging.getLogger(name).removeFilter(complaint)

    return shutdown


def setup_logging(settings: Telemetry, stream: TextIO | None = None) -> None:
    """Write structlog's lines to ``stream`` (stderr), from ``settings.log_level`` up, as text or JSON lines.

    Each line carries what was bound by ``log_ids`` and, while tracing, the ids of the current trace and span.
    """
    target = stream or cast("TextIO", _CurrentStderr())
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    render: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=target.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _add_step_id,
            _add_trace_ids,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.processors.format_exc_info] if settings.log_format == "json" else []),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=False,
    )


def quiet_by_default(settings: Telemetry) -> None:
    """Set logging up where the program has not: structlog would print debug lines to standard output otherwise."""
    if not structlog.is_configured():
        setup_logging(settings)


def log_ids(**ids: str) -> AbstractContextManager[None]:
    """Bind ids (``run_id``, ``step_id``) to every log line written inside, in this task and those it starts."""
    return structlog.contextvars.bound_contextvars(**ids)


_step_id: ContextVar[str] = ContextVar("engine_step_id", default="")


def log_step(step_id: str) -> None:
    """Put a step's id on every log line that this task, and those it starts, write from now on."""
    _step_id.set(step_id)


def _add_step_id(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if step_id := _step_id.get():
        line.setdefault("step_id", step_id)
    return line


def _add_trace_ids(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if _active:
        from opentelemetry.trace import get_current_span

        context = get_current_span().get_span_context()
        if context.is_valid:
            line["trace_id"] = f"{context.trace_id:032x}"
            line["span_id"] = f"{context.span_id:016x}"
    return line


def _with_path(endpoint: str) -> str:
    return endpoint if urlsplit(endpoint).path.strip("/") else endpoint.rstrip("/") + TRACES_PATH


def _one_complaint(endpoint: str) -> Callable[[logging.LogRecord], bool]:
    """Return a log filter that turns an exporter's many complaints into one line of ours."""
    said: list[str] = []

    def drop(_record: logging.LogRecord) -> bool:
        if not said:
            said.append(endpoint)
            structlog.get_logger().warning("traces cannot be sent", endpoint=endpoint)
        return False

    return drop


def _nothing() -> None:
    """Stop a tracing that never began."""
