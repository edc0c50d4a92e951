"""``python -m benchmarks run SUITE|list|scheduler|durability|gateway|offline``: numbers, beside others."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import anyio

from benchmarks import data
from benchmarks.baselines.environment import python_with
from benchmarks.cases import bounds, durability, gateway, offline, overhead, parallelqa, planning, startup
from benchmarks.graphs import Graph
from benchmarks.orchestration import commands as orchestrated
from benchmarks.plansets import own_sets, public_sets
from benchmarks.report import Row, save, table
from benchmarks.worker import Contender
from schemas.errors import EngineError

RESULTS = Path(__file__).parent / "results"
GROUPS = (
    "cpu", "makespan", "workflows", "uncapped", "capped", "stall", "build", "tokens", "streaming", "startup"
)  # fmt: skip
NEEDS_PROCESSES = {"cpu", "makespan"}
NEEDS_DATA = {"workflows", "tokens", "streaming"}


def scheduler(runs: int, groups: Sequence[str] = GROUPS) -> Iterator[Row]:
    """Yield the rows of the scheduler's report.

    Args:
        runs: Runs a measure; medians are reported.
        groups: Names of the groups wanted; those that need the public data sets are left out where there are none.
    """
    found = data.folder()
    flows: dict[str, Graph] = {}
    questions: dict[str, tuple[data.Call, ...]] = {}
    if found is not None:
        os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(found / "tiktoken"))
        flows, questions = data.workflows(found), data.parallelqa(found)
    with contextlib.ExitStack() as stack:
        made = _contenders() if NEEDS_PROCESSES & set(groups) else {}
        contenders = {name: stack.enter_context(contender) for name, contender in made.items()}
        measured: dict[str, Callable[[], Iterator[Row]]] = {
            "cpu": lambda: overhead.cpu(contenders, runs),
            "makespan": lambda: overhead.makespan(contenders, runs),
            "workflows": lambda: overhead.workflows(flows, min(runs, 3)),
            "uncapped": lambda: bounds.uncapped(flows),
            "capped": bounds.capped,
            "stall": lambda: planning.stall(runs),
            "build": lambda: planning.build(runs),
            "tokens": lambda: parallelqa.tokens(questions),
            "streaming": lambda: parallelqa.streaming(questions),
            "startup": lambda: startup.help_text(runs),
        }
        for name in groups:
            if found is not None or name not in NEEDS_DATA:
                yield from measured[name]()


def _contenders() -> dict[str, Contender]:
    made = {overhead.ENGINE: Contender("benchmarks.simulated.engine_worker")}
    python = python_with("langgraph")
    if python is not None:
        made[overhead.LANGGRAPH] = Contender("benchmarks.baselines.langgraph_worker", python)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, keep it as JSON; return 0, or 1 for what ``--check`` finds."""
    options = _parser().parse_args(arguments)
    try:
        given = sys.argv[1:] if arguments is None else arguments
        others = {"offline": lambda: _plans(options), "run": lambda: orchestrated.run(options, given)}
        others["list"] = orchestrated.listed
        return others.get(options.command, lambda: _measured(options))()
    except EngineError as error:
        print(f"{error.message}. {error.hint}".strip(), file=sys.stderr)
        return error.exit_code


def _plans(options: argparse.Namespace) -> int:
    """Score the offline model's plans, set by set."""
    folder = options.data or data.folder()
    sets = own_sets() + (public_sets(folder) if folder is not None else [])
    scores: list[offline.Score] = []
    for one in [one for one in sets if options.only is None or any(part in one.name for part in options.only)]:
        scores.append(anyio.run(offline.score, one))
        if options.misses:
            print(f"## {one.name}\n", *scores[-1].misses, sep="\n", end="\n\n")
    print(offline.table(scores))
    if folder is None:
        print("LEFT OUT: NESTFUL, ParallelQA: ENGINE_BENCH_DATA is not set")
    kept = [{**asdict(one), "misses": len(one.misses)} for one in scores]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "offline.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def _measured(options: argparse.Namespace) -> int:
    """Measure the scheduler, or the stores; with ``--check`` return 1 unless every target was checked and met."""
    reports = {"scheduler": (scheduler, GROUPS), "durability": (durability.measured, durability.GROUPS)}
    measured_by, every = {**reports, "gateway": (gateway.measured, gateway.GROUPS)}[options.command]
    groups = options.only or every
    rows: list[Row] = []
    failed: EngineError | None = None
    left_out: list[str] = []
    try:
        left_out = sorted(NEEDS_DATA & set(groups)) if data.folder() is None else []
        for row in measured_by(options.runs, groups):
            print(f"… {row.measure}: {row.cells()[1]}", file=sys.stderr, flush=True)  # a whole report takes minutes
            rows.append(row)
    except EngineError as error:
        failed = error
    print(table(rows))
    save(rows, RESULTS / f"{options.command}.json")
    complaints = [f"MISSED: {_told(row)}" for row in rows if row.met is False]
    complaints += [f"NOT CHECKED: {_told(row)}: {row.against} is missing" for row in rows if row.unchecked]
    complaints += [f"NOT CHECKED: {name}: ENGINE_BENCH_DATA is not set" for name in left_out]
    print(*complaints, sep="\n")
    if failed is not None:
        print(f"BROKE OFF: {failed.message}. {failed.hint}".strip(), file=sys.stderr)
        return failed.exit_code
    return 1 if complaints and options.check else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, groups, told in (
        ("scheduler", GROUPS, "what the engine costs and how near its schedules are to the bounds"),
        ("durability", durability.GROUPS, "what it costs that nothing is lost, and how soon a run goes on elsewhere"),
        ("gateway", gateway.GROUPS, "what the gateway costs, beside other gateways"),
    ):
        command = commands.add_parser(name, help=told, description=told)
        command.add_argument("--runs", type=int, default=5, help="runs a measure; medians are reported (default 5)")
        command.add_argument("--only", nargs="+", choices=groups, metavar="GROUP", help=", ".join(groups))
        command.add_argument("--check", action="store_true", help="exit with 1 unless every target is checked and met")
    told = "how near the offline model's plans are to the right ones"
    command = commands.add_parser("offline", help=told, description=told)
    command.add_argument("--data", type=Path, help="folder of the public sets (default: ENGINE_BENCH_DATA)")
    command.add_argument("--only", nargs="+", metavar="NAME", help="only sets whose names hold one of these")
    command.add_argument("--misses", action="store_true", help="show each plan that is not exact, and what is wrong")
    told = "do the cases of a suite by ReAct, by plan-and-execute and by peers, side by side"
    orchestrated.add_run(commands.add_parser("run", help=told, description=told))
    commands.add_parser("list", help="the suites, systems and profiles there are")
    return parser


def _told(row: Row) -> str:
    return f"{row.measure}: {row.cells()[1]}, ratio {row.cells()[4] or '–'}, target {row.target}"


if __name__ == "__main__":
    sys.exit(main())
