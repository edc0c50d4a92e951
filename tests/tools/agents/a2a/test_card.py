"""Cards: who an agent is, and how it is spoken to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.tools.agents.a2a.card import Card, KeyScheme, read_card
from schemas.errors import ToolFailedError

SOURCE = "https://agents.example/sky/.well-known/agent-card.json"
BASE = {"name": "Sky", "description": "Weather", "version": "2"}


def _read(**fields: Any) -> Card:
    return read_card(json.dumps({**BASE, **fields}).encode(), SOURCE)


def test_the_first_interface_that_is_spoken_is_taken() -> None:
    """Interfaces are tried in the card's order; patch versions make no difference, relative addresses are resolved."""
    card = _read(
        supportedInterfaces=[
            {"url": "https://a.example", "protocolBinding": "GRPC", "protocolVersion": "1.0"},
            {"url": "/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0.2", "tenant": "t"},
            {"url": "https://b.example", "protocolBinding": "JSONRPC", "protocolVersion": "0.3"},
        ]
    )
    assert (card.url, card.version, card.tenant) == ("https://agents.example/rpc", "1.0", "t")


def test_cards_of_0_3_are_read() -> None:
    """A card with ``url`` at its top is one of 0.3; where it prefers another transport, the additional one is taken."""
    extra = [{"url": "https://a.example/rpc", "transport": "JSONRPC"}]
    card = _read(
        url="https://a.example/g", preferredTransport="GRPC", protocolVersion="0.3.0", additionalInterfaces=extra
    )
    assert (card.url, card.version) == ("https://a.example/rpc", "0.3")


def test_skills_become_capabilities_and_lines_of_the_description() -> None:
    """The planner reads what an agent's skills are; people find it by their names and tags."""
    skills = [{"id": "f", "name": "forecast", "description": "Tomorrow's\nweather", "tags": ["rain", "rain", 7]}]
    card = _read(url="https://a.example", skills=skills)
    assert card.description == "Weather\n- forecast: Tomorrow's weather"
    assert (card.capabilities, card.agent_version) == (("forecast", "rain"), "2")


def test_keys_are_given_as_the_card_asks() -> None:
    """Required schemes come before those that are only declared; both versions write them differently."""
    schemes: dict[str, Any] = {
        "k": {"apiKeySecurityScheme": {"location": "header", "name": "X-Key"}},
        "m": {"mtlsSecurityScheme": {}},
    }
    schemes |= {"b": {"httpAuthSecurityScheme": {"scheme": "Bearer"}}}
    new = _read(
        url="https://a.example", securitySchemes=schemes, securityRequirements=[{"schemes": {"b": {"list": []}}}]
    )
    assert new.schemes == (KeyScheme("bearer"), KeyScheme("header", "X-Key"))
    old: dict[str, Any] = {"k": {"type": "apiKey", "in": "query", "name": "key"}, "o": {"type": "oauth2", "flows": {}}}
    assert _read(url="https://a.example", securitySchemes=old, security=[{"k": []}]).schemes == (
        KeyScheme("query", "key"),
        KeyScheme("bearer"),
    )


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"<html>", "it is no JSON"),
        (b"[]", "it has no name"),
        (b'{"name": "Sky"}', "says not where the agent is"),
        (b'{"name": "S", "url": "https://a", "protocolVersion": "2.0"}', "speaks only JSONRPC 2.0"),
        (b'{"name": "S", "supportedInterfaces": [{"url": "https://a", "protocolBinding": "GRPC"}]}', "only GRPC ?"),
        (b'{"name": "S", "url": "file:///etc/passwd"}', "speaks only JSONRPC 0.3.0"),
    ],
)
def test_what_cannot_be_spoken_to_is_refused(body: bytes, says: str) -> None:
    """No card, no interface, another version or transport, an address that is none: each is told in words."""
    with pytest.raises(ToolFailedError) as failure:
        read_card(body, SOURCE)
    assert says in failure.value.message
    assert SOURCE in failure.value.message
