"""The built-in tools: arithmetic, dates, files, SQL over data files, a sandboxed Python, one model call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from engine.tools.builtin.arithmetic import calculate
from engine.tools.builtin.dates import date_time
from engine.tools.builtin.files import list_files, read_file, search_files, write_file
from engine.tools.builtin.jail import Workspace
from engine.tools.builtin.python import run_python
from engine.tools.builtin.reduce import Reduce
from engine.tools.builtin.tables import query_table
from engine.tools.builtin.waiting import wait
from engine.tools.builtin.web import fetch_url
from engine.tools.model import ask_model
from schemas.protocols import Tool
from schemas.settings import FetchSettings, Settings

_MAKERS: dict[str, Callable[[Workspace, Settings], Tool]] = {
    "ask_model": lambda _, __: ask_model,
    "calculate": lambda _, __: calculate,
    "date_time": lambda _, __: date_time,
    "fetch_url": lambda _, settings: fetch_url(settings.fetch_url or FetchSettings()),
    "list_files": lambda workspace, _: list_files(workspace),
    "query_table": lambda workspace, _: query_table(workspace),
    "read_file": lambda workspace, _: read_file(workspace),
    "reduce": lambda _, __: Reduce(),
    "run_python": lambda _, settings: run_python(settings.run_python),
    "search_files": lambda workspace, _: search_files(workspace),
    "wait": lambda _, __: wait,
    "write_file": lambda workspace, _: write_file(workspace),
}

BUILTIN_NAMES = tuple(_MAKERS)


def standard_names(settings: Settings) -> tuple[str, ...]:
    """Return what ``builtin: all`` means: every built-in tool, ``fetch_url`` only where its section is there.

    A fetched address can carry off what a file tool has read, so reaching out is a choice somebody makes.
    """
    return tuple(name for name in BUILTIN_NAMES if name != "fetch_url" or settings.fetch_url is not None)


def builtin_tools(names: Iterable[str], workspace: Path, settings: Settings | None = None) -> list[Tool]:
    """Return built-in tools by name; those that touch files see ``workspace`` and nothing outside it.

    Args:
        names: Which ones.
        workspace: The folder of the file tools.
        settings: Where the limits of ``run_python`` stand; the defaults when left out.

    Raises:
        KeyError: There is no such built-in tool.
    """
    jail = Workspace(workspace)
    return [_MAKERS[name](jail, settings or Settings()) for name in names]
