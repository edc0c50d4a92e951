"""Models that a body names beside its own."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from gateway.server.others import models_named
from tests.gateway.server.serving import Keys, Served, chat, config, served
from tests.wire.replies import say
from tests.wire.server import WireServer

BESIDE = [
    {"models": ["p/m", "q/dear"], "route": "fallback"},
    {"models": [{"model": "q/dear"}]},
    {"fallbacks": [{"model": "q/dear"}]},
    {"fallback_models": ["q/dear"]},
    {"plugins": [{"id": "auto-router", "allowed_models": ["q/dear"]}]},
    {"tools": [{"type": "image_generation", "model": "q/dear"}]},
    {"preset": "q/dear"},
]


@pytest.fixture(scope="module")
def gateway() -> Generator[tuple[Served, dict[str, dict[str, str]], WireServer]]:
    """A gateway, and the heads of requests with a key for few models and with one for all."""
    keys = Keys()
    heads = {name: {"authorization": f"Bearer {keys.add(name, models=only)}"} for name, only in
             (("few", ("p/m", "p/other")), ("all", ()))}  # fmt: skip
    listeners = [{"port": 0, "keys": "required"}]
    with (
        WireServer(lambda request, path: say(request, path, "hi")) as upstream,
        served(config(upstream.url, listeners=listeners), keys=keys) as found,
    ):
        yield found, heads, upstream


@pytest.mark.parametrize("body", BESIDE, ids=lambda body: next(iter(body)))
def test_other_models_are_found(body: dict[str, Any]) -> None:
    """B74: every field by which some service takes further models is read."""
    assert "q/dear" in models_named(chat(**body))


@pytest.mark.parametrize("body", BESIDE, ids=lambda body: next(iter(body)))
def test_a_keys_models_hold_for_all_that_a_body_names(
    gateway: tuple[Served, dict[str, dict[str, str]], WireServer], body: dict[str, Any]
) -> None:
    """B74: a key for few models can't have others asked by the provider; one for all may write what it likes."""
    found, heads, upstream = gateway
    before = len(upstream.requests)
    refused = found.post("/v1/chat/completions", chat(**body), headers=heads["few"])
    assert (refused.status_code, len(upstream.requests)) == (403, before)
    assert "q/dear" in refused.json()["error"]["message"]
    assert found.post("/v1/chat/completions", chat(**body), headers=heads["all"]).status_code == 200


def test_names_that_are_allowed_pass(gateway: tuple[Served, dict[str, dict[str, str]], WireServer]) -> None:
    """Further models of the same provider that the list allows go on, as the provider writes them."""
    found, heads, upstream = gateway
    body = chat(models=["m", "p/other"], tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}])
    assert found.post("/v1/chat/completions", body, headers=heads["few"]).status_code == 200
    assert upstream.requests[-1].json["models"] == ["m", "p/other"]


def test_a_name_has_an_end(gateway: tuple[Served, dict[str, dict[str, str]], WireServer]) -> None:
    """A model's name of half a megabyte is none, and is not repeated."""
    found, heads, _ = gateway
    response = found.post("/v1/chat/completions", chat(model="p/" + "x" * 500_000), headers=heads["all"])
    assert (response.status_code, len(response.content) < 1_000) == (404, True)
