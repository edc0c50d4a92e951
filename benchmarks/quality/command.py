"""``run quality``: how near the plans of the offline model, or of any model of yours, are to the right ones."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import anyio

from benchmarks import data
from benchmarks.entry import Entry, at_least, declare_out
from benchmarks.manifest import Manifest
from benchmarks.progress import Progress
from benchmarks.quality.attempts import OFFLINE, Attempt, Pupil, attempts, belongs, keep, read
from benchmarks.quality.bfcl import NAME as BFCL
from benchmarks.quality.bfcl import bfcl_set
from benchmarks.quality.plansets import PlanSet, own_sets, public_sets
from benchmarks.quality.scores import Score, score, table
from schemas.errors import ConfigError

NAME = "quality"
SCORES = "scores.json"
AT_ONCE, QUICK_TASKS = 4, 40


def declare(command: argparse.ArgumentParser) -> None:
    """Declare the options."""
    told = "a model of your configuration (default: the offline one)"
    command.add_argument("--model", default=OFFLINE, metavar="PROVIDER/MODEL", help=told)
    command.add_argument("--data", type=Path, help="folder of the public sets (default: ENGINE_BENCH_DATA)")
    command.add_argument("--only", nargs="+", metavar="NAME", help="only sets whose names hold one of these")
    command.add_argument("--n", type=at_least(1), help="at most so many tasks a set, evenly spread")
    command.add_argument("--at-once", type=at_least(1), default=AT_ONCE, help="questions to a model at the same time")
    command.add_argument("--misses", action="store_true", help="show each plan that is not exact, and what is wrong")
    declare_out(command, NAME)


def run(options: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Plan every task that is not in the folder yet, print the scores and keep them. Raises EngineError."""
    pupil = Pupil(options.model)
    sets, left_out = _sets(options.data or data.folder(), options.only)
    sets = [one.part(options.n) for one in sets]
    Manifest.now(
        arguments=arguments,
        suite=NAME,
        tokens="by the provider",
        systems=(options.model,),
        planner_model="" if options.model == OFFLINE else options.model,
        cases=sum(len(one.tasks) for one in sets),
    ).write(options.out)
    scores = anyio.run(_scored, sets, pupil, options.out, options.at_once)
    for one in scores if options.misses else ():
        print(f"## {one.name}\n", *one.misses, sep="\n", end="\n\n")
    print(table(scores))
    print(*(f"LEFT OUT: {told}" for told in left_out), sep="\n")
    kept = [{**asdict(one), "misses": len(one.misses)} for one in scores]
    (options.out / SCORES).write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def _sets(folder: Path | None, only: Sequence[str] | None) -> tuple[list[PlanSet], list[str]]:
    """Return the sets that are asked for, and what is left out and why. Raises ConfigError: there is none so called."""
    left_out: list[str] = []
    found = own_sets()
    if folder is None:
        left_out.append("NESTFUL, ParallelQA: ENGINE_BENCH_DATA is not set")
    else:
        try:
            found += public_sets(folder)
        except FileNotFoundError as exc:
            left_out.append(f"NESTFUL, ParallelQA: {exc.filename} is not there")
    if only is None or any(part in BFCL for part in only):
        try:
            found.append(bfcl_set(folder))
        except ConfigError as error:
            left_out.append(f"{BFCL}: {error.message}")
    chosen = [one for one in found if only is None or any(part in one.name for part in only)]
    if not chosen:
        raise ConfigError(
            f"there is no set called {' or '.join(only or ())}",
            hint="; ".join(["sets: " + ", ".join(one.name for one in found), *left_out]),
        )
    return chosen, left_out


async def _scored(sets: Sequence[PlanSet], pupil: Pupil, folder: Path, at_once: int) -> list[Score]:
    known, progress = read(folder), Progress()
    done = sum(belongs(one, plans, pupil.model) for plans in sets for one in known)
    of = sum(len(one.tasks) for one in sets)

    def made(one: Attempt) -> None:
        nonlocal done
        done += 1
        keep(one, folder)
        progress(one.plans, done, of)

    scores: list[Score] = []
    try:
        for plans in sets:
            count = 1 if pupil.model == OFFLINE else at_once
            found = await attempts(plans, pupil, known, at_once=count, made=made)
            scores.append(score(plans, found))
    finally:
        await pupil.aclose()
    return scores


def lacking() -> dict[str, dict[str, float]]:
    """Return how much the offline model's plans lack, on a part of every set that can be had."""
    sets, _ = _sets(data.folder(), None)
    scores = [_alone(one.part(QUICK_TASKS)) for one in sets]
    return {
        f"{NAME if score.name != BFCL else f'{NAME}-bfcl'} {score.name}": {
            **{f"1 - F1 of {part}": round(1 - value, 6) for part, value in score.f1.items()},
            "not exact": score.tasks - score.exact,
            "calls where no tool fits": score.unfit - score.kept_out,
            "no plan": score.refused,
        }
        for score in scores
    }


def _alone(plans: PlanSet) -> Score:
    return score(plans, anyio.run(partial(attempts, plans, Pupil())))


ENTRY = Entry(
    NAME, "how near a model's plans are to the right ones: the offline model's, or --model", declare, run, quick=lacking
)
