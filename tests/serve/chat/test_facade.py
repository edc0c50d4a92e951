"""Assistants as an OpenAI client sees them, over a real port: the official SDK, and bytes where it hides them."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.api import Engine
from engine.serve.chat import performance
from engine.testing import FakeTool, ScriptedProvider
from schemas.errors import ModelRequestError, ToolFailedError
from schemas.model import ModelRequest
from tests.gateway.server.serving import Keys
from tests.runs import engine_of
from tests.serve.serving import Served, served
from tests.serve.test_streaming import PATIENCE_S, wired
from tests.wire.replies import say
from tests.wire.server import WireServer

WORDS = "The answer comes word by word: é, 日本, 😀. " * 3
PLAN = {"steps": [{"look": {}}]}
KEYS = Keys()
ANN, BEN, FEW = KEYS.add("ann"), KEYS.add("ben"), KEYS.add("few", models=("clerk",))


def replies(request: ModelRequest) -> Any:
    """A planner that writes what the task names, and a synthesizer that writes words."""
    if request.output is None:
        return WORDS
    told = request.messages[-1].text + request.messages[0].text
    for name in ("slow", "broken", "send"):
        if f"use {name}" in told:
            return {"steps": [{name: {}}]}
    return ModelRequestError("no plan today") if "no plan" in told else PLAN


def make() -> Engine:
    tools = (
        FakeTool("look", "seen"),
        FakeTool("slow", "ok", seconds=30.0),
        FakeTool("broken", ToolFailedError("the thing is broken")),
        FakeTool("send", "sent", approval="always", effects="effectful"),
    )
    clerk = {"name": "clerk", "description": "Looks things up.", "mode": "plan"}
    planned = {"name": "planned", "mode": "plan", "on_disconnect": "continue"}
    silent = {"name": "silent", "mode": "plan", "progress": "none"}
    direct = {"name": "plain", "mode": "direct"}
    provider = ScriptedProvider(replies, chunk=5, token_s=0.002)
    return engine_of(*tools, provider=provider, assistants=[clerk, planned, silent, direct])


@pytest.fixture(scope="module")
def here() -> Generator[Served]:
    with served(make) as found:
        yield found


@pytest.fixture(scope="module")
def client(here: Served) -> Generator[openai.OpenAI]:
    with openai.OpenAI(api_key="none", base_url=f"{here.url}/v1", max_retries=0) as found:
        yield found


def asked(text: str = "look it up", model: str = "clerk", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def pictured(part: dict[str, Any]) -> dict[str, Any]:
    return asked() | {"messages": [{"role": "user", "content": [{"type": "text", "text": "what is it?"}, part]}]}


def events(raw: bytes) -> list[Any]:
    """The data of a stream, ``[DONE]`` left out but required."""
    blocks = [block for block in raw.split(b"\n\n") if block.startswith(b"data: ")]
    assert blocks[-1] == b"data: [DONE]"
    return [json.loads(block[6:]) for block in blocks[:-1]]


# ------------------------------------------------------------------ replies


def test_a_whole_reply(here: Served, client: openai.OpenAI) -> None:
    """The SDK gets the answer, what was done, the usage of the whole run with its cost, and the run's id twice."""
    raw = client.chat.completions.with_raw_response.create(**asked())
    got = raw.parse()
    extra: Any = got.model_extra
    message: Any = got.choices[0].message
    assert (got.choices[0].finish_reason, message.content) == ("stop", WORDS.strip())
    assert "Step 1: look." in message.reasoning_content
    assert got.id == f"chatcmpl-{raw.headers['x-engine-run']}" == f"chatcmpl-{extra['engine']['run_id']}"
    assert (extra["engine"]["status"], got.model) == ("completed", "clerk")
    run = here.get(f"/{extra['engine']['run_id']}")
    used: Any = got.usage
    assert (used.prompt_tokens, used.completion_tokens, used.cost) == (
        run["usage"]["input_tokens"],
        run["usage"]["output_tokens"],
        run["usage"]["cost_usd"],
    )


@pytest.mark.parametrize("streamed", [False, True])
def test_wishes_that_no_run_fulfils_are_named(here: Served, *, streamed: bool) -> None:
    """The reply's head names the fields that no run fulfils; the reply comes all the same."""
    wishes = {"temperature": 0, "logit_bias": {"1": 1}, "top_logprobs": 2, "stop": None}
    got = here.client.post("/v1/chat/completions", json=asked(stream=streamed, **wishes))
    assert (got.status_code, got.headers["x-engine-dropped"]) == (200, "logit_bias, top_logprobs")
    assert "x-engine-dropped" not in here.client.post("/v1/chat/completions", json=asked(stream=streamed)).headers


