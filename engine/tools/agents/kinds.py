"""Makes agents: one module a kind, imported when the first of its kind is declared."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from engine.tools.agents.base import Agent, Place
from schemas.agents import AgentSettings

_MODULES = {
    "url": "engine.tools.agents.url",
    "a2a": "engine.tools.agents.a2a.agent",
    "mcp": "engine.tools.agents.mcp",
    "python": "engine.tools.agents.python",
}


def made(settings: AgentSettings, place: Place) -> Agent:
    """Return the agent of an entry.

    Raises:
        ConfigError: The entry is wrong.
    """
    make = cast("Callable[[AgentSettings, Place], Agent]", import_module(_MODULES[settings.kind]).made)
    return make(settings, place)
