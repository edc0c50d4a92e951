"""Specs of the tools a server lists: their names, and what the configuration says they do to the world."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from engine.dag.validate import schema_fault
from engine.tools.function import respec
from engine.tools.mcp.base import ListedTool
from engine.tools.mcp.entry import ServerEntry
from schemas.errors import ConfigError
from schemas.tool import Effects, ToolSpec

CALL_TIMEOUT_S = 60.0
"""Deadline of a call where the configuration names none: a server that hangs must not hang a run."""

_NOT_NAME = re.compile(r"[^A-Za-z0-9_-]")
_MOST_NAME = 64
_MOST_DESCRIPTION = 4000
_OF_ENTRY = ("effects", "reads", "writes", "approval", "timeout_s", "max_parallel", "max_attempts")
_OF_ENTRY_TOO = ("enabled", "hidden")


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool as the engine offers it.

    Attributes:
        tool: Its name at the server.
        spec: What the engine knows of it.
    """

    tool: str
    spec: ToolSpec


def offered(entry: ServerEntry, listed: list[ListedTool]) -> tuple[list[Offered], list[str]]:
    """Return the tools of a server that can be used, and one line on each that cannot.

    Left out are those the configuration excludes, silently; and, each with a line, those with a schema that cannot be
    applied and those whose name another one of the server has.
    """
    found: dict[str, Offered] = {}
    left_out = list(_unknown(entry, listed))
    for tool in listed:
        if not entry.wants(tool.name):
            continue
        fault = schema_fault(tool.input_schema) or ("" if _is_object(tool) else "$.type: not an object")
        if fault:
            left_out.append(f"the tool {tool.name} of the MCP server '{entry.name}' has no valid schema: {fault}")
            continue
        try:
            spec = _spec(entry, tool)
        except ConfigError as exc:
            left_out.append(f"{entry.origin}: {exc.message}")
            continue
        if spec.name in found:
            left_out.append(f"the MCP server '{entry.name}' lists two tools called {spec.name}; the first one is used")
            continue
        found[spec.name] = Offered(tool.name, spec)
    return list(found.values()), left_out


def tool_name(prefix: str, tool: str) -> str:
    """Return a tool's name here: the prefix and its name at the server, unless that begins with the prefix already.

    Always, not only where two servers would clash: what a saved plan calls must not depend on which other servers
    there are, or which of them are up. Characters that are not possible become ``_``; a name longer than 64 is cut and
    told apart by six digits of its hash.

    >>> tool_name("git_", "git_log"), tool_name("time_", "convert_time"), tool_name("", "a.b/c")
    ('git_log', 'time_convert_time', 'a_b_c')
    """
    whole = tool if prefix and tool.lower().startswith(prefix.lower()) else prefix + tool
    clean = _NOT_NAME.sub("_", whole) or "tool"
    clean = clean if clean[0] != "-" else f"_{clean[1:]}"
    if len(clean) <= _MOST_NAME:
        return clean
    return f"{clean[: _MOST_NAME - 7]}_{hashlib.sha256(whole.encode()).hexdigest()[:6]}"


def _spec(entry: ServerEntry, tool: ListedTool) -> ToolSpec:
    said = entry.said_of(tool.name)
    broken = tool.output_schema is not None and schema_fault(tool.output_schema)
    base = ToolSpec(
        name=said.name or tool_name(entry.prefix, tool.name),
        description=_printable(tool.description)[:_MOST_DESCRIPTION],
        input_schema=tool.input_schema,
        output_schema=None if broken else tool.output_schema,
        effects=_hinted(tool) if entry.mcp.trust_annotations else "effectful",
        timeout_s=CALL_TIMEOUT_S,
        kind="mcp",
    )
    of_all = {key: getattr(entry.entry, key) for key in _OF_ENTRY if getattr(entry.entry, key) is not None}
    of_all |= {key: getattr(entry.entry, key) for key in _OF_ENTRY_TOO}
    return respec(base, of_all | said.model_dump(exclude_none=True, exclude={"name"}))


def _hinted(tool: ListedTool) -> Effects:
    if tool.read_only:
        return "none"
    return "idempotent" if tool.idempotent else "effectful"


def _is_object(tool: ListedTool) -> bool:
    return tool.input_schema.get("type") == "object"


def _unknown(entry: ServerEntry, listed: list[ListedTool]) -> Iterator[str]:
    """Say which tools the configuration speaks of and the server does not have."""
    names = {tool.name for tool in listed}
    if "(" in entry.origin:  # of a file: what is said of tools is said for all its servers
        return
    for name in sorted(set(entry.mcp.tools) - names):
        yield f"{entry.origin}.mcp.tools: the MCP server '{entry.name}' lists no tool '{name}'"


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable() or char in "\n\t").strip()
