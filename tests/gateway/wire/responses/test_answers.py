"""Answers as whole objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from gateway.wire.responses.answers import response_object
from gateway.wire.responses.replies import read_response
from schemas.model import ModelResponse, TextPart
from schemas.result import Usage
from tests.gateway.wire.responses.answers_of_any_kind import answers, returned
from tests.wire.document import problems

ASKED: dict[str, Any] = {
    "model": "m",
    "input": "hi",
    "instructions": "be brief",
    "tools": [{"type": "function", "name": "f"}],
    "tool_choice": {"type": "function", "name": "f"},
    "text": {"format": {"type": "json_object"}, "verbosity": "low"},
    "reasoning": {"effort": "low"},
    "metadata": {"a": "b"},
    "max_output_tokens": 50,
}


@settings(max_examples=25)
@given(answers())
def test_every_answer_is_the_published_documents(bench_data: Path, answer: ModelResponse) -> None:
    """B72: each object validates against OpenAI's document, whatever was asked."""
    assert problems(bench_data, "Response", response_object(answer, {"model": "m", "input": "hi"})) == []
    assert problems(bench_data, "Response", response_object(answer, ASKED)) == []


@pytest.mark.parametrize("field", ["id", "tools", "metadata", "output", "error"])
def test_a_broken_object_does_not_validate(bench_data: Path, field: str) -> None:
    """The check above fails for an object that lacks any required field."""
    told = response_object(ModelResponse(model="m"), ASKED)
    del told[field]
    assert field in problems(bench_data, "Response", told)[0]


@given(answers())
def test_every_answer_is_read_back_as_it_was(answer: ModelResponse) -> None:
    """B72: text, refusals, sources, thinking, calls, usage and the reason to stop come through both ways."""
    content = json.dumps(response_object(answer, ASKED)).encode()
    back = read_response(content, provider="p", model="m")
    assert returned(back.parts) == returned(answer.parts)
    assert (back.stop_reason, back.usage, back.model) == (answer.stop_reason, answer.usage, answer.model)


def test_what_was_asked_is_repeated() -> None:
    """Clients find their own wishes in the answer, as at OpenAI; nothing is stored."""
    told = response_object(ModelResponse(model="m-1"), ASKED)
    repeated = ("instructions", "tool_choice", "text", "metadata", "max_output_tokens")
    assert [told[name] for name in repeated] == [ASKED[name] for name in repeated]
    assert (told["model"], told["store"], told["previous_response_id"]) == ("m-1", False, None)


def test_cached_and_thinking_tokens_are_parts_of_the_usage() -> None:
    """Both details are told."""
    used = Usage(calls=1, input_tokens=9, cached_tokens=4, cache_write_tokens=1, output_tokens=5, reasoning_tokens=2)
    assert response_object(ModelResponse(model="m", usage=used), ASKED)["usage"] == {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 14,
    }


def test_texts_in_a_row_are_one_message() -> None:
    """Pieces of one message stand in one item."""
    parts = (TextPart(text="a"), TextPart(text="b"))
    output = response_object(ModelResponse(model="m", parts=parts), ASKED)["output"]
    assert [piece["text"] for piece in output[0]["content"]] == ["a", "b"]
