"""The declared tools by name: filled from the configuration, changed at run time."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import structlog

from engine.tools.builtin import BUILTIN_NAMES, builtin_tools, standard_names
from engine.tools.function import FunctionTool, respec
from engine.tools.loading import load_object
from engine.tools.openapi.tool import openapi_tools
from schemas.errors import ConfigError, ToolNotFoundError
from schemas.protocols import Tool, ToolContext
from schemas.settings import Settings, ToolSettings
from schemas.tool import ToolSpec

RESERVED = ("step", "answer", "ask", "emit_plan", "not_enough_information")
"""Names that mean something else where a model writes a plan."""

_OF_OPENAPI = ("include", "exclude", "prefix", "base_url", "auth", "headers")
_NOT_OF_SPEC = {"python", "builtin", "mcp", "openapi", *_OF_OPENAPI}
_SPEC_FIELDS = tuple(field for field in ToolSettings.model_fields if field not in _NOT_OF_SPEC)


class Registry:
    """A ToolSource that can be changed while runs go on; a change shows in the next ``specs()``.

    Args:
        tools: Tools, or functions to make tools of.

    Raises:
        ConfigError: As ``add``.
    """

    def __init__(self, tools: Iterable[Tool | Callable[..., Any]] = ()) -> None:
        self._entries: dict[str, _Entry] = {}
        self._specs: Mapping[str, ToolSpec] = MappingProxyType({})
        self._down: dict[str, str] = {}
        self._left_out: dict[str, set[str]] = {}
        for tool in tools:
            self.add(tool)

    def add(self, tool: Tool | Callable[..., Any], *, origin: str = "code", python: str = "") -> Tool:
        """Declare a tool (or a function, read as by ``@tool``) and return it.

        Args:
            tool: What to declare.
            origin: Where it comes from, for messages.
            python: ``module:function``, where a configuration took it from there.

        Raises:
            ConfigError: Its name is taken or reserved, or the function cannot be a tool.
        """
        made = tool if _is_tool(tool) else FunctionTool(cast("Callable[..., Any]", tool))
        made = cast("Tool", made)
        name = made.spec.name
        if name in RESERVED:
            raise ConfigError(
                f"{origin}: a tool cannot be called '{name}'",
                hint=f"{', '.join(RESERVED)} mean something else in a plan; give it another name",
            )
        if name in self._entries:
            raise ConfigError(
                f"{origin}: the tool '{name}' is already declared by {self._entries[name].origin}",
                hint="give one of them another name, or remove the other first",
            )
        self._entries[name] = _Entry(made, made.spec, origin, python)
        self._publish()
        return made

    def replace(
        self, origin: str, tools: Iterable[Tool], *, unavailable: str = "", enabled: bool | None = None
    ) -> None:
        """Declare the tools of one origin in place of those it had; one that was disabled stays so.

        A tool whose name is reserved, or another origin's, is left out and logged.

        Args:
            origin: Where they come from.
            tools: All of them.
            unavailable: Why none of them can be called right now; empty when they can.
            enabled: Whether they are enabled, where that is decided elsewhere.
        """
        before = {name: entry for name, entry in self._entries.items() if entry.origin == origin}
        for name in before:
            del self._entries[name]
        for tool in tools:
            name = tool.spec.name
            if name in RESERVED or name in self._entries:
                by = "the engine" if name in RESERVED else self._entries[name].origin
                if name not in self._left_out.get(origin, ()):
                    structlog.get_logger().warning(
                        f"{origin}: its tool '{name}' is left out: the name is taken by {by}"
                    )
                self._left_out.setdefault(origin, set()).add(name)
                continue
            as_before = tool.spec.enabled and (name not in before or before[name].spec.enabled)
            spec = tool.spec.model_copy(update={"enabled": as_before if enabled is None else enabled})
            self._entries[name] = _Entry(tool, spec, origin)
        self._down.pop(origin, None)
        if unavailable:
            self._down[origin] = unavailable
        self._publish()

    def set_available(self) -> None:
        """Forget what was not available: nobody watches any more."""
        self._down.clear()

    def unavailable(self) -> Mapping[str, str]:
        """Return the declared tools that cannot be called right now, and why."""
        return {name: self._down[entry.origin] for name, entry in self._entries.items() if entry.origin in self._down}

    def remove(self, name: str) -> None:
        """Forget a tool. A call that runs goes on.

        Raises:
            ToolNotFoundError: No such tool.
        """
        self._entry(name)
        del self._entries[name]
        self._publish()

    def disable(self, name: str) -> None:
        """Hide a tool from planner, plan check and calls until it is enabled again.

        Raises:
            ToolNotFoundError: No such tool.
        """
        self._set_enabled(name, enabled=False)

    def enable(self, name: str) -> None:
        """Undo ``disable``.

        Raises:
            ToolNotFoundError: No such tool.
        """
        self._set_enabled(name, enabled=True)

    def specs(self) -> Mapping[str, ToolSpec]:
        """Return every declared tool's spec, sorted by name; the mapping is a snapshot and never changes."""
        return self._specs

    def get(self, name: str) -> Tool:
        """Return an enabled tool.

        Raises:
            ToolNotFoundError: No tool has that name, or it is disabled.
        """
        entry = self._entries.get(name) or self._entry(name)
        if not entry.spec.enabled:
            raise ToolNotFoundError(f"the tool '{name}' is disabled")
        return entry.tool

    def functions(self) -> Mapping[str, str]:
        """Return ``module:function`` by name, of the tools a configuration takes from Python and that need no run."""
        return {name: entry.python for name, entry in self._entries.items() if entry.python}

    def check(self) -> None:
        """Check what tools say of each other.

        Raises:
            ConfigError: A ``simulate`` names no declared tool, or the tool itself.
        """
        for entry in self._entries.values():
            dry_run = entry.spec.simulate
            if dry_run is not None and (dry_run not in self._entries or dry_run == entry.spec.name):
                raise ConfigError(
                    f"{entry.origin}: simulate: '{dry_run}' is no other declared tool", hint=self._near(dry_run)
                )

    def _set_enabled(self, name: str, *, enabled: bool) -> None:
        entry = self._entry(name)
        self._entries[name] = replace(entry, spec=entry.spec.model_copy(update={"enabled": enabled}))
        self._publish()

    def _entry(self, name: str) -> _Entry:
        entry = self._entries.get(name)
        if entry is None:
            raise ToolNotFoundError(f"there is no tool '{name}'", hint=self._near(name))
        return entry

    def _near(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._entries, 1)
        return f"did you mean '{near[0]}'?" if near else f"declared: {', '.join(sorted(self._entries)) or 'none'}"

    def _publish(self) -> None:
        self._specs = MappingProxyType({name: self._entries[name].spec for name in sorted(self._entries)})


