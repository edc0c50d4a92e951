"""How calls over HTTP fail well: the sixteen faults of a public suite, and more, against a server of the real format.

Source: Failover Bench (github.com/failoverbench/failoverbench), methodology v0.1: what is injected, and what a correct
system does; S1 to S16 are its numbers. The words and the code here are our own.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from gateway.exchange import ClientCall
from gateway.gateway import CallContext, Gateway
from gateway.record import CallRecord
from schemas.errors import (
    ContextLengthError,
    EngineError,
    ModelError,
    ModelRefusalError,
    ModelTimeoutError,
    RateLimitError,
)
from schemas.gateway import Fallbacks, GatewaySettings, WireFormat
from schemas.settings import ModelProvider, ModelSettings, Settings
from schemas.tool import RetryPolicy
from tests.wire.replies import json_reply, say, sse_reply
from tests.wire.server import Reply, WireServer

pytestmark = pytest.mark.anyio

WORDS = " ".join(f"word{number}" for number in range(60))
FAST = RetryPolicy(max_attempts=3, base_delay_s=0.01, max_delay_s=0.02)
Fault = Callable[[dict[str, Any], str, int], Reply]
"""The body, the path, and the how-manieth request to the first model it is."""

both = pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])


@pytest.fixture
def anyio_backend() -> str:
    """HTTP is asyncio only."""
    return "asyncio"


class Bench:
    """A gateway whose first model misbehaves and whose second one answers."""

    def __init__(self, made: Gateway, server: WireServer, records: list[CallRecord]) -> None:
        self.gateway = made
        self.server = server
        self.records = records

    def asked(self) -> Counter[str]:
        """Return how often each model was asked."""
        return Counter(request.json["model"] for request in self.server.requests)

    async def call(
        self, wire: WireFormat = "chat", *, streamed: bool = True, restart: bool = False, **more: Any
    ) -> Any:
        """Make one call of the name ``main``; return (headers, parsed events or body)."""
        headers = more.pop("headers", {})
        body = {"model": "main", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 99, "stream": streamed}
        asked = ClientCall(wire, json.dumps(body | more).encode(), headers, "req_1")
        context = CallContext(may_restart=restart, request_id="req_1")
        async with self.gateway.relay(asked, context) as reply:
            content = b"".join([piece async for piece in reply.body])
            return {name.decode(): value.decode() for name, value in reply.headers}, parsed(content, streamed)


def parsed(content: bytes, streamed: bool) -> Any:
    """Return a body, or the data of all events of a stream."""
    if not streamed:
        return json.loads(content)
    lines = [line[6:] for line in content.decode().splitlines() if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def text(told: Any) -> str:
    """Return the text of an answer in chat completions or messages, streamed or whole."""
    if isinstance(told, dict):
        return told["choices"][0]["message"]["content"] if "choices" in told else told["content"][0]["text"]
    found = ""
    for event in told:
        if isinstance(event, dict) and event.get("choices"):
            found += event["choices"][0]["delta"].get("content") or ""
        elif isinstance(event, dict) and event.get("type") == "content_block_delta":
            found += event["delta"].get("text", "")
    return found


@asynccontextmanager
async def bench(fault: Fault, *, lone: bool = False, second: str = "openai", **more: Any) -> AsyncIterator[Bench]:
    """Yield a bench; ``lone`` leaves the second model out, ``second`` is its kind."""
    count = Counter[str]()
    fallbacks = more.pop("fallbacks", None)
    healthy: Fault = more.pop("healthy", lambda body, path, _: say(body, path, WORDS))
    retry = more.pop("retry", FAST)

    def script(body: dict[str, Any], path: str) -> Reply:
        count[body["model"]] += 1
        return (fault if body["model"] == "bad" else healthy)(body, path, count[body["model"]])

    with WireServer(script) as server:
        first = ModelProvider(
            **{"name": "first", "kind": "openai", "base_url": f"{server.url}/v1", "api_key": "k1", "timeout_s": 5.0}
            | more,
            models=(ModelSettings(name="bad"),),
        )
        url = server.url if second == "anthropic" else f"{server.url}/v1"
        other = ModelProvider(
            name="second", kind=second, base_url=url, api_key="k2", models=(ModelSettings(name="ok"),)
        )
        names = ("first/bad",) if lone else ("first/bad", "second/ok")
        found = Settings(
            model_providers=(first, other),
            aliases={"main": names},
            gateway=GatewaySettings(fallbacks=fallbacks or {}),
        )
        records: list[CallRecord] = []
        made = Gateway(found, environ={}, retry=retry, observers=[records.append], maker="http1")
        try:
            yield Bench(made, server, records)
        finally:
            await made.aclose()


def always(reply: Reply) -> Fault:
    """A model that always says the same."""
    return lambda body, path, number: reply


def once(reply: Reply) -> Fault:
    """A model that fails once and then answers."""
    return lambda body, path, number: reply if number == 1 else say(body, path, WORDS)


def error(status: int, message: str = "no", **more: Any) -> Reply:
    """An error as OpenAI writes it."""
    headers = more.pop("headers", {})
    return json_reply(
        {"error": {"message": message, "type": None, "code": None, **more}}, status=status, headers=headers
    )


def spoilt(**how: Any) -> Fault:
    """A model whose streams break as told, after about 40 of 60 words; its whole answers too."""

    def fault(body: dict[str, Any], path: str, number: int) -> Reply:
        reply = say(body, path, WORDS)
        size = len(reply.body) * 2 // 3
        if "drop_after" in how or not how:
            return replace(reply, drop_after=size)
        return replace(reply, body=reply.body[:size], **how)

    return fault


CUT = spoilt()
STALL = spoilt(hold=True)


@both
async def test_s1_retry_after_is_heeded(streamed: bool) -> None:
    """B68: S1 a 429 with Retry-After, once, is asked again after that time, and no sooner."""
    async with bench(once(error(429, headers={"retry-after-ms": "150"}))) as here:
        began = time.monotonic()
        _, told = await here.call(streamed=streamed)
        assert time.monotonic() - began >= 0.149
        assert (text(told), here.asked()) == (WORDS, {"bad": 2})


@both
async def test_s2_a_lasting_rate_limit_falls_back(streamed: bool) -> None:
    """B68: S2 429s without Retry-After are retried a few times, then the next model answers."""
    async with bench(always(error(429))) as here:
        headers, told = await here.call(streamed=streamed)
        assert (text(told), here.asked()) == (WORDS, {"bad": 3, "ok": 1})
        assert headers["x-engine-model"] == "second/ok"
        assert "first/bad failed 3" in headers["x-engine-route"]


@both
@pytest.mark.parametrize("reply", [error(500), Reply(reset=True), error(529, type="overloaded_error")])
async def test_s3_s5_a_passing_fault_is_healed_by_the_same_model(reply: Reply, streamed: bool) -> None:
    """B68: S3, S5 a 500 or a reset before the head, once, is asked again of the same model."""
    async with bench(once(reply)) as here:
        _, told = await here.call(streamed=streamed)
        assert (text(told), here.asked()) == (WORDS, {"bad": 2})


@both
async def test_s4_s16_an_outage_falls_back_and_is_accounted(streamed: bool) -> None:
    """B68: S4, S16 lasting 503s: the next model's answer names it and its usage; failed attempts cost nothing."""
    async with bench(always(error(503))) as here:
        _, told = await here.call(streamed=streamed, stream_options={"include_usage": True} if streamed else None)
        assert (text(told), here.asked()) == (WORDS, {"bad": 3, "ok": 1})
        last = told[-2] if streamed else told
        assert last["model"] == "ok"
        assert last["usage"]["prompt_tokens"] == 10
        (record,) = here.records
        assert (record.model, record.usage.input_tokens, record.attempts, record.fallbacks) == ("ok", 10, 4, 1)


