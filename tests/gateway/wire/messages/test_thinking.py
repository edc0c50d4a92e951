"""How much a model of Anthropic's is asked to think."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.wire.messages.requests import lost, messages_body
from schemas.model import Message, ModelRequest, Part, ReasoningPart, ToolCallPart, ToolDefinition, ToolResultPart

OLD, NEW = "claude-sonnet-4-5-20250929", "claude-opus-4-8"
TOOL = ToolDefinition(name="t", input_schema={})


def request(**more: Any) -> ModelRequest:
    """A request of one message."""
    return ModelRequest(messages=(Message.user("hi"),), model="m", **{"max_output_tokens": 10_000} | more)


def thinking(model: str, **more: Any) -> tuple[Any, Any]:
    """What a body says of thinking and of effort."""
    body = messages_body(model, request(**more), stream=False)
    return body.get("thinking"), body.get("output_config", {}).get("effort")


@pytest.mark.parametrize(
    ("model", "wish", "expected"),
    [
        (OLD, {}, (None, None)),
        (OLD, {"effort": "high"}, ({"type": "enabled", "budget_tokens": 8_000}, None)),
        (OLD, {"thinking_tokens": 2_000}, ({"type": "enabled", "budget_tokens": 2_000}, None)),
        (OLD, {"thinking_tokens": 64_000}, ({"type": "enabled", "budget_tokens": 9_999}, None)),
        (
            OLD,
            {"thinking_tokens": 10, "summary": "auto"},
            ({"type": "enabled", "budget_tokens": 1_024, "display": "summarized"}, None),
        ),
        (OLD, {"effort": "high", "max_output_tokens": 500}, (None, None)),
        (OLD, {"effort": "none"}, ({"type": "disabled"}, None)),
        (NEW, {"effort": "none"}, (None, None)),
        (NEW, {"effort": "minimal"}, ({"type": "adaptive"}, "low")),
        (NEW, {"effort": "max"}, ({"type": "adaptive"}, "max")),
        (NEW, {"think": True}, ({"type": "adaptive"}, None)),
        (NEW, {"thinking_tokens": 8_000}, ({"type": "adaptive"}, "high")),
        ("claude-3-5-haiku-latest", {"effort": "high"}, (None, None)),
        (NEW, {"effort": "high", "tools": (TOOL,), "tool_choice": "required"}, (None, None)),
    ],
)
def test_each_age_of_models_is_asked_in_its_words(model: str, wish: Any, expected: Any) -> None:
    """B72: a budget up to 4.5, an effort from 4.6 on, nothing where the model can't."""
    assert thinking(model, **wish) == expected


def test_a_wish_that_is_not_sent_is_told() -> None:
    """Thinking that a model can't do is among what was left out."""
    assert "reasoning" in lost("claude-3-5-haiku-latest", request(effort="high"))
    assert lost(OLD, request(effort="high")) == ()


def test_a_model_that_thinks_is_sent_no_sampling() -> None:
    """Anthropic refuses temperature along with thinking; that it is left out is told."""
    asked = request(effort="high", temperature=0.2, top_p=0.5)
    assert not {"temperature", "top_p"} & messages_body(OLD, asked, stream=False).keys()
    assert lost(OLD, asked) == ("temperature", "top_p")


@pytest.mark.parametrize(("thought", "sent"), [((), False), ((ReasoningPart(text="t", signature="s"),), True)])
def test_calls_without_their_thinking_are_answered_without_any(thought: tuple[Part, ...], sent: bool) -> None:
    """With a budget Anthropic wants the thinking back that came with the calls; without it there is none."""
    call, result = ToolCallPart(call_id="c", name="t"), ToolResultPart(call_id="c", content="r")
    messages = (
        Message.user("hi"),
        Message(role="assistant", parts=(*thought, call)),
        Message(role="user", parts=(result,)),
    )
    asked = request(effort="high").model_copy(update={"messages": messages})
    assert ("thinking" in messages_body(OLD, asked, stream=False)) is sent
    assert "thinking" in messages_body(NEW, asked, stream=False)
