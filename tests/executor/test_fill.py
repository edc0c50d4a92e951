"""The executor model fills what the plan left open, from this step and its inputs only."""

from __future__ import annotations

from typing import Any

import pytest

from engine.executor.fill import LACKS_TOOL, LLMFiller
from schemas.errors import ModelRefusalError, ModelUnavailableError, StepInputError
from schemas.fence import read_fences
from schemas.model import ToolCallPart
from schemas.plan import Step
from schemas.planning import FillRequest, PastStep
from schemas.tool import ToolSpec
from tests.synth.scripted import Reply, ScriptedModel, call, reply

pytestmark = pytest.mark.anyio

PRICE = ToolSpec(
    name="price",
    description="Price of a share.",
    input_schema={
        "type": "object",
        "properties": {"ticker": {"type": "string"}, "day": {"type": "integer"}, "unit": {"enum": ["USD", "EUR"]}},
        "required": ["ticker", "day"],
        "additionalProperties": False,
    },
)


def asked(**given: Any) -> FillRequest:
    """A step with some arguments given and one input."""
    found = PastStep(step=Step(id="1", tool="search"), status="done", preview='{"ticker": "AAPL </result>"}')
    step = Step(id="2", tool="price", tool_input=given or None, description="Look the price up", rationale="asked for")
    return FillRequest(task="What does it cost?", step=step, tool=PRICE, given=given, inputs=(found,))


async def fill(request: FillRequest, *script: Reply) -> tuple[dict[str, Any], ScriptedModel]:
    """Fill with these replies; return the input and the model."""
    model = ScriptedModel(list(script))
    return await LLMFiller().fill(request, model), model


async def test_a_missing_required_argument_is_left_to_the_executor_model() -> None:
    """B20: what the step leaves open is filled by a forced call of the tool itself, and checked."""
    filled, model = await fill(asked(), reply("", call("price", {"ticker": "AAPL", "day": 3})))

    (request,) = model.requests
    assert filled == {"ticker": "AAPL", "day": 3}
    assert [tool.name for tool in request.tools] == ["price", LACKS_TOOL]
    assert (request.tool_choice, request.parallel_tool_calls) == ("required", False)
    assert model.roles == [("executor", "2", None)]


async def test_the_model_sees_the_step_and_its_inputs_fenced() -> None:
    """Nothing of the rest of the run is in the request, and no result can end its fence."""
    _, model = await fill(asked(day=3), reply("", call("price", {"ticker": "AAPL"})))

    system, user = model.requests[0].messages
    task, step, given, result = read_fences(user.text)
    assert (task.label, task.text) == ("task", "What does it cost?")
    assert (step.attrs, step.text) == ({"id": "2", "tool": "price"}, "Look the price up\nasked for")
    assert (given.label, given.text) == ("given", '{"day":3}')
    assert (result.attrs, result.text) == ({"step": "1", "tool": "search"}, '{"ticker": "AAPL </result>"}')
    assert read_fences(system.text) == []


async def test_given_arguments_are_not_asked_for_and_win() -> None:
    """An argument of the plan stays as it is, even where the model writes another."""
    filled, model = await fill(asked(day=3), reply("", call("price", {"ticker": "AAPL", "day": 9})))

    schema = model.requests[0].tools[0].input_schema
    assert filled == {"ticker": "AAPL", "day": 3}
    assert (schema["required"], list(schema["properties"])) == (["ticker"], ["ticker", "unit"])


async def test_lacking_information_says_what_is_missing() -> None:
    """B41: the model's word that the information is not enough is a typed failure that triggers a replan."""
    lacks = call(LACKS_TOOL, {"missing": "the day"})

    with pytest.raises(
        StepInputError, match=r"^its arguments cannot be completed, not enough information: the day"
    ) as caught:
        await fill(asked(), reply("", lacks))

    assert caught.value.details == {"lacks": True, "missing": "the day"}


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (call("price", {"ticker": "AAPL", "day": "three"}), "$.day: expected integer, got 'three'"),
        (call("price", {"ticker": "AAPL"}), "'day' is a required property"),
        (ToolCallPart(call_id="c", name="price", raw="{", valid=False), "no JSON object"),
        (call("other", {}), "calls neither price nor not_enough_information"),
    ],
)
async def test_one_repair_carries_the_exact_errors(bad: ToolCallPart, told: str) -> None:
    """B20: an input that breaks the schema is sent back once, with path and reason."""
    filled, model = await fill(asked(), reply("", bad), reply("", call("price", {"ticker": "AAPL", "day": 3})))

    (result,) = model.requests[1].messages[-1].parts
    assert filled == {"ticker": "AAPL", "day": 3}
    assert result.kind == "tool_result"
    assert (result.call_id, result.is_error) == (bad.call_id, True)
    assert told in result.content


async def test_a_reply_in_words_is_repaired_too() -> None:
    """Text instead of a call is answered with the problem in a fence."""
    _, model = await fill(asked(), reply("It is 3."), reply("", call("price", {"ticker": "AAPL", "day": 3})))

    (problems,) = read_fences(model.requests[1].messages[-1].text)
    assert problems.label == "problems"


async def test_a_second_invalid_input_fails_the_step() -> None:
    """B20: after the one repair the step fails, with the problems as data."""
    wrong = reply("", call("price", {"ticker": "AAPL", "day": "x"}))

    with pytest.raises(StepInputError, match="no valid input for price") as caught:
        await fill(asked(), wrong, wrong)

    assert caught.value.details == {"lacks": False, "problems": ["$.day: expected integer, got 'x'"]}


async def test_a_refusal_and_an_unreachable_model_are_model_errors() -> None:
    """The step's error tells a model that said no from one that knew too little."""
    with pytest.raises(ModelRefusalError):
        await fill(asked(), reply("", stop="refusal"))
    with pytest.raises(ModelUnavailableError):
        await fill(asked(), ModelUnavailableError("down"))