@dataclass(frozen=True, slots=True)
class _Entry:
    """One declared tool; the spec's ``enabled`` is the registry's, not the tool's."""

    tool: Tool
    spec: ToolSpec
    origin: str
    python: str = ""


@dataclass(frozen=True, slots=True)
class _Place:
    """What the entries of a configuration are read against."""

    settings: Settings
    folder: Path
    workspace: Path
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Declared:
    """A tool that is no function of ours, under the spec the configuration gives it."""

    tool: Tool
    spec: ToolSpec

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        return await self.tool.call(arguments, context)


def from_settings(settings: Settings, folder: Path, environ: Mapping[str, str] | None = None) -> Registry:
    """Return the tools a configuration declares, without those of MCP servers; the standard ones when it declares none.

    Args:
        settings: The configuration.
        folder: Its folder: user modules are imported from there, and ``workspace`` is relative to it. The workspace
            is the folder itself when the configuration names none.
        environ: Where tools look up secrets (``$NAME``), when they are called; the process's environment by default.

    Raises:
        ConfigError: An entry is wrong; names it (``tools[2]``) and what would be right.
    """
    place = _Place(settings, folder, _workspace(settings, folder), os.environ if environ is None else environ)
    entries = settings.tools or (ToolSettings(builtin="all"),)
    named = {entry.builtin for entry in entries}
    registry = Registry()
    for index, entry in enumerate(entries):
        origin = f"tools[{index}]"
        _check_keys(entry, origin)
        if entry.mcp is not None and not _other_sources(entry):
            continue  # its tools are there once the server is (engine.tools.mcp)
        tools = list(_tools_of(entry, place, origin, named))
        if len(tools) != 1 and entry.name is not None:
            raise ConfigError(
                f"{origin}.name: the {len(tools)} tools of this entry cannot have one name",
                hint="name each built-in tool by itself; tools of a document can have a prefix",
            )
        for tool in tools:
            alone = not getattr(tool, "needs_run", True)
            python = entry.python if alone else None
            registry.add(_redeclared(tool, entry, origin), origin=f"{origin} ({_source(entry)})", python=python or "")
    if all(entry.mcp is None for entry in entries):
        registry.check()
    return registry


