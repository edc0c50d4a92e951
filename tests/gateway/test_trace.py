from __future__ import annotations

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracer, StatusCode

from gateway.gateway import CallContext
from schemas.errors import ModelRequestError, ModelUnavailableError
from tests.gateway.fakes import ScriptedProvider, gateway, request

pytestmark = pytest.mark.anyio


async def test_span_and_log_tell_numbers_and_no_content(capsys: pytest.CaptureFixture[str]) -> None:
    """A call is one span with the standard attributes and one debug line; neither holds prompt or answer."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    made = gateway(ScriptedProvider({"big": ["SECRET-ANSWER"]}), tracer=lambda: provider.get_tracer("t"))
    with structlog.testing.capture_logs() as lines:
        await made.complete(request("SECRET-PROMPT"), CallContext(run_id="r1", role="planner"))
    (span,) = exporter.get_finished_spans()
    assert span.name == "chat big"
    assert span.attributes is not None
    assert span.attributes["gen_ai.operation.name"] == "chat"
    assert span.attributes["gen_ai.request.model"] == "big"
    assert span.attributes["gen_ai.usage.input_tokens"] == 1000
    assert [(line["log_level"], line["run_id"]) for line in lines] == [("debug", "r1")]
    assert "SECRET" not in f"{span.to_json()} {lines} {capsys.readouterr()}"


async def test_a_failed_call_is_a_failed_span_without_its_message() -> None:
    """The span of a failed call carries the error's code and each failed attempt, never what the provider said."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    script = {"big": [ModelUnavailableError("down"), ModelRequestError("SECRET echoed")]}
    made = gateway(ScriptedProvider(script), tracer=lambda: provider.get_tracer("t"))
    with structlog.testing.capture_logs() as lines, pytest.raises(ModelRequestError):
        await made.complete(request())
    (span,) = exporter.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "model.request")
    assert [event.name for event in span.events] == ["attempt failed"] * 2
    assert "SECRET" not in f"{span.to_json()} {lines}"


@pytest.mark.parametrize(("level", "lines"), [("debug", 1), ("info", 0)])
async def test_what_nobody_reads_is_not_written(level: str, lines: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing makes spans the line is written all the same, if such lines are read."""
    made = gateway(ScriptedProvider({"big": ["hello"]}), tracer=NoOpTracer)
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))
    try:
        await made.complete(request())
    finally:
        structlog.configure(**before)
    assert capsys.readouterr().out.count("model call") == lines
