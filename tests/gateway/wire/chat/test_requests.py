"""Neutral requests in the chat completions format."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.wire.chat.requests import chat_body, message_turns, response_format, strict_allows
from schemas.model import (
    ImagePart,
    Message,
    ModelRequest,
    OutputSchema,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
)

TOOL = ToolDefinition(name="a", description="A", input_schema={"properties": {}})


def body(*, stream: bool = False, **more: Any) -> dict[str, Any]:
    """The body of a request."""
    request = ModelRequest(messages=(Message.user("hi"),), model="m", **more)
    return chat_body("gpt-x", request, stream=stream)


def assistant(*parts: Any) -> dict[str, Any]:
    """The turn of an assistant's message."""
    return message_turns(Message(role="assistant", parts=parts))[0]


def test_a_plain_request_carries_nothing_optional() -> None:
    """Servers that know little are not troubled with defaults."""
    assert body() == {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}], "stream": False}


def test_a_stream_asks_for_its_usage() -> None:
    """Without include_usage a stream tells no token counts."""
    assert body(stream=True)["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ("a", {"type": "function", "function": {"name": "a"}}),
    ],
)
def test_tool_choice_maps(choice: str, expected: Any) -> None:
    """Auto, none, required and one tool's name have their forms."""
    sent = body(tools=(TOOL,), tool_choice=choice)
    assert sent["tool_choice"] == expected
    assert "parallel_tool_calls" not in sent
    parameters = {"type": "object", "properties": {}}
    assert sent["tools"][0]["function"] == {"name": "a", "description": "A", "parameters": parameters}


def test_one_call_at_a_time_is_said_only_when_wanted() -> None:
    """The parameter is sent when it is false, and only along with tools."""
    assert body(tools=(TOOL,), parallel_tool_calls=False)["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in body(parallel_tool_calls=False)


def test_each_tool_result_is_a_turn_before_the_rest() -> None:
    """Results become ``tool`` turns in order; a failed one says so in words."""
    parts = (
        TextPart(text="go on"),
        ToolResultPart(call_id="1", content="x"),
        ToolResultPart(call_id="2", content="no", is_error=True),
    )
    turns = message_turns(Message(role="user", parts=parts))
    assert [(turn["role"], turn["content"]) for turn in turns] == [
        ("tool", "x"),
        ("tool", "Error: no"),
        ("user", "go on"),
    ]


def test_text_alone_is_a_string_and_images_make_a_list() -> None:
    """Only a message with an image needs pieces."""
    texts = Message(role="user", parts=(TextPart(text="a"), TextPart(text="b")))
    assert message_turns(texts)[0]["content"] == "ab"
    mixed = Message(role="user", parts=(TextPart(text="a"), ImagePart(url="https://e.org/i.png")))
    assert [piece["type"] for piece in message_turns(mixed)[0]["content"]] == ["text", "image_url"]


def test_calls_go_back_as_they_were_written() -> None:
    """Valid arguments keep their text; broken ones go back empty, since some servers parse them."""
    good = ToolCallPart(call_id="1", name="a", arguments={"x": 1}, raw='{"x":1}')
    bad = ToolCallPart(call_id="2", name="a", raw="{", valid=False)
    turn = assistant(good, bad)
    assert turn["content"] is None
    assert [call["function"]["arguments"] for call in turn["tool_calls"]] == ['{"x":1}', "{}"]


def test_thinking_goes_back_under_the_name_it_came_by() -> None:
    """Plain thinking goes back along with calls only; another provider's never."""
    thought = ReasoningPart(text="hm", data='{"field": "reasoning_content"}')
    call = ToolCallPart(call_id="1", name="a")
    assert assistant(thought, call)["reasoning_content"] == "hm"
    assert assistant(thought, TextPart(text="x")) == {"role": "assistant", "content": "x"}
    assert "reasoning_content" not in assistant(ReasoningPart(text="hm", signature="s"), call)


def test_reasoning_details_go_back_whole() -> None:
    """Signed or encrypted details are returned as they came."""
    detail = '{"type": "reasoning.encrypted", "data": "zzz", "id": "r1"}'
    turn = assistant(ReasoningPart(text="", data=detail), TextPart(text="x"))
    assert turn["reasoning_details"] == [{"type": "reasoning.encrypted", "data": "zzz", "id": "r1"}]


CLOSED = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


@pytest.mark.parametrize(
    "schema",
    [
        CLOSED,
        {**CLOSED, "properties": {"a": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/x"}]}}, "$defs": {"x": CLOSED}},
        {**CLOSED, "properties": {"a": {"type": "array", "items": CLOSED, "minItems": 1}}},
    ],
)
def test_closed_schemas_are_strict(schema: dict[str, Any]) -> None:
    """Every object closed and every property required: strict mode takes it."""
    assert strict_allows(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "string"}},
        {"anyOf": [CLOSED]},
        {**CLOSED, "required": []},
        {**CLOSED, "additionalProperties": True},
        {**CLOSED, "properties": {"a": {}}},
        {**CLOSED, "properties": {"a": {"type": "string", "default": "x"}}},
        {**CLOSED, "properties": {"a": {"oneOf": [{"type": "string"}]}}},
        {**CLOSED, "properties": {"a": {"type": "object"}}},
        {**CLOSED, "$defs": {"x": {"type": "object", "properties": {"a": {"type": "string"}}}}},
    ],
)
def test_what_strict_mode_refuses_is_sent_without_it(schema: dict[str, Any]) -> None:
    """Optional properties, open objects, defaults and oneOf make a request non-strict instead of refused."""
    sent = response_format(OutputSchema(name="my plan!", json_schema=schema))["json_schema"]
    assert (sent["name"], sent["strict"], sent["schema"]) == ("my_plan_", False, schema)
