"""Which answers are kept, and under what."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.cache import Keeping, Place
from gateway.exchange import ClientCall
from schemas.gateway import CacheSettings, WireFormat
from schemas.model import Message, ModelRequest

BODY: dict[str, Any] = {"model": "small", "messages": [{"role": "user", "content": "hi"}]}
KEEPING = Keeping(CacheSettings(models=("small", "a/*"), ttl_s=100, max_bytes=10), version="1")


def place(
    wire: WireFormat = "chat", who: str = "k1", headers: dict[str, str] | None = None, **more: Any
) -> Place | None:
    """Return the place of a request that differs from the usual one in these fields."""
    return KEEPING.of_call(ClientCall(wire, json.dumps({**BODY, **more}).encode(), headers or {}), who)


def key(**differs: Any) -> str:
    """Return only the key."""
    found = place(**differs)
    assert found is not None
    return found.key


def test_the_same_request_is_found_again() -> None:
    """The order of a body's fields, and fields that only name the caller, make no other request."""
    turned = ClientCall("chat", json.dumps(dict(reversed({**BODY, "user": "u"}.items()))).encode())
    found = KEEPING.of_call(turned, "k1")
    assert found is not None
    assert found.key == key()


@pytest.mark.parametrize(
    "differs",
    [
        {"who": "k2"},
        {"wire": "messages"},
        {"stream": True},
        {"temperature": 0.5},
        {"model": "a/x"},
        {"messages": [{"role": "user", "content": "hi "}]},
        {"seed": 1},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"headers": {"anthropic-beta": "x"}},
        {"unheard_of": 1},
    ],
)
def test_whatever_could_change_the_answer_is_in_the_key(differs: dict[str, Any]) -> None:
    """Another caller, format, feature, or any other field is another request."""
    assert key(**differs) != key()


def test_another_configuration_finds_nothing() -> None:
    """What an older configuration answered is not found by a newer one."""
    call = ClientCall("chat", json.dumps(BODY).encode())
    newer = Keeping(CacheSettings(models=("*",)), version="2").of_call(call, "k1")
    assert newer is not None
    assert newer.key != key()


@pytest.mark.parametrize(
    "differs",
    [
        {"model": "large"},
        {"store": True},
        {"wire": "responses"},
        {"background": True},
        {"previous_response_id": "r"},
        {"web_search_options": {}},
        {"tools": [{"type": "web_search"}]},
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        {"mcp_servers": [{}]},
        {"headers": {"x-engine-cache": "no-store"}},
    ],
)
def test_what_has_effects_is_never_kept(differs: dict[str, Any]) -> None:
    """Calls that are stored at the provider, or whose tools act there, and models that nobody named, are not kept."""
    assert place(**differs) is None


def test_clients_may_ask_for_fresh_or_short_lived_answers() -> None:
    """``no-cache`` asks anew but keeps the answer; ``max-age`` keeps it no longer than that, never longer than set."""
    fresh = place(headers={"x-engine-cache": "no-cache, max-age=7"})
    assert fresh == Place(key(), take=False, ttl_s=7)
    assert place(headers={"x-engine-cache": "max-age=1000"}) == Place(key(), take=True, ttl_s=100)


def test_own_requests_have_places_too() -> None:
    """A neutral request is kept whatever its deadline; another question is another."""
    asked = ModelRequest(messages=(Message.user("q"),), model="small")
    first = KEEPING.of_request(asked, "run")
    assert first == KEEPING.of_request(asked.model_copy(update={"deadline_s": 3.0}), "run")
    assert first != KEEPING.of_request(asked.model_copy(update={"temperature": 1.0}), "run")
    assert KEEPING.of_request(asked.model_copy(update={"model": "large"}), "run") is None


def test_large_answers_are_not_kept() -> None:
    """Answers over ``max_bytes`` are not kept."""
    assert KEEPING.fits(b"x" * 10)
    assert not KEEPING.fits(b"x" * 11)
