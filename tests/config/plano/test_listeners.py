"""Plano's agents, filters and listeners."""

from __future__ import annotations

import pytest

from schemas.errors import ConfigError
from tests.config.plano.reading import MODELS, read

TRAVEL = (
    """
version: v0.3.0
agents:
  - {id: weather_agent, url: http://localhost:10510}
  - {id: flight_agent, url: http://localhost:10520/v2}
listeners:
  - type: agent
    name: travel
    port: 8001
    address: 127.0.0.1
    router: plano_orchestrator_v1
    timeout: 30s
    agents:
      - id: weather_agent
        description: |

          Knows the weather.

          Capabilities:
            * forecasts
      - {id: flight_agent, description: Knows flights., default: true}
"""
    + MODELS
)


def test_an_agent_listener_is_an_assistant_on_its_own_port() -> None:
    """Its agents are the assistant's team, its port answers as it whatever model a client names."""
    settings, notes = read(TRAVEL)
    assistant, listener = settings.assistants[0], settings.listeners[0]
    assert (assistant.name, assistant.agents, assistant.tools) == ("travel", ("weather_agent", "flight_agent"), ())
    assert (assistant.default, assistant.passthrough, assistant.run_seconds) == ("flight_agent", None, 30.0)
    assert (listener.host, listener.port, listener.always) == ("127.0.0.1", 8001, "travel")
    assert settings.agents[0].description == "Knows the weather.\nCapabilities:\n* forecasts"
    assert settings.agents[1].url == "http://localhost:10520/v2"
    assert notes == ""


def test_the_gateway_that_plano_adds_is_there() -> None:
    """Without a model listener one is there on 12000, as agents expect it, with the file's models and no assistant."""
    added = read(TRAVEL)[0].listeners[1]
    assert (added.name, added.host, added.port) == ("egress_traffic", "127.0.0.1", 12000)
    assert (added.default_model, "travel" in added.models) == ("openai/gpt-4o", False)


def test_one_agent_alone_is_asked_directly() -> None:
    """A listener of one agent needs no plan; its filters are the listener's."""
    settings, notes = read(
        """
        version: v0.3.0
        agents: [{id: rag, url: http://localhost:1}]
        filters: [{id: guard, url: http://localhost:2}, {id: rewrite, url: http://localhost:3, type: http}]
        listeners:
          - {type: agent, name: a, port: 1, address: localhost,
             agents: [{id: rag, description: d, input_filters: [guard, rewrite]}]}
        """
    )
    assert settings.assistants[0].passthrough == "rag"
    assert settings.listeners[0].filters == ("guard", "rewrite")
    assert "not honoured" not in notes
    guard, rewrite = settings.filters
    assert (guard.kind, guard.mcp, guard.tool, guard.on) == ("mcp", "http://localhost:2/mcp", "guard", ("input",))
    assert (rewrite.kind, rewrite.url) == ("http", "http://localhost:3")


def test_filters_of_a_model_listener_see_both_sides() -> None:
    """Input and output filters are one chain; each sees the side it was named for."""
    settings, _ = read(
        """
        version: v0.3.0
        filters: [{id: in, url: http://a, type: http}, {id: both, url: http://b, type: http}]
        listeners:
          - {type: model, name: m, port: 1, address: localhost, input_filters: [in, both], output_filters: [both]}
        """
    )
    assert settings.listeners[0].filters == ("in", "both")
    assert [each.on for each in settings.filters] == [("input",), ("input", "output")]


def test_an_agent_described_twice_is_two() -> None:
    """Two listeners may say different things of one agent: each has its own."""
    settings, _ = read(
        """
        version: v0.3.0
        agents: [{id: x, url: http://localhost:1}]
        listeners:
          - {type: agent, name: a, port: 1, agents: [{id: x, description: one}]}
          - {type: agent, name: b, port: 2, agents: [{id: x, description: two}]}
        """
    )
    assert [(agent.name, agent.description, agent.model) for agent in settings.agents] == [
        ("x", "one", "x"),
        ("x.b", "two", "x"),
    ]
    assert [assistant.agents for assistant in settings.assistants] == [("x",), ("x.b",)]


def test_the_older_form_of_listeners_is_read() -> None:
    """``ingress_traffic`` and ``egress_traffic`` are a prompt and a model listener."""
    settings, _ = read(
        """
        version: 0.1-beta
        listeners:
          ingress_traffic: {address: 127.0.0.1, port: 10001, message_format: openai, timeout: 5s}
          egress_traffic: {address: 127.0.0.1, port: 12001, message_format: openai}
        llm_providers: [{model: openai/gpt-4o}]
        """
    )
    assert [(each.name, each.port) for each in settings.listeners] == [
        ("ingress_traffic", 10001),
        ("egress_traffic", 12001),
    ]


def test_what_an_address_means_is_named() -> None:
    """Without an address Plano listens to everybody; here nobody else gets in without being told."""
    text = (
        "version: v0.3.0\nlisteners:\n  - {type: model, name: m, port: 1}\n  - {type: model, name: n, address: 0.0.0.0}"
    )
    settings, notes = read(text)
    assert [each.host for each in settings.listeners] == ["127.0.0.1", "0.0.0.0"]
    assert "plano.yaml:3: listeners[0]: listens on 127.0.0.1 only" in notes
    assert "plano.yaml:4: listeners[1].address: others reach 0.0.0.0: clients there need a key" in notes


@pytest.mark.parametrize(
    ("listener", "says"),
    [
        ("{type: agent, name: a}", "listeners[0].agents: missing"),
        ("{type: tea, name: a}", "listeners[0].type: expected agent, model or prompt, not 'tea'"),
        ("{type: model}", "listeners[0].name: missing"),
        ("{type: model, name: a, timeout: soon}", "listeners[0].timeout: expected a duration such as 30s"),
        ("{type: model, name: a, input_filters: [b]}", "listeners[0].input_filters: there is no filter 'b'"),
        ("{type: model, name: a, port: 70000}", "listeners[0].port: expected a port, not 70000"),
        ("{type: model, name: a, port: .nan}", "listeners[0].port: expected a port, not nan"),
        ("{type: model, name: a, port: many}", "listeners[0].port: expected a number, not text"),
    ],
)
def test_wrong_listeners_are_told_with_their_line(listener: str, says: str) -> None:
    """What is wrong by Plano's own format is an error with its line."""
    with pytest.raises(ConfigError) as error:
        read(f"version: v0.3.0\nlisteners: [{listener}]")
    assert f"plano.yaml:2: {says}" in error.value.message


def test_ids_are_unique() -> None:
    """An agent and a filter cannot share an id."""
    text = "version: v0.3.0\nagents: [{id: a, url: http://a}]\nfilters: [{id: a, url: http://b}]\nlisteners: []"
    with pytest.raises(ConfigError, match=r"plano.yaml:3: filters\[0\].id: 'a' is taken"):
        read(text)
