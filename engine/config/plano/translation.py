"""Plano's own configuration, read into ours: a pure translation that names what it cannot honour.

| Plano | here |
|---|---|
| `model_providers`, `llm_providers` | `model_providers`; `default: true` plays every role |
| `model_aliases` | `aliases` |
| `routing_preferences` (and under a model) | `routing_preferences`; `auto` chooses; what fits none: the default |
| `agents` | `agents`, by `url` |
| `listeners`, `type: agent` | an assistant and a port that is always its; one agent alone: passthrough |
| `listeners`, `type: model` | a port with the file's models (12000 where there is none, as there) |
| `listeners`, `type: prompt`; `prompt_targets`, `endpoints`, `system_prompt` | an assistant with the targets as tools |
| `filters`, `input_filters`, `output_filters` | `filters` of kind `mcp` or `http`, in the listener's order |
| `prompt_guards` | a filter of kind `injection` |
| `tracing` | `telemetry` (OTLP over HTTP) |
| `state_storage` (postgres) | `store` |
| `routing.session_ttl_seconds`, `prompt_caching` | `gateway.affinity_s` |
| `overrides.llm_routing_model`, `.agent_orchestration_model` | `gateway.router`, `roles.planner` |

Everything else is named, with its line. ``$NAME`` and ``${NAME}`` stand for environment variables anywhere in a value.

Source: katanemo/plano v0.4.36: config/plano_config_schema.yaml, cli/planoai/config_generator.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.config.plano.listeners import read_team
from engine.config.plano.models import read_models, unknown_targets, written_providers
from engine.config.plano.section import Findings, Section
from engine.config.plano.surroundings import read_surroundings
from engine.config.plano.targets import read_targets
from engine.config.reader import Reader, config_error


@dataclass(frozen=True, slots=True)
class Translated:
    """A file of Plano's in our terms.

    Attributes:
        raw: What our settings are made of.
        notes: What is not honoured, a line each: place, and why.
    """

    raw: dict[str, Any]
    notes: tuple[str, ...]


def translated(raw: Mapping[str, Any], reader: Reader, environ: Mapping[str, str]) -> Translated:
    """Return a file of Plano's in our terms.

    Raises:
        ConfigError: It is wrong by its own format; every problem is listed, with its line.
    """
    found = Findings(reader, environ)
    top = Section(raw, (), found)
    top.text("version")
    models = read_models(top)
    unknown_targets(models, found)
    team = read_team(top, models)
    settings = read_surroundings(top, models, team)
    tools = read_targets(top, team)
    top.close()
    if found.problems:
        raise config_error(found.problems)
    made: dict[str, Any] = {
        "model_providers": written_providers(models, team.model_timeout_s),
        "aliases": models.aliases,
        "routing_preferences": list(models.preferences.values()),
        "agents": list(team.agents.values()),
        "assistants": team.assistants,
        "listeners": team.listeners,
        "filters": list(team.filters.values()),
        "tools": tools,
    }
    said = {key: value for key, value in {**made, **settings}.items() if value}
    return Translated({"tools": [], **said}, tuple(dict.fromkeys(note for _, note in sorted(found.notes))))