def test_a_request_of_ten_megabytes_is_refused(here: Served) -> None:
    """In OpenAI's envelope, with the limit; a model's requests have the gateway's own."""
    got = here.client.post("/v1/chat/completions", json=asked("x" * 10_000_000))
    assert (got.status_code, "8,000,000 bytes" in got.json()["error"]["message"]) == (413, True)


def test_a_tool_of_the_client_may_have_any_name(here: Served) -> None:
    """Names that mean something else in a plan, or are a tool's of ours, are taken like any other."""
    functions = [{"type": "function", "function": {"name": name}} for name in ("answer", "step", "ask", "look")]
    got = here.client.post("/v1/chat/completions", json=asked(tools=functions))
    assert (got.status_code, got.json()["choices"][0]["message"]["content"]) == (200, WORDS.strip())


def test_a_streamed_reply(client: openai.OpenAI) -> None:
    """The answer comes in pieces as it is written, progress beside it, and the usage last where it is asked for."""
    chunks = list(client.chat.completions.create(**asked(stream=True, stream_options={"include_usage": True})))
    deltas: list[Any] = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    pieces = [delta.content for delta in deltas if delta.content]
    assert ("".join(pieces).strip(), len(pieces) > 5) == (WORDS.strip(), True)
    assert "Step 1 is done" in "".join(getattr(delta, "reasoning_content", "") for delta in deltas)
    assert deltas[0].role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert (chunks[-1].choices, chunks[-1].usage is not None) == ([], True)
    assert len({chunk.id for chunk in chunks}) == 1
    assert not any(chunk.usage for chunk in client.chat.completions.create(**asked(stream=True)))


def test_programs_read_one_extra_key(here: Served) -> None:
    """B60: chunks carry the run's events under ``engine``: numbered, in order; no event is named, and no key is new."""
    raw = here.client.post("/v1/chat/completions", json=asked(stream=True)).content
    assert b"\nevent:" not in raw
    told = events(raw)
    assert {key for chunk in told for key in chunk} == {"id", "object", "created", "model", "choices", "engine"}
    kinds = [chunk["engine"].get("event") for chunk in told if "engine" in chunk]
    assert kinds[1] == "run_started"
    assert set(filter(None, kinds)) == {"run_started", "plan_started", "step_started", "plan_accepted", "step_ended"}
    numbers = [chunk["engine"]["seq"] for chunk in told if "seq" in chunk.get("engine", {})]
    assert numbers == sorted(set(numbers))
    run_id = told[0]["engine"]["run_id"]
    log = here.client.get(f"/runs/{run_id}/export").text.splitlines()
    assert dict(zip(numbers, filter(None, kinds), strict=True)).items() <= {
        (line["seq"], line["kind"]) for line in map(json.loads, log)
    }


def test_progress_in_the_users_language(here: Served) -> None:
    """A task in German is told of in German; an assistant whose progress is nothing tells a person nothing."""
    german = here.client.post("/v1/chat/completions", json=asked("Wie ist das Wetter in der Stadt?")).json()
    assert "Ein Plan wird gemacht." in german["choices"][0]["message"]["reasoning_content"]
    silent = here.client.post("/v1/chat/completions", json=asked(model="silent")).json()
    assert "reasoning_content" not in silent["choices"][0]["message"]


def test_a_direct_answer_grows(here: Served) -> None:
    """B54: an assistant that just talks streams its model's words as they come."""
    told = events(here.client.post("/v1/chat/completions", json=asked("hi", "plain", stream=True)).content)
    pieces = [chunk["choices"][0]["delta"].get("content", "") for chunk in told]
    assert ("".join(pieces).strip(), len(list(filter(None, pieces))) > 5) == (WORDS.strip(), True)


# ------------------------------------------------------------------ what goes wrong


@pytest.mark.parametrize("stream", [False, True])
def test_a_run_that_found_nothing_is_an_error(here: Served, client: openai.OpenAI, stream: bool) -> None:
    """A failed run with nothing to show is an error and no answer: a status, or the last data of a stream."""
    if stream:
        with pytest.raises(openai.APIError, match="no plan today"):
            list(client.chat.completions.create(**asked("no plan", stream=True)))
        told = events(here.client.post("/v1/chat/completions", json=asked("no plan", stream=True)).content)
        assert told[-1]["error"]["code"] == "run_failed"
    else:
        with pytest.raises(openai.InternalServerError, match="no plan today") as raised:
            client.chat.completions.create(**asked("no plan"))
        assert (raised.value.status_code, raised.value.code) == (502, "run_failed")


