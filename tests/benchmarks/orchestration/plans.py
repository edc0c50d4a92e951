"""A case's right plan as the engine sees it."""

from __future__ import annotations

from benchmarks.orchestration.case import Case
from benchmarks.orchestration.ours import spec_of
from benchmarks.simulated.oracle import Asked, Turn, plan
from engine.dag.build import check_plan
from engine.planner.read import read_reply


def problems(case: Case) -> list[object]:
    """What the engine finds wrong with the plan that the oracle writes: read, then checked."""
    written = plan(case, Asked("planner", (Turn("user", "<first_id>1</first_id>"),))).text
    tools = {tool.name: spec_of(tool, 1.0) for tool in case.tools}
    read = read_reply(written, tools)
    return [*read.problems, *read.warnings, *check_plan(read.plan, tools, fills=False)]
