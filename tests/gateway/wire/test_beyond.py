"""What providers bill beside plain tokens is never counted as if it cost nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.wire.base import Meter
from gateway.wire.chat.meter import ChatMeter
from gateway.wire.messages.meter import MessagesMeter
from gateway.wire.responses.meter import ResponsesMeter
from tests.gateway.server.serving import chat, config, served
from tests.wire.server import Reply, WireServer

SAID: dict[str, Any] = {"role": "assistant", "content": "hi"}
COUNTS = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def answer(message: dict[str, Any] = SAID, **usage: Any) -> dict[str, Any]:
    """A chat completion."""
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": {**COUNTS, **usage}}


MESSAGE: dict[str, Any] = {"type": "message", "model": "m", "content": [], "stop_reason": "end_turn"}
RESPONSE: dict[str, Any] = {
    "id": "r",
    "model": "m",
    "status": "completed",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


@pytest.mark.parametrize(
    ("meter", "body", "beyond"),
    [
        (ChatMeter(), answer(), ""),
        (ChatMeter(), answer(completion_tokens_details={"audio_tokens": 4, "reasoning_tokens": 0}), "audio"),
        (ChatMeter(), answer(prompt_tokens_details={"audio_tokens": 0, "cached_tokens": 3}), ""),
        (ChatMeter(), answer({**SAID, "annotations": [{"type": "url_citation"}]}), "web searches"),
        (MessagesMeter(), {**MESSAGE, "usage": {"server_tool_use": {"web_search_requests": 2}}}, "web searches"),
        (MessagesMeter(), {**MESSAGE, "usage": {"server_tool_use": {"web_search_requests": 0}}}, ""),
        (ResponsesMeter(), {**RESPONSE, "output": [{"type": "web_search_call"}]}, "web searches"),
        (ResponsesMeter(), {**RESPONSE, "output": [{"type": "message"}]}, ""),
    ],
)
def test_it_is_noticed(meter: Meter, body: dict[str, Any], beyond: str) -> None:
    """Audio, searches and other tools of the provider's own are read off the answer, whatever its format."""
    meter.whole(json.dumps(body).encode())
    assert (meter.error, meter.beyond) == (None, beyond)


@pytest.mark.parametrize(("searched", "told"), [(False, "0.00002"), (True, None)])
def test_such_a_cost_is_not_known(searched: bool, told: str | None) -> None:
    """B70: a call with a search says no cost and counts as unpriced; its tokens go on to count to budgets."""
    message = {**SAID, "annotations": [{"type": "url_citation"}]} if searched else SAID
    priced = {"name": "m", "input_usd_per_mtok": 1.0, "output_usd_per_mtok": 2.0}
    with WireServer(lambda _, __: Reply(json.dumps(answer(message)).encode())) as upstream:
        given = config(upstream.url, gateway={"budgets": [{"of": "all", "usd": 1}]})
        given["model_providers"][0]["models"] = [priced]
        with served(given) as gateway:
            response = gateway.post("/v1/chat/completions", chat())
            assert response.headers.get("x-engine-cost-usd") == told
            assert gateway.metric("unpriced_total") == searched
            assert gateway.metric("budget_spent", measure="usd") == pytest.approx(0.00002)
