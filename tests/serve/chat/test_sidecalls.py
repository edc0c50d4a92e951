"""What chat programs ask for their own sake, told from what people ask: measured on a corpus in both directions."""

from __future__ import annotations

from typing import Any

import pytest

from engine.serve.chat.sidecalls import is_side_call
from gateway.wire.chat.asked import asked_request
from tests.serve.chat.corpus import SIDE_CALLS, TASKS


def taken(messages: list[dict[str, Any]], **more: Any) -> bool:
    body = {"model": "clerk", "messages": messages, **more}
    return is_side_call(asked_request(body), body)


@pytest.mark.parametrize("messages", TASKS, ids=lambda messages: messages[-1]["content"][:40])
def test_a_task_is_never_taken_for_a_side_call(messages: list[dict[str, Any]]) -> None:
    """What a person asks keeps its tools, however much of a title, a chat or JSON is in it."""
    assert not taken(messages)


@pytest.mark.parametrize("messages", SIDE_CALLS, ids=lambda messages: messages[-1]["content"][:40])
def test_a_side_call_is_recognised(messages: list[dict[str, Any]]) -> None:
    """The calls of known chat programs are recognised by their shape."""
    assert taken(messages)


def test_tools_make_it_a_task() -> None:
    """A request that offers tools is a task, unless the one tool must be called and only takes a title."""
    tool = {"name": "extract", "parameters": {"type": "object", "properties": {"title": {"type": "string"}}}}
    messages, tools = SIDE_CALLS[9], [{"type": "function", "function": tool}]
    assert not taken(messages, tools=tools)
    assert taken(messages, tools=tools, tool_choice={"type": "function", "function": {"name": "extract"}})


def test_a_program_may_say_so() -> None:
    """The kind of a call in its metadata is believed; any other metadata says nothing."""
    messages = [{"role": "user", "content": "ferns"}]
    assert taken(messages, metadata={"task": "title_generation"})
    assert not taken(messages, metadata={"task": "find ferns"})
