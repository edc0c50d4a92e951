"""What the configuration says of MCP servers: an entry of ``tools:``, or a file as other clients keep it."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from engine.tools.mcp.base import Address, Launch
from engine.tools.mcp.clients import MOST_NAME, NOT_NAME, servers_of_file
from engine.tools.mcp.lookup import looker_up, program
from schemas.errors import ConfigError, ToolUnavailableError
from schemas.settings import McpSettings, McpToolSettings, ToolSettings

_POSIX = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
_WINDOWS = (
    *("PATH", "PATHEXT", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "TEMP", "TMP", "USERPROFILE"),
    *("APPDATA", "LOCALAPPDATA", "HOMEDRIVE", "HOMEPATH", "USERNAME", "PROCESSOR_ARCHITECTURE"),
)
_INHERITED = _WINDOWS if sys.platform == "win32" else _POSIX
"""What a program needs to run at all; everything else, and so every key, a server gets only where ``env`` says so."""

_RUNNERS = ("uvx", "npx", "uv", "python", "python3", "node", "docker", "bunx", "pnpm", "deno", "run", "dlx", "exec")
_OF_A_PROGRAM = ("args", "env", "cwd")
_OF_AN_ADDRESS = ("headers", "api_key")
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_NOT_ITS_NAME = ("www", "mcp", "api")


@dataclass(frozen=True, slots=True)
class ServerEntry:
    """One server of the configuration.

    Attributes:
        name: Unique among the servers of a configuration.
        origin: Where it stands, for messages.
        mcp: How it is started or reached, and what is said of its tools.
        entry: What is said of all its tools.
        folder: Of the configuration.
        problem: Why it cannot be used at all, where that is known without trying.
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

    def target(self, environ: Mapping[str, str]) -> Launch | Address:
        """Return how it is started, or where it is, with everything looked up.

        Raises:
            ToolUnavailableError: It cannot be: a variable is not set, a folder or the program is not there, or the
                address is none.
        """
        if self.problem:
            raise ToolUnavailableError(self.problem)
        try:
            return self._launch(environ) if self.mcp.url is None else self._address(environ)
        except ConfigError as exc:
            raise ToolUnavailableError(exc.message, hint=exc.hint) from None

    def _launch(self, environ: Mapping[str, str]) -> Launch:
        look_up = looker_up(environ, self.folder)
        words = [look_up(word) for word in (self.mcp.command or "", *self.mcp.args)]
        declared = {name: look_up(value) for name, value in self.mcp.env.items()}
        cwd = (self.folder / Path(look_up(self.mcp.cwd or ".")).expanduser()).resolve()
        env = {name: environ[name] for name in _INHERITED if name in environ} | declared
        if not cwd.is_dir():
            raise ToolUnavailableError(f"there is no folder {cwd}")
        found = program(words[0], env.get("PATH"), cwd)
        return Launch(self.name, (found, *words[1:]), env, cwd, self.mcp.start_timeout_s, self.roots)

    def _address(self, environ: Mapping[str, str]) -> Address:
        look_up = looker_up(environ, self.folder)
        url = look_up(self.mcp.url or "").strip()
        fault = _fault(url)
        if fault:
            raise ToolUnavailableError(f"its address {fault}")
        headers = {name: look_up(value) for name, value in self.mcp.headers.items()}
        if self.mcp.api_key is not None:
            headers["authorization"] = f"Bearer {look_up(self.mcp.api_key)}"
        return Address(self.name, url, headers, self.mcp.transport, self.mcp.start_timeout_s, self.roots)

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders it is told it may work in."""
        return tuple((self.folder / Path(root).expanduser()).resolve() for root in self.mcp.roots)


def server_entries(entry: ToolSettings, folder: Path, origin: str) -> list[ServerEntry]:
    """Return the servers an entry of ``tools:`` declares: one, or those of its file.

    Raises:
        ConfigError: The entry says not how a server is reached, or its file cannot be read.
    """
    mcp = _long_form(entry, origin)
    given = [key for key in ("command", "url", "file") if getattr(mcp, key) is not None]
    if len(given) != 1:
        raise ConfigError(
            f"{origin}.mcp: {'has ' + ' and '.join(given) if given else 'says not how the server is reached'}",
            hint="give exactly one of command (with args), url and file",
        )
    if given == ["file"]:
        return _of_file(mcp, entry, folder, origin)
    return [_of_one(mcp, entry, folder, origin)]


def settings_of(text: str) -> McpSettings:
    """Return what an MCP server's short form means: an address, the path of a JSON file, or a command line.

    >>> settings_of("https://example.com/mcp").url, settings_of("uvx mcp-server-git").command
    ('https://example.com/mcp', 'uvx mcp-server-git')
    """
    text = text.strip()
    if _ADDRESS.match(text):
        return McpSettings(url=text)
    return McpSettings(file=text) if text.endswith(".json") else McpSettings(command=text)


def _of_one(mcp: McpSettings, entry: ToolSettings, folder: Path, origin: str) -> ServerEntry:
    _require_fitting(mcp, origin)
    if mcp.command is not None and not mcp.args:
        mcp = _split(mcp, origin)
    made = _name_of([mcp.command or "", *mcp.args]) if mcp.url is None else _name_at(mcp.url)
    name = entry.name or made
    if NOT_NAME.search(name) or len(name) > MOST_NAME:
        raise ConfigError(
            f"{origin}.name: '{name}' cannot be the name of an MCP server",
            hint=f"at most {MOST_NAME} letters, digits, _ and -, for the names of its tools begin with it",
        )
    return ServerEntry(name, origin, mcp, entry, folder)


def _of_file(mcp: McpSettings, entry: ToolSettings, folder: Path, origin: str) -> list[ServerEntry]:
    own = (*_OF_A_PROGRAM, *_OF_AN_ADDRESS)
    if entry.name is not None or mcp.prefix is not None or any(getattr(mcp, key) for key in own):
        raise ConfigError(
            f"{origin}: name, prefix, {', '.join(own)} are of one server, and {mcp.file} names its own",
            hint="leave them out, or write the server here instead of file",
        )
    found = servers_of_file(mcp, folder, origin)
    return [ServerEntry(one.name, one.origin, one.mcp, entry, one.folder, one.problem) for one in found]


def _require_fitting(mcp: McpSettings, origin: str) -> None:
    """Raise ConfigError for what has no meaning for a server that is started, or for one that is reached."""
    foreign = _OF_A_PROGRAM if mcp.url is not None else _OF_AN_ADDRESS
    wrong = [key for key in foreign if getattr(mcp, key)]
    if wrong:
        kind = "started here" if mcp.url is not None else "reached by url"
        raise ConfigError(f"{origin}.mcp: {' and '.join(wrong)} mean something only for a server that is {kind}")
    if mcp.url is not None and "$" not in mcp.url and _fault(mcp.url):
        raise ConfigError(f"{origin}.mcp.url: {_fault(mcp.url)}", hint="such as https://example.com/mcp")


def _fault(url: str) -> str:
    """Say what is wrong with an address; nothing where it is one."""
    try:
        parts = urlsplit(url)
        known = parts.scheme.lower() in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError as exc:
        return f"cannot be read: {exc}"
    return "" if known else "begins with neither http:// nor https://, or names no host"


def _long_form(entry: ToolSettings, origin: str) -> McpSettings:
    if not isinstance(entry.mcp, str):
        return entry.mcp or McpSettings()
    if not entry.mcp.strip():
        raise ConfigError(
            f"{origin}.mcp: is empty", hint="give a command line, an address, a JSON file, or command and args"
        )
    return settings_of(entry.mcp)


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
    return "_".join(parts)[:MOST_NAME] or "mcp"


def _name_at(url: str) -> str:
    """Return a name for a server that was given none: that of its host, without what all of them share.

    >>> [_name_at(url) for url in ("https://mcp.deepwiki.com/mcp", "http://localhost:3000/mcp", "http://10.0.0.7/mcp")]
    ['deepwiki', 'localhost', 'mcp']
    """
    host = urlsplit(url).hostname or ""
    try:
        ip_address(host)
    except ValueError:
        labels = [label for label in host.split(".") if label not in _NOT_ITS_NAME]
    else:
        labels = []
    chosen = labels[-2] if len(labels) > 1 else "".join(labels)
    return NOT_NAME.sub("_", chosen)[:MOST_NAME].strip("_-") or "mcp"


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
