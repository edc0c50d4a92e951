"""The command line. Nothing heavy is imported before it is known which command is meant."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType


def load(module: str) -> ModuleType:
    """Import one of this package's modules when it is needed: the one place where that happens late."""
    collecting = gc.isenabled()
    gc.disable()  # what imports make stays: to look through it again and again is a tenth of a start
    try:
        if module == "gateway":
            _import_structlog_alone()
        return importlib.import_module(f"engine.cli.{module}")
    finally:
        if collecting:
            gc.enable()


def _import_structlog_alone() -> None:
    """Import structlog as it is where rich is not installed.

    It takes rich along, with pygments and attrs, for tracebacks that are drawn; ours never are (``engine.telemetry``).
    That was 9 MB of a gateway's memory and a sixth of its start. To be dropped once structlog imports rich on use.
    Source: structlog 25, ``dev.py`` and ``tracebacks.py`` (``except ImportError: rich = None``).
    """
    if "structlog" in sys.modules or "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # pyright: ignore[reportArgumentType] (how Python notes that there is no such module)
    try:
        importlib.import_module("structlog")
    finally:
        del sys.modules["rich"]


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
