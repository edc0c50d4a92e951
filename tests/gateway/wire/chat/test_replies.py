"""Replies of chat completions, OpenAI's and those of servers that differ."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.wire.base import SseEvent
from gateway.wire.chat.replies import CompletionBuilder, read_completion
from gateway.wire.chat.requests import message_turns
from schemas.errors import ModelOutputError, ModelUnavailableError
from schemas.model import Message, ModelResponse


def event(body: dict[str, Any]) -> SseEvent:
    """An event of a stream."""
    return SseEvent(json.dumps(body).encode())


def read(message: dict[str, Any] | None, finish: str | None = "stop", **more: Any) -> ModelResponse:
    """A whole reply of that message."""
    choice = {"index": 0, "finish_reason": finish} | ({} if message is None else {"message": message})
    body = {"id": "c1", "model": "gpt-x", "choices": [choice], **more}
    return read_completion(json.dumps(body).encode(), provider="p", model="m")


def built(*deltas: dict[str, Any], finish: str | None = "stop") -> ModelResponse:
    """The reply of a stream of those deltas."""
    builder = CompletionBuilder("p", "m")
    for delta in (*deltas, {}):
        choice = {"delta": delta, "finish_reason": None if delta else finish}
        list(builder.feed(event({"model": "gpt-x", "choices": [choice]})))
    return builder.response()


def call(arguments: Any, index: int | None = 0, call_id: str | None = None, name: str | None = None) -> dict[str, Any]:
    """A delta with one piece of a tool call."""
    return {"tool_calls": [{"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}]}


def test_counts_are_told_apart() -> None:
    """Cached, written and reasoning tokens are parts of the totals."""
    usage = read(
        {"content": "x"},
        usage={
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "prompt_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 8},
            "completion_tokens_details": {"reasoning_tokens": 30},
        },
    ).usage
    assert (usage.input_tokens, usage.cached_tokens, usage.cache_write_tokens) == (100, 64, 8)
    assert (usage.output_tokens, usage.reasoning_tokens, usage.cost_usd) == (50, 30, None)


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens_details": None, "completion_tokens": None}])
def test_a_server_that_counts_nothing_is_understood(usage: Any) -> None:
    """Missing counts are zero and no error."""
    assert read({"content": "x"}, usage=usage).usage.total_tokens == 0


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("stop", "end"),
        ("eos", "end"),
        ("", "end"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("content_filter", "refusal"),
        ("new", "other"),
    ],
)
def test_stop_reasons_map(said: str, expected: str) -> None:
    """Every stop reason has a neutral one, streamed and whole."""
    assert read({"content": "x"}, said).stop_reason == expected
    assert built({"content": "x"}, finish=said).stop_reason == expected


def test_a_refusal_is_text_with_its_own_stop_reason() -> None:
    """The model's words of refusal are kept, and the reply says that it is one."""
    for reply in (read({"content": None, "refusal": "I can't."}), built({"refusal": "I "}, {"refusal": "can't."})):
        assert (reply.text, reply.stop_reason) == ("I can't.", "refusal")


def test_a_filtered_choice_without_a_message_is_an_empty_refusal() -> None:
    """Azure leaves the message out of what its filter stopped."""
    reply = read(None, "content_filter")
    assert (reply.parts, reply.stop_reason) == ((), "refusal")


def test_content_may_be_a_list_of_pieces() -> None:
    """Text and thinking in one list (Mistral) are told apart."""
    pieces = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "yes"}]
    reply = read({"content": pieces})
    assert (reply.text, [part.kind for part in reply.parts]) == ("yes", ["reasoning", "text"])


def test_fields_that_are_there_but_empty_count_for_nothing() -> None:
    """An empty function call, refusal or audio object (Snowflake) adds no part."""
    empty = {"function_call": {"name": "", "arguments": ""}, "refusal": "", "audio": {}, "tool_calls": None}
    reply = read({"content": "x", **empty}, "")
    assert (reply.text, len(reply.parts), reply.stop_reason) == ("x", 1, "end")


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_thinking_survives_the_way_there_and_back(field: str) -> None:
    """Thinking in either field is kept and goes back in the same one."""
    reply = built({field: "h"}, {field: "m"}, call("{}", call_id="c", name="f"))
    assert reply.parts[0].kind == "reasoning"
    assert reply.parts[0].text == "hm"
    assert message_turns(Message(role="assistant", parts=reply.parts))[0][field] == "hm"


