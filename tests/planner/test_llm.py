"""The planner that asks a model."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import cast

import anyio
import anyio.lowlevel
import pytest

from engine.planner.llm import LLMPlanner
from gateway.estimate import text_tokens
from schemas.errors import (
    ModelOutputError,
    ModelRefusalError,
    ModelRequestError,
    ModelUnavailableError,
    PlanError,
    PlanGraphError,
    PlanParseError,
    PlanSchemaError,
)
from schemas.fence import read_fences
from schemas.model import (
    Done,
    ModelChunk,
    ModelRequest,
    ModelResponse,
    ReasoningDelta,
    Restart,
    TextDelta,
    ToolCallDelta,
    ToolCallPart,
)
from schemas.plan import Step
from schemas.planning import PastStep, PlanDelta, PlanHistory, PlanReady, PlanText, Repairing
from tests.planner.doubles import SEARCH, TOOLS, ScriptedModel, asked, deltas, drafts, planned, tool

pytestmark = pytest.mark.anyio

GOOD = '{"steps":[{"search":"Everest"},{"convert":{"value":"{{1.m}}","to":"ft"}},{"answer":"{{2}} ft"}]}'
COMMA = '{"steps":[{"search":"Everest"},]}'
TYPE = '{"steps":[{"search":"Everest"},{"convert":{"value":"high","to":"ft"}}]}'
PAST = PlanHistory(
    steps=(PastStep(step=Step(id="1", tool="search", tool_input={"query": "x"}), status="done", preview='{"m": 8849}'),)
)


async def rejected(*replies: str, chunk: int = 7, **options: int) -> PlanError:
    """The error after replies that are no plan."""
    with pytest.raises(PlanError) as caught:
        await planned(ScriptedModel(list(replies), chunk=chunk), None, **options)
    return caught.value


@pytest.mark.parametrize("tier", ["schema", "tool", "text"])
async def test_tiers(tier: str) -> None:
    """Each tier gives the same plan: constrained output, a forced tool call, JSON in text."""
    model = ScriptedModel([GOOD], tier=tier)
    plan = await planned(model)
    assert [step.tool for step in plan.steps] == ["search", "convert"]
    assert (plan.answer, plan.goal) == ("{{2}} ft", "How high is it?")
    assert (model.requests[0].output is not None, model.requests[0].tool_choice) == (
        tier == "schema",
        "emit_plan" if tier == "tool" else "auto",
    )


async def test_drafts() -> None:
    """Steps are handed on before the reply has ended, each after the text that closed it."""
    found = await deltas(ScriptedModel([GOOD], chunk=1))
    kinds = [delta.kind for delta in found]
    assert drafts(found) == ["1", "2"]
    assert kinds.index("step") == GOOD.index('"},') + 2
    assert "".join(delta.text for delta in found if isinstance(delta, PlanText)) == GOOD


async def test_bad_drafts() -> None:
    """A draft with an unknown tool, a bad argument or a reference ahead is not handed on."""
    bad = '{"serch":"a"},{"convert":{"value":"x","to":"ft"}},{"search":"{{4}}"}'
    reply = f'{{"steps":[{bad},{{"search":"ok"}},{{"search":"{{{{1}}}}"}}]}}'
    model = ScriptedModel([reply, GOOD])
    assert drafts(await deltas(model)) == ["4", "1", "2"]


@pytest.mark.parametrize("reply", ["", "I would rather not.", GOOD[:-30]])
async def test_no_plan(reply: str) -> None:
    """B7: No JSON, nothing, or half a plan is a typed plan error that keeps the raw reply; no bad step is handed on."""
    error = await rejected(reply, max_repairs=0)
    assert isinstance(error, PlanParseError)
    assert error.details["attempts"][0]["raw"] == reply


@pytest.mark.parametrize(
    ("reply", "path"), [(COMMA, "$.steps[0]: trailing comma"), (TYPE, "$.steps[1].tool_input.value: expected number")]
)
async def test_repair(reply: str, path: str) -> None:
    """B8: A trailing comma or a wrong type is one repair request with the exact errors and their JSON paths."""
    model = ScriptedModel([reply, GOOD])
    found = await deltas(model)
    told = read_fences(model.requests[1].messages[-1].text)
    assert [fenced.label for fenced in told] == ["problems"]
    assert told[0].text.startswith(path)
    assert model.requests[1].messages[-2].text == reply
    assert [delta.raw for delta in found if isinstance(delta, Repairing)] == [reply]
    assert isinstance(found[-1], PlanReady)


async def test_repair_cap() -> None:
    """After the cap, the failure names every attempt with its errors."""
    error = await rejected(COMMA, TYPE, TYPE)
    attempts = error.details["attempts"]
    assert [attempt["raw"] for attempt in attempts] == [COMMA, TYPE, TYPE]
    assert all(attempt["errors"][0].startswith("$.steps") for attempt in attempts)
    assert "3 attempts" in error.message


async def test_unknown_fields() -> None:
    """Unknown fields are warnings of the finished plan."""
    last = (await deltas(ScriptedModel(['{"mood":1,' + GOOD[1:]])))[-1]
    assert isinstance(last, PlanReady)
    assert last.warnings == ("$.mood: unknown field, ignored",)


async def test_unknown_tool() -> None:
    """An undeclared tool is told with the names there are; the error after the cap is of the schema kind."""
    model = ScriptedModel(['{"steps":[{"serch":"a"}]}', GOOD])
    await planned(model)
    assert "did you mean 'search'? available: convert, merge, search" in model.requests[1].messages[-1].text
    assert isinstance(await rejected('{"steps":[{"serch":"a"}]}', max_repairs=0), PlanSchemaError)


@pytest.mark.parametrize(
    "item", ['{"search":"{{2}}"}', '{"step":{"search":"a"},"depends_on":[1]}', '{"search":"{{7}}"}']
)
async def test_graph(item: str) -> None:
    """References ahead in a circle, to itself or to nothing end in a graph error."""
    other = '{"search":"{{1}}"}'
    assert isinstance(await rejected(f'{{"steps":[{item},{other}]}}', max_repairs=0), PlanGraphError)


@pytest.mark.parametrize("chunk", [7, 1_000])
async def test_max_steps(chunk: int) -> None:
    """B23: More steps than allowed are a repair request, then a rejection."""
    reply = '{"steps":[{"search":"a"},{"search":"b"},{"search":"c"}]}'
    model = ScriptedModel([reply, reply, reply], chunk=chunk)
    with pytest.raises(PlanSchemaError, match="3 steps, at most 2"):
        await planned(model, asked(max_steps=2))
    assert len(model.requests) == 3
    assert "at most 2" in model.requests[1].messages[-1].text


async def test_question() -> None:
    """A question is a finished plan without steps."""
    plan = await planned(ScriptedModel(['{"steps":[{"ask":"Which mountain?"}]}']))
    assert (plan.question, plan.steps) == ("Which mountain?", ())


async def test_empty_plan() -> None:
    """A plan without steps, question or answer is repaired."""
    model = ScriptedModel(['{"steps":[]}', GOOD])
    assert (await planned(model)).steps
    assert "no steps, no question and no answer" in model.requests[1].messages[-1].text


async def test_restart() -> None:
    """A reply that begins anew makes the drafts void and is read from its start."""
    half = GOOD[: GOOD.index(',{"convert')]
    found = await deltas(ScriptedModel([[TextDelta(text=half), Restart(reason="overloaded"), TextDelta(text=GOOD)]]))
    kinds = [delta.kind for delta in found]
    assert kinds == ["text", "step", "repair", "text", "text", "step", "step", "ready"]
    assert [delta.restart for delta in found if isinstance(delta, PlanText)] == [False, True, False]


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (ToolCallPart(call_id="c", name="emit_plan", raw=GOOD),),
        (ToolCallPart(call_id="c", name="emit_plan", arguments=json.loads(GOOD)),),
    ],
)
async def test_reply_at_once(parts: tuple[ToolCallPart, ...]) -> None:
    """A provider that streams nothing gives its plan with the last chunk."""
    whole = Done(response=ModelResponse(model="m", parts=parts))
    if parts:
        assert len((await planned(ScriptedModel([[whole]]))).steps) == 2
    else:
        with pytest.raises(PlanParseError, match="the reply is empty"):
            await planned(ScriptedModel([[whole]]), max_repairs=0)


async def test_refusal() -> None:
    """A model that refuses is a model error, not a plan to repair."""
    refusal = Done(response=ModelResponse(model="m", stop_reason="refusal"))
    with pytest.raises(ModelRefusalError):
        await planned(ScriptedModel([[TextDelta(text="Sorry"), refusal]]))


async def test_model_errors() -> None:
    """What the gateway gives up on passes through."""
    with pytest.raises(ModelUnavailableError):
        await planned(ScriptedModel([ModelUnavailableError("down")]))


async def test_refused_schema() -> None:
    """A provider that will not take the schema is asked once more with a forced tool call."""
    model = ScriptedModel([ModelRequestError("too complex", details={"status": 400}), GOOD])
    assert (await planned(model)).steps
    assert model.requests[1].tool_choice == "emit_plan"
    with pytest.raises(ModelRequestError):
        await planned(ScriptedModel([ModelRequestError("bad key", details={"status": 401})]))


async def test_replan() -> None:
    """A replan's ids go on, and it may refer to what is done."""
    model = ScriptedModel(['{"steps":[{"convert":{"value":"{{1.m}}","to":"ft"}},{"search":"{{4}}"}]}'])
    found = await deltas(model, asked(first_id=4, history=PAST))
    assert drafts(found) == ["4", "5"]
    assert isinstance(found[-1], PlanReady)


