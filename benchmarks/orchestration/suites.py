"""The suites there are, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.orchestration import bfcl, nestful, own, parallelqa, shapes
from benchmarks.orchestration.case import Case
from benchmarks.orchestration.ours import ANSWERING
from benchmarks.orchestration.world import Trouble, World
from schemas.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Suite:
    """Cases of one kind.

    Attributes:
        about: What they are, and from whom.
        more: Systems that are measured on it beside the usual ones.
        quick_cases: How many cases ``run quick`` counts.
        load: Returns the cases, given the folder of the public data sets where it ``needs_data``.
        world: Returns a run's tools at work.
    """

    name: str
    about: str
    load: Callable[[Path], list[Case]]
    needs_data: bool = False
    more: tuple[str, ...] = ()
    quick_cases: int = 4
    world: Callable[[Case, float, Trouble], World] = World


SUITES: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        Suite(
            "parallelqa",
            "questions over a search and a math tool, right plans known (LLMCompiler)",
            parallelqa.cases,
            needs_data=True,
            more=(ANSWERING,),
            quick_cases=6,
        ),
        Suite(
            "nestful",
            "requests with nested calls over tools with output fields, right calls known (NESTFUL, Glaive part)",
            nestful.cases,
            needs_data=True,
        ),
        *(Suite(name, f"of our own: {about}", own.loader(name)) for name, about in own.named().items()),
        Suite(
            "bfcl",
            "conversations over stateful environments, the final state must be right (BFCL v4 multi-turn, base)",
            bfcl.loader("bfcl"),
            world=bfcl.Played,
        ),
        Suite(
            "bfcl-blind",
            "the same over tools that declare nothing: what hazards are worth",
            bfcl.loader("bfcl-blind"),
            world=bfcl.Played,
        ),
        Suite("hotpot", "two searches and a comparison, LLMCompiler's HotpotQA in shape", shapes.loader("hotpot")),
        Suite("movie", "eight searches and a choice, LLMCompiler's Movie in shape", shapes.loader("movie")),
    )
}


def world_of(case: Case, speed: float, trouble: Trouble) -> World:
    """Return the tools of a case at work for one run; of a case of no known suite, those that its steps tell."""
    return (SUITES[case.suite].world if case.suite in SUITES else World)(case, speed, trouble)


def cases_of(suite: Suite, data: Path | None, most: int | None = None) -> list[Case]:
    """Return a suite's cases, at most so many of them, evenly spread.

    Raises:
        ConfigError: It needs public data, and no folder is named or the folder lacks it.
    """
    if suite.needs_data and data is None:
        raise ConfigError(f"suite {suite.name} needs public data", hint="--data FOLDER, or ENGINE_BENCH_DATA")
    try:
        cases = suite.load(data or Path())
    except FileNotFoundError as exc:
        raise ConfigError(f"suite {suite.name}: {exc.filename} is not there", hint="--data names its folder") from exc
    if most is None or most >= len(cases):
        return cases
    return [cases[at * len(cases) // most] for at in range(most)]
