"""Filters: what looks at requests before they leave and at answers before they arrive, and may change or stop them.

``filters`` makes them and puts the chain of one call together; ``formats`` knows where text stands in each format.
Filters on text are built in (``pii``, ``injection``, ``secrets``, ``words``, ``schema``); ``http``, ``mcp`` and
``python`` are somebody else's and see whole bodies and whole events.
"""

from gateway.filters.base import Facts, Outside
from gateway.filters.chain import Chain
from gateway.filters.decision import Annotate, Block, Decision
from gateway.filters.filters import Filters

__all__ = ["Annotate", "Block", "Chain", "Decision", "Facts", "Filters", "Outside"]
