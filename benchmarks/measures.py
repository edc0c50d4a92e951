"""The suites that are tables of measures: scheduler, stores, gateway, server."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks import data
from benchmarks.cases import durability, gateway, scheduler, serve
from benchmarks.entry import Entry, declare_out
from benchmarks.manifest import Manifest
from benchmarks.report.rows import Row, save, table
from schemas.errors import EngineError

ROWS = "rows.json"


@dataclass(frozen=True, slots=True)
class Measures:
    """A suite of measures.

    Attributes:
        groups: What ``--only`` chooses from.
        measured: Yields the rows of some groups, each measured so many times.
        quick: Groups whose values do not depend on the machine, for they are counts or run on a virtual clock.
        needs_data: Groups that are left out where there are no public data sets.
    """

    name: str
    about: str
    groups: Sequence[str]
    measured: Callable[[int, Sequence[str]], Iterator[Row]]
    needs_data: frozenset[str] = frozenset()
    quick: tuple[str, ...] = ()

    def declare(self, command: argparse.ArgumentParser) -> None:
        """Declare its options."""
        command.add_argument("--runs", type=int, default=5, help="runs a measure; medians are reported (default 5)")
        command.add_argument("--only", nargs="+", choices=self.groups, metavar="GROUP", help=", ".join(self.groups))
        command.add_argument("--check", action="store_true", help="exit with 1 unless every target is checked and met")
        declare_out(command, self.name)

    def run(self, options: argparse.Namespace, arguments: Sequence[str]) -> int:
        """Measure, print the table, keep it; with ``--check`` return 1 unless every target was checked and met."""
        groups = options.only or self.groups
        rows: list[Row] = []
        failed: EngineError | None = None
        left_out: list[str] = []
        try:
            left_out = sorted(self.needs_data & set(groups)) if data.folder() is None else []
            for row in self.measured(options.runs, groups):
                print(f"… {row.measure}: {row.cells()[1]}", file=sys.stderr, flush=True)  # a whole report takes minutes
                rows.append(row)
        except EngineError as error:
            failed = error
        print(table(rows))
        Manifest.now(arguments=arguments, suite=self.name, repeats=options.runs).write(options.out)
        save(rows, options.out / ROWS)
        complaints = [f"MISSED: {_told(row)}" for row in rows if row.met is False]
        complaints += [f"NOT CHECKED: {_told(row)}: {row.against} is missing" for row in rows if row.unchecked]
        complaints += [f"NOT CHECKED: {name}: ENGINE_BENCH_DATA is not set" for name in left_out]
        print(*complaints, sep="\n")
        if failed is not None:
            print(f"BROKE OFF: {failed.message}. {failed.hint}".strip(), file=sys.stderr)
            return failed.exit_code
        return 1 if complaints and options.check else 0

    def entry(self) -> Entry:
        """Return it as an entry of ``run``."""
        return Entry(self.name, self.about, self.declare, self.run, quick=self.counted if self.quick else None)

    def counted(self) -> dict[str, dict[str, float]]:
        """Return the values that do not depend on the machine, by measure."""
        return {f"{self.name} {row.measure}": {"value": round(row.value, 6)} for row in self.measured(1, self.quick)}


def _told(row: Row) -> str:
    return f"{row.measure}: {row.cells()[1]}, ratio {row.cells()[4] or '–'}, target {row.target}"


ENTRIES: tuple[Entry, ...] = (
    *(
        suite.entry()
        for suite in (
            Measures(
                "scheduler",
                "what the engine costs and how near its schedules are to the bounds",
                scheduler.GROUPS,
                scheduler.measured,
                scheduler.NEEDS_DATA,
                ("capped", "uncapped", "tokens", "streaming"),
            ),
            Measures(
                "durability",
                "what it costs that nothing is lost, and how soon a run goes on elsewhere",
                durability.GROUPS,
                durability.measured,
            ),
            Measures("gateway", "what the gateway costs, beside other gateways", gateway.GROUPS, gateway.measured),
            Measures("serve", "500 chats at once, 2,000 who watch a run", serve.GROUPS, serve.measured),
        )
    ),
)
