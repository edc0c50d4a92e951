"""An MCP server that belongs to no run: what filters call tools of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.tools.mcp.entry import server_entries, settings_of
from engine.tools.mcp.server import Server
from schemas.settings import ToolSettings


def lone_server(server: str, folder: Path, environ: Mapping[str, str]) -> Server:
    """Return a server that is to be kept (``Server.keep``).

    Args:
        server: What starts it, or where it is.
        folder: Where it runs.
        environ: Where its variables are looked up.

    Raises:
        ConfigError: The entry is wrong.
    """
    declared = ToolSettings(mcp=settings_of(server).model_copy(update={"prefix": ""}))
    return Server(server_entries(declared, folder, "filters")[0], environ, lambda _: None)
