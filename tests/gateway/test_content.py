"""Requests and replies as spans carry them."""

from __future__ import annotations

import json

from gateway.content import input_messages, output_messages
from schemas.model import (
    ImagePart,
    Message,
    ModelRequest,
    ModelResponse,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)


def test_every_kind_of_part_is_told() -> None:
    """Text, thinking, calls and results each have the form the conventions give them."""
    called = ToolCallPart(call_id="c1", name="look", arguments={"at": 1})
    turns = (
        Message.user("whé"),
        Message(role="assistant", parts=(ReasoningPart(text="hm"), called)),
        Message(role="user", parts=(ToolResultPart(call_id="c1", content="7"),)),
    )
    told = json.loads(input_messages(ModelRequest(messages=turns, model="m")))
    assert [(message["role"], [part["type"] for part in message["parts"]]) for message in told] == [
        ("user", ["text"]),
        ("assistant", ["reasoning", "tool_call"]),
        ("user", ["tool_call_response"]),
    ]
    assert told[1]["parts"][1] == {"type": "tool_call", "id": "c1", "name": "look", "arguments": {"at": 1}}


def test_an_images_bytes_stay_out() -> None:
    """Of an image sent in the message only its media type is told; one by address keeps its address."""
    parts = (ImagePart(url="data:image/png;base64,AAAA"), ImagePart(url="https://example.com/a.png"))
    told = json.loads(input_messages(ModelRequest(messages=(Message(role="user", parts=parts),), model="m")))
    assert [part["uri"] for part in told[0]["parts"]] == ["data:image/png;base64", "https://example.com/a.png"]


def test_a_reply_says_how_it_ended() -> None:
    """The reply is one assistant message with its finish reason."""
    told = json.loads(output_messages(ModelResponse(model="m", parts=(TextPart(text="hi"),), stop_reason="length")))
    assert told == [{"role": "assistant", "parts": [{"type": "text", "content": "hi"}], "finish_reason": "length"}]