@both
async def test_s6_no_answer_is_left_for_the_next_model(streamed: bool) -> None:
    """B68: S6 a server that says nothing is given up after the limit, once, and the next model answers."""
    silent = always(Reply(delay_s=60))
    async with bench(silent, timeout_s=0.2) as here:
        _, told = await here.call(streamed=streamed)
        assert (text(told), here.asked()) == (WORDS, {"bad": 1, "ok": 1})


async def test_s7_a_late_first_token_is_left_for_the_next_model() -> None:
    """B68: S7 a stream that begins but brings no content within first_token_s is left; nothing of it is seen."""
    head = {"id": "x", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"role": "assistant"}}]}
    late = always(sse_reply([(None, head)], hold=True))
    async with bench(late, first_token_s=0.2) as here:
        headers, told = await here.call()
        assert (text(told), here.asked()) == (WORDS, {"bad": 1, "ok": 1})
        assert all(event == "[DONE]" or event["id"] != "x" for event in told)
        assert headers["x-engine-model"] == "second/ok"


@pytest.mark.parametrize("fault", [CUT, STALL], ids=["cut", "stalled"])
async def test_s8_s9_a_stream_that_breaks_ends_with_an_error(fault: Fault) -> None:
    """B76: S8, S9 a stream cut or stalled after content ends with an error event, and is never asked again unasked."""
    async with bench(fault, stall_s=0.2) as here:
        _, told = await here.call()
        assert "error" in json.dumps(told[-2:])
        assert WORDS.startswith(text(told))
        assert here.asked() == {"bad": 1}
        assert here.records[0].outcome in ("model.unavailable", "model.timeout")
        assert (here.records[0].status, here.records[0].usage.output_tokens > 50) == (200, True)
        assert text((await here.call(model="second/ok"))[1]) == WORDS