def _other_sources(entry: ToolSettings) -> bool:
    return any(getattr(entry, key) is not None for key in ("python", "builtin", "openapi"))


def _workspace(settings: Settings, folder: Path) -> Path:
    workspace = folder / (settings.workspace or ".")
    if not workspace.is_dir():
        raise ConfigError(
            f"workspace: there is no folder {settings.workspace or workspace}", hint="create it, or name another"
        )
    return workspace


def _check_source(entry: ToolSettings, origin: str) -> None:
    sources = [key for key in ("python", "builtin", "mcp", "openapi") if getattr(entry, key) is not None]
    if len(sources) != 1:
        given = " and ".join(sources) or "none of them"
        raise ConfigError(f"{origin}: has {given}", hint="give exactly one of python, builtin, mcp and openapi")


def _check_keys(entry: ToolSettings, origin: str) -> None:
    stray = [key for key in _OF_OPENAPI if getattr(entry, key) is not None and entry.openapi is None]
    if stray:
        raise ConfigError(f"{origin}.{stray[0]}: belongs to tools from an OpenAPI document", hint="leave it out")
    if entry.mcp is not None and entry.spending is not None:
        hint = "write it under mcp.tools, by the tool's name"
        raise ConfigError(f"{origin}.spending: is of one tool, and this entry is a whole server", hint=hint)


def _tools_of(entry: ToolSettings, place: _Place, origin: str, named: set[str | None]) -> Iterable[Tool]:
    _check_source(entry, origin)
    if entry.openapi is not None:
        return openapi_tools(entry, place.folder, origin, RESERVED, place.environ)
    if entry.python is not None:
        return [_python_tool(entry.python, place.folder, origin)]
    if entry.builtin == "all":
        names = [name for name in standard_names(place.settings) if name not in named]
        return builtin_tools(names, place.workspace, place.settings)
    if entry.builtin not in BUILTIN_NAMES:
        near = difflib.get_close_matches(entry.builtin or "", BUILTIN_NAMES, 1)
        raise ConfigError(
            f"{origin}.builtin: there is no built-in tool '{entry.builtin}'",
            hint=f"did you mean '{near[0]}'?" if near else f"there are {', '.join(BUILTIN_NAMES)}, and all",
        )
    return builtin_tools([entry.builtin], place.workspace, place.settings)


def _python_tool(reference: str, folder: Path, origin: str) -> Tool:
    found = load_object(reference, folder, where=f"{origin}.python")
    if _is_tool(found):
        return found
    if not callable(found) or isinstance(found, type):
        raise ConfigError(
            f"{origin}.python: '{reference}' is no function but of type {type(found).__name__}",
            hint="name a function, or one made a tool by @tool",
        )
    return FunctionTool(found)


def _is_tool(value: Any) -> bool:
    return isinstance(getattr(value, "spec", None), ToolSpec) and callable(getattr(value, "call", None))


def _redeclared(tool: Tool, entry: ToolSettings, origin: str) -> Tool:
    given = {key: getattr(entry, key) for key in _SPEC_FIELDS if key in entry.model_fields_set}
    if not given:
        return tool
    try:
        spec = respec(tool.spec, given)
    except ConfigError as exc:
        raise ConfigError(f"{origin}: {exc.message}", hint=exc.hint) from None
    if isinstance(tool, FunctionTool):
        return cast("FunctionTool[..., Any]", tool).with_spec(spec)
    return _Declared(tool, spec)


def _source(entry: ToolSettings) -> str:
    return entry.python or entry.openapi or f"built-in {entry.builtin}"
