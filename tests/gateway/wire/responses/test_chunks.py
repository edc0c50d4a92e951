"""Streamed answers, event by event."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire.responses.chunks import EventWriter
from gateway.wire.responses.thinking import reasoning_parts
from schemas.errors import ModelUnavailableError, RateLimitError
from schemas.model import (
    Done,
    ModelChunk,
    ModelResponse,
    ReasoningDelta,
    ReasoningPart,
    Restart,
    TextDelta,
    TextPart,
    ToolCallDelta,
)
from tests.gateway.wire.responses.answers_of_any_kind import events, read, returned, streams
from tests.wire.document import event_problems

ASKED: dict[str, Any] = {"model": "m", "input": "hi", "stream": True}


def written(*chunks: ModelChunk, asked: dict[str, Any] = ASKED) -> list[dict[str, Any]]:
    """The events of some chunks, as data."""
    writer = EventWriter(asked)
    return [json.loads(event.data) for event in events(b"".join(map(writer.feed, chunks)))]


def done(*parts: Any, **more: Any) -> Done:
    """The end of an answer."""
    return Done(response=ModelResponse(model="m-1", parts=parts, **more))


def kinds(told: list[dict[str, Any]]) -> list[str]:
    """The types of events, without what all of them begin with."""
    return [event["type"].removeprefix("response.") for event in told]


@given(streams(), st.integers(1, 97))
def test_every_stream_is_read_back_as_it_was(stream: Any, size: int) -> None:
    """B72: what our reader makes of our events, cut anywhere, is the answer they were written from."""
    answer, chunks = stream
    writer = EventWriter(ASKED)
    content = b"".join(writer.feed(chunk) for chunk in chunks)
    back, deltas = read(events(content, size))
    assert returned(back.parts) == returned(answer.parts)
    assert (back.stop_reason, back.usage, back.model) == (answer.stop_reason, answer.usage, answer.model)
    assert "".join(d.text for d in deltas if d.kind == "text") == answer.text


@settings(max_examples=25)
@given(streams())
def test_every_event_is_the_published_documents(bench_data: Path, stream: Any) -> None:
    """B72: each event of any answer validates against OpenAI's document, and their numbers rise by one."""
    told = written(*stream[1])
    assert [problem for event in told for problem in event_problems(bench_data, event)] == []
    assert [event["sequence_number"] for event in told] == list(range(len(told)))


@pytest.mark.parametrize("broken", ["delta", "item_id", "logprobs", "sequence_number"])
def test_a_broken_event_does_not_validate(bench_data: Path, broken: str) -> None:
    """The check of the test above fails for an event that lacks any field."""
    event = next(e for e in written(TextDelta(text="a")) if e["type"] == "response.output_text.delta")
    assert event_problems(bench_data, event) == []
    del event[broken]
    assert broken in event_problems(bench_data, event)[0]


@settings(max_examples=30)
@given(streams())
def test_the_official_sdk_puts_the_same_answer_together(stream: Any) -> None:
    """B72: the openai SDK's own accumulator takes any stream of ours, with strict validation."""
    answer, chunks = stream
    writer = EventWriter(ASKED)
    content = b"".join(writer.feed(chunk) for chunk in chunks)
    if answer.stop_reason in ("length", "refusal"):
        return  # the SDK keeps a final response of completed answers only
    client, contents = sdk()
    contents.append(content)
    with client.responses.stream(model="m", input="hi") as taken:
        final = taken.get_final_response()
    assert final.output_text == answer.text
    called = [(item.call_id, item.arguments) for item in final.output if item.type == "function_call"]
    assert called == [(call.call_id, call.raw or "{}") for call in answer.tool_calls]


@cache
def sdk() -> tuple[openai.OpenAI, list[bytes]]:
    """The official client, of a server that answers with the last of some contents."""
    contents: list[bytes] = []
    head = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, headers=head, content=contents[-1]))
    http = httpx2.Client(transport=transport)
    return openai.OpenAI(
        api_key="none", base_url="http://x", http_client=http, _strict_response_validation=True
    ), contents


def test_each_piece_goes_out_at_once() -> None:
    """No chunk is held back: each has its event in the bytes it returns."""
    writer = EventWriter(ASKED)
    assert b'"delta":"a"' in writer.feed(TextDelta(text="a"))
    assert b'"delta":"b"' in writer.feed(TextDelta(text="b"))
    assert b'"delta":"{"' in writer.feed(ToolCallDelta(index=0, call_id="c", name="f", arguments="{"))


def test_a_call_is_done_as_soon_as_another_begins() -> None:
    """A client may run a call while the next is still written."""
    first = ToolCallDelta(index=0, call_id="a", name="f", arguments='{"x":1}')
    told = kinds(written(first, ToolCallDelta(index=1, call_id="b", name="f", arguments="{")))
    assert told.index("output_item.done") < len(told) - 2


