"""The built-in tools: arithmetic, dates, files of the workspace, SQL over data files, one model call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from engine.tools.builtin.arithmetic import calculate
from engine.tools.builtin.dates import date_time
from engine.tools.builtin.files import list_files, read_file, search_files, write_file
from engine.tools.builtin.jail import Workspace
from engine.tools.builtin.tables import query_table
from engine.tools.model import ask_model
from schemas.protocols import Tool

_MAKERS: dict[str, Callable[[Workspace], Tool]] = {
    "ask_model": lambda _: ask_model,
    "calculate": lambda _: calculate,
    "date_time": lambda _: date_time,
    "list_files": list_files,
    "query_table": query_table,
    "read_file": read_file,
    "search_files": search_files,
    "write_file": write_file,
}

BUILTIN_NAMES = tuple(_MAKERS)


def builtin_tools(names: Iterable[str], workspace: Path) -> list[Tool]:
    """Return built-in tools by name; those that touch files see ``workspace`` and nothing outside it.

    Raises:
        KeyError: There is no such built-in tool.
    """
    jail = Workspace(workspace)
    return [_MAKERS[name](jail) for name in names]
