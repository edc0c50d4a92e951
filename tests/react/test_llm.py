"""ReAct turn by turn: calls become steps, caps end in a partial answer."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any, Literal

import pytest

from engine.react.llm import ReactPlanner
from schemas.errors import BudgetError, CostBudgetError, ModelRefusalError, ModelUnavailableError
from schemas.model import Done, ModelResponse, Restart, TextPart, ToolCallPart
from schemas.plan import Step
from schemas.planning import (
    AnswerRequest,
    PastStep,
    PlanDelta,
    PlanHistory,
    PlanReady,
    PlanRequest,
    PlanText,
    Repairing,
    StepDraft,
    TurnAnswer,
)
from schemas.tool import ToolSpec
from tests.synth.scripted import Reply, ScriptedModel, call, reply

pytestmark = pytest.mark.anyio

SEARCH = ToolSpec(
    name="search",
    input_schema={
        "type": "object",
        "properties": {"query": {"type": "string"}},
        "required": ["query"],
        "additionalProperties": False,
    },
)
ADD = ToolSpec(name="add", input_schema={"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"]})


def past(step_id: str, query: str, revision: int = 1, status: Literal["done", "failed"] = "done") -> PastStep:
    """A search of an earlier turn."""
    arguments = {"query": query}
    return PastStep(
        step=Step(id=step_id, tool="search", tool_input=arguments),
        status=status,
        input=arguments,
        preview=f"result {step_id}",
        revision=revision,
    )


def asked(*steps: PastStep, revision: int = 0, **options: Any) -> PlanRequest:
    """A request for the turn after these steps."""
    return PlanRequest(
        task="How many?",
        tools=(ADD, SEARCH),
        first_id=len(steps) + 1,
        history=PlanHistory(steps=steps) if steps else None,
        revision=(turn := revision or max((step.revision for step in steps), default=0) + 1),
        turn=turn,
        mode="react",
        **options,
    )


def written(request: AnswerRequest, reason: str) -> str:
    """The answer that needs no model, as the planner is given it."""
    return f"found {len(request.steps)}; {reason}"


async def turn(request: PlanRequest, *script: Reply, max_turns: int = 12) -> tuple[list[PlanDelta], ScriptedModel]:
    """Run one turn; return all but its live text, and the model."""
    model = ScriptedModel(list(script))
    deltas = [delta async for delta in ReactPlanner(written, max_turns=max_turns).plan(request, model)]
    return [delta for delta in deltas if not isinstance(delta, PlanText)], model


async def test_parallel_calls_of_one_turn_become_steps_side_by_side() -> None:
    """B57: several calls in one reply are steps of one revision with no dependency between them."""
    script = reply("", call("search", {"query": "a"}), call("search", {"query": "b"}, "c2"), stop="tool_calls")

    deltas, model = await turn(asked(past("1", "x")), script)

    *drafts, ready = deltas
    steps = (
        Step(id="2", tool="search", tool_input={"query": "a"}),
        Step(id="3", tool="search", tool_input={"query": "b"}),
    )
    assert drafts == [StepDraft(step=step) for step in steps]
    assert isinstance(ready, PlanReady)
    assert ready.plan.steps == steps
    assert model.requests[0].parallel_tool_calls
    assert model.roles == [("planner", None, 2)]


async def test_a_call_is_handed_on_before_the_reply_ends() -> None:
    """The first call is a draft as soon as the second begins."""
    script = reply("", call("search", {"query": "a"}), call("search", {"query": "b"}, "c2"))
    model = ScriptedModel([script])

    async with aclosing(ReactPlanner(written).plan(asked(), model)) as deltas:
        first = await anext(deltas)

    assert isinstance(first, StepDraft)
    assert "done" not in model.sent


async def test_a_reply_without_calls_is_the_answer() -> None:
    """Text alone ends the run."""
    deltas, _ = await turn(asked(past("1", "x")), reply("Forty-two.", size=4))

    assert deltas == [TurnAnswer(text="Forty-two.")]


async def test_past_turns_are_native_calls_and_results() -> None:
    """Each earlier revision is one message of calls and one of results, whatever mode it was planned in."""
    request = asked(past("1", "a"), past("2", "b"), past("3", "c", revision=2, status="failed"))

    _, model = await turn(request, reply("ok"))

    system, task, *pairs = model.requests[0].messages
    assert (system.role, task.text) == ("system", "<task>\nHow many?\n</task>")
    assert [message.role for message in pairs] == ["assistant", "user", "assistant", "user"]
    assert [part.call_id for message in pairs for part in message.parts if part.kind == "tool_call"] == ["1", "2", "3"]
    results = [part for message in pairs for part in message.parts if part.kind == "tool_result"]
    assert [(part.call_id, part.is_error) for part in results] == [("1", False), ("2", False), ("3", True)]
    assert results[0].content == "result 1"


async def test_how_a_result_not_shown_whole_is_handed_on() -> None:
    """Only beside a result that is not shown whole stands how to hand it on."""
    cut = past("2", "long", revision=2).model_copy(update={"view": "preview"})
    _, model = await turn(asked(past("1", "short"), cut), reply("42"))
    results = [
        part.content for message in model.requests[0].messages for part in message.parts if part.kind == "tool_result"
    ]
    assert ["To hand it on" in content for content in results] == [False, True]


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (call("serach", {"query": "a"}), "there is no tool 'serach'; the tools are: add, search"),
        (call("search", {"q": 1}), "'query' is a required property"),
        (ToolCallPart(call_id="c", name="search", raw="{", valid=False), "no JSON object"),
    ],
)
async def test_a_call_that_cannot_be_made_is_told_inside_the_turn(bad: ToolCallPart, told: str) -> None:
    """Unknown tool or wrong arguments: the model hears why at once, and the good call of the same reply is kept."""
    good, mended = call("add", {"a": 1}), call("search", {"query": "a"})

    deltas, model = await turn(asked(), reply("", bad, good), reply("", good, mended))

    ready = deltas[-1]
    assert isinstance(ready, PlanReady)
    assert [step.tool for step in ready.plan.steps] == ["add", "search"]
    results = [part for part in model.requests[1].messages[-1].parts if part.kind == "tool_result"]
    assert [part.is_error for part in results] == [True, False]
    assert told in results[0].content
    assert told in ready.warnings[0]


async def test_calls_that_stay_wrong_end_in_a_partial_answer() -> None:
    """After two repairs the model is asked for an answer without tools."""
    wrong = reply("", call("nope", {}))

    deltas, model = await turn(asked(), wrong, wrong, wrong, reply("I could not look it up."))

    reason = "the model's tool calls stayed invalid"
    assert deltas == [TurnAnswer(text=f"I could not look it up.\n\n({reason})", partial=True, reason=reason)]
    assert model.requests[-1].tool_choice == "none"


async def test_the_same_call_a_third_time_stops_the_run() -> None:
    """B57: the same call with the same arguments three times ends in a partial answer that says so."""
    again = reply("", call("add", {"a": 1}), call("search", {"query": "a"}))

    deltas, model = await turn(asked(past("1", "a"), past("2", "a", revision=2)), again, reply("As far as I got: 40."))

    reason = "the same call three times"
    assert [type(delta) for delta in deltas] == [StepDraft, Repairing, TurnAnswer]
    assert deltas[-1] == TurnAnswer(text=f"As far as I got: 40.\n\n({reason})", partial=True, reason=reason)
    assert (model.requests[-1].tool_choice, len(model.requests)) == ("none", 2)


async def test_the_same_tool_with_other_arguments_goes_on() -> None:
    """Only the same arguments make a repeat."""
    deltas, _ = await turn(asked(past("1", "a"), past("2", "a", revision=2)), reply("", call("search", {"query": "b"})))

    assert isinstance(deltas[-1], PlanReady)


async def test_the_last_turn_must_answer() -> None:
    """B57: at the cap on turns the model may call nothing more; its answer is partial with the reason."""
    deltas, model = await turn(asked(past("1", "a", revision=2)), reply("So far 40."), max_turns=3)

    reason = "the cap of 3 turns is reached"
    assert deltas == [TurnAnswer(text=f"So far 40.\n\n({reason})", partial=True, reason=reason)]
    assert [request.tool_choice for request in model.requests] == ["none"]
    assert reason in model.requests[0].messages[-1].text


async def test_a_reason_the_model_gives_itself_is_not_repeated() -> None:
    """B57: an answer that already says why it was stopped stays as it is."""
    said = "40, for the cap of 3 turns is reached."

    (end,), _ = await turn(asked(past("1", "a", revision=2)), reply(said), max_turns=3)

    assert isinstance(end, TurnAnswer)
    assert end.text == said


async def test_plans_before_a_fallback_are_no_turns() -> None:
    """B57: the cap counts ReAct's own turns, not the plans that failed before it."""
    request = asked(past("1", "a", revision=3)).model_copy(update={"turn": 1})

    deltas, _ = await turn(request, reply("", call("search", {"query": "b"})), max_turns=3)

    assert isinstance(deltas[-1], PlanReady)


