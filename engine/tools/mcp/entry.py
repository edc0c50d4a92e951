"""What the configuration says of MCP servers: an entry of ``tools:``, or a file as other clients keep it.

Sources: the ``mcpServers`` object (command, args, env) of Claude Desktop's and Claude Code's configuration, and the
``servers`` object of VS Code's mcp.json with ``type``, ``${env:NAME}`` and ``${workspaceFolder}``. Keys of theirs that
mean nothing here are ignored.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

from engine.config import resolve_secret
from engine.tools.mcp.base import Launch
from schemas.errors import ConfigError, ToolUnavailableError
from schemas.settings import McpSettings, McpToolSettings, ToolSettings

_POSIX = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
_WINDOWS = (
    *("PATH", "PATHEXT", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "TEMP", "TMP", "USERPROFILE"),
    *("APPDATA", "LOCALAPPDATA", "HOMEDRIVE", "HOMEPATH", "USERNAME", "PROCESSOR_ARCHITECTURE"),
)
_INHERITED = _WINDOWS if sys.platform == "win32" else _POSIX
"""What a program needs to run at all; everything else, and so every key, a server gets only where ``env`` says so."""

_VARIABLE = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_UNKNOWN = re.compile(r"\$\{(\w+:[^}]*)\}")
_RUNNERS = ("uvx", "npx", "uv", "python", "python3", "node", "docker", "bunx", "pnpm", "deno", "run", "dlx", "exec")
_NOT_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_MOST_NAME = 32


@dataclass(frozen=True, slots=True)
class ServerEntry:
    """One server of the configuration.

    Attributes:
        name: Unique among the servers of a configuration.
        origin: Where it stands, for messages.
        mcp: How it is started, and what is said of its tools.
        entry: What is said of all its tools.
        folder: Of the configuration.
        problem: Why it cannot be used at all, where that is known without starting it.
    """

    name: str
    origin: str
    mcp: McpSettings
    entry: ToolSettings
    folder: Path
    problem: str = ""

    @property
    def prefix(self) -> str:
        """What the names of its tools begin with."""
        return f"{self.name}_" if self.mcp.prefix is None else self.mcp.prefix

    def wants(self, tool: str) -> bool:
        """Whether one of its tools is used."""
        included = not self.mcp.include or any(fnmatchcase(tool, pattern) for pattern in self.mcp.include)
        return included and not any(fnmatchcase(tool, pattern) for pattern in self.mcp.exclude)

    def said_of(self, tool: str) -> McpToolSettings:
        """Return what the configuration says of one of its tools."""
        return self.mcp.tools.get(tool, McpToolSettings())

    def launch(self, environ: Mapping[str, str]) -> Launch:
        """Return how it is started, with everything looked up.

        Raises:
            ToolUnavailableError: It cannot be: a variable is not set, a folder or the program is not there.
        """
        if self.problem:
            raise ToolUnavailableError(self.problem)
        look_up = _looker_up(environ, self.folder)
        try:
            words = [look_up(word) for word in (self.mcp.command or "", *self.mcp.args)]
            declared = {name: look_up(value) for name, value in self.mcp.env.items()}
            cwd = (self.folder / Path(look_up(self.mcp.cwd or ".")).expanduser()).resolve()
        except ConfigError as exc:
            raise ToolUnavailableError(exc.message, hint=exc.hint) from None
        env = {name: environ[name] for name in _INHERITED if name in environ} | declared
        if not cwd.is_dir():
            raise ToolUnavailableError(f"there is no folder {cwd}")
        program = _program(words[0], env.get("PATH"), cwd)
        return Launch(self.name, (program, *words[1:]), env, cwd, self.mcp.start_timeout_s)


def server_entries(entry: ToolSettings, folder: Path, origin: str) -> list[ServerEntry]:
    """Return the servers an entry of ``tools:`` declares: one, or those of its file.

    Raises:
        ConfigError: The entry says not how a server is started, or its file cannot be read.
    """
    mcp = _long_form(entry, origin)
    if mcp.command is not None and mcp.file is None:
        return [_of_command(mcp, entry, folder, origin)]
    if mcp.file is None or mcp.command is not None:
        raise ConfigError(
            f"{origin}.mcp: {'has command and file' if mcp.command else 'says not how the server is started'}",
            hint="give exactly one of command (with args) and file",
        )
    if entry.name is not None or mcp.prefix is not None or mcp.args or mcp.env or mcp.cwd:
        raise ConfigError(
            f"{origin}: name, prefix, args, env and cwd are of one server, and {mcp.file} names its own",
            hint="leave them out, or write the server here instead of file",
        )
    return list(_of_file(mcp, entry, folder, origin))


def _of_command(mcp: McpSettings, entry: ToolSettings, folder: Path, origin: str) -> ServerEntry:
    if not mcp.args:
        mcp = _split(mcp, origin)
    name = entry.name or _name_of([mcp.command or "", *mcp.args])
    if _NOT_NAME.search(name) or len(name) > _MOST_NAME:
        raise ConfigError(
            f"{origin}.name: '{name}' cannot be the name of an MCP server",
            hint=f"at most {_MOST_NAME} letters, digits, _ and -, for the names of its tools begin with it",
        )
    return ServerEntry(name, origin, mcp, entry, folder)


def _long_form(entry: ToolSettings, origin: str) -> McpSettings:
    if not isinstance(entry.mcp, str):
        return entry.mcp or McpSettings()
    if not entry.mcp.strip():
        raise ConfigError(f"{origin}.mcp: is empty", hint="give a command line, a JSON file, or command and args")
    return McpSettings(file=entry.mcp) if entry.mcp.endswith(".json") else McpSettings(command=entry.mcp)


def _split(mcp: McpSettings, origin: str) -> McpSettings:
    try:
        words = shlex.split(mcp.command or "", posix=os.name == "posix")
    except ValueError as exc:
        raise ConfigError(f"{origin}.mcp: the command line cannot be read: {exc}", hint="close the quotes") from None
    return mcp.model_copy(update={"command": words[0] if words else "", "args": tuple(words[1:])})


def _name_of(words: list[str]) -> str:
    """Return a name for a server that was given none: its program's, without what all of them share.

    >>> _name_of(["npx", "-y", "@modelcontextprotocol/server-filesystem@2026.8", "/data"])
    'filesystem'
    >>> _name_of(["uvx", "mcp-server-git"])
    'git'
    """
    named = [word for word in words if not word.startswith("-") and Path(word).stem not in _RUNNERS]
    last = (named or words)[0].replace("\\", "/").rstrip("/").rpartition("/")[2]
    stem = re.sub(r"(@[\w.^~-]*|==.*|\.(py|js|mjs|ts|exe|sh))$", "", last)
    parts = [part for part in re.split(r"[^A-Za-z0-9]+", stem) if part.lower() not in ("mcp", "server", "")]
    return "_".join(parts)[:_MOST_NAME] or "mcp"


# ------------------------------------------------------------------ files of other clients


def _of_file(mcp: McpSettings, entry: ToolSettings, folder: Path, origin: str) -> Iterator[ServerEntry]:
    path = folder / Path(mcp.file or "").expanduser()
    for name, raw in _servers_in(path, f"{origin}.mcp").items():
        if raw.get("disabled") is True or raw.get("enabled") is False:
            continue
        clean = (_NOT_NAME.sub("_", name).strip("_") or "mcp")[:_MOST_NAME]
        where = f"{origin} ({path.name}: {name})"
        if not isinstance(raw.get("command"), str):
            problem = "it is spoken to over HTTP, which is not possible here" if "url" in raw else "it has no command"
            yield ServerEntry(clean, where, mcp, entry, path.parent, problem)
            continue
        yield ServerEntry(clean, where, _of_client(mcp, raw, where), entry, _base(path))


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
    taken = {key: raw[key] for key in ("command", "args", "env", "cwd") if raw.get(key) is not None}
    if isinstance(taken.get("env"), dict):
        env = cast("dict[str, Any]", taken["env"])
        taken["env"] = {name: str(value) for name, value in env.items() if value is not None}
    try:
        return McpSettings.model_validate({**mcp.model_dump(exclude={"file"}), **taken})
    except ValueError as exc:
        raise ConfigError(f"{origin}: {' '.join(str(exc).split())[:300]}") from None


def _base(path: Path) -> Path:
    """Return what the paths of a client's file are relative to: the folder that holds .vscode, else the file's own."""
    folder = path.resolve().parent
    return folder.parent if folder.name in (".vscode", ".cursor") else folder


# ------------------------------------------------------------------ starting


def _looker_up(environ: Mapping[str, str], folder: Path) -> Callable[[str], str]:
    """Return what replaces the variables of a text.

    Raises:
        ConfigError: Its result raises it: a variable is not set, or stands for what is not known here.
    """

    def of(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        if name in ("workspaceFolder", "workspaceRoot"):
            return str(folder)
        if name == "userHome":
            return str(Path.home())
        found = environ.get(name) or default
        if found is None:
            raise ConfigError(f"the environment variable {name} is not set", hint=f"export {name}=…")
        return found

    def look_up(text: str) -> str:
        whole = resolve_secret(text, environ) if not text.startswith("${") else text
        replaced = _VARIABLE.sub(of, whole or "")
        unknown = _UNKNOWN.search(replaced) if whole == text else None
        if unknown:
            raise ConfigError(f"${{{unknown[1]}}} is not known here", hint="use ${NAME} of the environment")
        return replaced

    return look_up


def _program(command: str, path: str | None, cwd: Path) -> str:
    """Return the program's path.

    Raises:
        ToolUnavailableError: There is no such program.
    """
    word = str(Path(command).expanduser()) if command.startswith("~") else command
    if os.path.dirname(word):  # noqa: PTH120 (Path drops the ./ that says it is a path)
        word = str(cwd / word)
    found = shutil.which(word, path=path)
    if found is None:
        where = "" if os.path.dirname(word) else " on the PATH"  # noqa: PTH120
        raise ToolUnavailableError(f"there is no program '{command}'{where}")
    return found


def unique(entries: list[ServerEntry]) -> list[ServerEntry]:
    """Return the servers, each under a name of its own.

    Raises:
        ConfigError: Two are given the same name.
    """
    seen: dict[str, ServerEntry] = {}
    made: list[ServerEntry] = []
    for entry in entries:
        if entry.name in seen:
            raise ConfigError(
                f"{entry.origin}: the MCP server '{entry.name}' is already declared by {seen[entry.name].origin}",
                hint="give one of them another name (name: …)",
            )
        seen[entry.name] = entry
        made.append(replace(entry))
    return made
