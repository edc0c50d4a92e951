"""How the answer of a chat completion is wished."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.wire.chat.asked import asked_request
from gateway.wire.chat.requests import chat_body
from schemas.model import Message, ModelRequest, OutputSchema, ToolDefinition

TURN = [{"role": "user", "content": "x"}]


def asked(**more: Any) -> ModelRequest:
    """A request with those fields."""
    return asked_request({"model": "m", "messages": TURN} | more)


@pytest.mark.parametrize(
    ("fields", "effort", "think", "tokens"),
    [
        ({}, None, False, None),
        ({"reasoning_effort": "high"}, "high", False, None),
        ({"reasoning_effort": "default"}, None, False, None),
        ({"reasoning": {"max_tokens": 2000}}, None, True, 2000),
        ({"reasoning": {"enabled": False}}, "none", False, None),
        ({"thinking": {"type": "enabled", "budget_tokens": 5}}, None, True, 5),
        ({"thinking": {"type": "disabled"}}, "none", False, None),
    ],
)
def test_thinking_is_wished_in_many_words(fields: Any, effort: Any, think: bool, tokens: Any) -> None:
    """B72: OpenAI's, OpenRouter's and Anthropic's fields of this format mean one thing."""
    request = asked(**fields)
    assert (request.effort, request.think, request.thinking_tokens) == (effort, think, tokens)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, ("auto", ())),
        ("any", ("required", ())),
        ({"type": "function", "function": {"name": "f"}}, ("f", ())),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
            ("required", ("f",)),
        ),
    ],
)
def test_tool_choice_is_read(choice: Any, expected: Any) -> None:
    """B72: every way to choose tools is understood."""
    request = asked(tool_choice=choice)
    assert (request.tool_choice, request.allowed_tools) == expected


def test_only_allowed_tools_are_offered() -> None:
    """Servers that know no list of allowed tools are offered only those."""
    tools = tuple(ToolDefinition(name=name, input_schema={}) for name in "ab")
    request = ModelRequest(messages=(Message.user("x"),), model="m", tools=tools, allowed_tools=("b",))
    assert [tool["function"]["name"] for tool in chat_body("m", request, stream=False)["tools"]] == ["b"]


def test_json_mode_goes_there_and_back() -> None:
    """B72: some JSON object is a wish of its own."""
    request = asked(response_format={"type": "json_object"})
    assert request.output == OutputSchema(name="json_object", json_schema={})
    assert chat_body("m", request, stream=False)["response_format"] == {"type": "json_object"}


def test_the_older_functions_are_tools() -> None:
    """B72: clients that know only functions are understood, and their results find their calls."""
    call = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    result = {"role": "function", "name": "f", "content": "r"}
    turns = [*TURN, call, result, call, result]
    request = asked_request({"model": "m", "messages": turns, "functions": [{"name": "f"}]})
    ids = [getattr(part, "call_id", None) for message in request.messages for part in message.parts]
    assert (ids, request.tools[0].name) == ([None, "call_1", "call_1", "call_3", "call_3"], "f")