async def test_unavailable() -> None:
    """A tool that is down is named at the tail of the request, and a plan that uses it is repaired."""
    model = ScriptedModel([GOOD, '{"steps":[{"search":"a"}]}'])
    found = await deltas(model, asked(unavailable=("convert",)))
    assert drafts(found) == ["1", "1"]
    assert "Not available right now, do not use: convert." in model.requests[0].messages[-1].text
    assert "convert" in model.requests[0].messages[0].text


async def test_strings_dialect() -> None:
    """In the strings dialect numbers and lists arrive with their types."""
    reply = '{"steps":[{"convert":{"value":"3.5","to":"ft"}},{"merge":{"parts":"[{{1}}, \\"b\\"]"}}]}'
    plan = await planned(ScriptedModel([reply], dialect="strings"))
    assert [step.tool_input for step in plan.steps] == [{"value": 3.5, "to": "ft"}, {"parts": ["{{1}}", "b"]}]


async def test_large_catalogue() -> None:
    """Of a large catalogue the likely tools are shown, and others when the model asks for their details."""
    many = tuple(tool(f"tool_{number}", ["text"], text="string") for number in range(200))
    model = ScriptedModel(['{"steps":[{"ask":"details: tool_7"}]}', '{"steps":[{"tool_7":"a"}]}'])
    plan = await planned(model, asked("Search the height of Everest", tools=(*many, *TOOLS)), catalogue_tokens=900)
    shown = [json.dumps(request.output.json_schema) for request in model.requests if request.output]
    assert ['"search"' in text for text in shown] == [True, True]
    assert ['"tool_7"' in text for text in shown] == [False, True]
    assert plan.steps[0].tool == "tool_7"


