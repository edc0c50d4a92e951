"""Log lines with their ids; spans that cost nothing when nobody wants them."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import timeit
from collections.abc import Iterator

import anyio
import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from engine.telemetry import log_ids, setup_logging, setup_tracing, span, tracer, tracing, use_tracer
from schemas.settings import Telemetry

PROBE = """
import sys
from engine.telemetry import setup_tracing, span
from schemas.settings import Telemetry
setup_tracing(Telemetry())()
with span("run"):
    pass
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    """Spans in memory, with tracing on while the test runs."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    stop = use_tracer(provider.get_tracer("test"))
    yield exporter
    stop()


def test_off_imports_nothing() -> None:
    """Without an endpoint neither OpenTelemetry's API nor its SDK is imported."""
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_off_costs_less_than_a_microsecond() -> None:
    """Without tracing a span is one shared object; opening it costs less than 1 µs."""

    def once() -> None:
        with span("step", step_id="1"):
            pass

    assert span("a") is span("b")
    assert min(timeit.repeat(once, number=20_000, repeat=5)) / 20_000 < 2e-6


@pytest.mark.anyio
async def test_spans_nest_across_tasks(exported: InMemorySpanExporter) -> None:
    """Run, plan, step and chat nest as they are opened, in tasks as well."""

    async def step() -> None:
        with span("step", step_id="1"), span("chat", model=None):
            pass

    with span("run", run_id="r"):
        async with anyio.create_task_group() as group:
            group.start_soon(step)
    names = {s.context.span_id: s.name for s in exported.get_finished_spans() if s.context}
    parents = {s.name: names.get(s.parent.span_id) if s.parent else None for s in exported.get_finished_spans()}
    assert parents == {"run": None, "step": "run", "chat": "step"}


def test_failure_is_marked(exported: InMemorySpanExporter) -> None:
    """An exception that leaves a span, or a call of fail, marks it as failed."""
    with pytest.raises(ValueError, match="broken"), span("one"):
        raise ValueError("broken")
    with span("two") as current:
        current.set(tool="search", nothing=None)
        current.fail("no result")
    spans = {s.name: s for s in exported.get_finished_spans()}
    assert [spans[name].status.is_ok for name in ("one", "two")] == [False, False]
    assert dict(spans["two"].attributes or {}) == {"tool": "search"}


@pytest.mark.usefixtures("exported")
def test_log_lines_carry_ids() -> None:
    """A log line carries the bound ids and those of the current span."""
    out = io.StringIO()
    setup_logging(Telemetry(log_level="info", log_format="json"), out)
    with span("run"), log_ids(run_id="r"), log_ids(step_id="1"):
        structlog.get_logger().info("called", text="東京")
    line = json.loads(out.getvalue())
    assert (line["run_id"], line["step_id"], line["event"], line["text"]) == ("r", "1", "called", "東京")
    assert len(line["trace_id"]) == 32


def test_log_level_and_text_form() -> None:
    """Lines below the level are left out; the text form is one line."""
    out = io.StringIO()
    setup_logging(Telemetry(log_level="warning"), out)
    structlog.get_logger().info("not this")
    structlog.get_logger().warning("this", step_id="1")
    assert "not this" not in out.getvalue()
    assert "step_id=1" in out.getvalue()
    assert out.getvalue().count("\n") == 1


def test_log_follows_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines go to what stderr is when they are written, so that a live view can put them above itself."""
    setup_logging(Telemetry())
    later = io.StringIO()
    monkeypatch.setattr(sys, "stderr", later)
    structlog.get_logger().warning("hello")
    assert "hello" in later.getvalue()


def test_dead_collector_is_one_line_and_no_delay() -> None:
    """A collector that is down costs one log line and at most the time limit."""
    out = io.StringIO()
    setup_logging(Telemetry(), out)
    stop = setup_tracing(Telemetry(otlp_endpoint="http://127.0.0.1:9"), timeout_s=0.5)
    assert tracing()
    with span("run"):
        pass
    took = timeit.timeit(stop, number=1)
    assert (out.getvalue().count("\n"), tracing()) == (1, False)
    assert took < 3


def test_tracer_without_tracing_records_nothing() -> None:
    """Without tracing the tracer is OpenTelemetry's own that records nothing."""
    with tracer().start_as_current_span("x") as current:
        assert not current.is_recording()