def test_a_run_that_waits_ends_its_turn(here: Served) -> None:
    """A run that waits for a person says what it asks as the assistant's words; the run is parked meanwhile."""
    got = here.client.post("/v1/chat/completions", json=asked("use send")).json()
    assert (got["choices"][0]["finish_reason"], got["engine"]["status"]) == ("stop", "waiting")
    assert got["engine"]["approvals"][0]["tool"] == "send"
    assert "send" in got["choices"][0]["message"]["content"]
    assert here.get(f"/{got['engine']['run_id']}")["status"] == "waiting"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 400, "no JSON"),
        (b"[1]", 400, "no JSON object"),
        (b"\x00\xff\xfe\x80", 400, "no JSON"),
        (asked(model="clrek"), 404, "did you mean clerk?"),
        ({"messages": []}, 400, "names no model"),
        (asked() | {"messages": []}, 400, "at least one message"),
        (asked() | {"messages": "hi"}, 400, "messages"),
        (asked() | {"messages": [{"role": "user", "content": ""}]}, 400, ""),
        (asked() | {"messages": [{"role": "king", "content": "x"}]}, 400, "role"),
        (asked(n=2), 400, "one answer"),
        (pictured({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}), 400, "reads text"),
        (pictured({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}), 400, "reads text"),
        (asked("x" * 33_000_000), 413, "larger"),
    ],
)  # fmt: skip
def test_bad_requests(here: Served, body: Any, status: int, said: str) -> None:
    """What is no request of an assistant is one clear error in OpenAI's envelope; nothing of the inside is told."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = here.client.post("/v1/chat/completions", content=content, headers={"content-type": "application/json"})
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert said in error["message"]
    assert "Traceback" not in response.text


def test_a_long_history_is_read(here: Served) -> None:
    """A thousand messages are no obstacle."""
    turns = [{"role": ("user", "assistant")[at % 2], "content": f"word {at}"} for at in range(1_001)]
    response = here.client.post("/v1/chat/completions", json={"model": "clerk", "messages": turns})
    assert response.status_code == 200, response.text


def test_other_formats(here: Served) -> None:
    """Clients of messages and of responses get an assistant's reply too, whole and streamed, in their own format."""
    with anthropic.Anthropic(api_key="none", base_url=here.url, max_retries=0) as other:
        asked_so: Any = {"model": "clerk", "max_tokens": 999, "messages": [{"role": "user", "content": "look it up"}]}
        whole = other.messages.create(**asked_so)
        with other.messages.stream(**asked_so) as stream:
            streamed = stream.get_final_message()
        for message in (whole, streamed):
            assert [block.type for block in message.content] == ["thinking", "text"]
            assert (message.content[-1].text.strip(), message.stop_reason) == (WORDS.strip(), "end_turn")  # type: ignore[union-attr]
            assert message.usage.input_tokens > 0
    with openai.OpenAI(api_key="none", base_url=f"{here.url}/v1", max_retries=0) as mine:
        assert mine.responses.create(model="clerk", input="look it up").output_text == WORDS.strip()
        told = list(mine.responses.create(model="clerk", input="look it up", stream=True))
        assert told[-1].response.output_text.strip() == WORDS.strip()  # type: ignore[union-attr]


def test_an_assistant_embeds_nothing(here: Served) -> None:
    """A call for vectors is told that an assistant is no model of them."""
    response = here.client.post("/v1/embeddings", json={"model": "clerk", "input": "x"})
    assert (response.status_code, "embeds nothing" in response.text) == (400, True)


def test_too_many_at_once_are_told_to_wait() -> None:
    """With as many runs in flight as allowed, a chat is refused with 429 and when to try again."""
    with served(make, most=1) as here:
        here.post("", {"plan": {"goal": "g", "steps": [{"id": "1", "tool": "slow"}], "answer": "x"}}, 201)
        response = here.client.post("/v1/chat/completions", json=asked(stream=True))
        assert (response.status_code, response.headers["retry-after"]) == (429, "1")
        assert response.json()["error"]["code"] == "rate_limit_exceeded"


# ------------------------------------------------------------------ names and keys


def test_models_and_assistants_are_listed(here: Served) -> None:
    """/v1/models lists assistants first, with whose they are and what they are for; without any there is one."""
    listed = here.client.get("/v1/models").json()["data"]
    assert [one["id"] for one in listed[:4]] == ["clerk", "planned", "silent", "plain"]
    assert (listed[0]["owned_by"], listed[0]["description"]) == ("engine", "Looks things up.")
    assert {one["owned_by"] for one in listed[4:]} == {"scripted"}
    assert here.client.get("/v1/models/clerk").json() == listed[0]
    with served(engine_of) as bare:
        assert bare.client.get("/v1/models").json()["data"][0]["id"] == "engine"


