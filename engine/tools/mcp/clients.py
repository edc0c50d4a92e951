"""Files in which other clients keep their MCP servers.

Sources: the ``mcpServers`` object (command, args, env; type, url, headers) of Claude Desktop's and Claude Code's
configuration, ``serverUrl`` of Windsurf's, and the ``servers`` object of VS Code's mcp.json with ``type``,
``${env:NAME}`` and ``${workspaceFolder}``. Keys of theirs that mean nothing here are ignored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from schemas.errors import ConfigError
from schemas.settings import McpSettings

NOT_NAME = re.compile(r"[^A-Za-z0-9_-]+")
MOST_NAME = 32


@dataclass(frozen=True, slots=True)
class Found:
    """A server as a file has it.

    Attributes:
        name: Made fit for the names of tools.
        origin: Where it stands, for messages.
        folder: What its paths are relative to.
        problem: Why it cannot be used at all.
    """

    name: str
    origin: str
    mcp: McpSettings
    folder: Path
    problem: str = ""


def servers_of_file(mcp: McpSettings, folder: Path, origin: str) -> Iterator[Found]:
    """Yield the servers of the file an entry names.

    Raises:
        ConfigError: It cannot be read, or holds no servers; names it.
    """
    path = folder / Path(mcp.file or "").expanduser()
    for name, raw in _servers_in(path, f"{origin}.mcp").items():
        if raw.get("disabled") is True or raw.get("enabled") is False:
            continue
        clean = (NOT_NAME.sub("_", name).strip("_") or "mcp")[:MOST_NAME]
        where = f"{origin} ({path.name}: {name})"
        if not any(isinstance(raw.get(key), str) for key in ("command", "url", "serverUrl")):
            yield Found(clean, where, mcp, path.parent, "it has neither command nor url")
            continue
        yield Found(clean, where, _of_client(mcp, raw, where), _base(path))


def _servers_in(path: Path, origin: str) -> dict[str, dict[str, Any]]:
    try:
        raw = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as exc:
        raise ConfigError(f"{origin}: {path}: {exc.strerror or exc}", hint="name a JSON file with mcpServers") from None
    except ValueError as exc:
        raise ConfigError(f"{origin}: {path}: not JSON: {exc}", hint="comments are not possible in it") from None
    members = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {}
    for part in (members, members.get("mcp")):
        for key in ("mcpServers", "servers"):
            found = cast("dict[str, Any]", part).get(key) if isinstance(part, dict) else None
            if isinstance(found, dict):
                servers = cast("dict[str, Any]", found)
                return {name: cast("dict[str, Any]", one) for name, one in servers.items() if isinstance(one, dict)}
    raise ConfigError(f"{origin}: {path} has no mcpServers", hint='it should hold {"mcpServers": {"name": {…}}}')


def _of_client(mcp: McpSettings, raw: Mapping[str, Any], origin: str) -> McpSettings:
    remote = not isinstance(raw.get("command"), str)
    keys = ("url", "headers") if remote else ("command", "args", "env", "cwd")
    taken = {key: raw[key] for key in keys if raw.get(key) is not None}
    if remote:
        taken |= {"url": raw.get("url") or raw["serverUrl"], "transport": "sse" if raw.get("type") == "sse" else "http"}
    for key in ("env", "headers"):
        if isinstance(taken.get(key), dict):
            values = cast("dict[str, Any]", taken[key])
            taken[key] = {name: str(value) for name, value in values.items() if value is not None}
    try:
        return McpSettings.model_validate({**mcp.model_dump(exclude={"file"}), **taken})
    except ValueError as exc:
        raise ConfigError(f"{origin}: {' '.join(str(exc).split())[:300]}") from None


def _base(path: Path) -> Path:
    """Return what the paths of a client's file are relative to: the folder that holds .vscode, else the file's own."""
    folder = path.resolve().parent
    return folder.parent if folder.name in (".vscode", ".cursor") else folder
