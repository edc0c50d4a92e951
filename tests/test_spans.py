"""The spans of a run: run → plan → step → chat, under one trace, with ids, and never a prompt unless asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan

from engine import telemetry
from engine.telemetry import use_tracer
from engine.testing import Calls, FakeTool, ScriptedProvider
from schemas.errors import RateLimitError
from schemas.model import Message, ModelRequest
from schemas.plan import Plan, Step
from schemas.protocols import ToolContext
from schemas.tool import ToolSpec
from tests.runs import Run, engine_of, ran

pytestmark = pytest.mark.anyio
SECRET = "the word of the day is rhubarb"
PLAN = {"steps": [{"look": {"at": 1}}, {"look": {"at": "{{1}}"}}]}
LOOK = {"type": "object", "properties": {"at": {"type": "integer"}}, "required": ["at"]}


class Traced:
    """The finished spans of a test."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def all(self) -> list[ReadableSpan]:
        """In order of their beginning."""
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def named(self, name: str) -> list[ReadableSpan]:
        """Those of one name."""
        return [span for span in self.all() if span.name == name]

    def parent(self, span: ReadableSpan) -> str:
        """The name of a span's parent."""
        by_id = {one.context.span_id: one.name for one in self.all() if one.context}
        return by_id[span.parent.span_id] if span.parent else ""


@pytest.fixture
def traced() -> Iterator[Traced]:
    """Spans in memory, with tracing on while the test runs."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    stop = use_tracer(provider.get_tracer("test"))
    yield Traced(exporter)
    stop()


def attributes(span: ReadableSpan) -> Mapping[str, Any]:
    """A span's attributes."""
    return span.attributes or {}


def look(does: Any = 7) -> FakeTool:
    """A tool of one argument."""
    return FakeTool("look", does, input_schema=LOOK)


async def planned(**settings: Any) -> Run:
    """A run of two steps: one planning call, one synthesis."""
    return await ran(engine_of(look(), script=[PLAN, "an answer"], **settings), SECRET)


async def test_spans_nest_as_the_run_does(traced: Traced) -> None:
    """The plan, its steps and the answer are children of the run; each model call is a child of who made it."""
    await planned()
    found = [(span.name, traced.parent(span)) for span in traced.all()]
    assert sorted(found) == sorted(
        [
            ("run", ""),
            ("plan", "run"),
            ("chat script", "plan"),
            ("step", "run"),
            ("step", "run"),
            ("synthesize", "run"),
            ("chat script", "synthesize"),
        ]
    )
    assert len({span.context.trace_id for span in traced.all() if span.context}) == 1


async def test_spans_carry_ids(traced: Traced) -> None:
    """The run's id stands on the run and on its model calls, the step's id and tool on its step."""
    run = await planned()
    assert attributes(traced.named("run")[0])["engine.run.id"] == run.result.run_id
    assert attributes(traced.named("plan")[0])["engine.plan.revision"] == 1
    assert [attributes(span)["engine.step.id"] for span in traced.named("step")] == ["1", "2"]
    assert {attributes(span)["engine.tool"] for span in traced.named("step")} == {"look"}
    assert {attributes(span)["engine.run_id"] for span in traced.named("chat script")} == {run.result.run_id}
    assert [attributes(span)["engine.role"] for span in traced.named("chat script")] == ["planner", "synthesizer"]


async def test_chat_spans_speak_the_conventions(traced: Traced) -> None:
    """A chat span names operation, models, provider, tokens and finish reason by OpenTelemetry's names."""
    run = await planned()
    told = [attributes(span) for span in traced.named("chat script")]
    assert {span["gen_ai.operation.name"] for span in told} == {"chat"}
    assert {(span["gen_ai.request.model"], span["gen_ai.response.model"]) for span in told} == {("script", "script")}
    assert {span["gen_ai.provider.name"] for span in told} == {"offline"}
    assert sum(span["gen_ai.usage.input_tokens"] for span in told) == run.result.usage.input_tokens
    assert sum(span["gen_ai.usage.output_tokens"] for span in told) == run.result.usage.output_tokens
    assert {span["gen_ai.response.finish_reasons"] for span in told} == {("end",)}


async def test_no_prompt_and_no_answer_in_a_span(traced: Traced) -> None:
    """B74: by default no span holds words of the task, of a result or of the answer."""
    await planned()
    text = " ".join(str(span.to_json()) for span in traced.all())
    assert "rhubarb" not in text
    assert "an answer" not in text


async def test_content_is_told_where_it_is_asked_for(traced: Traced) -> None:
    """With telemetry.content the chat spans carry what was asked and answered, as the conventions write it."""
    await planned(telemetry={"content": True})
    first, last = [attributes(span) for span in traced.named("chat script")]
    asked = json.loads(first["gen_ai.input.messages"])
    assert [message["role"] for message in asked] == ["system", "user"]
    assert SECRET in asked[1]["parts"][0]["content"]
    answered = json.loads(last["gen_ai.output.messages"])
    assert answered == [
        {"role": "assistant", "parts": [{"type": "text", "content": "an answer"}], "finish_reason": "end"}
    ]