def test_a_listener_offers_what_it_names() -> None:
    """A listener's ``models`` limit its assistants too, and its ``default_model`` may be one; so do a key's."""
    listeners = [{"name": "all"}, {"name": "desk", "models": ["clerk"], "default_model": "clerk"}]
    with served(make, keys=KEYS, listeners=listeners) as here:

        def posted(name: str, secret: str, **body: Any) -> httpx2.Response:
            headers = {"authorization": f"Bearer {secret}"}
            return httpx2.post(f"{here.urls[name]}/v1/chat/completions", json=asked(**body), headers=headers)

        listed = httpx2.get(f"{here.urls['desk']}/v1/models", headers={"authorization": f"Bearer {ANN}"}).json()
        assert [one["id"] for one in listed["data"]] == ["clerk"]
        assert posted("desk", ANN, model="gpt-4o").json()["model"] == "clerk"
        assert posted("all", ANN, model="silent").status_code == 200
        assert posted("all", FEW, model="silent").status_code == 403
        assert posted("desk", "ek-wrong").json()["error"]["code"] == "invalid_api_key"
        run_id = posted("all", ANN).headers["x-engine-run"]
        for secret, status in ((ANN, 200), (BEN, 404)):
            headers = {"authorization": f"Bearer {secret}"}
            assert httpx2.get(f"{here.url}/runs/{run_id}", headers=headers).status_code == status


# ------------------------------------------------------------------ clients that leave


@pytest.mark.parametrize(
    ("header", "chosen", "cancelled"),
    [(None, "cancel", True), (None, "continue", False), ("continue", "cancel", False), ("cancel", "continue", True)],
)
@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves(header: str | None, chosen: str, cancelled: bool, stream: bool) -> None:
    """B61: a run whose client left is cancelled and its model's connection closed, or goes on and can be fetched."""
    finish, begun = threading.Event(), threading.Event()

    def reply(request: dict[str, Any], path: str) -> Any:
        begun.set()
        if cancelled:
            return say(request, path, "half", hold=True, drop_after=len(say(request, path, "half").body) // 2)
        finish.wait(PATIENCE_S)
        return say(request, path, "all of it")

    assistant = {"name": "a", "mode": "direct", "on_disconnect": chosen}
    headers = {"x-engine-on-disconnect": header} if header else {}
    with WireServer(reply) as wire, served(lambda: wired(wire.url, assistants=[assistant])) as here:
        if stream:
            body = asked(model="a", stream=True)
            with here.client.stream("POST", "/v1/chat/completions", json=body, headers=headers):
                assert begun.wait(PATIENCE_S)
        else:
            with pytest.raises(httpx2.ReadTimeout):
                here.client.post("/v1/chat/completions", json=asked(model="a"), headers=headers, timeout=0.6)
        run_id = here.get("")["runs"][0]["id"]
        if cancelled:
            assert wire.wait_left(PATIENCE_S) is not None
            assert here.ended(run_id)["status"] == "cancelled"
        else:
            finish.set()
            assert here.ended(run_id)["answer"]["text"] == "all of it"


def test_a_wrong_choice_is_said(here: Served) -> None:
    """What becomes of the run is cancel or continue, and nothing else."""
    response = here.client.post("/v1/chat/completions", json=asked(), headers={"x-engine-on-disconnect": "stay"})
    assert (response.status_code, "cancel or continue" in response.text) == (422, True)


def test_a_long_silence_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing happens the stream has comments, which clients skip."""
    monkeypatch.setattr(performance, "STILL_HERE_S", 0.05)
    with (
        served(make) as here,
        here.client.stream("POST", "/v1/chat/completions", json=asked("use slow", stream=True)) as response,
    ):
        assert next(line for line in response.iter_lines() if line.startswith(":")) == ": still here"


_WORDS = st.text(max_size=20)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=8,
)
_FIELDS = ["messages", "stream", "stream_options", "tools", "tool_choice", "n", "metadata", "user", "max_tokens"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(_FIELDS), value=_JSON)
def test_whatever_is_sent_is_answered_or_refused(here: Served, field: str, value: Any) -> None:
    """Any value of any field gives a reply or a clear refusal: never a fault, a traceback or a closed line."""
    response = here.client.post("/v1/chat/completions", json=asked("hi", "plain") | {field: value})
    assert response.status_code in (200, 400, 413, 422), response.text
    assert "Traceback" not in response.text
    if response.status_code != 200:
        assert response.json()["error"]["message"]