async def test_prompt_within_its_cap() -> None:
    """B78: 200 tools: the prompt holds no more of them than its cap, and the grammar only those shown in full."""
    many = tuple(tool(f"tool_{number}", ["text"], text="string") for number in range(200))
    model = ScriptedModel([GOOD])
    await planned(model, asked("Search the height of Everest, convert it", tools=(*many, *TOOLS)), catalogue_tokens=900)
    text = model.requests[0].messages[0].text
    schema = json.dumps(model.requests[0].output.json_schema if model.requests[0].output else {})
    assert text_tokens(len(text.partition("# Tools")[2])) <= 901
    assert '{"search": ' in schema
    assert '{"convert": ' in schema
    assert schema.count('{"tool_') < 100
    assert "of 203 tools in full" in model.requests[0].form


async def test_details_without_end() -> None:
    """A model that only asks for details is told to plan, and no such question reaches the person."""
    many = tuple(tool(f"tool_{number}") for number in range(60))
    model = ScriptedModel([f'{{"steps":[{{"ask":"details: tool_{number}"}}]}}' for number in (57, 58, 59, 56)])
    with pytest.raises(PlanSchemaError, match="details of tools were shown already"):
        await planned(model, asked(tools=many), max_repairs=1, catalogue_tokens=300)


async def test_no_tools() -> None:
    """Without tools a planner can still answer."""
    plan = await planned(ScriptedModel(['{"steps":[{"answer":"Hello."}]}']), asked(tools=()))
    assert (plan.answer, plan.steps) == ("Hello.", ())


