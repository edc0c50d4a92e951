"""Real models in place of the simulated: the user's own providers and keys; tools stay the cases'."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from engine.config import load_settings
from schemas.errors import ConfigError
from schemas.events import LoggedRecord, ModelCalled
from schemas.settings import Settings


def user_settings(*models: str) -> Settings:
    """Return the settings that ``engine run`` would use here.

    Args:
        models: Names that must be ``provider/model`` of a provider there is.

    Raises:
        ConfigError: The user's file says something wrong, or a model's provider is not configured.
    """
    settings = load_settings(None, os.environ).settings
    known = {provider.name for provider in settings.model_providers}
    there = ", ".join(sorted(known)) or "none: set a key, or write engine.yaml"
    for model in models:
        if model.partition("/")[0] not in known:
            raise ConfigError(f"no provider is configured for {model}", hint=f"name provider/model; providers: {there}")
    return settings


def calls_of(log: Sequence[LoggedRecord]) -> list[dict[str, Any]]:
    """Return a run's model calls from its log, in the form in which the simulated provider tells them.

    A call without a known price counts as 0 USD and is marked ``unpriced``.
    """
    return [_call(record.event, record.at - log[0].at) for record in log if isinstance(record.event, ModelCalled)]


def _call(event: ModelCalled, ended: float) -> dict[str, Any]:
    usage = event.usage
    told = {
        "part": event.role,
        "tier": f"{event.provider}/{event.model}",
        "began": max(0.0, ended - event.latency_s),
        "ended": ended,
        "prompt_tokens": usage.input_tokens,
        "cached_tokens": usage.cached_tokens,
        "completion_tokens": usage.output_tokens,
        "cost_usd": usage.cost_usd or 0.0,
        "fault": "" if event.error is None else event.error.code,
    }
    return told | ({"unpriced": True} if usage.cost_usd is None else {})
