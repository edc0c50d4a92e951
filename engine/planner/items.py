"""One item of a plan as a model (or a person) writes it, read into a step and written back.

An item is canonical (``{"id": …, "tool": …, "tool_input": …}``) or compact (``{"search": "…"}``); both may stand in
one plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from engine.dag.build import Problem, plan_error
from engine.dag.refs import find_references
from engine.planner.arguments import Dialect, from_text, to_text, without_nulls, written_as_text
from schemas.plan import Condition, Plan, Step
from schemas.tool import ToolSpec

Tools = Mapping[str, ToolSpec] | Sequence[ToolSpec]
M = TypeVar("M", bound=BaseModel)

_EXTRAS = frozenset(Step.model_fields) - {"tool", "tool_input"}
_ITEM_KEYS = ("step", "answer", "ask")
_WRITTEN = ("depends_on", "when", "foreach", "rationale", "description", "expected_output", "max_items", "critical")


@dataclass(frozen=True, slots=True)
class Answer:
    """A template over results; it stands for the synthesis call."""

    text: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A question that must be answered before there can be a plan."""

    text: str


@dataclass(slots=True)
class Notes:
    """What was noticed while reading: problems stop the plan, warnings do not."""

    problems: list[Problem] = field(default_factory=list[Problem])
    warnings: list[str] = field(default_factory=list[str])

    def problem(self, path: str, message: str, hint: str = "", code: str = "field") -> None:
        """Note one thing that is wrong."""
        self.problems.append(Problem(code, path, message, hint))

    def ignored(self, path: str, names: Iterable[str]) -> None:
        """Note fields that nobody reads."""
        self.warnings += [f"{path}.{name}: unknown field, ignored" for name in names]


def by_name(tools: Tools) -> Mapping[str, ToolSpec]:
    """Return tools by their names."""
    return tools if isinstance(tools, Mapping) else {tool.name: tool for tool in tools}


def expand(item: Any, position: int, tools: Tools, dialect: Dialect) -> Step | Answer | Ask:
    """Read one item of a plan.

    Args:
        item: The parsed JSON value.
        position: The step's number, its id unless the item names one.
        tools: The declared tools.
        dialect: What the item was written in.

    Raises:
        PlanSchemaError: The item is neither a call nor an answer nor a question; ``details["problems"]`` says why.
    """
    notes = Notes()
    read = read_item(item, str(position), by_name(tools), dialect, "$", notes)
    if read is None:
        raise plan_error(notes.problems)
    return read


def read_item(
    item: Any, step_id: str, tools: Mapping[str, ToolSpec], dialect: Dialect, path: str, notes: Notes
) -> Step | Answer | Ask | None:
    """Read one item; None when ``notes`` says why it cannot be."""
    if not isinstance(item, dict):
        notes.problem(path, f"expected an object, got {json_kind(item)}")
        return None
    fields = cast("dict[str, Any]", item)
    if is_canonical(fields, tools):
        return read_step(fields, path, notes)
    for key in ("answer", "ask"):
        if key in fields:
            return _text_item(fields, key, path, notes)
    call = _call_of(fields, path, notes)
    if call is None:
        return None
    name, value, said = call
    extras = {key: value for key, value in said.items() if value not in (None, "", [])}
    if "when" in extras and dialect != "unions":
        extras["when"] = _conditions_from_text(extras["when"])
    arguments = _arguments(name, value, tools, dialect, f"{path}.{name}", notes)
    return (
        None
        if arguments is _NONE
        else read_step({"id": step_id, **extras, "tool": name, "tool_input": arguments}, path, notes)
    )


def is_canonical(fields: Mapping[str, Any], tools: Mapping[str, ToolSpec]) -> bool:
    """Whether an item is a canonical step, perhaps without its tool, rather than a compact call."""
    if len(fields) == 1 and fields.keys() & tools.keys():  # a call of a tool that is named like a field
        return False
    return bool(fields.keys() & {"tool", "tool_input"}) or fields.keys() <= _EXTRAS


