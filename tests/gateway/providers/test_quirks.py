"""Parameters that a server refuses are learnt."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.providers.failures import describe
from gateway.providers.quirks import Quirks
from schemas.errors import ModelRequestError
from schemas.model import Message, ModelRequest
from tests.wire.connect import called, wired
from tests.wire.replies import json_reply, say
from tests.wire.server import Reply

BODY = {"model": "m", "max_tokens": 5, "temperature": 0.0, "stream_options": {}}


def refusal(message: str, status: int = 400, **more: Any) -> Any:
    """A refusal with that wording."""
    return describe("p/m", status, {"error": {"message": message, **more}}, {}, None)


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (refusal("Unsupported parameter: 'max_tokens' is not supported with this model."), {"max_completion_tokens"}),
        (refusal("no", param="temperature", code="unsupported_value"), set[str]()),
        (refusal("[{'loc': ['body', 'stream_options'], 'msg': 'Extra inputs are not permitted'}]", 422), set[str]()),
    ],
)
def test_a_refused_parameter_is_left_out_or_renamed(failure: Any, expected: set[str]) -> None:
    """What the refusal names goes; a token limit goes on under its other name."""
    quirks = Quirks()
    assert quirks.learn("m", BODY, failure)
    sent = quirks.apply("m", BODY)
    assert sent.keys() - BODY.keys() == expected
    assert len(sent) == len(BODY) - 1 + len(expected)
    assert quirks.apply("another", BODY) == BODY


@pytest.mark.parametrize(
    "failure",
    [
        refusal("max_tokens is too large: 9000"),
        refusal("Unknown model"),
        refusal("unsupported parameter top_k"),
        refusal("temperature not supported", 500),
        refusal("unknown parameter parallel_tool_calls"),
    ],
)
def test_other_refusals_are_no_reason_to_ask_again(failure: Any) -> None:
    """A bad value, another parameter, or one that was not sent is the caller's to see."""
    assert not Quirks().learn("m", BODY, failure)


def test_a_token_limit_refused_under_both_names_is_not_renamed_forever() -> None:
    """The second refusal is final."""
    quirks = Quirks()
    assert quirks.learn("m", BODY, refusal("max_tokens not supported"))
    renamed = quirks.apply("m", BODY)
    assert not quirks.learn("m", renamed, refusal("max_completion_tokens not supported"))


def picky(request: dict[str, Any], path: str) -> Reply:
    """A server that knows neither stream_options nor max_tokens."""
    for name in ("stream_options", "max_tokens"):
        if name in request:
            return json_reply({"error": {"message": f"Unrecognized request argument: {name}", "param": name}}, 400)
    return say(request, path, "fine")


@pytest.mark.anyio
async def test_a_picky_server_is_asked_again_and_then_known() -> None:
    """The first call finds out what is refused, the second sends it right at once."""
    request = ModelRequest(messages=(Message.user("hi"),), model="m", max_output_tokens=9)
    async with wired("openai", picky) as (provider, server):
        texts = [(await called(provider, request, stream=True)).text for _ in range(2)]
    assert texts == ["fine", "fine"]
    assert len(server.requests) == 4
    assert server.requests[-1].json["max_completion_tokens"] == 9


@pytest.mark.anyio
async def test_a_server_that_refuses_everything_ends_in_its_own_error() -> None:
    """Learning stops, and the last refusal is raised."""
    reply = json_reply({"error": {"message": "stream_options is not supported"}}, 400)
    async with wired("openai", lambda request, path: reply) as (provider, server):
        with pytest.raises(ModelRequestError, match="stream_options"):
            await called(provider, stream=True)
    assert len(server.requests) == 2