@pytest.mark.parametrize("script", [reply(""), ModelUnavailableError("down")])
async def test_a_last_turn_without_text_gives_what_was_found(script: Reply) -> None:
    """B53: when the model fails or says nothing at the end, what was found is the answer."""
    deltas, _ = await turn(asked(past("1", "a", revision=2)), script, max_turns=3)

    (end,) = deltas
    assert isinstance(end, TurnAnswer)
    assert end.text.startswith("found 1; the cap of 3 turns is reached")


async def test_an_empty_turn_is_asked_once_more_for_an_answer() -> None:
    """B53: a reply with neither text nor calls is no answer."""
    deltas, _ = await turn(asked(), reply(""), reply("Forty-two."))

    reason = "the model gave an empty reply"
    assert deltas == [TurnAnswer(text=f"Forty-two.\n\n({reason})", partial=True, reason=reason)]


async def test_braces_a_model_copies_are_no_references() -> None:
    """A tool result that holds a reference can't make a later call read another step."""
    deltas, _ = await turn(asked(past("1", "x")), reply("", call("search", {"query": "see {{1.secret}}"})))

    assert isinstance(deltas[0], StepDraft)
    assert deltas[0].step.tool_input == {"query": "see \\{{1.secret}}"}


async def test_a_restart_makes_the_drafts_void() -> None:
    """When the gateway begins the reply anew, its steps get new ids."""
    two = [call("search", {"query": "a"}), call("search", {"query": "b"}, "c2")]
    broken = [chunk for chunk in reply("", *two) if not isinstance(chunk, Done)]

    deltas, _ = await turn(asked(), [*broken, Restart(reason="connection lost"), *reply("", two[1])])

    assert deltas[1] == Repairing(attempt=1, errors=("connection lost",))
    ready = deltas[-1]
    assert isinstance(ready, PlanReady)
    assert [(step.id, step.tool_input) for step in ready.plan.steps] == [("2", {"query": "b"})]