def test_reasoning_details_survive_the_way_there_and_back() -> None:
    """Pieces of one detail are joined, with the signature that comes last; encrypted ones stay whole."""
    text = {"type": "reasoning.text", "index": 0}
    pieces: list[dict[str, Any]] = [
        text | {"text": "a", "signature": None},
        text | {"text": "b"},
        text | {"text": None, "signature": "sig"},
        {"type": "reasoning.encrypted", "index": 1, "data": "zz"},
    ]
    reply = built(*({"reasoning": piece.get("text"), "reasoning_details": [piece]} for piece in pieces))
    turn = message_turns(Message(role="assistant", parts=reply.parts))[0]
    assert turn["reasoning_details"] == [text | {"text": "ab", "signature": "sig"}, pieces[3]]


def test_calls_are_told_apart_by_index() -> None:
    """Argument pieces of parallel calls may come interleaved."""
    reply = built(
        call("{", 0, "a", "f"), call("{", 1, "b", "g"), call('"x":1}', 0), call('"y":2}', 1), finish="tool_calls"
    )
    assert [(part.call_id, part.name, part.arguments) for part in reply.tool_calls] == [
        ("a", "f", {"x": 1}),
        ("b", "g", {"y": 2}),
    ]


@pytest.mark.parametrize("index", [0, None])
def test_calls_with_one_index_for_all_are_told_apart_by_id(index: int | None) -> None:
    """Servers that number every call 0, or none, still give parallel calls."""
    reply = built(call('{"x":1}', index, "a", "f"), call('{"x":', index, "b", "f"), call("2}", index))
    assert [part.arguments for part in reply.tool_calls] == [{"x": 1}, {"x": 2}]


def test_an_id_repeated_with_every_piece_is_one_call() -> None:
    """A server may repeat id and name in each delta."""
    reply = built(call('{"x":', 0, "a", "f"), call("1}", 0, "a", "f"))
    assert [(part.name, part.arguments) for part in reply.tool_calls] == [("f", {"x": 1})]


def test_a_call_without_an_id_gets_one() -> None:
    """The result has to refer to something."""
    assert built(call("{}", 0, None, "f")).tool_calls[0].call_id == "call_0"


def test_arguments_that_a_server_parsed_are_taken() -> None:
    """An object instead of text is understood."""
    assert read(call({"a": 1}, 0, "c", "f")).tool_calls[0].arguments == {"a": 1}


def test_only_the_first_of_several_answers_counts() -> None:
    """Other choices are passed over."""
    choices = [{"index": number, "message": {"content": str(number)}, "finish_reason": "stop"} for number in (0, 1)]
    body = json.dumps({"choices": choices}).encode()
    assert read_completion(body, provider="p", model="m").text == "0"


def test_usage_or_a_stop_reason_ends_a_stream() -> None:
    """One recorded stream gives usage but no reason; with neither it was broken off."""
    builder = CompletionBuilder("p", "m")
    list(builder.feed(event({"choices": [{"delta": {"content": "x"}}]})))
    with pytest.raises(ModelUnavailableError, match="p/m broke off"):
        builder.response()
    list(builder.feed(event({"choices": [], "usage": {"prompt_tokens": 1}})))
    assert builder.response().stop_reason == "other"


@pytest.mark.parametrize("body", [{"choices": []}, {"choices": None}])
def test_a_reply_without_an_answer_is_unreadable(body: Any) -> None:
    """No choices is an error, not an empty text."""
    with pytest.raises(ModelOutputError, match="sent no reply"):
        read_completion(json.dumps(body).encode(), provider="p", model="m")


def test_a_body_of_another_shape_is_refused() -> None:
    """What is no completion is an output error that names the place."""
    with pytest.raises(ModelOutputError, match=r"at choices\.0"):
        read_completion(b'{"choices": [{"message": 3}]}', provider="p", model="m")


def test_usage_in_every_chunk_ends_no_stream() -> None:
    """Servers that count as they go do not make half a reply whole."""
    builder = CompletionBuilder("p", "m")
    list(builder.feed(event({"choices": [{"delta": {"content": "x"}}], "usage": {"completion_tokens": 1}})))
    with pytest.raises(ModelUnavailableError, match="p/m broke off"):
        builder.response()
