"""What stands around Plano's models and agents: tracing, state, guards, limits, routing.

Source: katanemo/plano, config/plano_config_schema.yaml; docs/source/guides/{state,prompt_guard}.rst and
docs/source/guides/observability/tracing.rst.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from engine.config.plano.listeners import Team
from engine.config.plano.models import Models
from engine.config.plano.section import Section

GUARD = "jailbreak"
_ROLES = ("planner", "executor", "synthesizer", "judge")
_EVERYTHING = 100
_GRPC, _HTTP = 4_317, 4_318  # OpenTelemetry's ports


def read_surroundings(top: Section, models: Models, team: Team) -> dict[str, Any]:
    """Return what else of our settings a file says."""
    settings: dict[str, Any] = {}
    gateway: dict[str, Any] = {}
    _tracing(top, settings)
    _state(top, settings)
    _guards(top, team)
    _overrides(top, models, settings, gateway)
    _routing(top, gateway)
    if models.default:
        settings["roles"] = dict.fromkeys(
            ("planner", "executor", "synthesizer", "judge"), models.default
        ) | settings.get("roles", {})
    for limit in top.sections("ratelimits"):
        why = "limits by a header of the request are not honoured: gateway.budgets has those by key"
        top.found.note(limit.path, why)
    for source in top.sections("model_metrics_sources"):
        why = "prices are those of the built-in list, latencies those that are measured here: not asked"
        top.found.note(source.path, why)
    top.cannot("mode", "one server does both: not needed")
    return settings | ({"gateway": gateway} if gateway else {})


def _tracing(top: Section, settings: dict[str, Any]) -> None:
    tracing = top.section("tracing")
    if tracing is None:
        return
    share = tracing.number("random_sampling")
    address = tracing.text("opentracing_grpc_endpoint")
    if share is not None and 0 < share < _EVERYTHING:
        why = "every run is traced, or none: all are (OTEL_TRACES_SAMPLER of the collector's side)"
        tracing.found.note(tracing.at("random_sampling"), why)
    if address and share != 0:
        settings["telemetry"] = {"otlp_endpoint": _over_http(address, tracing)}
    elif share:
        why = "without opentracing_grpc_endpoint nothing is traced: name a collector"
        tracing.found.note(tracing.at("random_sampling"), why)
    tracing.flag("trace_arch_internal")
    tracing.cannot("span_attributes", "attributes of one's own are not added to spans: not honoured")
    tracing.cannot("exporters", "spans go to an OpenTelemetry collector only: not honoured")
    tracing.close()


def _over_http(address: str, tracing: Section) -> str:
    """Return a collector's address for OTLP over HTTP, which is spoken here instead of gRPC."""
    parts = urlsplit(address)
    port = _HTTP if parts.port == _GRPC else parts.port
    made = f"{parts.scheme}://{parts.hostname}{f':{port}' if port else ''}"
    key = tracing.at("opentracing_grpc_endpoint")
    tracing.found.note(key, f"spans are sent by OTLP over HTTP, not gRPC: to {made}")
    return made


def _state(top: Section, settings: dict[str, Any]) -> None:
    for key in ("state_storage", "state_storage_v1_responses"):
        state = top.section(key)
        if state is None:
            continue
        kind, url = state.text("type") or "memory", state.text("connection_string")
        if kind == "postgres" and url:
            settings["store"] = url
        elif kind == "postgres":
            state.found.problem(state.at("connection_string"), "missing", "postgres needs one")
        state.close()


def _guards(top: Section, team: Team) -> None:
    guards = top.section("prompt_guards")
    inputs = guards.section("input_guards") if guards is not None else None
    jailbreak = inputs.section("jailbreak") if inputs is not None else None
    if guards is not None and inputs is not None:
        inputs.close()
        guards.close()
    if jailbreak is None:
        return
    refusal = jailbreak.section("on_exception")
    if refusal is not None:
        refusal.cannot("message", "a refusal says what was found, in the client's error envelope: not honoured")
        refusal.close()
    jailbreak.close()
    team.filters[GUARD] = {"name": GUARD, "kind": "injection", "on": ["input"]}
    if team.assistants:
        guards_key = top.at("prompt_guards")
        top.found.note(
            guards_key, "guards see calls of models, not what an assistant is asked: honoured for those only"
        )
    for listener in team.listeners:
        listener["filters"] = [GUARD, *listener.get("filters", [])]


def _overrides(top: Section, models: Models, settings: dict[str, Any], gateway: dict[str, Any]) -> None:
    overrides = top.section("overrides")
    if overrides is None:
        return
    for key, what in (("llm_routing_model", "router"), ("agent_orchestration_model", "planner")):
        name = overrides.text(key)
        if not name:
            continue
        if name not in models.refs:
            instead = "words of the descriptions choose" if what == "router" else "the default model plans"
            overrides.found.note(overrides.at(key), f"{name} is no model of this file: {instead}")
        elif what == "router":
            gateway["router"] = models.refs[name]
        else:
            settings["roles"] = {"planner": models.refs[name]}
    overrides.flag("disable_signals")
    threshold = "whether a tool fits is the planner's choice: not honoured"
    overrides.cannot("prompt_target_intent_matching_threshold", threshold)
    overrides.cannot("optimize_context_window", "long histories are always trimmed: not needed")
    overrides.cannot("use_agent_orchestrator", "the planner is the orchestrator: not honoured")
    overrides.cannot("upstream_connect_timeout", "a connection has the time of its call: not honoured")
    overrides.cannot("upstream_tls_ca_path", "certificates are those of this machine (SSL_CERT_FILE): not honoured")
    overrides.cannot("orchestrator_model_context_length", "it is the model's own: not honoured")
    overrides.close()


def _routing(top: Section, gateway: dict[str, Any]) -> None:
    routing, caching = top.section("routing"), top.section("prompt_caching")
    if routing is not None:
        gateway |= _affinity(routing.number("session_ttl_seconds"))
        cache = routing.section("session_cache")
        if cache is not None:
            if cache.text("type") == "redis":
                cache.cannot("url", "which model a conversation stays with is kept in this process: not honoured")
            cache.cannot("tenant_header", "not honoured")
            cache.close()
        routing.cannot("session_max_entries", "not honoured: it is bounded by itself")
        routing.cannot("routing_budget", "what a change of models may cost is not weighed: not honoured")
        routing.cannot("route_on_user_only", "a conversation stays with its model by itself: not honoured")
        for key in ("llm_provider", "model"):
            routing.cannot(key, "name the routing model as overrides.llm_routing_model: not honoured")
        routing.close()
    if caching is not None:
        on = caching.flag("enabled")
        gateway |= _affinity(caching.number("session_ttl_seconds")) if on else {}
        caching.flag("session_affinity")
        caching.flag("inject_cache_control")
        caching.cannot("min_prefix_tokens", "not honoured: a provider decides")
        caching.close()


def _affinity(seconds: float | None) -> dict[str, Any]:
    return {} if seconds is None else {"affinity_s": seconds}
