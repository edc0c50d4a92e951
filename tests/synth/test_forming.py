"""An answer as JSON: asked for in the provider's own way, checked, asked for once more."""

from __future__ import annotations

from typing import Any

import pytest

from engine.synth.forming import Former
from engine.synth.llm import LLMSynthesizer
from schemas.errors import ModelOutputError, ModelRequestError
from schemas.model import OutputSchema
from schemas.planning import AnswerReady, AnswerRequest, PlanText
from schemas.wishes import AnswerWishes
from tests.synth.scripted import Reply, ScriptedModel, reply

pytestmark = pytest.mark.anyio

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def asked(**wishes: Any) -> AnswerRequest:
    output = OutputSchema(name="o", json_schema=SCHEMA)
    return AnswerRequest(task="How many?", wishes=AnswerWishes(output=output, **wishes))


async def written(*replies: Reply, **wishes: Any) -> tuple[list[Any], ScriptedModel]:
    model = ScriptedModel(list(replies))
    return [item async for item in LLMSynthesizer().answer(asked(**wishes), model)], model


async def test_the_answer_is_asked_for_and_sent_whole() -> None:
    """The provider is given the schema and the other wishes; the words come once they are known to have the form."""
    items, model = await written(reply('{"n": 3}', size=2), temperature=0.1, max_output_tokens=9)
    assert items == [PlanText(text='{"n": 3}'), AnswerReady(text='{"n": 3}')]
    sent = model.requests[0]
    assert (sent.output, sent.temperature, sent.max_output_tokens) == (asked().wishes.output, 0.1, 9)


async def test_what_has_not_the_form_is_asked_for_once_more() -> None:
    """The model is told what is wrong; a second reply that is wrong too ends in an error."""
    items, model = await written(reply('{"n": "three"}'), reply('{"n": 3}'))
    assert (items[-1].text, "$.n" in model.requests[1].messages[-1].text) == ('{"n": 3}', True)
    with pytest.raises(ModelOutputError, match="no answer of the form"):
        await written(reply("three"), reply("still three"))


async def test_a_schema_that_a_provider_refuses_is_told_its_model() -> None:
    """It then stands in the prompt, and the reply is held to it all the same."""
    refused = ModelRequestError("no such keyword", details={"status": 400})
    items, model = await written(refused, reply("four"), reply('{"n": 4}'))
    assert items[-1].text == '{"n": 4}'
    assert ['"required"' in one.messages[0].text for one in model.requests] == [False, True, True]
    assert [one.output is None for one in model.requests] == [False, True, True]


async def test_an_answer_cut_at_the_wished_length_is_left_as_it_is() -> None:
    """More of the same would be cut too: the reply says that it is."""
    items, _ = await written(reply('{"n": 1', stop="length"), max_output_tokens=3)
    assert items[-1] == AnswerReady(text='{"n": 1', cut=True)


async def test_an_answer_in_words_is_put_in_form() -> None:
    """Words cost a call; what has the form already costs none."""
    model = ScriptedModel([reply('{"n": 5}')])
    former = Former(model="synthesizer")
    assert await former.put(asked(), '{"n": 6}', model, role="planner", revision=1) == '{"n": 6}'
    assert await former.put(asked(), "There are five.", model, role="planner", revision=1) == '{"n": 5}'
    assert "There are five." in model.requests[0].messages[-1].text