@pytest.mark.parametrize("fault", [CUT, STALL], ids=["cut", "stalled"])
@pytest.mark.parametrize("wire", ["chat", "messages"])
async def test_s8_s9_a_restart_gives_the_whole_answer(fault: Fault, wire: WireFormat) -> None:
    """B68: S8, S9 where the client allows a restart, the next model's answer goes on where the first one broke off."""
    async with bench(fault, stall_s=0.2, retry=RetryPolicy(max_attempts=1)) as here:
        _, told = await here.call(wire, restart=True)
        assert text(told) == WORDS
        assert here.asked() == {"bad": 1, "ok": 1}
        assert here.records[0].outcome == ""


@pytest.mark.parametrize("wire", ["chat", "messages"])
async def test_a_restart_with_another_answer_says_so(wire: WireFormat) -> None:
    """B68: an answer that differs from what the client has begins anew, told in events no strict client stumbles on."""
    other: Fault = lambda body, path, number: say(body, path, "Something else.")  # noqa: E731
    async with bench(CUT, healthy=other, retry=RetryPolicy(max_attempts=1)) as here:
        _, told = await here.call(wire, restart=True)
        (at,) = [place for place, event in enumerate(told) if "engine_restart" in event]
        assert "first/bad broke off" in told[at]["engine_restart"]
        assert text(told[at:]) == "Something else."


