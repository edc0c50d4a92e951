"""The command line. Nothing heavy is imported before it is known which command is meant."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType


def load(module: str) -> ModuleType:
    """Import one of this package's modules when it is needed: the one place where that happens late."""
    return importlib.import_module(f"engine.cli.{module}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (``engine --help`` lists them).

    Bad input is one line on stderr. ``--debug``, before or after the command, or ENGINE_DEBUG=1 adds tracebacks.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    options = given[: given.index("--")] if "--" in given else given
    debug = "--debug" in options or os.environ.get("ENGINE_DEBUG", "") not in ("", "0")
    if "--debug" in options:
        given.remove("--debug")
    _prepare_streams()
    try:
        code: int = load("app").invoke(given)
    except BaseException as exc:
        code = load("failure").report(exc, debug=debug)
    return code


def _prepare_streams() -> None:
    """Stand in for streams the caller has closed, and write what an encoding lacks as an escape.

    Source: https://docs.python.org/3/library/sys.html#sys.__stdin__ (a closed stream is None)
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 (no pathlib for --help; open as long as the program)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")
