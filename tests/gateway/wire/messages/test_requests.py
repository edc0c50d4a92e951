"""Neutral requests in the Messages format."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.wire.messages.blocks import part_block
from gateway.wire.messages.requests import constrainable, default_max_tokens, messages_body
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

TOOLS = (ToolDefinition(name="a", input_schema={}), ToolDefinition(name="b", description="B", input_schema={}))
CACHED = {"type": "ephemeral"}


def body(*messages: Message, **more: Any) -> dict[str, Any]:
    """The body of a request."""
    request = ModelRequest(messages=messages or (Message.user("hi"),), model="m", **more)
    return messages_body("claude-x", request, stream=False)


def marks(sent: dict[str, Any]) -> list[str]:
    """The texts and tools that carry a cache mark."""
    blocks = [*sent.get("tools", ()), *sent.get("system", ())]
    blocks += [block for turn in sent["messages"] for block in turn["content"]]
    return [block.get("name") or block.get("text", block["type"]) for block in blocks if "cache_control" in block]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (TextPart(text="x"), {"type": "text", "text": "x"}),
        (TextPart(text=" \n"), None),
        (ImagePart(url="https://e.org/i"), {"type": "image", "source": {"type": "url", "url": "https://e.org/i"}}),
        (
            ImagePart(url="data:image/png;base64,AA=="),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
        ),
        (ReasoningPart(text="t", signature="s"), {"type": "thinking", "thinking": "t", "signature": "s"}),
        (ReasoningPart(text="", data="abc"), {"type": "redacted_thinking", "data": "abc"}),
        (ReasoningPart(text="of another model"), None),
        (ReasoningPart(text="of another model", data='{"field": "reasoning"}'), None),
        (
            ToolCallPart(call_id="c", name="n", arguments={"a": 1}, raw="ignored"),
            {"type": "tool_use", "id": "c", "name": "n", "input": {"a": 1}},
        ),
        (
            ToolResultPart(call_id="c", content="r", is_error=True),
            {"type": "tool_result", "tool_use_id": "c", "content": "r", "is_error": True},
        ),
    ],
)
def test_each_part_has_its_block(part: Any, block: Any) -> None:
    """Every kind of part has one block, and what the API would refuse has none."""
    assert part_block(part) == block


def test_system_messages_stand_apart_and_empty_turns_are_left_out() -> None:
    """System texts become blocks of ``system``; a turn with nothing to say isn't sent."""
    sent = body(Message.system("one"), Message.system("two"), Message.user("hi"), Message.assistant(" "))
    assert [block["text"] for block in sent["system"]] == ["one", "two"]
    assert [turn["role"] for turn in sent["messages"]] == ["user"]


def test_what_only_the_system_says_is_said_by_the_user() -> None:
    """The API wants a turn, so a request of nothing but system messages has one."""
    sent = body(Message.system("one"))
    assert ("system" in sent, [turn["role"] for turn in sent["messages"]]) == (False, ["user"])


def test_tool_results_come_first_in_their_turn() -> None:
    """The API wants results right after the calls, before any text."""
    parts = (TextPart(text="and"), ToolResultPart(call_id="1", content="x"), ToolResultPart(call_id="2", content="y"))
    turn = body(Message(role="user", parts=parts))["messages"][0]
    assert [block.get("tool_use_id", "text") for block in turn["content"]] == ["1", "2", "text"]


@pytest.mark.parametrize(
    ("prefix", "expected"), [(0, []), (1, ["b", "sys"]), (2, ["b", "first"]), (3, ["b", "second"]), (9, ["b"])]
)
def test_the_stable_prefix_is_cached(prefix: int, expected: list[str]) -> None:
    """The last message of the prefix and the last tool are marked; without a prefix nothing is."""
    messages = (Message.system("sys"), Message.user("first"), Message.user("second"))
    assert marks(body(*messages, tools=TOOLS, cache_prefix=prefix)) == expected


def test_equal_messages_are_marked_once() -> None:
    """A later message with the same words is not part of the prefix."""
    sent = body(Message.user("same"), Message.user("same"), cache_prefix=1)
    assert ["cache_control" in turn["content"][0] for turn in sent["messages"]] == [True, False]