def read_step(fields: Mapping[str, Any], path: str, notes: Notes) -> Step | None:
    """Read a canonical step; None when ``notes`` says why it cannot be."""
    known = {key: value for key, value in fields.items() if key in Step.model_fields and value is not None}
    notes.ignored(path, (name for name in fields if name not in Step.model_fields))
    if isinstance(known.get("when"), list):
        known["when"] = [_known_fields(one, f"{path}.when[{i}]", notes) for i, one in enumerate(known["when"])]
    return validated(Step, known, path, notes)


def validated(model: type[M], fields: Mapping[str, Any], path: str, notes: Notes) -> M | None:
    """Build a record; None when ``notes`` says which field is missing or wrong, and what is allowed."""
    try:
        return model.model_validate(fields)
    except ValidationError as exc:
        for error in exc.errors(include_url=False):
            where = path + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"])
            notes.problem(where, _wording(error["type"], error["msg"], error.get("ctx", {}), error["input"]))
        return None


def compact(plan: Plan, tools: Tools, dialect: Dialect = "unions", first_id: int = 1) -> dict[str, Any]:
    """Write a plan in the compact grammar, as a model would.

    What the references imply is left out of ``depends_on``; the goal is left out: it is the task. All else comes back
    from ``expand``.
    """
    declared = by_name(tools)
    items = [_written(step, str(first_id + index), declared, dialect) for index, step in enumerate(plan.steps)]
    if plan.answer is not None:
        items.append({"answer": plan.answer})
    if plan.question is not None:
        items.append({"ask": plan.question})
    shape = {} if plan.expected_output_format is None else {"expected_output_format": plan.expected_output_format}
    return {"steps": items, **shape}


def json_kind(value: Any) -> str:
    """Return what a JSON value is, in words: ``null``, ``a list``, ``the text 'x'``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    return "a list" if isinstance(value, list) else "an object"


class _Nothing:
    """Marks arguments that cannot be read; None means: left to the executor model."""


_NONE = _Nothing()


def _text_item(fields: Mapping[str, Any], key: str, path: str, notes: Notes) -> Answer | Ask | None:
    text = fields[key]
    notes.ignored(path, (name for name in fields if name != key))
    if not isinstance(text, str) or not text.strip():
        notes.problem(f"{path}.{key}", f"expected a text, got {json_kind(text) if text != '' else 'an empty one'}")
        return None
    return Answer(text) if key == "answer" else Ask(text)


def _call_of(fields: Mapping[str, Any], path: str, notes: Notes) -> tuple[str, Any, dict[str, Any]] | None:
    """Split an item into the tool's name, its arguments and what else the step says."""
    inner = fields.get("step")
    if isinstance(inner, dict):
        calls = cast("dict[str, Any]", inner)
        rest = {key: value for key, value in fields.items() if key != "step"}
    else:
        calls = {key: value for key, value in fields.items() if key not in _EXTRAS}
        rest = {key: value for key, value in fields.items() if key in _EXTRAS}
        if not calls:  # a tool that is named like one of the fields
            calls, rest = rest, {}
    if len(calls) != 1 or "step" in calls:
        found = ", ".join(calls) or "none"
        notes.problem(path, f"expected one tool's name as the only property, found {found}", '{"tool_name": {…}}')
        return None
    name, value = next(iter(calls.items()))
    return name, value, rest


