"""Gives the steps of a planning reply their ids in the run.

Ids are never reused. A planner counts from ``first_id``; after a repair, or a planning call repeated after a crash,
it counts from there again, so its numbers are mapped to fresh ones. A step that was already started under a void
draft with the same tool and input keeps that id: it is adopted, not run again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from engine.dag.refs import Reference, parse
from engine.dag.state import RunState
from engine.dag.step import StepState
from schemas.plan import Plan, Step


class Renumbering:
    """The ids of one planning reply, mapped to ids of the run as its steps arrive."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self._given: set[str] = set()
        self._reusable: list[StepState] | None = None
        self._moved = False

    def step(self, step: Step, state: RunState) -> Step:
        """Return the step as the run knows it; the same step always gets the same id."""
        return self._mapped(step, self._id(step, state))

    def _id(self, step: Step, state: RunState) -> str:
        known = self._ids.get(step.id)
        if known is None:
            known = self._ids[step.id] = self._choose(step, state)
            self._given.add(known)
            self._moved = self._moved or known != step.id
        return known

    def plan(self, plan: Plan, state: RunState) -> Plan:
        """Return the whole plan as the run knows it."""
        if not self._ids and not state.graph.steps:
            return plan
        ids = [self._id(step, state) for step in plan.steps]  # all of them first: a reference may point ahead
        steps = tuple([self._mapped(step, step_id) for step, step_id in zip(plan.steps, ids, strict=True)])
        return plan.model_copy(update={"steps": steps, "answer": rename(plan.answer, self._ids)})

    def _choose(self, step: Step, state: RunState) -> str:
        if self._reusable is None:
            self._reusable = [draft for draft in state.graph.steps.values() if _reusable(draft, state)]
        for draft in self._reusable:
            if draft.id not in self._given and self._mapped(step, draft.id) == draft.step:
                return draft.id
        if not self._taken(step.id, state):
            return step.id
        number = state.graph.highest_id + 1
        while self._taken(str(number), state):
            number += 1
        return str(number)

    def _taken(self, step_id: str, state: RunState) -> bool:
        return step_id in state.graph.steps or step_id in self._given

    def _mapped(self, step: Step, step_id: str) -> Step:
        if step.id == step_id and not self._moved:
            return step
        return step.model_copy(
            update={
                "id": step_id,
                "tool_input": rename(step.tool_input, self._ids),
                "depends_on": tuple(self._ids.get(needed, needed) for needed in step.depends_on),
                "foreach": rename(step.foreach, self._ids),
                "when": None
                if step.when is None
                else tuple(
                    condition.model_copy(
                        update={"value": rename(condition.value, self._ids), "to": rename(condition.to, self._ids)}
                    )
                    for condition in step.when
                ),
            }
        )


def _reusable(draft: StepState, state: RunState) -> bool:
    """Whether a step was begun under a reply that came to nothing, and its result may serve again."""
    dropped = draft.void or (draft.phase == "ended" and draft.revision not in state.accepted)
    if not dropped or not draft.spec.read_only or draft.cancelling or draft.parent is not None:
        return False
    return draft.phase == "running" or (draft.result is not None and draft.result.status == "done")


def rename(value: Any, ids: Mapping[str, str]) -> Any:
    """Return a JSON value with the step ids in its references replaced.

    >>> rename({"a": "{{1.x}} and {{2}}"}, {"1": "7"})
    {'a': '{{7.x}} and {{2}}'}
    """
    if isinstance(value, str):
        return _rename_text(value, ids) if "{{" in value else value
    if isinstance(value, dict):
        return {key: rename(item, ids) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [rename(item, ids) for item in cast("list[Any]", value)]
    return value


def _rename_text(text: str, ids: Mapping[str, str]) -> str:
    parts = parse(text)
    if not any(isinstance(part, Reference) and ids.get(part.step_id, part.step_id) != part.step_id for part in parts):
        return text
    return "".join(
        part.replace("{{", "\\{{")
        if isinstance(part, str)
        else f"{{{{{ids.get(part.step_id, part.step_id)}{part.path}}}}}"
        for part in parts
    )