async def test_live_text_of_a_dropped_reply_is_dropped() -> None:
    """What a reader saw of a reply that came to nothing does not stand before the answer."""
    model = ScriptedModel([reply("Let me", call("nope", {})), reply("Forty-two.")])

    deltas = [delta async for delta in ReactPlanner(written).plan(asked(), model)]

    assert deltas[:3] == [PlanText(text="Let me"), PlanText(text="", restart=True), PlanText(text="Forty-two.")]


async def test_a_tool_that_is_down_is_not_offered() -> None:
    """A tool marked unavailable is not shown, and a call of it is told to be unknown."""
    _, model = await turn(asked(unavailable=("add",)), reply("ok"))

    assert [tool.name for tool in model.requests[0].tools] == ["search"]


async def test_calls_beyond_the_cap_on_steps_are_left_out_and_said() -> None:
    """No more steps than max_steps come of one turn."""
    calls = [call("search", {"query": str(n)}, f"c{n}") for n in range(3)]

    deltas, _ = await turn(asked(max_steps=2), reply("", *calls))

    ready = deltas[-1]
    assert isinstance(ready, PlanReady)
    assert (len(ready.plan.steps), ready.warnings) == (2, ("1 calls beyond max_steps were left out",))


async def test_a_refusal_and_a_used_up_budget_are_errors() -> None:
    """A refusal, and a budget that covers no call, are the loop's to handle."""
    with pytest.raises(ModelRefusalError):
        await turn(asked(), reply("", stop="refusal"))
    with pytest.raises(BudgetError):
        await turn(asked(past("1", "a", revision=2)), CostBudgetError("used up"), max_turns=3)


async def test_a_whole_reply_without_deltas_is_read_too() -> None:
    """A provider that cannot stream gives the same turn."""
    whole = ModelResponse(model="m", parts=(TextPart(text="Look:"), call("search", {"query": "a"})))

    deltas, _ = await turn(asked(), [Done(response=whole)])

    assert [type(delta) for delta in deltas] == [StepDraft, PlanReady]


async def test_feedback_stands_fenced_after_the_results() -> None:
    """A person's changed goal reaches the next turn as data."""
    history = PlanHistory(steps=(past("1", "a"),), feedback="only 2024")

    _, model = await turn(asked().model_copy(update={"history": history}), reply("ok"))

    assert model.requests[0].messages[-1].text == "<feedback>\nonly 2024\n</feedback>"