async def test_a_filled_step_has_its_model_call_inside(traced: Traced) -> None:
    """The model call that completes arguments is a child of the step's filling, and names the step."""
    plan = Plan(goal="g", steps=(Step(id="1", tool="look", description="look at five"),), answer="{{1}}")
    await ran(engine_of(look(), script=[Calls((("look", {"at": 5}),))]), plan)
    (chat,) = traced.named("chat script")
    assert traced.parent(chat) == "fill"
    assert attributes(chat)["engine.step_id"] == "1"
    assert attributes(traced.named("fill")[0])["engine.step.id"] == "1"


class Asking:
    """A tool that asks a model."""

    spec = ToolSpec(name="asking", effects="none", input_schema={"type": "object"})

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        """Ask."""
        assert context.model is not None
        asked = ModelRequest(messages=(Message.user("hello"),), model="executor")
        return (await context.model.complete(asked, role="executor")).text


async def test_a_tools_own_model_call_is_inside_its_step(traced: Traced) -> None:
    """A model call that a tool makes is a child of the tool's step."""
    plan = Plan(goal="g", steps=(Step(id="1", tool="asking", tool_input={}),), answer="{{1}}")
    run = await ran(engine_of(Asking(), script=["hi"]), plan)
    (chat,) = traced.named("chat script")
    assert (run.result.answer, traced.parent(chat)) == ("hi", "step")


async def test_a_failed_step_is_a_failed_span(traced: Traced) -> None:
    """A step that fails marks its own span with the error's code and leaves its sibling's alone."""
    steps = (Step(id="1", tool="bad", tool_input={}), Step(id="2", tool="good", tool_input={}))
    tools = (FakeTool("bad", ValueError("rhubarb")), FakeTool("good"))
    await ran(engine_of(*tools, script=["partial"]), Plan(goal="g", steps=steps))
    bad, good = sorted(traced.named("step"), key=lambda span: attributes(span)["engine.tool"])
    assert (bad.status.is_ok, attributes(bad)["error.type"]) == (False, "tool.failed")
    assert (good.status.is_ok, attributes(good)["engine.step.status"]) == (True, "done")
    assert "rhubarb" not in str(bad.to_json())


async def test_parallel_steps_have_spans_of_their_own(traced: Traced) -> None:
    """Steps that run at once are siblings under the run, not children of each other."""
    steps = tuple(Step(id=str(n), tool="look", tool_input={}) for n in range(1, 6))
    await ran(engine_of(FakeTool("look", 1, seconds=0.02)), Plan(goal="g", steps=steps, answer="ok"))
    assert [traced.parent(span) for span in traced.named("step")] == ["run"] * 5
    assert len({attributes(span)["engine.step.id"] for span in traced.named("step")}) == 5


async def test_a_chain_of_steps_is_flat(traced: Traced) -> None:
    """A step that starts from another's end is still a child of the run."""
    steps = tuple(Step(id=str(n), tool="look", tool_input={}, depends_on=(str(n - 1),) * (n > 1)) for n in range(1, 5))
    await ran(engine_of(), Plan(goal="g", steps=steps, answer="ok"))
    assert [traced.parent(span) for span in traced.named("step")] == ["run"] * 4


async def test_off_makes_no_span(monkeypatch: pytest.MonkeyPatch) -> None:
    """With tracing off a whole run makes no span object, neither ours nor OpenTelemetry's."""
    made: list[str] = []

    def count(kind: type) -> None:
        begin: Callable[..., None] = kind.__init__

        def counted(self: object, *args: Any, **more: Any) -> None:
            made.append(kind.__name__)
            begin(self, *args, **more)

        monkeypatch.setattr(kind, "__init__", counted)

    for kind in (ReadableSpan, NonRecordingSpan, telemetry._OpenSpan):  # pyright: ignore[reportPrivateUsage]
        count(kind)
    run = await planned()
    assert (run.result.status, made) == ("completed", [])


async def test_a_retried_call_tells_its_failures(traced: Traced) -> None:
    """A failed attempt is an event of the chat span, by code alone."""
    script = [RateLimitError("slow down, rhubarb", details={"retry_after_s": 0.01}), PLAN, "an answer"]
    await ran(engine_of(look(), provider=ScriptedProvider(script)), SECRET)
    chat = traced.named("chat script")[0]
    assert [dict(event.attributes or {})["error.type"] for event in chat.events] == ["model.rate_limit"]
    assert attributes(chat)["engine.attempts"] == 2
    assert "rhubarb" not in str(chat.to_json())
