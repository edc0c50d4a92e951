"""MCP servers, over stdio or HTTP: reached when first needed, kept, and their tools offered as tools of the engine.

``entry`` reads what the configuration says (``clients`` the files of other clients), ``listing`` makes specs of what a
server lists, ``server`` keeps one server's connection, ``servers`` all of an engine's. Only ``pipes``, ``web``,
``session``, ``asking`` and ``content`` know the SDK, and only ``connect`` imports them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import cast

from engine.tools.mcp.base import Address, Connection, Launch

__all__ = ["Address", "Connection", "Launch", "connect"]


def connect(
    target: Launch | Address, on_change: Callable[[], None], *, sampling: bool = False
) -> AbstractAsyncContextManager[Connection]:
    """Return a connection to a server: entering starts or reaches it, leaving ends that.

    The only place that imports the SDK (about a second): nothing of it is loaded where no server is needed.

    Args:
        target: How to start it, or where it is.
        on_change: Called when the server says that its tools have changed.
        sampling: Whether it may ask for model calls.
    """
    make = import_module("engine.tools.mcp.session").connection
    return cast("AbstractAsyncContextManager[Connection]", make(target, on_change, sampling=sampling))
