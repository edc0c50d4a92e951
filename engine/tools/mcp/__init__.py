"""MCP servers over stdio: started when first needed, kept running, and their tools offered as tools of the engine.

``entry`` reads what the configuration says, ``listing`` makes specs of what a server lists, ``server`` keeps one server
running, ``servers`` all of an engine's. Only ``pipes``, ``session`` and ``content`` know the SDK, and only
``connect`` imports them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import cast

from engine.tools.mcp.base import Connection, Launch

__all__ = ["Connection", "Launch", "connect"]


def connect(launch: Launch, on_change: Callable[[], None]) -> AbstractAsyncContextManager[Connection]:
    """Return a connection to a server that is about to be started; entering starts it, leaving ends it.

    The only place that imports the SDK (about a second): nothing of it is loaded where no server is started.

    Args:
        launch: How to start it.
        on_change: Called when the server says that its tools have changed.
    """
    make = import_module("engine.tools.mcp.session").connection
    return cast("AbstractAsyncContextManager[Connection]", make(launch, on_change))