async def test_many_at_once() -> None:
    """The limit of steps also holds for drafts."""
    reply = json.dumps({"steps": [{SEARCH.name: str(number)} for number in range(5)]})
    found = await deltas(ScriptedModel([reply, GOOD]), asked(max_steps=2))
    assert drafts(found)[:2] == ["1", "2"]
    assert drafts(found) == ["1", "2", "1", "2"]


class Endless(ScriptedModel):
    """Begins with a text and then repeats a piece until it is closed; notes how much was taken, and why it ended."""

    taken = 0
    closed: BaseException | None = None

    async def stream(
        self, request: ModelRequest, *, role: str, step_id: str | None = None, revision: int | None = None
    ) -> AsyncIterator[ModelChunk]:
        """Stream the script, or the endless reply first."""
        if self.requests:
            async for chunk in super().stream(request, role=role, step_id=step_id, revision=revision):
                yield chunk
            return
        self.requests.append(request)
        begin, piece = str(self.replies[0]).split("…")
        try:
            yield TextDelta(text=begin)
            while True:
                self.taken += len(piece)
                yield ReasoningDelta(text=piece) if self.tier == "thoughts" else TextDelta(text=piece)
        except BaseException as exc:
            self.closed = exc
            raise


@pytest.mark.parametrize(
    ("begin", "said", "most"),
    [
        ('{"steps":[…{"search":"a"},', "13 steps, at most 12", 300),
        ('{"steps":[{"search":"a"},…nonsense,', "13 steps, at most 12", 300),
        ('{"steps":[{"search":"a"}…    ', "more than 2,000 characters of blank space", 3_000),
        ('…{"thought": [', "beyond 400,000 characters", 500_000),
        ('{"steps":[{"search":"…a lot of words ', "beyond 400,000 characters", 500_000),
    ],
)
async def test_endless(begin: str, said: str, most: int) -> None:
    """A reply without end is stopped, its call closed with the reason, and the model told; the next reply counts."""
    model = Endless([begin, GOOD])
    found = await deltas(model)
    assert isinstance(found[-1], PlanReady)
    assert model.taken < most
    assert isinstance(model.closed, ModelOutputError)
    assert said in model.requests[1].messages[-1].text


async def test_endless_thoughts() -> None:
    """A model that never stops thinking is stopped as well."""
    model = Endless(["…hm, let me see, ", GOOD], tier="thoughts")
    assert (await planned(model)).steps
    assert model.taken < 1_100_000
    assert "the thoughts went on" in model.requests[1].messages[-1].text


async def test_endless_after_the_plan() -> None:
    """Blank space without end after a whole plan costs nothing more, and the plan counts."""
    model = Endless([f"{GOOD}… "])
    last = (await deltas(model))[-1]
    assert isinstance(last, PlanReady)
    assert (model.taken, len(model.requests)) == (2_001, 1)
    assert "blank space, after the plan; what came then is ignored" in last.warnings[0]


