"""Each case by itself: what every system took, its plan, and when it called what."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.orchestration.figures import HEADS, cells, figures
from benchmarks.orchestration.outcome import Outcome
from benchmarks.report.document import Block, Code, Folded, Picture, Table
from benchmarks.report.lanes import lanes
from benchmarks.report.svg import timelines

PLAN_CHARS = 6_000


def every(systems: Mapping[str, Sequence[Outcome]], name: str) -> Iterator[Block]:
    """Yield the cases of a run, folded twice: all of them, and each.

    Args:
        systems: Outcomes by system, as they are ordered everywhere.
        name: The beginning of the pictures' names.
    """
    cases = list(dict.fromkeys(one.case for found in systems.values() for one in found))
    blocks = [_case(case, _first(systems, case), f"{name}-case-{number}") for number, case in enumerate(cases, 1)]
    yield Folded(f"Each of the {len(cases)} cases: its plan, its timeline, what it cost", blocks, long=True)


def _first(systems: Mapping[str, Sequence[Outcome]], case: str) -> dict[str, Outcome]:
    """Return each system's first run of a case."""
    runs = ((system, next((one for one in found if one.case == case), None)) for system, found in systems.items())
    return {system: one for system, one in runs if one is not None}


def _case(case: str, ran: Mapping[str, Outcome], name: str) -> Folded:
    took = ", ".join(f"{system} {one.seconds:.1f} s" for system, one in ran.items())
    rows = [cells(one) for one in figures(ran.values()).values()]
    blocks: list[Block] = [Table(HEADS, rows)]
    blocks.append(Picture(name, timelines(f"Case {case}", [(system, lanes(one)) for system, one in ran.items()])))
    seen: set[str] = set()
    for system, one in ran.items():
        for text in map(_plan, one.plans):
            if text not in seen:
                seen.add(text)
                blocks.append(Folded(f"Plan of {system}", [Code(text)]))
    return Folded(f"Case {case}: {took}", blocks)


def _plan(plan: Mapping[str, Any]) -> str:
    """Return a plan as text: a step a line where it has steps."""
    steps: list[Any] = plan.get("steps") or []
    lines = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in steps]
    rest = {key: value for key, value in plan.items() if key not in ("steps", "goal", "version")}
    text = "\n".join([*lines, *([json.dumps(rest, ensure_ascii=False)] if rest else [])])
    return text if len(text) <= PLAN_CHARS else f"{text[:PLAN_CHARS]} …"
