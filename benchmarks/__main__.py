"""``python -m benchmarks run SUITE|list|report DIR|compare DIR DIR``: numbers, beside others."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks import data, measures, quick
from benchmarks.entry import Entry, known_as
from benchmarks.orchestration import commands as orchestrated
from benchmarks.orchestration import failure, line
from benchmarks.orchestration.systems import ABOUT
from benchmarks.quality import command as quality
from benchmarks.report import commands as reports
from benchmarks.simulated.profile import PROFILES
from schemas.errors import EngineError

_SUITES = (*orchestrated.entries(), line.ENTRY, failure.ENTRY, quality.ENTRY, *measures.ENTRIES)
ENTRIES: dict[str, Entry] = {entry.name: entry for entry in (*_SUITES, quick.entry(_SUITES))}
"""Every suite there is, by name. A new one is added here."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; return 0, or 1 for what ``--check`` finds."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        if len(given) > 1 and given[0] == "run" and not given[1].startswith("-"):
            known_as(given[1], ENTRIES, "suite")
        options = _parser().parse_args(given)
        data.offer_vocabulary()
        if options.command == "list":
            return listed()
        if options.command == "report":
            return reports.report(options)
        if options.command == "compare":
            return reports.compare(options)
        return ENTRIES[options.suite].run(options, given)
    except EngineError as error:
        print(f"{error.message}. {error.hint}".strip(), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("\nbroken off; outcomes are kept, and the same command goes on from there", file=sys.stderr)
        return 130


def listed() -> int:
    """Print the suites, systems and profiles."""
    heads = {"cases": "suites of cases, done by every system", "measures": "suites of measures"}
    rows = [(heads[kind], [(one.name, one.about) for one in ENTRIES.values() if one.kind == kind]) for kind in heads]
    rows.append(("systems", list(ABOUT.items())))
    rows.append(("profiles", [(profile.name, ", ".join(profile.tiers)) for profile in PROFILES.values()]))
    for head, found in rows:
        print(head)
        for name, about in found:
            print(f"  {name:<26} {about}".rstrip())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run a suite; its results are kept in a folder")
    suites = run.add_subparsers(dest="suite", required=True, metavar="SUITE", help="one of:")
    for entry in ENTRIES.values():
        entry.declare(suites.add_parser(entry.name, help=entry.about, description=entry.about))
    told = "write tables and plots of a folder of results: report.md, and report.html in one file"
    reports.declare_report(commands.add_parser("report", help=told, description=told))
    told = "say what moved between two runs of a suite: counts exactly, times beyond noise"
    reports.declare_compare(commands.add_parser("compare", help=told, description=told))
    commands.add_parser("list", help="the suites, systems and profiles there are")
    return parser


if __name__ == "__main__":
    sys.exit(main())
