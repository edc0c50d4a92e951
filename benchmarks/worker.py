"""Contenders: one process each, the same conditions, measured turn and turn about.

A contender is a module run with ``python -m``; it reads one graph a line from stdin, runs it once on asyncio and
writes the CPU and wall time of that run alone. Standard library only: a contender may live in an environment that
has nothing of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType

from benchmarks.graphs import Graph, TimedStep

ROOT = Path(__file__).resolve().parent.parent
Run = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run of one graph took, and CPU what was prepared for it."""

    cpu_s: float
    wall_s: float
    prepared_cpu_s: float = 0.0


class Contender:
    """A contender's process, started by ``with``; it ends when its stdin closes."""

    def __init__(self, module: str, python: str = sys.executable) -> None:
        self._command = [python, "-m", module]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Contender:
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def run(self, graph: Graph) -> Sample:
        """Run a graph once.

        Raises:
            RuntimeError: The contender is not running, or broke off; its error stands on stderr.
        """
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise RuntimeError(f"{self._command[-1]} is not running")
        sent = json.dumps([[step.id, step.parents, step.seconds] for step in graph]) + "\n"
        with contextlib.suppress(BrokenPipeError):  # then there is no reply either
            process.stdin.write(sent)
            process.stdin.flush()
        reply = process.stdout.readline()
        if not reply:
            raise RuntimeError(f"{self._command[-1]} broke off")
        return Sample(**json.loads(reply))


def in_turns(contenders: Mapping[str, Contender], graph: Graph, runs: int, warm_ups: int = 1) -> dict[str, Sample]:
    """Run every contender ``runs`` times, interleaved, after warming up; return the medians by name."""
    samples: dict[str, list[Sample]] = {name: [] for name in contenders}
    for turn in range(-warm_ups, runs):
        names = list(contenders)
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            sample = contenders[name].run(graph)
            if turn >= 0:
                samples[name].append(sample)
    return {
        name: Sample(
            statistics.median(s.cpu_s for s in taken),
            statistics.median(s.wall_s for s in taken),
            statistics.median(s.prepared_cpu_s for s in taken),
        )
        for name, taken in samples.items()
    }


def in_pairs(
    ours: Callable[[Graph], Run], other: Callable[[Graph], Run], graph: Graph, runs: int
) -> tuple[float, float, float]:
    """Run two contenders in this process, one right after the other, each pair in the other order than the last.

    What else the machine does falls on both runs of a pair alike, so the median of the pairs' ratios is steady where
    a ratio of two medians is not.

    Returns:
        The median wall seconds of ``ours`` and of ``other``, and the median of the pairs' ratios.
    """
    walls: list[tuple[float, float]] = []
    for turn in range(-1, runs):
        taken: dict[int, float] = {}
        for side in (0, 1) if turn % 2 else (1, 0):
            prepare = other if side else ours
            taken[side] = asyncio.run(_measure(prepare(graph))).wall_s
        if turn >= 0:
            walls.append((taken[0], taken[1]))
    ratio = statistics.median(mine / theirs for mine, theirs in walls)
    return statistics.median(w[0] for w in walls), statistics.median(w[1] for w in walls), ratio


def serve(prepare: Callable[[Graph], Run]) -> None:
    """Answer graphs on stdin until it closes; preparing (compiling, planning) is measured apart."""
    for line in sys.stdin:
        graph = tuple(TimedStep(step_id, tuple(parents), seconds) for step_id, parents, seconds in json.loads(line))
        began = time.process_time()
        run = prepare(graph)
        prepared = time.process_time() - began
        print(json.dumps(asdict(replace(asyncio.run(_measure(run)), prepared_cpu_s=prepared))), flush=True)


async def _measure(run: Run) -> Sample:
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    await run()
    return Sample(time.process_time() - cpu, time.perf_counter() - wall)