def test_thinking_is_never_the_marked_block() -> None:
    """The mark goes to the last block that may carry it."""
    turn = Message(role="assistant", parts=(TextPart(text="x"), ReasoningPart(text="t", signature="s")))
    assert marks(body(turn, cache_prefix=1)) == ["x"]


@pytest.mark.parametrize(
    ("choice", "parallel", "expected"),
    [
        ("auto", True, {"type": "auto"}),
        ("required", True, {"type": "any"}),
        ("none", False, {"type": "none"}),
        ("b", True, {"type": "tool", "name": "b"}),
        ("b", False, {"type": "tool", "name": "b", "disable_parallel_tool_use": True}),
    ],
)
def test_tool_choice_maps(choice: str, parallel: bool, expected: dict[str, Any]) -> None:
    """Auto, none, required and one tool's name have their forms; one call at a time is said."""
    assert body(tools=TOOLS, tool_choice=choice, parallel_tool_calls=parallel)["tool_choice"] == expected


def test_options_are_sent_only_when_set() -> None:
    """A plain request carries a model, a token limit and messages."""
    assert body().keys() == {"model", "max_tokens", "messages", "stream"}
    sent = body(temperature=0.0, stop=("END",), max_output_tokens=7)
    assert (sent["temperature"], sent["stop_sequences"], sent["max_tokens"]) == (0.0, ["END"], 7)


@pytest.mark.parametrize(
    ("model", "most"), [("claude-3-haiku-20240307", 4096), ("claude-3-5-sonnet-latest", 8192), ("claude-9", 32_000)]
)
def test_the_token_limit_this_api_wants_fits_the_model(model: str, most: int) -> None:
    """Old models write less than the default."""
    assert default_max_tokens(model) == most


def test_structured_output_is_constrained() -> None:
    """A schema goes into output_config."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
    sent = body(output=OutputSchema(name="o", json_schema=schema))
    assert sent["output_config"] == {"format": {"type": "json_schema", "schema": schema}}


def test_a_schema_that_cannot_be_constrained_is_asked_for_in_words() -> None:
    """A free-form map is described to the model instead of being emptied or refused."""
    schema = {"type": "object", "additionalProperties": {"type": "integer"}}
    sent = body(output=OutputSchema(name="o", json_schema=schema))
    assert "output_config" not in sent
    assert '"additionalProperties": {"type": "integer"}' in sent["system"][-1]["text"]


NODE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "properties": {"m": {"type": "object", "additionalProperties": True}}},
        {"$ref": "#/$defs/node", "$defs": {"node": NODE}},
        {"type": "array", "items": {"$ref": "#"}},
        {"type": "array", "items": True},
    ],
)
def test_maps_and_recursion_cannot_be_constrained(schema: dict[str, Any]) -> None:
    """What the decoder can't express is told apart before the provider refuses it."""
    assert constrainable(schema) is None


def test_limits_are_left_out_of_a_constrained_schema() -> None:
    """Keywords the API refuses go, at any depth; structure, names and descriptions stay."""
    inner = {"type": "array", "items": {"type": "number", "minimum": 1, "multipleOf": 2}, "minItems": 3, "maxItems": 4}
    schema = {
        "type": "object",
        "properties": {"minimum": inner, "s": {"type": "string", "maxLength": 3, "format": "uuid", "description": "d"}},
        "required": ["minimum"],
    }
    assert constrainable(schema) == {
        "type": "object",
        "properties": {
            "minimum": {"type": "array", "items": {"type": "number"}},
            "s": {"type": "string", "format": "uuid", "description": "d"},
        },
        "required": ["minimum"],
        "additionalProperties": False,
    }


def test_shared_definitions_are_no_recursion() -> None:
    """A definition used twice, or by another, is expressible."""
    definitions = {"a": {"type": "string"}, "b": {"type": "array", "items": {"$ref": "#/$defs/a"}}}
    schema = {"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}], "$defs": definitions}
    assert constrainable(schema) == schema
