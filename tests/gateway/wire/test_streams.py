"""Answers of any kind, written for clients of either format: read again by our readers and by the official SDKs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from hypothesis import given

from gateway.wire import client_format
from gateway.wire.messages.seals import redacted_part, thinking_block, thinking_part
from schemas.errors import ModelUnavailableError
from schemas.gateway import WireFormat
from schemas.model import (
    Done,
    ModelChunk,
    ModelResponse,
    Part,
    ReasoningDelta,
    ReasoningPart,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallPart,
)
from schemas.result import Usage
from tests.gateway.wire.facts import events, read_stream, read_whole
from tests.gateway.wire.responses.answers_of_any_kind import answers, streams

ASKED: Mapping[str, Any] = {"model": "m-1", "stream_options": {"include_usage": True}}
CALLS = (
    ToolCallPart(call_id="a", name="f", arguments={"x": 1}, raw='{"x": 1}'),
    ToolCallPart(call_id="b", name="g", arguments={"y": 2}, raw='{"y": 2}'),
)
USED = Usage(calls=1, input_tokens=9, cached_tokens=4, output_tokens=3, reasoning_tokens=1, cost_usd=None)


def written(name: WireFormat, chunks: list[ModelChunk]) -> bytes:
    """The bytes of a stream of those chunks."""
    writer = client_format(name).stream(ASKED)
    return b"".join(writer.feed(chunk) for chunk in chunks)


def gist(name: WireFormat, answer: ModelResponse) -> dict[str, Any]:
    """What a format can say of an answer."""
    refusal = "".join(part.text for part in answer.parts if part.kind == "text" and part.refusal)
    texts = [part for part in answer.parts if part.kind == "text"]
    said = {
        "text": "".join(part.text for part in texts if not (name == "chat" and part.refusal)),
        "calls": [(call.call_id, call.name, call.arguments) for call in answer.tool_calls],
        "stop": answer.stop_reason,
        "usage": answer.usage,
        "sources": sum(len(part.annotations) for part in texts),
    }
    thoughts = [part for part in answer.parts if part.kind == "reasoning"]
    if name == "chat":
        return said | {"refusal": refusal, "thinking": "".join(part.text for part in thoughts)}
    return said | {"thinking": [returned(part) for part in thoughts]}


def returned(part: Any) -> tuple[str, str | None, str | None]:
    """Thinking as it is when a client of messages gave it back."""
    block = thinking_block(part)
    back = thinking_part(block["thinking"], block["signature"]) if "thinking" in block else redacted_part(block["data"])
    return back.text, back.signature, back.data


@pytest.mark.parametrize("name", ["chat", "messages"])
@given(answer=answers())
def test_any_answer_is_read_back_as_it_was(name: WireFormat, answer: ModelResponse) -> None:
    """B72: a whole answer in a client's format says what the model said."""
    back = read_whole(name, client_format(name).reply(answer, ASKED))
    assert gist(name, back) == gist(name, answer)


@pytest.mark.parametrize("name", ["chat", "messages"])
@given(stream=streams())
def test_any_stream_is_read_back_as_it_was(name: WireFormat, stream: tuple[ModelResponse, list[ModelChunk]]) -> None:
    """B72: a streamed answer in a client's format says what the model said, in whatever pieces it came."""
    answer, chunks = stream
    back = read_stream(name, written(name, chunks))
    assert gist(name, back) == gist(name, answer)


@given(stream=streams())
def test_blocks_of_a_message_follow_one_another(stream: tuple[ModelResponse, list[ModelChunk]]) -> None:
    """B72: each block of a streamed message is started once, in order, and stopped once, before the message ends."""
    told = [json.loads(event.data) for event in events(written("messages", stream[1]))]
    kinds = [event["type"] for event in told]
    started = [event["index"] for event in told if event["type"] == "content_block_start"]
    stopped = [event["index"] for event in told if event["type"] == "content_block_stop"]
    assert started == stopped == list(range(len(started)))
    assert (kinds[0], kinds[-2], kinds[-1]) == ("message_start", "message_delta", "message_stop")


def interleaved() -> list[ModelChunk]:
    """Two calls whose arguments come in turns."""
    return [
        TextDelta(text="Well."),
        ToolCallDelta(index=0, call_id="a", name="f", arguments='{"x"'),
        ToolCallDelta(index=1, call_id="b", name="g", arguments='{"y"'),
        ToolCallDelta(index=0, arguments=": 1}"),
        ToolCallDelta(index=1, arguments=": 2}"),
        Done(response=answer_of(TextPart(text="Well."), *CALLS)),
    ]


def answer_of(*parts: Part) -> ModelResponse:
    """An answer of those parts."""
    calls = any(part.kind == "tool_call" for part in parts)
    return ModelResponse(model="m-1", parts=parts, stop_reason="tool_calls" if calls else "end", usage=USED)


@pytest.mark.parametrize("name", ["chat", "messages"])
def test_parallel_calls_may_come_in_turns(name: WireFormat) -> None:
    """B72: arguments of two calls that come interleaved reach each its own."""
    back = read_stream(name, written(name, interleaved()))
    assert [(call.call_id, call.arguments) for call in back.tool_calls] == [("a", {"x": 1}), ("b", {"y": 2})]


def test_thoughts_with_words_between_them_are_told_once() -> None:
    """B72: a signed thought behind an unsigned one repeats its own text alone."""
    parts = (ReasoningPart(text="a"), TextPart(text="b"), ReasoningPart(text="c", signature="s"))
    chunks: list[ModelChunk] = [
        ReasoningDelta(text="a"),
        TextDelta(text="b"),
        ReasoningDelta(text="c"),
        ReasoningDelta(text="", signature="s"),
        Done(response=answer_of(*parts)),
    ]
    back = read_stream("chat", written("chat", chunks))
    assert "".join(part.text for part in back.parts if part.kind == "reasoning") == "ac"


