"""Plano's models: providers, aliases, preferences."""

from __future__ import annotations

import pytest

from gateway.gateway import Gateway
from schemas.errors import ConfigError
from tests.config.plano.reading import read


def test_models_are_asked_by_the_names_plano_knows() -> None:
    """``provider/model``, the model alone, an entry's own name and an alias all reach the model."""
    settings, notes = read(
        """
        version: v0.4.0
        listeners: []
        model_providers:
          - {model: openai/gpt-4o, access_key: $OPENAI_API_KEY, default: true}
          - {name: mine, model: openai/qwen-3, base_url: "http://${HOST}/v1", access_key: abc}
        model_aliases: {fast: {target: qwen-3}}
        """,
        HOST="models.example",
    )
    gateway = Gateway(settings)
    names = ("openai/gpt-4o", "gpt-4o", "openai/qwen-3", "qwen-3", "mine", "fast")
    found = {name: gateway.resolve(name)[0].model.ref for name in names}
    assert set(found.values()) == {"openai/gpt-4o", "openai-2/qwen-3"}
    assert found["mine"] == found["fast"] == found["openai/qwen-3"] == "openai-2/qwen-3"
    assert settings.model_providers[0].api_key == "$OPENAI_API_KEY"
    assert settings.model_providers[1].base_url == "http://models.example/v1"
    assert (settings.roles.planner, notes) == ("openai/gpt-4o", "")


def test_inline_preferences_are_those_of_the_file() -> None:
    """Preferences under models (before 0.4) of one name are one list; what fits none goes to the default model."""
    settings, _ = read(
        """
        version: v0.3.0
        listeners: [{type: model, name: m, port: 1, address: localhost}]
        model_providers:
          - {model: openai/gpt-4o-mini, default: true}
          - model: openai/gpt-4o
            routing_preferences: [{name: code, description: writing code}]
          - model: anthropic/claude-x
            routing_preferences: [{name: code, description: writing code}]
        """
    )
    found = {each.name: each.models for each in settings.routing_preferences}
    assert found == {"default": ("openai/gpt-4o-mini",), "code": ("openai/gpt-4o", "anthropic/claude-x")}
    assert settings.listeners[0].default_model == "auto"


def test_selection_policies_are_read() -> None:
    """Cheapest is by price, fastest by latency."""
    settings, notes = read(
        """
        version: v0.4.0
        listeners: []
        model_providers: [{model: openai/a}, {model: openai/b}]
        routing_preferences:
          - {name: x, description: d, models: [openai/a, b], selection_policy: {prefer: cheapest}}
        model_metrics_sources: [{type: cost, provider: models.dev}]
        """
    )
    assert settings.routing_preferences[1].prefer == "price"
    assert settings.routing_preferences[1].models == ("openai/a", "openai/b")
    assert notes.startswith("plano.yaml:7: model_metrics_sources[0]: prices are those of the built-in list")


def test_wildcards_take_every_model_of_a_provider() -> None:
    """``openai/*`` lets every model of it be asked."""
    settings, _ = read("version: v0.4.0\nlisteners: []\nmodel_providers: [{model: openai/*, access_key: k}]")
    assert Gateway(settings).resolve("openai/whatever")[0].model.ref == "openai/whatever"
    assert "openai/*" in settings.listeners[0].models


def test_models_that_are_not_asked_are_named() -> None:
    """What no API is spoken to is left out with its line, and so is the alias that leads there."""
    settings, notes = read(
        """
        version: v0.4.0
        listeners: []
        model_providers:
          - {model: openai/gpt-4o}
          - {model: amazon_bedrock/nova, base_url: "https://aws.example"}
        model_aliases: {cheap: {target: nova}}
        """
    )
    assert [provider.name for provider in settings.model_providers] == ["openai"]
    assert "plano.yaml:6: model_providers[1]: amazon_bedrock/nova: Bedrock's own format" in notes
    assert "plano.yaml:7: model_aliases.cheap.target: 'nova' is left out" in notes


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("{model: gpt-4o}", "3: model_providers[0].model: expected provider/model"),
        ("{access_key: k}", "3: model_providers[0].model: missing"),
        ("{model: acme/x}", "3: model_providers[0]: where acme is, is not known"),
        ("{model: [1]}", "3: model_providers[0].model: expected text, not a list"),
        ("gpt-4o", "3: model_providers[0]: expected keys and values"),
    ],
)
def test_wrong_entries_are_told_with_their_line(entry: str, says: str) -> None:
    """What is wrong by Plano's own format is an error with its line."""
    with pytest.raises(ConfigError) as error:
        read(f"version: v0.4.0\nlisteners: []\nmodel_providers: [{entry}]")
    assert f"plano.yaml:{says}" in error.value.message


def test_an_alias_of_nothing_is_an_error() -> None:
    """An alias leads to a model of the file."""
    with pytest.raises(ConfigError, match=r"plano.yaml:4: model_aliases.a.target: 'b' is no model of this file"):
        read("version: v0.4.0\nlisteners: []\nmodel_providers: [{model: openai/x}]\nmodel_aliases: {a: {target: b}}")
