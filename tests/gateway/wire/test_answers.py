"""Answers and errors as clients of both formats know them."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.wire import client_format
from gateway.wire.messages.seals import thinking_part, unseal
from schemas.errors import (
    AccessError,
    ContextLengthError,
    CostBudgetError,
    EngineError,
    ModelRefusalError,
    ModelRequestError,
    ModelTimeoutError,
    ModelUnavailableError,
    NoRouteError,
    RateLimitError,
    RequestTooLargeError,
)
from schemas.model import (
    Done,
    ModelRequest,
    ModelResponse,
    ReasoningPart,
    TextPart,
    ToolCallDelta,
    ToolCallPart,
)
from tests.gateway.wire.facts import PROVIDERS

CHAT, MESSAGES = client_format("chat"), client_format("messages")


@pytest.mark.parametrize(
    ("cls", "chat", "messages"),
    [
        (AccessError, ("authentication_error", "invalid_api_key"), "authentication_error"),
        (CostBudgetError, ("insufficient_quota", "insufficient_quota"), "billing_error"),
        (RateLimitError, ("rate_limit_error", "rate_limit_exceeded"), "rate_limit_error"),
        (NoRouteError, ("invalid_request_error", "model_not_found"), "not_found_error"),
        (ContextLengthError, ("invalid_request_error", "context_length_exceeded"), "invalid_request_error"),
        (ModelRefusalError, ("invalid_request_error", "content_filter"), "invalid_request_error"),
        (ModelRequestError, ("invalid_request_error", "model.request"), "invalid_request_error"),
        (RequestTooLargeError, ("invalid_request_error", "request.too_large"), "request_too_large"),
        (ModelUnavailableError, ("server_error", "model.unavailable"), "overloaded_error"),
        (ModelTimeoutError, ("server_error", "model.timeout"), "timeout_error"),
    ],
)
def test_errors_have_the_types_that_clients_know(cls: type[EngineError], chat: Any, messages: str) -> None:
    """B72: each error has OpenAI's type and code, and Anthropic's type, with what to do and the request's id."""
    error = cls("it failed", hint="try that", details={"param": "n"})
    told, known = CHAT.error(error, "req_1"), MESSAGES.error(error, "req_1")
    assert (told["error"]["type"], told["error"]["code"], told["error"]["param"]) == (*chat, "n")
    assert (known["type"], known["error"]["type"]) == ("error", messages)
    assert told["error"]["message"] == known["error"]["message"] == "it failed (try that)"
    assert told["request_id"] == known["request_id"] == "req_1"


CALL = ToolCallPart(call_id="c", name="f", arguments={}, raw="{}")
LEGACY = {"model": "m", "functions": [{"name": "f"}]}


def test_clients_of_functions_get_a_function_call() -> None:
    """B72: whoever knows only functions is answered in their form, whole and streamed."""
    response = ModelResponse(model="m", parts=(CALL,), stop_reason="tool_calls")
    choice = CHAT.reply(response, LEGACY)["choices"][0]
    assert (choice["message"]["function_call"], choice["finish_reason"]) == (
        {"name": "f", "arguments": "{}"},
        "function_call",
    )
    writer = CHAT.stream(LEGACY)
    content = writer.feed(ToolCallDelta(index=0, call_id="c", name="f", arguments="{}")) + writer.feed(
        Done(response=response)
    )
    assert b'"function_call": {"name": "f", "arguments": "{}"}' in content
    assert b'"finish_reason": "function_call"' in content


def test_broken_arguments_reach_a_client_of_messages() -> None:
    """B72: arguments that are no JSON are wrapped as Anthropic wraps them, and read back as what they were."""
    broken = ToolCallPart(call_id="c", name="f", raw='{"x', valid=False)
    block = MESSAGES.reply(ModelResponse(model="m", parts=(broken,)), {})["content"][0]
    assert block["input"] == {"INVALID_JSON": '{"x'}
    asked = MESSAGES.request({"model": "m", "messages": [{"role": "assistant", "content": [block]}]})
    assert asked.messages[0].parts == (broken,)


def again(wire: Any, told: dict[str, Any]) -> ModelRequest:
    """What a client asks that gives an answer back."""
    turn = told["choices"][0]["message"] if "choices" in told else {"role": "assistant", "content": told["content"]}
    return wire.request({"model": "m", "messages": [turn]})


@pytest.mark.parametrize(
    "thought",
    [
        ReasoningPart(text="hm", signature="sig"),
        ReasoningPart(text="", data="opaque"),
        ReasoningPart(text="hm", data='{"field": "reasoning_content"}'),
        ReasoningPart(text="", data='{"type": "reasoning.encrypted", "data": "zz"}'),
    ],
)
@pytest.mark.parametrize("name", ["chat", "messages"])
def test_thinking_comes_back_to_the_provider_that_thought_it(name: Any, thought: ReasoningPart) -> None:
    """B72: signed, redacted, plain and encrypted thinking goes out to a client of either format and comes back."""
    wire = client_format(name)
    response = ModelResponse(model="m", parts=(thought, TextPart(text="x"), CALL))
    assert again(wire, wire.reply(response, {})).messages[0].parts[0] == thought


def test_our_mark_is_no_signature_of_anthropics() -> None:
    """Thinking of another provider that a client gives back is never sent to Anthropic as its own."""
    block = MESSAGES.reply(ModelResponse(model="m", parts=(ReasoningPart(text="hm"),)), {})["content"][0]
    part = thinking_part(block["thinking"], block["signature"])
    assert unseal(block["signature"]) == part.data
    request = again(MESSAGES, {"content": [block, {"type": "text", "text": "x"}]})
    sent = PROVIDERS["messages"].body("m", request, stream=False)["messages"][0]["content"]
    assert [each["type"] for each in sent] == ["text"]
