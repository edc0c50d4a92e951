"""Filters: what looks at requests before they leave and at answers before they arrive, and may change or stop them.

``filters`` makes them and puts the chain of one call together; ``formats`` knows where text stands in each format.
Filters on text are built in (``pii``, ``injection``, ``secrets``, ``words``, ``schema``); ``http``, ``mcp`` and
``python`` are somebody else's and see whole bodies and whole events.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.filters.base import Facts, Outside
    from gateway.filters.chain import Chain
    from gateway.filters.decision import Annotate, Block, Decision
    from gateway.filters.filters import Filters

_HOMES = {
    "Annotate": "decision",
    "Block": "decision",
    "Chain": "chain",
    "Decision": "decision",
    "Facts": "base",
    "Filters": "filters",
    "Outside": "base",
}

__all__ = ["Annotate", "Block", "Chain", "Decision", "Facts", "Filters", "Outside"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562): a gateway without filters starts without them."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
