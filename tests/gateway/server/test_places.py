"""What is at which path."""

from __future__ import annotations

import pytest

from gateway.server.places import PLACES, place_of


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("/chat/completions", "/v1/chat/completions"),
        ("/v1/chat/completions/", "/v1/chat/completions"),
        ("/v1/v1/messages", "/v1/messages"),
        ("/v1/v1/v1/messages/count_tokens", "/v1/messages/count_tokens"),
        ("/openai/deployments/gpt-5/chat/completions", "/v1/chat/completions"),
        ("/openai/v1/responses", "/v1/responses"),
        ("/embeddings", "/v1/embeddings"),
        ("/models", "/v1/models"),
    ],
)
def test_addresses_that_are_a_little_off(path: str, there: str) -> None:
    """Addresses as SDKs send them whose base URL is a little off lead to the same place."""
    assert place_of(path) is PLACES[there]


@pytest.mark.parametrize("path", ["/", "", "/v1", "/v1/", "/v2/chat/completions", "/v1/chat", "/openai/deployments/x"])
def test_nothing_is_elsewhere(path: str) -> None:
    """Other addresses are none."""
    assert place_of(path) is None


@pytest.mark.parametrize("path", ["/v1/models/a/b/c", "/models/x", "/v1/v1/models/a/b"])
def test_a_model_may_hold_slashes(path: str) -> None:
    """What follows /models/ is a model's name, whatever it holds."""
    place = place_of(path)
    assert place is not None
    assert set(place.methods) == {"GET", "HEAD"}
