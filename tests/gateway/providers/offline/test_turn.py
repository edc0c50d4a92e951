"""Turns with native tool calls."""

from __future__ import annotations

import json
from typing import Any

from schemas.fence import fence
from schemas.model import Message, ModelRequest, ModelResponse, ToolCallPart, ToolResultPart
from tests.gateway.providers.offline.asking import Offered, reply
from tests.gateway.providers.offline.test_plan import ALL


def turn(
    task: str, *past: tuple[str, dict[str, Any], Any], tools: list[Offered] = ALL, error: bool = False
) -> ModelResponse:
    """Return the next turn after calls (name, arguments, result)."""
    messages = [Message.system("s"), Message.user(fence("task", task))]
    for number, (name, arguments, result) in enumerate(past):
        call = ToolCallPart(call_id=f"c{number}", name=name, arguments=arguments, raw=json.dumps(arguments))
        content = result if isinstance(result, str) else json.dumps(result)
        messages.append(Message(role="assistant", parts=(call,)))
        messages.append(
            Message(role="user", parts=(ToolResultPart(call_id=call.call_id, content=content, is_error=error),))
        )
    return reply(ModelRequest(messages=tuple(messages), model="rules", tools=tuple(tool.native() for tool in tools)))


def test_independent_calls_come_together() -> None:
    """Everything that waits for nothing is called in one turn."""
    calls = turn("Read a.txt and read b.txt").tool_calls
    assert [(call.name, call.arguments) for call in calls] == [
        ("read_file", {"path": "a.txt"}),
        ("read_file", {"path": "b.txt"}),
    ]


def test_results_are_put_in() -> None:
    """The next turn's call carries the value of the result, though nothing declared its fields."""
    (call,) = turn("Read a.txt, then summarize it", ("read_file", {"path": "a.txt"}, {"text": "abc"})).tool_calls
    assert (call.name, call.arguments) == ("shorten", {"text": "abc"})


def test_answers_when_all_is_served() -> None:
    """When every clause has its result, the turn is the answer."""
    response = turn("What is (3+4)*2?", ("calc", {"expression": "(3+4)*2"}, {"value": 14.0}))
    assert (response.text, response.stop_reason, response.tool_calls) == ("14", "end", ())


def test_a_failed_call_is_not_repeated() -> None:
    """A failed call is told in the answer instead of being tried again."""
    response = turn("What is (3+4)*2?", ("calc", {"expression": "(3+4)*2"}, "it is down"), error=True)
    assert not response.tool_calls
    assert "it is down" in response.text


def test_conditions_are_checked() -> None:
    """A call under a condition is made only when the result meets it."""
    task = "How is the weather in Rome? If the temperature is above 25, write 'hot' to a.txt."
    cold = turn(task, ("weather", {"city": "Rome"}, {"temperature": 20, "sky": "clear"}))
    hot = turn(task, ("weather", {"city": "Rome"}, {"temperature": 30, "sky": "clear"}))
    assert not cold.tool_calls
    assert hot.tool_calls[0].arguments == {"path": "a.txt", "text": "hot"}


def test_nothing_fits() -> None:
    """A task that no tool fits gets an answer that says so."""
    assert "No tool here fits" in turn("Bake a cake").text
