"""The parts that only peers' ways of working have: what an ideal model says to their own prompts.

A plan-and-execute of LangGraph's has steps in words. Here a step says what a good planner's would: which call is to be
made, with what it takes from which step before; ``2. add: {"a": "(result of 1.km)", …}``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from benchmarks.orchestration.case import REFERENCE, Case, CaseStep, canonical
from benchmarks.simulated.oracle import Asked, Call, Part, Said, answer_of, as_written, is_failure, tool_for

_STEP = re.compile(r"(?P<id>\w+)\. (?P<tool>\S+): ")


def langgraph_planner(case: Case, asked: Asked) -> Said:
    """Write every step."""
    return _structured(asked, {"steps": list(_left(case, set(), {}))})


def langgraph_replanner(case: Case, asked: Asked) -> Said:
    """Write the steps that are left, with what stands in for a tool that failed; answer when there are none."""
    done: set[str] = set()
    failed: dict[str, set[str]] = {}
    for text, result in _past(asked.turns[-1].text):
        known = _step_of(case, text)
        if known is None:
            continue
        step, tool = known
        if is_failure(result):
            failed.setdefault(step.id, set()).add(tool)
        else:
            done.add(step.id)
    steps = list(_left(case, done, failed))
    action = {"steps": steps} if steps else {"response": answer_of(case, done)}
    return _structured(asked, {"action": action})


def langgraph_step(case: Case, asked: Asked) -> Said:
    """Make the call of the step that is asked for, the last line of what the user says; then tell what it gave."""
    wanted = next(turn.text for turn in reversed(asked.turns) if turn.role == "user")
    known = _step_of(case, wanted.rpartition("\n")[2])
    if known is None:
        return Said("Error: this step cannot be done.")
    step, tool = known
    call = Call(tool, case.resolved(step))
    made = {(one.name, canonical(one.arguments)) for turn in asked.turns for _, one in turn.calls}
    if (tool, canonical(call.arguments)) in made:
        return Said(asked.turns[-1].text)
    return Said(calls=(call,))


def _structured(asked: Asked, told: Mapping[str, Any]) -> Said:
    """Answer in the shape that is asked for: as a call, or as text."""
    if asked.forced is not None:
        return Said(calls=(Call(asked.forced, told),))
    return Said(as_written(told))


def _left(case: Case, done: set[str], failed: Mapping[str, set[str]]) -> Iterator[str]:
    """Yield the steps that are left and can be had."""
    can = set(done)
    for step in case.steps:
        tool = tool_for(case, step, failed.get(step.id, set()))
        if step.id in done or tool is None or any(need not in can for need in step.needs):
            continue
        can.add(step.id)
        arguments = json.dumps(step.arguments, ensure_ascii=False)
        told = REFERENCE.sub(lambda match: f"(result of {match['step']}{match['path']})", arguments)
        yield f"{step.id}. {tool}: {told}"


def _step_of(case: Case, text: str) -> tuple[CaseStep, str] | None:
    """Return the step that a text of a plan means, and the tool it names."""
    found = _STEP.match(text)
    if found is None:
        return None
    step = next((step for step in case.steps if step.id == found["id"]), None)
    return None if step is None else (step, found["tool"])


def _past(text: str) -> Iterator[tuple[str, str]]:
    """Yield the steps that were done with what they gave: lists of two texts, a line each."""
    for line in text.split("\n"):
        if not line.startswith('["'):
            continue
        try:
            told: Any = json.loads(line)
        except ValueError:
            continue
        pair = cast("list[str]", told)
        if len(pair) == 2:
            yield pair[0], pair[1]


def llmcompiler_planner(case: Case, asked: Asked) -> Said:
    """Write every step as LLMCompiler's examples do, a line each, and the joining; its stop sequence ends it there."""
    del asked
    lines = [f"{step.id}. {step.tool}({_values(case, step)})" for step in case.steps]
    return Said("\n".join([*lines, "Thought: I can answer the question now.", f"{len(case.steps) + 1}. join()"]))


def _values(case: Case, step: CaseStep) -> str:
    """Return a step's arguments by their places, references as ``$1``."""
    places = case.tool(step.tool).parameters["properties"]
    told = ", ".join(repr(step.arguments[name]) for name in places if name in step.arguments)
    return REFERENCE.sub(lambda match: f"${match['step']}", told)


def llmcompiler_joiner(case: Case, asked: Asked) -> Said:
    """Finish with the answer; the observations stand in the order of the steps."""
    observed = asked.turns[-1].text.rpartition("Question: ")[2].split("\nObservation: ")[1:]
    done = {step.id for step, told in zip(case.steps, observed, strict=False) if not is_failure(told)}
    return Said(f"Thought: The answer is known.\nAction: Finish({answer_of(case, done)})")


PEERS: dict[str, Part] = {
    "langgraph-planner": langgraph_planner,
    "langgraph-replanner": langgraph_replanner,
    "langgraph-step": langgraph_step,
    "llmcompiler-planner": llmcompiler_planner,
    "llmcompiler-joiner": llmcompiler_joiner,
}
