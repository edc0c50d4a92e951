"""What stands around Plano's models and agents."""

from __future__ import annotations

from tests.config.plano.reading import MODELS, read


def test_what_has_a_place_here_is_taken() -> None:
    """A collector, a store, guards, affinity and the models that route and plan are set as here."""
    settings, notes = read(
        """
        version: v0.4.0
        listeners: [{type: model, name: m, address: localhost}]
        model_providers: [{model: openai/a}, {model: openai/router}]
        tracing: {opentracing_grpc_endpoint: "http://collector:4317", random_sampling: 100}
        state_storage: {type: postgres, connection_string: "postgresql://u:${PW}@db/x"}
        prompt_guards: {input_guards: {jailbreak: {on_exception: {message: no}}}}
        routing: {session_ttl_seconds: 60}
        overrides: {llm_routing_model: router, agent_orchestration_model: openai/router, disable_signals: true}
        """,
        PW="secret",
    )
    assert settings.telemetry.otlp_endpoint == "http://collector:4318"
    assert settings.store_url == "postgresql://u:secret@db/x"
    assert (settings.filters[0].kind, settings.listeners[0].filters) == ("injection", ("jailbreak",))
    assert (settings.gateway.affinity_s, settings.gateway.router) == (60.0, "openai/router")
    assert (settings.roles.planner, settings.roles.synthesizer) == ("openai/router", "openai/a")
    assert [line.split(": ")[1] for line in notes.splitlines()] == [
        "tracing.opentracing_grpc_endpoint",
        "prompt_guards.input_guards.jailbreak.on_exception.message",
    ]


def test_what_has_none_is_named() -> None:
    """Limits by header, budgets of switching, span attributes: each with its line and key, none silently."""
    _, notes = read(
        "version: v0.4.0\nlisteners: [{type: model, name: m, address: localhost}]\n"
        + MODELS
        + "ratelimits: [{model: a, selector: {key: k, value: v}, limit: {tokens: 1, unit: day}}]\n"
        "routing: {routing_budget: {max_switch_spend_pct: 20}}\n"
        "tracing: {span_attributes: {static: {a: b}}, random_sampling: 100}\n"
        "overrides: {upstream_connect_timeout: 5s}\n"
        "tomorrow: {x: 1}\n"
    )
    named = [line.partition(": ")[2].partition(": ")[0] for line in notes.splitlines()]
    assert named == [
        "ratelimits[0]",
        "routing.routing_budget",
        "tracing.random_sampling",
        "tracing.span_attributes",
        "overrides.upstream_connect_timeout",
        "tomorrow",
    ]
    assert all(line.startswith("plano.yaml:") for line in notes.splitlines())
