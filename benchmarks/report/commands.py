"""``report DIR`` and ``compare DIR DIR``."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.report import moved, pages


def declare_report(command: argparse.ArgumentParser) -> None:
    """Declare the options of ``report``."""
    command.add_argument("folder", type=Path, metavar="DIR", help="a folder of results, or of folders of results")


def report(options: argparse.Namespace) -> int:
    """Write the report and say where. Raises ConfigError."""
    print(f"{pages.write(options.folder)} (and report.md beside it)")
    return 0


def declare_compare(command: argparse.ArgumentParser) -> None:
    """Declare the options of ``compare``."""
    command.add_argument("before", type=Path, metavar="DIR", help="results to compare with")
    command.add_argument("after", type=Path, metavar="DIR", help="results that may have moved")
    command.add_argument("--check", action="store_true", help="exit with 1 where a count is worse than before")


def compare(options: argparse.Namespace) -> int:
    """Print what moved; with ``--check`` return 1 where a count is worse. Raises ConfigError."""
    found = moved.compared(options.before, options.after)
    print(found.told())
    return 1 if options.check and found.worse else 0