def test_a_call_that_is_whole_is_closed_before_the_next() -> None:
    """Clients that act on a block's end need not wait for the other calls."""
    chunks: list[ModelChunk] = [
        ToolCallDelta(index=at, call_id=call.call_id, name="f", arguments=call.raw) for at, call in enumerate(CALLS)
    ]
    told = [json.loads(event.data) for event in events(written("messages", chunks))]
    assert [event["index"] for event in told if event["type"].startswith("content_block_st")] == [0, 0, 1]


def served(content: bytes) -> httpx2.MockTransport:
    """A server that streams that."""
    return httpx2.MockTransport(
        lambda _: httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=content)
    )


def by_anthropic(content: bytes) -> Any:
    """The message that Anthropic's stream helper makes of a stream, strictly."""
    client = anthropic.Anthropic(
        api_key="k",
        max_retries=0,
        http_client=httpx2.Client(transport=served(content)),
        _strict_response_validation=True,
    )
    with client.messages.stream(model="m", max_tokens=9, messages=[]) as stream:
        return stream.get_final_message()


def by_openai(content: bytes) -> Any:
    """The completion that OpenAI's stream helper makes of a stream, strictly."""
    client = openai.OpenAI(
        api_key="k",
        max_retries=0,
        http_client=httpx2.Client(transport=served(content)),
        _strict_response_validation=True,
    )
    with client.chat.completions.stream(model="m", messages=[]) as stream:
        return stream.get_final_completion()


THOUGHTS: list[ModelChunk] = [
    ReasoningDelta(text="h"),
    ReasoningDelta(text="m", signature="sig"),
    ReasoningDelta(text="", data="opaque"),
]


def test_anthropics_sdk_reads_a_streamed_message() -> None:
    """B72: the official stream helper gives thinking with its signature, text, calls, the reason and the counts."""
    message = by_anthropic(written("messages", [*THOUGHTS, *interleaved()]))
    thought, hidden, text, *calls = message.content
    assert (thought.thinking, thought.signature, hidden.data, text.text) == ("hm", "sig", "opaque", "Well.")
    assert [(call.id, call.name, call.input) for call in calls] == [("a", "f", {"x": 1}), ("b", "g", {"y": 2})]
    used = message.usage
    assert (message.stop_reason, used.input_tokens, used.cache_read_input_tokens, used.output_tokens) == (
        "tool_use",
        5,
        4,
        3,
    )


def test_openais_sdk_reads_a_streamed_completion() -> None:
    """B72: the official stream helper gives text, calls, the reason, the counts and the thinking beside them."""
    completion = by_openai(written("chat", [*THOUGHTS, *interleaved()]))
    choice, used = completion.choices[0], completion.usage
    calls = [(call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls]
    assert calls == [("a", "f", '{"x": 1}'), ("b", "g", '{"y": 2}')]
    assert (choice.message.content, choice.message.reasoning_content, choice.finish_reason) == (
        "Well.",
        "hm",
        "tool_calls",
    )
    assert (used.prompt_tokens, used.prompt_tokens_details.cached_tokens, used.completion_tokens) == (9, 4, 3)


def broken(name: WireFormat) -> bytes:
    """A stream that breaks off."""
    writer = client_format(name).stream(ASKED)
    return writer.feed(TextDelta(text="We")) + writer.fail(ModelUnavailableError("p/m broke off"), "req_1")


def test_an_error_in_mid_stream_is_raised_by_the_sdks() -> None:
    """B72: a stream that fails ends in an error that both official clients raise, never as if it were whole."""
    with pytest.raises(anthropic.APIStatusError, match="p/m broke off"):
        by_anthropic(broken("messages"))
    with pytest.raises(openai.APIError, match="p/m broke off"):
        by_openai(broken("chat"))


@pytest.mark.parametrize("name", ["chat", "messages"])
def test_an_answer_without_a_word_is_a_whole_stream(name: WireFormat) -> None:
    """B72: nothing but an end still begins and ends as the format has it."""
    back = read_stream(name, written(name, [Done(response=answer_of())]))
    assert (back.parts, back.stop_reason, back.usage) == ((), "end", USED)


def test_counts_come_only_when_asked_for() -> None:
    """Chunks of a completion carry no usage unless stream_options wish it."""
    content = client_format("chat").stream({"model": "m"}).feed(Done(response=answer_of(TextPart(text="x"))))
    assert b"usage" not in content
    assert content.endswith(b"data: [DONE]\n\n")


STOPS = {
    "end": ("stop", "end_turn"),
    "length": ("length", "max_tokens"),
    "stop_sequence": ("stop", "stop_sequence"),
    "refusal": ("content_filter", "refusal"),
    "other": ("stop", "end_turn"),
    "tool_calls": ("stop", "end_turn"),
}


def stops() -> Iterator[Any]:
    """Each reason with its words; calls are told as such, whatever ended them."""
    for reason, words in STOPS.items():
        yield reason, (), words
        called = reason in ("end", "other", "tool_calls")
        yield reason, CALLS, ("tool_calls", "tool_use") if called else words


@pytest.mark.parametrize(("reason", "parts", "words"), list(stops()))
def test_every_reason_to_stop_has_its_word(reason: Any, parts: Any, words: Any) -> None:
    """B72: no reason falls to a wrong one; an answer with calls never ends as if there were none."""
    answer = ModelResponse(model="m", parts=parts, stop_reason=reason)
    chat, message = (client_format(name).reply(answer, ASKED) for name in ("chat", "messages"))
    assert (chat["choices"][0]["finish_reason"], message["stop_reason"]) == words