async def test_s10_a_broken_event_is_an_error_not_garbage() -> None:
    """B76: S10 an event that is no JSON ends the stream with an error; with a restart the answer comes whole."""

    def fault(body: dict[str, Any], path: str, number: int) -> Reply:
        reply = say(body, path, WORDS)
        place = reply.body.index(b"data: ", len(reply.body) // 2)
        return replace(
            reply, body=reply.body[:place] + b'data: {"choices": [{\n\n' + reply.body[place:], split=1500, pause_s=0.01
        )

    async with bench(fault, retry=RetryPolicy(max_attempts=1)) as here:
        _, told = await here.call()
        assert "error" in json.dumps(told[-2:])
        assert text((await here.call(restart=True))[1]) == WORDS


async def test_s11_a_stream_without_its_last_event_is_finished() -> None:
    """B76: S11 a chat completion that said why it stopped, and then ends without [DONE], gets it, and its usage."""

    def fault(body: dict[str, Any], path: str, number: int) -> Reply:
        reply = say(body, path, WORDS)
        return replace(reply, body=reply.body.replace(b"data: [DONE]\n\n", b""))

    async with bench(fault) as here:
        _, told = await here.call()
        assert (text(told), told[-1]) == (WORDS, "[DONE]")
        assert (here.records[0].outcome, here.records[0].usage.input_tokens) == ("", 10)


@both
async def test_s12_a_request_that_is_too_long_goes_to_a_larger_model(streamed: bool) -> None:
    """B68: S12 context_length_exceeded is never asked again of the same model; what is written for it answers."""
    long = error(400, "This model's maximum context length is 8192 tokens", code="context_length_exceeded")
    rules = {"main": Fallbacks(context_length=("second/ok",))}
    async with bench(always(long), lone=True, fallbacks=rules) as here:
        headers, told = await here.call(streamed=streamed)
        assert (text(told), here.asked()) == (WORDS, {"bad": 1, "ok": 1})
        assert headers["x-engine-route"].startswith("fallback on context_length: second/ok; first/bad failed 1")


@both
async def test_s13_what_a_content_filter_refused_is_asked_nobody_else(streamed: bool) -> None:
    """B68: S13 a content filter's refusal goes to the client with its reason, unless a fallback is written for it."""
    refused = error(400, "The response was filtered", code="content_filter")
    async with bench(always(refused)) as here:
        with pytest.raises(ModelRefusalError, match="The response was filtered"):
            await here.call(streamed=streamed)
        assert here.asked() == {"bad": 1}
    rules = {"*": Fallbacks(content_filter=("second/ok",))}
    async with bench(always(refused), fallbacks=rules) as here:
        assert text((await here.call(streamed=streamed))[1]) == WORDS


async def test_s14_a_restart_asks_for_the_whole_answer() -> None:
    """B68: S14 the fallback is sent the client's own conversation: no half answer is put into its mouth."""
    async with bench(CUT, retry=RetryPolicy(max_attempts=1), second="anthropic") as here:
        assert text((await here.call(restart=True))[1]) == WORDS
        assert [message["role"] for message in here.server.requests[-1].json["messages"]] == ["user"]


async def test_s15_a_model_that_is_down_is_left_out_probed_and_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """B68: S15 while the first model is down the second answers at once; probes find when it is back."""
    monkeypatch.setattr("gateway.breaker.COOLDOWN_S", 0.0)
    down = True

    def fault(body: dict[str, Any], path: str, number: int) -> Reply:
        return error(503) if down else say(body, path, "back")

    async with bench(fault) as here:
        for _ in range(6):
            assert text((await here.call())[1]) == WORDS
        assert here.asked()["bad"] == 3 * 3 + 3  # three calls with their retries, then one probe a call
        down = False
        assert text((await here.call())[1]) == "back"


async def test_an_open_breaker_costs_the_failing_model_nothing() -> None:
    """B68: between probes a model that keeps failing is not asked at all, and the answer says why."""
    async with bench(always(error(500)), retry=RetryPolicy(max_attempts=1)) as here:
        for _ in range(5):
            headers, _ = await here.call()
        assert here.asked() == {"bad": 3, "ok": 5}
        assert "first/bad is left out for now" in headers["x-engine-route"]


@both
async def test_another_format_may_answer(streamed: bool) -> None:
    """B68: a chat completion whose provider is down is answered by one that speaks messages, in the client's format."""
    async with bench(always(error(503)), second="anthropic") as here:
        _, told = await here.call(streamed=streamed)
        assert text(told) == WORDS
        assert here.server.requests[-1].path.endswith("/messages")


@both
@pytest.mark.parametrize("status", [401, 403, 404, 402])
async def test_a_provider_that_refuses_us_is_left_for_the_next(status: int, streamed: bool) -> None:
    """B68: a wrong key, a model not permitted or not there, an empty account: the next model at once."""
    async with bench(always(error(status))) as here:
        assert text((await here.call(streamed=streamed))[1]) == WORDS
        assert here.asked() == {"bad": 1, "ok": 1}


@both
@pytest.mark.parametrize(
    "reply",
    [
        json_reply({"error": {"message": "overloaded", "type": "overloaded_error"}}),
        Reply(b"<html>gateway</html>", content_type="text/html"),
        Reply(b'{"choices": [{"mess', content_type="application/json"),
        Reply(b"", content_type="text/event-stream"),
        sse_reply([(None, "[DONE]")]),
        sse_reply([(None, {"error": {"message": "boom", "type": "server_error"}})]),
        Reply(b"data: {half", content_type="text/event-stream"),
    ],
    ids=["error in a 200", "html", "half JSON", "empty stream", "only DONE", "error event", "half event"],
)
async def test_a_success_that_is_none_falls_back(reply: Reply, streamed: bool) -> None:
    """B76: an error inside a 200, a page, half a body, an empty stream: retried, then the next model answers."""
    async with bench(always(reply)) as here:
        _, told = await here.call(streamed=streamed)
        assert text(told) == WORDS
        assert here.asked() == {"bad": 3, "ok": 1}


async def test_a_deadline_ends_the_call_with_its_error() -> None:
    """B68: the client's deadline holds over retries and fallbacks: what is left of it is what an attempt gets."""
    slow = always(Reply(delay_s=60))
    async with bench(slow, healthy=lambda body, path, number: Reply(delay_s=60)) as here:
        began = time.monotonic()
        with pytest.raises(ModelTimeoutError):
            await here.call(headers={"x-engine-deadline": "0.3s"})
        assert time.monotonic() - began < 3


async def test_a_long_retry_after_goes_to_the_client() -> None:
    """B68: nobody is kept waiting for minutes: the error comes at once and says when to come back."""
    async with bench(always(error(429, headers={"retry-after": "90"})), lone=True) as here:
        with pytest.raises(RateLimitError) as caught:
            await here.call()
        assert (caught.value.retry_after_s, here.asked()) == (90, {"bad": 1})


async def test_a_fallback_written_as_none_ends_the_call() -> None:
    """B68: an empty list for a class of errors leaves no fallback for it, though the name has a list."""
    rules = {"main": Fallbacks(context_length=())}
    async with bench(always(error(413, "too large")), fallbacks=rules) as here:
        with pytest.raises(ContextLengthError):
            await here.call()
        assert here.asked() == {"bad": 1}


async def test_when_nobody_answers_the_error_names_all() -> None:
    """B68: when the fallback fails as well, the client gets a typed error with everything that was tried."""
    async with bench(always(error(500)), healthy=always(error(500))) as here:
        with pytest.raises(ModelError, match="none of 2 models answered") as caught:
            await here.call()
        assert caught.value.details["attempts"] == 6
        assert isinstance(caught.value, EngineError)


async def test_slow_drips_are_no_stall() -> None:
    """A stream that comes slowly, but comes, is not cut by stall_s."""
    drip: Fault = lambda body, path, number: replace(say(body, path, "abcdef"), split=40, pause_s=0.01)  # noqa: E731
    async with bench(drip, stall_s=2.0) as here:
        assert text((await here.call())[1]) == "abcdef"
