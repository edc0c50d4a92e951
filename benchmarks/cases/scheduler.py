"""What the engine costs and how near its schedules are to the bounds: the groups of ``run scheduler``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from benchmarks import data
from benchmarks.baselines.environment import python_with
from benchmarks.cases import bounds, overhead, parallelqa, planning, startup
from benchmarks.graphs import Graph
from benchmarks.report.rows import Row
from benchmarks.worker import Contender

GROUPS = (
    "cpu", "makespan", "workflows", "uncapped", "capped", "stall", "build", "tokens", "streaming", "startup"
)  # fmt: skip
NEEDS_DATA = frozenset({"workflows", "tokens", "streaming"})
_NEEDS_PROCESSES = {"cpu", "makespan"}


def measured(runs: int, groups: Sequence[str] = GROUPS) -> Iterator[Row]:
    """Yield the rows of the scheduler's report.

    Args:
        runs: Runs a measure; medians are reported.
        groups: Names of the groups wanted; those that need the public data sets are left out where there are none.
    """
    found = data.folder()
    flows: dict[str, Graph] = {}
    questions: dict[str, tuple[data.Call, ...]] = {}
    if found is not None:
        data.offer_vocabulary()
        flows, questions = data.workflows(found), data.parallelqa(found)
    with contextlib.ExitStack() as stack:
        made = _contenders() if _NEEDS_PROCESSES & set(groups) else {}
        contenders = {name: stack.enter_context(contender) for name, contender in made.items()}
        by_name: dict[str, Callable[[], Iterator[Row]]] = {
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
                yield from by_name[name]()


def _contenders() -> dict[str, Contender]:
    made = {overhead.ENGINE: Contender("benchmarks.simulated.engine_worker")}
    python = python_with("langgraph")
    if python is not None:
        made[overhead.LANGGRAPH] = Contender("benchmarks.baselines.langgraph_worker", python)
    return made
