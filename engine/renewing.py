"""An engine of another configuration in the place of one that runs: the same runs, new settings."""

from __future__ import annotations

from typing import TypeVar

from engine.assembly import Assembly
from engine.config import LoadedSettings
from gateway.gateway import Gateway

E = TypeVar("E", bound=Assembly)


def renewed(engine: E, found: LoadedSettings, gateway: Gateway) -> E:
    """Return an engine of another configuration beside one that goes on with what it began.

    Both are one driver: they share the store, who drives what, what is watched, budgets, what is learned, hooks. Tools,
    agents, models, planners and caps are those of the new configuration; tools given in code are not taken along. It
    has no connection of its own to the store, which stays with the first.

    Args:
        engine: The one that runs.
        found: The new configuration.
        gateway: Made of it.

    Raises:
        ConfigError: A tool, an agent or a server of it is wrong.
    """
    other = type(engine)(found, store=engine.store, ledger=engine.ledger, gateway=gateway, statistics=engine.statistics)
    other.presence, other.following = engine.presence, engine.following
    other.accounting, other.hooks = engine.accounting, engine.hooks
    return other
