"""``reduce``: several steps feed one value, merged by a declared reducer in the plan's order. Pure.

A step of the built-in tool ``reduce`` is worked out by the scheduler itself: nothing is called, nothing is stored
twice, and whichever feeder ends first, the value is the same. It is an ordinary step otherwise: its references are its
dependencies, a failed feeder blocks it, it is drawn, replanned and replayed as any other. A skipped feeder is absent
(not null); the step itself is skipped when all of them are.

LangGraph folds writes to a channel by a binary operator (``Annotated[list, operator.add]``) in the order of its
supersteps; here the merge sees all values at once, so it can be checked whole, and the order is the plan's.
Source: LangGraph, "Graph API: Reducers", https://docs.langchain.com/oss/python/langgraph/graph-api#reducers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from engine.dag.refs import ITEM, SKIPPED, Reference, find_references, parse, resolve
from schemas.errors import StepInputError
from schemas.plan import Step
from schemas.tool import ToolSpec

NAME = "reduce"
SPEC = ToolSpec(
    name=NAME,
    description="Merge the results of several steps into one value, in the order of the plan; skipped steps are left "
    "out. append: one list (lists are joined); overwrite: the last one; add: the sum of numbers, or of objects of "
    "numbers field by field; key: objects joined field by field, the later wins, or with key lists of objects joined "
    "by that field.",
    input_schema={
        "type": "object",
        "properties": {
            "values": {"type": "array", "description": 'References to the results: ["{{1}}", "{{2.rows}}"].'},
            "by": {"type": "string", "enum": ["append", "overwrite", "add", "key"], "default": "append"},
            "key": {"type": "string", "description": "The field that tells which objects are the same one."},
        },
        "required": ["values"],
        "additionalProperties": False,
    },
    effects="none",
    kind="builtin",
    expected_s=0.0,
)
Given = tuple[str, Any]
"""A value and where it comes from, for messages."""


def is_reduce(spec: ToolSpec) -> bool:
    """Whether steps of a tool are merged by the scheduler; a user's own tool of that name is called."""
    return spec.name == NAME and spec.kind == "builtin"


def reduced(
    tool_input: Mapping[str, Any], lookup: Callable[[str], Any], order: Callable[[str], tuple[int, int]]
) -> Any:
    """Return the merged value of a ``reduce`` step.

    Args:
        tool_input: ``values``, ``by`` and ``key``, as planned.
        lookup: Gives the result of a step, SKIPPED for one that was skipped.
        order: The place of a step in the plan; what refers to no step comes first.

    Raises:
        StepInputError: A reference is absent, or the reducer cannot take a value; names the step it comes from.
    """
    planned = tool_input.get("values")
    settings: Any = resolve({name: tool_input.get(name) for name in ("by", "key")}, lookup)
    if isinstance(planned, (list, tuple)):
        in_order = sorted(cast("Sequence[Any]", planned), key=lambda value: _place(value, order))
        given = [(_source(value), resolve(value, lookup)) for value in in_order if not _skipped(value, lookup)]
    else:
        given = list(sources(resolve(planned, lookup)))
    return merge(given, settings["by"] or "append", settings["key"])


def sources(values: Any) -> Iterator[Given]:
    """Yield the values of a list as they stand.

    Raises:
        StepInputError: It is no list.
    """
    if not isinstance(values, (list, tuple)):
        raise StepInputError(f"reduce: values is no list but {_kind(values)}", hint="give a list of references")
    for index, value in enumerate(cast("Sequence[Any]", values)):
        yield f"values[{index}]", value


def merge(given: Sequence[Given], by: str = "append", key: str | None = None) -> Any:
    """Merge values as they stand.

    Raises:
        StepInputError: There is no such reducer, or it cannot take a value.

    >>> merge([("step 1", [1]), ("step 2", 2), ("step 3", [3, 4])])
    [1, 2, 3, 4]
    >>> merge([("step 1", {"a": 1}), ("step 2", {"a": 2, "b": 3})], "add")
    {'a': 3, 'b': 3}
    """
    reducer = _REDUCERS.get(by)
    if reducer is None:
        raise StepInputError(f"reduce: there is no reducer {by!r}", hint=f"one of {', '.join(_REDUCERS)}")
    return reducer(given, key)


