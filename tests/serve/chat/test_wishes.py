"""What clients say of how they want the answer: fulfilled, named, or refused, in each of the three formats."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

import anthropic
import openai
import pytest
from pydantic import BaseModel

from engine.api import Engine
from engine.testing import Calls, FakeTool, ScriptedProvider
from schemas.model import ModelRequest, OutputSchema
from schemas.wishes import AnswerWishes
from tests.runs import engine_of
from tests.serve.serving import Served, served

WORDS = "Three were seen, and that is all there is to say."


class Count(BaseModel):
    """The form that the clients wish."""

    n: int
    of: str


JSON = '{"n": 3, "of": "birds"}'
SCHEMA = Count.model_json_schema()
FORMAT = {"type": "json_schema", "json_schema": {"name": "Count", "schema": SCHEMA}}
LOOKED: dict[str, Any] = {"steps": [{"look": {}}]}
PAID: dict[str, Any] = {"steps": [{"send": {}}]}
SEEN: list[ModelRequest] = []


def replies(request: ModelRequest) -> Any:
    """A planner, a ReAct model that looks once and speaks, and a synthesizer that keeps to a form but once."""
    task = "\n".join(one.text for one in request.messages)
    if request.tools:
        return WORDS if any(part.kind == "tool_result" for one in request.messages for part in one.parts) else LOOK
    if request.output is None:
        SEEN.append(request)
        return WORDS
    if request.output.name == "json_object":
        return "[1]" if "a list" in task else '{"any": 1}'
    if "n" not in request.output.json_schema.get("properties", {}):
        return PAID if "send it" in task else LOOKED
    SEEN.append(request)
    wrong = "stubborn" in task or ("wrong at first" in task and "not as asked for" not in task)
    return "three birds" if wrong else JSON


LOOK = Calls((("look", {}),))


def make() -> Engine:
    named: list[Any] = [{"name": "clerk", "mode": "plan"}, {"name": "turns", "mode": "react"}]
    named.append({"name": "plain", "mode": "direct"})
    tools = (FakeTool("look", "three birds"), FakeTool("send", "sent", approval="always", effects="effectful"))
    return engine_of(*tools, provider=ScriptedProvider(replies, chunk=5), assistants=named)


@pytest.fixture(scope="module")
def here() -> Generator[Served]:
    with served(make) as found:
        yield found


@pytest.fixture
def client(here: Served) -> Generator[openai.OpenAI]:
    SEEN.clear()
    with openai.OpenAI(api_key="none", base_url=f"{here.url}/v1", max_retries=0) as found:
        yield found


def asked(text: str = "count the birds", model: str = "clerk", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


@pytest.mark.parametrize("model", ["clerk", "turns", "plain"])
def test_the_answer_has_the_form_that_is_wished(client: openai.OpenAI, model: str) -> None:
    """Planned, turn by turn, or at once: the SDK parses the answer into the class it was given."""
    got = client.chat.completions.parse(**asked(model=model), response_format=Count)
    assert got.choices[0].message.parsed == Count(n=3, of="birds")
    assert got.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("text", ["count, wrong at first", "count, stubborn"])
def test_a_reply_of_another_form_is_asked_for_again_and_else_no_answer(client: openai.OpenAI, text: str) -> None:
    """Once; what is still not of that form is a refusal, which no client takes for the JSON it waits for."""
    got = client.chat.completions.parse(**asked(text), response_format=Count).choices[0].message
    assert len(SEEN) == 2
    if "stubborn" in text:
        assert (got.content, got.parsed, "three birds" in (got.refusal or "")) == (None, None, True)
    else:
        assert got.parsed == Count(n=3, of="birds")


def test_a_streamed_answer_is_json_from_its_first_word_to_its_last(client: openai.OpenAI) -> None:
    """Nothing of a reply that is asked for again is sent."""
    create: Any = client.chat.completions.create
    chunks: Any = create(**asked("count, wrong at first", response_format=FORMAT, stream=True))
    words: list[str] = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert json.loads("".join(filter(None, words))) == json.loads(JSON)


@pytest.mark.parametrize("streamed", [False, True])
def test_what_a_person_is_asked_is_no_answer(here: Served, *, streamed: bool) -> None:
    """A run that waits for consent says so in the refusal; what it answers afterwards has the form again."""
    body = asked("send it", response_format=FORMAT, stream=streamed)
    if streamed:
        raw = here.client.post("/v1/chat/completions", json=body).text
        chunks = [json.loads(line[6:]) for line in raw.splitlines() if line.startswith("data: {")]
        told = "".join(chunk["choices"][0]["delta"].get("refusal", "") for chunk in chunks if chunk["choices"])
        assert not any(chunk["choices"][0]["delta"].get("content") for chunk in chunks if chunk["choices"])
    else:
        message = here.client.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]
        told = message["refusal"]
        assert message["content"] is None
    assert "approve" in told
    talk = [*body["messages"], {"role": "assistant", "content": None, "refusal": told}]
    again = {**body, "stream": False, "messages": [*talk, {"role": "user", "content": "approve"}]}
    answer = here.client.post("/v1/chat/completions", json=again).json()["choices"][0]["message"]
    assert json.loads(answer["content"]) == json.loads(JSON)


def test_how_to_write_is_told_to_the_model_that_writes_the_answer(client: openai.OpenAI) -> None:
    """Temperature, seed, stop, length and effort reach it, and no planner; none is named as dropped."""
    how: dict[str, Any] = {"temperature": 0.3, "seed": 5, "stop": ["END"], "max_tokens": 40, "reasoning_effort": "low"}
    create: Any = client.chat.completions.with_raw_response.create
    raw: Any = create(**asked(**how, top_p=0.9, logprobs=True))
    call = SEEN[-1]
    assert (call.temperature, call.seed, call.stop, call.max_output_tokens) == (0.3, 5, ("END",), 40)
    assert (call.effort, call.top_p, raw.headers["x-engine-dropped"]) == ("low", 0.9, "logprobs")


def test_the_other_formats_wish_the_same(here: Served) -> None:
    """Responses (``text.format``, ``max_output_tokens``) and messages (``output_config``, ``stop_sequences``)."""
    SEEN.clear()
    with openai.OpenAI(api_key="none", base_url=f"{here.url}/v1", max_retries=0) as client:
        got = client.responses.parse(model="clerk", input="count", text_format=Count, temperature=0.2)
        assert (got.output_parsed, SEEN[-1].temperature) == (Count(n=3, of="birds"), 0.2)
    with anthropic.Anthropic(api_key="none", base_url=here.url, max_retries=0) as other:
        held: Any = {"format": {"type": "json_schema", "schema": SCHEMA}}
        create: Any = other.messages.with_raw_response.create
        raw: Any = create(max_tokens=99, output_config=held, stop_sequences=["END"], **asked("count"))
        parts: list[Any] = [part for part in raw.parse().content if part.type == "text"]
        assert json.loads(parts[0].text) == json.loads(JSON)
        assert (SEEN[-1].stop, "x-engine-dropped" in raw.headers) == (("END",), False)


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"n": 2}, "n"),
        ({"temperature": 2.5}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"seed": 1.5}, "seed"),
        ({"stop": [1]}, "stop"),
        ({"verbosity": "loud"}, "verbosity"),
        ({"reasoning_effort": "huge"}, "reasoning_effort"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "strin"}}}},
            "response_format.json_schema.schema",
        ),
    ],
)
def test_a_wish_that_is_none_is_refused(here: Served, wish: dict[str, Any], param: str) -> None:
    """With OpenAI's status and envelope, naming the field, before anything is begun."""
    got = here.client.post("/v1/chat/completions", json=asked(**wish))
    error = got.json()["error"]
    assert (got.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)


@pytest.mark.parametrize(
    ("text", "status", "told"), [("any", 200, '{"any": 1}'), ("a list", 502, "expected an object")]
)
def test_json_mode_holds_the_answer_to_an_object(here: Served, text: str, status: int, told: str) -> None:
    """``json_object`` names no schema: any object will do; where nothing else was found the failure is an error."""
    got = here.client.post(
        "/v1/chat/completions", json=asked(text, model="plain", response_format={"type": "json_object"})
    )
    found = got.json()
    words = found["choices"][0]["message"]["content"] if status == 200 else found["error"]["message"]
    assert (got.status_code, told in words) == (status, True)


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["plan", "react", "direct"])
async def test_a_run_with_wishes_replays(mode: Any) -> None:
    """Its calls, those for the form among them, come out of the record as they went in."""
    wishes = AnswerWishes(output=OutputSchema(name="Count", json_schema=SCHEMA), temperature=0.5)
    async with make() as engine:
        result = await engine.run("count, wrong at first", mode=mode, wishes=wishes)
        records = await engine.store.load(result.run_id)
        assert result.answer == JSON
        assert [record async for record in engine.replay(records)] == records