async def test_cancelled_while_it_streams() -> None:
    """A run that ends while a model writes without end closes the call."""
    model = Endless(['{"steps":[{"search":"…a'])
    with anyio.CancelScope() as scope:
        async with aclosing(cast("AsyncGenerator[PlanDelta]", LLMPlanner().plan(asked(), model))) as stream:
            async for _ in stream:
                if model.taken > 50:
                    scope.cancel()
                    await anyio.lowlevel.checkpoint()
    assert model.closed is not None
    assert model.taken < 100


async def test_five_megabytes_at_once() -> None:
    """A reply of 5 MB in one piece is told to be too long, and its plan is not run."""
    long = json.dumps({"steps": [{"search": "x" * 5_000_000}]})
    error = await rejected(long, max_repairs=0, chunk=len(long))
    assert "the reply went on beyond 400,000 characters" in error.message


@pytest.mark.parametrize("order", ["text first", "call first", "mixed"])
async def test_plan_in_text_and_call(order: str) -> None:
    """A plan in the text and one in a tool call are not mixed up: the one begun first counts, with a warning."""
    text = [TextDelta(text=piece) for piece in ("Let me plan {x}: ", GOOD[:40], GOOD[40:])]
    other = GOOD.replace("Everest", "K2")
    call = [ToolCallDelta(index=0, name="emit_plan", arguments=piece) for piece in (other[:40], other[40:])]
    chunks = {
        "text first": [*text, *call],
        "call first": [*call, *text],
        "mixed": [text[0], call[0], text[1], call[1], text[2]],
    }[order]
    last = (await deltas(ScriptedModel([chunks])))[-1]
    assert isinstance(last, PlanReady)
    assert last.plan.steps[0].tool_input == {"query": "Everest" if order == "text first" else "K2"}
    assert len(last.plan.steps) == 2
    assert "a second plan, in the reply's" in last.warnings[0]


async def test_words_around_a_call() -> None:
    """Prose with braces beside the tool call's plan changes nothing."""
    chunks = [TextDelta(text='I write {"a": ['), ToolCallDelta(index=0, arguments=GOOD), TextDelta(text="]} done")]
    last = (await deltas(ScriptedModel([chunks])))[-1]
    assert isinstance(last, PlanReady)
    assert (len(last.plan.steps), last.warnings) == (2, ())


async def test_two_calls() -> None:
    """Of two tool calls the first is the plan, and the warning says so."""
    calls = [ToolCallDelta(index=0, arguments=GOOD), ToolCallDelta(index=1, arguments=GOOD)]
    last = (await deltas(ScriptedModel([calls])))[-1]
    assert isinstance(last, PlanReady)
    assert last.warnings == ("only the first tool call of the reply is read",)


async def test_details_by_words() -> None:
    """A model may ask for tools by what they do."""
    many = tuple(tool(f"tool_{number}") for number in range(100))
    wanted = tool("grobnik", ["text"], text="string").model_copy(update={"description": "Fold paper cranes."})
    model = ScriptedModel(['{"steps":[{"ask":"details: paper cranes"}]}', '{"steps":[{"grobnik":"a"}]}'])
    plan = await planned(model, asked("Tool", tools=(*many, wanted)), catalogue_tokens=500)
    assert plan.steps[0].tool == "grobnik"
    assert "of 101 tools in full" in model.requests[0].form


async def test_the_offline_model_sees_all() -> None:
    """A reader of the grammar alone, which costs no tokens and cannot ask, is given every tool."""
    many = tuple(tool(f"tool_{number}", ["text"], text="string") for number in range(900))
    model = ScriptedModel(['{"steps":[{"tool_7":"a"}]}'], dialect="offline")
    assert (await planned(model, asked(tools=many))).steps
    assert model.requests[0].form == "schema, unions"