def test_calls_written_by_turns_keep_their_own_arguments() -> None:
    """Servers that write two calls at a time are understood: neither ends before its arguments are whole."""
    chunks = [ToolCallDelta(index=index, call_id=f"c{index}", name="f", arguments='{"x":') for index in (0, 1)]
    chunks += [ToolCallDelta(index=index, arguments=f"{index}}}") for index in (0, 1)]
    final = written(*chunks, done(stop_reason="tool_calls"))[-1]["response"]
    assert [item["arguments"] for item in final["output"]] == ['{"x":0}', '{"x":1}']


def test_a_whole_answer_to_a_streamed_request_is_streamed() -> None:
    """A server, or a cache, that gives all at once loses nothing."""
    told = written(done(ReasoningPart(text="hm"), TextPart(text="yes")))
    assert kinds(told).count("output_item.done") == 2
    assert told[-1]["response"]["output"][1]["content"][0]["text"] == "yes"


def test_an_answer_of_nothing_ends_properly() -> None:
    """No parts at all are a completed answer without output."""
    told = written(done())
    assert kinds(told) == ["created", "in_progress", "completed"]
    assert told[-1]["response"]["output"] == []


def test_a_refusal_has_events_of_its_own() -> None:
    """Words of refusal are no text of the answer."""
    told = written(TextDelta(text="No.", refusal=True), done(TextPart(text="No.", refusal=True), stop_reason="refusal"))
    assert "refusal.delta" in kinds(told)
    assert told[-1]["response"]["output"][0]["content"] == [{"type": "refusal", "refusal": "No."}]


def test_sources_come_with_their_text() -> None:
    """A cited source is an event, and stands in the finished text."""
    cited = {"type": "url_citation", "url": "https://a.example"}
    told = written(TextDelta(text="ab"), TextDelta(text="", annotations=(cited,)), done(TextPart(text="ab")))
    added = next(event for event in told if event["type"].endswith("annotation.added"))
    assert added["annotation"] == told[-1]["response"]["output"][0]["content"][0]["annotations"][0]


@pytest.mark.parametrize(("stop", "reason"), [("length", "max_output_tokens"), ("refusal", "content_filter")])
def test_an_answer_cut_short_is_incomplete(stop: Any, reason: str) -> None:
    """The last event says that, and why, the answer is not whole."""
    last = written(TextDelta(text="a"), done(TextPart(text="a"), stop_reason=stop))[-1]
    assert (last["type"], last["response"]["incomplete_details"]) == ("response.incomplete", {"reason": reason})


def test_thinking_whose_seal_comes_late_stands_in_the_whole_answer() -> None:
    """What a provider needs of its thinking reaches the client at the latest with the last event."""
    thought = ReasoningPart(text="hm", data='{"field": "reasoning_content"}')
    told = written(ReasoningDelta(text="hm"), TextDelta(text="a"), done(thought, TextPart(text="a")))
    assert reasoning_parts(told[-1]["response"]["output"][0], "input[0]") == [thought]


def test_a_new_beginning_leaves_what_broke_off_out() -> None:
    """After a restart the broken-off items are marked, and the whole answer holds only what came then."""
    told = written(TextDelta(text="ol"), Restart(reason="cut"), TextDelta(text="new"), done(TextPart(text="new")))
    ended = [event["item"]["status"] for event in told if event["type"] == "response.output_item.done"]
    assert ended == ["incomplete", "completed"]
    assert [item["content"][0]["text"] for item in told[-1]["response"]["output"]] == ["new"]


def test_a_failure_is_told_twice_and_never_silently(bench_data: Path) -> None:
    """B72: a stream that fails ends with an error event and response.failed, whatever a client listens to."""
    writer = EventWriter(ASKED)
    content = writer.feed(TextDelta(text="a")) + writer.fail(RateLimitError("slow down", hint="wait"), "req_1")
    told = [json.loads(event.data) for event in events(content)]
    assert kinds(told)[-2:] == ["error", "failed"]
    assert told[-1]["response"]["error"] == {"code": "rate_limit_exceeded", "message": "slow down (wait)"}
    assert [problem for event in told for problem in event_problems(bench_data, event)] == []


def test_the_official_sdk_raises_a_failure() -> None:
    """Who streams with the official client gets an exception, not an answer that just stops."""
    writer = EventWriter(ASKED)
    content = writer.feed(TextDelta(text="a")) + writer.fail(ModelUnavailableError("it broke off"), "req_1")
    client, contents = sdk()
    contents.append(content)
    with pytest.raises(openai.APIError, match="it broke off"):
        list(client.responses.create(model="m", input="hi", stream=True))


def test_what_a_provider_needs_of_its_thinking_may_come_last() -> None:
    """B72: a signature that is known only at the end still stands in the whole answer that clients send back."""
    thought = ReasoningPart(text="hm", signature="signed")
    told = written(ReasoningDelta(text="hm"), TextDelta(text="a"), done(thought, TextPart(text="a")))
    item = told[-1]["response"]["output"][0]
    assert reasoning_parts(item, "input[0]") == [thought]