def mismatches(step: Step, tool_of: Callable[[str], ToolSpec | None]) -> Iterator[tuple[str, str]]:
    """Yield (path below the step, message) for each feeder whose declared result its reducer cannot take."""
    tool_input = step.tool_input or {}
    by, values = str(tool_input.get("by")), tool_input.get("values")
    if by not in _TAKES or not isinstance(values, (list, tuple)):
        return
    for index, value in enumerate(cast("Sequence[Any]", values)):
        reference = _whole(value)
        spec = None if reference is None or reference.path else tool_of(reference.step_id)
        kind = _declared_kind(spec)
        if kind and kind not in _TAKES[by]:
            message = f"{by} takes {' or '.join(_TAKES[by])}; {_source(value)} gives {kind}"
            yield f"tool_input.values[{index}]", message


def _declared_kind(spec: ToolSpec | None) -> str:
    kind = (spec.output_schema or {}).get("type") if spec is not None else None
    return kind if isinstance(kind, str) else ""


_TAKES = {"add": ("number", "integer", "object"), "key": ("object", "array")}


def _skipped(value: Any, lookup: Callable[[str], Any]) -> bool:
    reference = _whole(value)
    return reference is not None and lookup(reference.step_id) is SKIPPED


def _source(value: Any) -> str:
    reference = _whole(value)
    return "an initial value" if reference is None else f"step {reference.step_id}"


def _whole(value: Any) -> Reference | None:
    segments = parse(value) if isinstance(value, str) and "{{" in value else ()
    return segments[0] if len(segments) == 1 and isinstance(segments[0], Reference) else None


def _place(value: Any, order: Callable[[str], tuple[int, int]]) -> tuple[int, int]:
    """Where a value stands: at its latest step; what refers to none, an initial value, comes first."""
    places = (order(reference.step_id) for reference in find_references(value) if reference.step_id != ITEM)
    return max(places, default=(-1, -1))


def _append(given: Sequence[Given], _: str | None) -> list[Any]:
    joined: list[Any] = []
    for _source, value in given:
        joined.extend(cast("list[Any]", value) if isinstance(value, (list, tuple)) else [value])
    return joined


def _overwrite(given: Sequence[Given], _: str | None) -> Any:
    return given[-1][1] if given else None


def _add(given: Sequence[Given], _: str | None, where: str = "") -> Any:
    if given and all(isinstance(value, dict) for _, value in given):
        fields: dict[str, list[Given]] = {}
        for source, value in given:
            for name, part in cast("dict[str, Any]", value).items():
                fields.setdefault(name, []).append((source, part))
        return {name: _add(parts, None, f"{where}.{name}") for name, parts in fields.items()}
    for source, value in given:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise StepInputError(
                f"reduce by add takes numbers, or objects of numbers; {source} gave {_kind(value)}"
                + (f" at {where[1:]}" if where else ""),
                hint="append takes values of any kind",
            )
    numbers = [value for _, value in given]
    return sum(numbers) if all(isinstance(number, int) for number in numbers) else _float_sum(numbers)


def _float_sum(numbers: Sequence[float]) -> float:
    """Sum without rounding between the terms, so that their order does not matter."""
    try:
        total = math.fsum(numbers)
    except OverflowError:
        total = math.inf
    if not math.isfinite(total):
        raise StepInputError("reduce by add: the sum is too large")
    return total


def _by_key(given: Sequence[Given], key: str | None) -> Any:
    if key is None:
        joined: dict[str, Any] = {}
        for source, value in given:
            if not isinstance(value, dict):
                raise StepInputError(
                    f"reduce by key takes objects; {source} gave {_kind(value)}",
                    hint="for lists of objects say which field is the key" if isinstance(value, list) else "",
                )
            joined.update(cast("dict[str, Any]", value))
        return joined
    records: dict[tuple[str, Any], Any] = {}
    for source, value in given:
        for item in cast("list[Any]", value if isinstance(value, (list, tuple)) else [value]):
            records[_identity(item, key, source)] = item
    return list(records.values())


def _identity(item: Any, key: str, source: str) -> tuple[str, Any]:
    if not isinstance(item, dict):
        raise StepInputError(f"reduce by key {key!r} takes objects; {source} gave {_kind(item)}")
    members = cast("dict[str, Any]", item)
    if key not in members or isinstance(members[key], (dict, list)):
        what = "one whose key is no plain value" if key in members else "one without it"
        raise StepInputError(
            f"reduce by key {key!r}: among the objects of {source} is {what}",
            hint=f"keys there: {', '.join(members) or '(none)'}",
        )
    return type(members[key]).__name__, members[key]


_REDUCERS: dict[str, Callable[[Sequence[Given], str | None], Any]] = {
    "append": _append,
    "overwrite": _overwrite,
    "add": _add,
    "key": _by_key,
}


def _kind(value: Any) -> str:
    kinds = {"NoneType": "null", "dict": "an object", "list": "a list", "str": "a text", "bool": "true or false"}
    return kinds.get(type(value).__name__, "a number")
