"""The canonical plan file, also in the form of the tutorial plans (integer ids, most fields left out)."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, cast

from engine.dag.build import plan_error
from engine.planner.items import Notes, json_kind, read_step, validated
from engine.planner.read import PLAN_TEXTS, WANTED, plan_fields
from schemas.errors import PlanParseError
from schemas.plan import Plan, Step

_INPUT_NAMES = frozenset({"input", "inputs", "args", "arg", "arguments", "params", "parameters", "tool_args", "kwargs"})
_LIKE_INPUT = 0.8


def read_canonical(document: Any) -> tuple[Plan, list[str]]:
    """Read a plan file that was parsed: one canonical plan, nothing around it.

    Returns:
        The plan and a warning for each field that nobody reads.

    Raises:
        PlanParseError: It is no JSON object.
        PlanSchemaError: A field is missing or wrong; ``details["problems"]`` lists each with its JSON path.
    """
    if not isinstance(document, dict):
        raise PlanParseError(f"$: expected an object, got {json_kind(document)}", hint=WANTED)
    fields = cast("dict[str, Any]", document)
    notes = Notes()
    items = fields.get("steps", [])
    if "steps" not in fields and not fields.keys() & set(PLAN_TEXTS):
        notes.problem("$.steps", "this field is missing", _elsewhere(fields))
    elif not isinstance(items, list):
        notes.problem("$.steps", f"expected a list of steps, got {json_kind(items)}")
        items = []
    steps = [_file_step(item, f"$.steps[{index}]", notes) for index, item in enumerate(cast("list[Any]", items))]
    rest = {key: value for key, value in fields.items() if key != "steps"}
    plan = validated(Plan, plan_fields(rest, bool(steps), notes), "$", notes)
    if notes.problems or plan is None:
        raise plan_error(notes.problems)
    return plan.model_copy(update={"steps": tuple(step for step in steps if step)}), notes.warnings


def _file_step(item: Any, path: str, notes: Notes) -> Step | None:
    if not isinstance(item, dict):
        notes.problem(path, f"expected an object, got {json_kind(item)}")
        return None
    fields = cast("dict[str, Any]", item)
    meant = _mistyped_input(fields)
    if meant:
        notes.problem(f"{path}.{meant}", f"a step has no field {meant!r}", "did you mean 'tool_input'?")
    return read_step(fields, path, notes)


def _mistyped_input(fields: Mapping[str, Any]) -> str:
    """Return the field that was meant to hold the arguments: read past, it would silently call the tool without."""
    if "tool_input" in fields:
        return ""
    unknown = [name for name in fields if name not in Step.model_fields]
    close = difflib.get_close_matches("tool_input", unknown, n=1, cutoff=_LIKE_INPUT)
    return next((name for name in unknown if name.casefold() in _INPUT_NAMES), close[0] if close else "")


def _elsewhere(fields: dict[str, Any]) -> str:
    inner = [key for key, value in fields.items() if isinstance(value, dict) and "steps" in value]
    if not inner:
        return WANTED
    return f"there are plans inside, at {', '.join('$.' + key for key in inner)}: save the one you mean as a file"
