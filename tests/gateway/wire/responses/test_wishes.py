"""How an answer is wished."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.wire.responses.asked import asked_request
from schemas.errors import ModelRequestError
from schemas.model import ModelRequest, OutputSchema, ToolDefinition

F: dict[str, Any] = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}


def asked(**body: Any) -> ModelRequest:
    """What a body asks."""
    return asked_request({"model": "m", "input": "hi"} | body)


def test_functions_are_offered_as_they_are() -> None:
    """Schema and strictness stay; a function without parameters takes none."""
    tools = asked(tools=[F, {"type": "function", "name": "g", "description": "G", "parameters": None}]).tools
    assert tools == (
        ToolDefinition(name="f", input_schema={"type": "object"}, strict=True),
        ToolDefinition(name="g", description="G", input_schema={"type": "object", "properties": {}}),
    )


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("none", ("none", ())),
        ({"type": "function", "name": "f"}, ("f", ())),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
            ("required", ("f",)),
        ),
    ],
)
def test_every_choice_of_tools_is_understood(choice: Any, expected: Any) -> None:
    """A word, one function, or some functions."""
    request = asked(tools=[F], tool_choice=choice)
    assert (request.tool_choice, request.allowed_tools) == expected


def test_structure_and_length_are_wished_in_text() -> None:
    """A schema, JSON mode, and verbosity."""
    schema = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": False}
    request = asked(text={"format": schema, "verbosity": "low"})
    assert request.output == OutputSchema(name="n", json_schema={"type": "object"}, strict=False)
    assert request.verbosity == "low"
    assert asked(text={"format": {"type": "json_object"}}).output == OutputSchema(name="json_object", json_schema={})


def test_thinking_is_wished_by_effort_and_summary() -> None:
    """Both are kept, the summary under its older name, too."""
    request = asked(reasoning={"effort": "high", "summary": "auto"})
    assert (request.effort, request.summary) == ("high", "auto")
    assert asked(reasoning={"generate_summary": "concise"}).summary == "concise"


def test_the_rest_is_kept() -> None:
    """Limits, sampling, notes, user, tier and cache key."""
    given = {"max_output_tokens": 20, "temperature": 0.5, "top_p": 0.9, "metadata": {"a": "b"}, "service_tier": "flex"}
    request = asked(**given, safety_identifier="u", prompt_cache_key="k", parallel_tool_calls=False)
    assert request.model_dump(include=set(given)) == given
    assert (request.user, request.cache_key, request.parallel_tool_calls) == ("u", "k", False)


@pytest.mark.parametrize(
    ("body", "param", "said"),
    [
        ({"tools": [{"type": "web_search"}]}, "tools[0].type", "'web_search' runs at OpenAI"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function", "stand in the tool itself"),
        ({"tools": [F], "tool_choice": {"type": "function", "name": "ff"}}, "tool_choice.name", "did you mean 'f'?"),
        ({"tool_choice": {"type": "mcp"}}, "tool_choice.type", "'mcp'"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type", "one of text"),
        ({"reasoning": {"effort": "hihg"}}, "reasoning.effort", "did you mean 'high'?"),
        ({"include": ["message.output_text.logprobs"]}, "include[0]", "no logprobs"),
    ],
)
def test_what_cannot_be_wished_is_one_clear_line(body: dict[str, Any], param: str, said: str) -> None:
    """Tools that run at OpenAI are named; a misspelt word gets the nearest."""
    with pytest.raises(ModelRequestError) as caught:
        asked(**body)
    assert caught.value.details["param"] == param
    assert said in f"{caught.value.message} ({caught.value.hint})"


def test_what_would_come_beside_the_answer_is_told_as_left_out() -> None:
    """Encrypted thinking always comes; results of OpenAI's tools can't."""
    assert asked(include=["reasoning.encrypted_content", "file_search_call.results"]).dropped == (
        "include: file_search_call.results",
    )
