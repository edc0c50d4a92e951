"""``python -m benchmarks scheduler``: the numbers, in one table, each beside what it is compared with."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks import data
from benchmarks.baselines.environment import python_with
from benchmarks.cases import bounds, overhead, parallelqa, planning, startup
from benchmarks.graphs import Graph
from benchmarks.report import Row, save, table
from benchmarks.worker import Contender
from schemas.errors import EngineError

RESULTS = Path(__file__).parent / "results"
MODULES = {
    overhead.ENGINE: "benchmarks.simulated.engine_worker",
    overhead.BY_HAND: "benchmarks.baselines.by_hand",
    overhead.LANGGRAPH: "benchmarks.baselines.langgraph_worker",
}


def scheduler(runs: int, only: Sequence[str] = ()) -> Iterator[Row]:
    """Yield every row of the scheduler's report; what cannot be measured is left out and said on stderr.

    Args:
        runs: Runs a measure; medians are reported.
        only: Names of the groups wanted; all when empty.
    """
    found = data.folder()
    flows: dict[str, Graph] = {}
    questions: dict[str, tuple[data.Call, ...]] = {}
    if found is None:
        print("LEFT OUT: workflows and ParallelQA (ENGINE_BENCH_DATA is not set)", file=sys.stderr)
    else:
        os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(found / "tiktoken"))
        flows, questions = data.workflows(found), data.parallelqa(found)
    with contextlib.ExitStack() as stack:
        contenders = {name: stack.enter_context(c) for name, c in _contenders().items()}
        groups: dict[str, Callable[[], Iterator[Row]]] = {
            "cpu": lambda: overhead.cpu(contenders, runs),
            "makespan": lambda: overhead.makespan(contenders, runs),
            "workflows": lambda: overhead.workflows(contenders, flows, min(runs, 3)),
            "uncapped": lambda: bounds.uncapped(flows),
            "capped": bounds.capped,
            "stall": lambda: planning.stall(runs),
            "build": lambda: planning.build(runs),
            "tokens": lambda: parallelqa.tokens(questions) if questions else iter(()),
            "streaming": lambda: parallelqa.streaming(questions) if questions else iter(()),
            "startup": lambda: startup.help_text(runs),
        }
        for name, rows in groups.items():
            if not only or name in only:
                yield from rows()


def _contenders() -> dict[str, Contender]:
    python = python_with("langgraph")
    pythons = {overhead.LANGGRAPH: python} if python else {}
    return {
        name: Contender(module, pythons.get(name, sys.executable))
        for name, module in MODULES.items()
        if name != overhead.LANGGRAPH or python
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, keep it as JSON; return 1 with ``--check`` when a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser(
        "scheduler", help="what the engine costs and how near its schedules are to the bounds"
    )
    command.add_argument("--runs", type=int, default=5, help="runs a measure; medians are reported (default 5)")
    command.add_argument("--only", nargs="*", default=(), metavar="GROUP", help="cpu, makespan, workflows, …")
    command.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    options = parser.parse_args(arguments)
    try:
        rows = list(_shown(scheduler(options.runs, options.only)))
    except EngineError as error:
        print(f"{error.message}. {error.hint}".strip(), file=sys.stderr)
        return error.exit_code
    print(table(rows))
    save(rows, RESULTS / f"{options.command}.json")
    missed = [row for row in rows if row.met is False]
    for row in missed:
        print(f"MISSED: {row.measure}: {row.cells()[1]}, ratio {row.cells()[4] or '–'}, target {row.target}")
    return 1 if missed and options.check else 0


def _shown(rows: Iterator[Row]) -> Iterator[Row]:
    """Pass rows on, saying on stderr that they came: a whole report takes minutes."""
    for row in rows:
        print(f"… {row.measure}: {row.cells()[1]}", file=sys.stderr, flush=True)
        yield row


if __name__ == "__main__":
    sys.exit(main())
