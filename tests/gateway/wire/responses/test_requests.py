"""Neutral requests in the Responses format."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.wire.responses.requests import responses_body
from schemas.errors import ModelRequestError
from schemas.model import (
    AudioPart,
    FilePart,
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


def body(*messages: Message, model: str = "gpt-4.1", **more: Any) -> dict[str, Any]:
    """The body of a request."""
    request = ModelRequest(messages=messages or (Message.user("hi"),), model="m", **more)
    return responses_body(model, request, stream=False)


def items(role: Any, *parts: Any) -> list[dict[str, Any]]:
    """The input items of one message."""
    return body(Message(role=role, parts=parts))["input"]


def test_a_plain_request_carries_nothing_optional_and_keeps_nothing() -> None:
    """Only what is asked; the provider stores nothing."""
    said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    assert body() == {"model": "gpt-4.1", "input": [said], "stream": False, "store": False}


@pytest.mark.parametrize(
    ("model", "thinks"),
    [("gpt-5.4", True), ("o3", True), ("openai/gpt-5", True), ("gpt-4o", False), ("gpt-5-chat-latest", False)],
)
def test_thinking_is_asked_for_encrypted_where_there_is_any(model: str, thinks: bool) -> None:
    """Models that do not think refuse the wish."""
    assert ("include" in body(model=model)) is thinks


def test_the_first_system_message_is_the_instructions() -> None:
    """A later one stays where it is."""
    told = body(Message.system("a"), Message.user("b"), Message.system("c"))
    assert (told["instructions"], [item["role"] for item in told["input"]]) == ("a", ["user", "system"])


def test_a_turn_of_the_assistant_is_items_in_order() -> None:
    """Its own encrypted thinking goes back, another provider's does not."""
    own = ReasoningPart(
        text="a", data='{"format": "openai-responses-v1", "id": "rs_1", "data": "gA", "summary": ["a"]}'
    )
    told = items("assistant", own, ReasoningPart(text="b", signature="s"), TextPart(text="c"), call())
    assert [item["type"] for item in told] == ["reasoning", "message", "function_call"]
    summary = [{"type": "summary_text", "text": "a"}]
    assert told[0] == {"type": "reasoning", "id": "rs_1", "encrypted_content": "gA", "summary": summary}


def call() -> ToolCallPart:
    """A call."""
    return ToolCallPart(call_id="c", name="a", arguments={"x": 1}, raw='{"x": 1}')


def test_a_refusal_goes_back_as_one() -> None:
    """It does not become words of the answer."""
    assert items("assistant", TextPart(text="no", refusal=True))[0]["content"] == [{"type": "refusal", "refusal": "no"}]


def test_results_come_before_what_the_person_adds() -> None:
    """A failed call says so in its text; a result of several pieces keeps them."""
    image = ImagePart(url="https://a/b.png")
    failed = ToolResultPart(call_id="c", content="no", is_error=True)
    shown = ToolResultPart(call_id="d", content="x", parts=(TextPart(text="x"), image))
    told = items("user", failed, shown, TextPart(text="so?"))
    assert [item["type"] for item in told] == ["function_call_output", "function_call_output", "message"]
    assert told[0]["output"] == "Error: no"
    assert [piece["type"] for piece in told[1]["output"]] == ["input_text", "input_image"]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (ImagePart(url="https://a"), {"type": "input_image", "detail": "auto", "image_url": "https://a"}),
        (ImagePart(file_id="f", detail="low"), {"type": "input_image", "detail": "low", "file_id": "f"}),
        (FilePart(url="https://a"), {"type": "input_file", "file_url": "https://a"}),
        (FilePart(file_id="f"), {"type": "input_file", "file_id": "f"}),
    ],
)
def test_pictures_and_files_keep_where_they_are(part: Any, expected: dict[str, Any]) -> None:
    """By address or by id."""
    assert items("user", part)[0]["content"] == [expected]


def test_a_file_in_the_message_has_a_name() -> None:
    """The API wants one."""
    piece = items("user", FilePart(url="data:application/pdf;base64,AA"))[0]["content"][0]
    assert piece == {"type": "input_file", "filename": "file", "file_data": "data:application/pdf;base64,AA"}


def test_tools_are_strict_only_where_the_client_says_so() -> None:
    """The API is strict by itself, which would refuse most schemas."""
    told = body(tools=(TOOL, TOOL.model_copy(update={"name": "b", "strict": True})), parallel_tool_calls=False)
    assert [tool["strict"] for tool in told["tools"]] == [False, True]
    assert told["parallel_tool_calls"] is False


@pytest.mark.parametrize(
    ("choice", "allowed", "expected"),
    [
        ("auto", (), "auto"),
        ("a", (), {"type": "function", "name": "a"}),
        ("auto", ("a",), {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "a"}]}),
    ],
)
def test_every_choice_of_tools_has_its_form(choice: str, allowed: tuple[str, ...], expected: Any) -> None:
    """A word, a name, or names."""
    assert body(tools=(TOOL,), tool_choice=choice, allowed_tools=allowed)["tool_choice"] == expected


def test_wishes_stand_where_the_api_has_them() -> None:
    """Structure and verbosity in ``text``, thinking in ``reasoning``; at least 16 tokens."""
    told = body(
        output=OutputSchema(name="n", json_schema={"type": "object"}),
        verbosity="low",
        thinking_tokens=5_000,
        summary="auto",
        max_output_tokens=3,
    )
    assert told["text"]["format"] == {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": False}
    assert (told["text"]["verbosity"], told["max_output_tokens"]) == ("low", 16)
    assert told["reasoning"] == {"effort": "medium", "summary": "auto"}


def test_json_mode_has_its_form() -> None:
    """Any object."""
    assert body(output=OutputSchema(name="n", json_schema={}))["text"] == {"format": {"type": "json_object"}}


@pytest.mark.parametrize("wish", [{"stop": ("x",)}, {"top_k": 3}, {"seed": 1}, {"frequency_penalty": 0.5}])
def test_what_the_format_lacks_is_refused_by_name(wish: dict[str, Any]) -> None:
    """It would change the answer, so it is not dropped in silence."""
    with pytest.raises(ModelRequestError, match=f"{next(iter(wish))} can't be sent"):
        body(**wish)


def test_sound_is_refused() -> None:
    """The format has none."""
    with pytest.raises(ModelRequestError, match=r"sound \(wav\)"):
        items("user", AudioPart(data="AA", format="wav"))