def _arguments(
    name: str, value: Any, tools: Mapping[str, ToolSpec], dialect: Dialect, path: str, notes: Notes
) -> dict[str, Any] | _Nothing | None:
    tool = tools.get(name)
    if value is None or tool is None:
        return cast("dict[str, Any]", value) if isinstance(value, dict) else None
    properties = cast("dict[str, dict[str, Any]]", tool.input_schema.get("properties", {}))
    if not isinstance(value, dict):
        only = tool.required if tool.required else tuple(properties)
        if len(only) != 1:
            names = ", ".join(properties) or "none"
            notes.problem(path, f"expected an object of arguments, got {json_kind(value)}", f"arguments: {names}")
            return _NONE
        value = {only[0]: value}
    given = cast("dict[str, Any]", value)
    if dialect == "filled":
        given = {key: item for key, item in given.items() if item != "" or key in tool.required}
    defs = cast("dict[str, Any]", tool.input_schema.get("$defs", {}))
    read = {key: _value(item, properties.get(key), dialect, defs) for key, item in given.items()}
    return cast("dict[str, Any]", without_nulls(read, tool.input_schema, defs))


def _value(value: Any, schema: dict[str, Any] | None, dialect: Dialect, defs: Mapping[str, Any]) -> Any:
    if schema is None or not isinstance(value, str):
        return value
    return from_text(value) if written_as_text(schema, dialect, defs) else value


def _conditions_from_text(when: Any) -> Any:
    if not isinstance(when, list):
        return when
    return [
        _condition_from_text(cast("dict[str, Any]", one)) if isinstance(one, dict) else one
        for one in cast("list[Any]", when)
    ]


def _condition_from_text(condition: dict[str, Any]) -> dict[str, Any]:
    return {
        key: from_text(value) if isinstance(value, str) and key != "op" else value for key, value in condition.items()
    }


def _known_fields(condition: Any, path: str, notes: Notes) -> Any:
    if not isinstance(condition, dict):
        return condition
    fields = cast("dict[str, Any]", condition)
    notes.ignored(path, (name for name in fields if name not in Condition.model_fields))
    return {key: value for key, value in fields.items() if key in Condition.model_fields}


def _wording(kind: str, said: str, context: Mapping[str, Any], given: Any) -> str:
    if kind == "missing":
        return "this field is missing"
    if kind == "literal_error":
        return f"{json_kind(given)} is not one of {context.get('expected', '')}"
    return f"{said[:1].lower()}{said[1:]}, got {json_kind(given)}"


def _written(step: Step, position: str, tools: Mapping[str, ToolSpec], dialect: Dialect) -> dict[str, Any]:
    tool = tools.get(step.tool)
    call = {step.tool: _written_arguments(step.tool_input, tool, dialect)}
    extras = _written_extras(step, dialect)
    if step.id != position:
        extras = {"id": step.id, **extras}
    return {"step": call, **extras} if extras else call


def _written_arguments(given: dict[str, Any] | None, tool: ToolSpec | None, dialect: Dialect) -> Any:
    if tool is None or given is None:
        return given
    properties = cast("dict[str, dict[str, Any]]", tool.input_schema.get("properties", {}))
    defs = cast("dict[str, Any]", tool.input_schema.get("$defs", {}))
    if len(tool.required) == 1 and given.keys() == set(tool.required):
        name = tool.required[0]
        if isinstance(given[name], str) and properties.get(name, {}).get("type") == "string":
            return given[name]
    return {
        name: to_text(value) if name in properties and written_as_text(properties[name], dialect, defs) else value
        for name, value in given.items()
    }


def _written_extras(step: Step, dialect: Dialect) -> dict[str, Any]:
    implied = {reference.step_id for reference in find_references([step.tool_input, step.foreach])}
    for condition in step.when or ():
        implied |= {reference.step_id for reference in find_references([condition.value, condition.to])}
    fields = step.model_dump(mode="json", exclude_defaults=True, include=set(_WRITTEN))
    fields["depends_on"] = [_number(needed) for needed in step.depends_on if needed not in implied]
    if dialect != "unions":
        for condition in fields.get("when") or ():
            condition.update({key: to_text(value) for key, value in condition.items() if key != "op"})
    return {key: fields[key] for key in _WRITTEN if key in fields and fields[key] != []}


def _number(step_id: str) -> int | str:
    return int(step_id) if step_id.isdecimal() and str(int(step_id)) == step_id else step_id
