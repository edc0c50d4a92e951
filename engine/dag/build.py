"""Checks a plan before anything of it runs, and builds its graph.

Every check reports where (a JSON path), what, and what would be right, so that the same text serves a person who
edits a plan file and a planner model that is asked to repair its reply.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import networkx as nx
from jsonschema.exceptions import ValidationError

from engine.dag import reduce
from engine.dag.refs import ITEM, Located, Reference, find_references, locate, locate_keys, parse, short
from engine.dag.validate import faults, json_fault, schema_fault
from schemas.errors import PlanError, PlanGraphError, PlanParseError, PlanSchemaError
from schemas.plan import Condition, Plan, Step
from schemas.planning import PastStep
from schemas.tool import ToolSpec

_ID = re.compile(r"[\w-]{1,200}")
_SHOWN_NAMES = 40
_MOST_GUESSES = 20
_ORDERED = frozenset({"lt", "le", "gt", "ge"})


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a plan.

    Attributes:
        code: parse, field, tool, input, condition, foreach, reference, duplicate, missing_step, cycle, size, empty.
        path: JSON path, ``$.steps[2].tool``.
        message: What is wrong.
        hint: What would be right, or empty.
    """

    code: str
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class _Catalogue:
    """The tools a plan may name; guesses what a wrong name meant, a few times a plan (a guess costs milliseconds)."""

    def __init__(self, tools: Mapping[str, ToolSpec]) -> None:
        self._tools = tools
        self._guesses_left = _MOST_GUESSES

    def find(self, name: str) -> ToolSpec | None:
        spec = self._tools.get(name)
        if spec is None and name == reduce.NAME:
            return reduce.SPEC
        return spec if spec is not None and spec.enabled and not spec.hidden else None

    def hint(self, name: str) -> str:
        names = sorted(known for known in self._tools if self.find(known))
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.5) if self._guesses_left > 0 else []
        self._guesses_left -= 1
        rest = len(names) - _SHOWN_NAMES
        shown = ", ".join(names[:_SHOWN_NAMES]) + (f" and {rest} more" if rest > 0 else "")
        meant = f"did you mean {close[0]!r}? " if close else ""
        return f"{meant}available: {shown or '(none)'}"


_GRAPH = frozenset({"duplicate", "missing_step", "cycle"})


def plan_error(problems: Sequence[Problem]) -> PlanError:
    """Return the exception that says what is wrong with a plan; ``details["problems"]`` holds every problem."""
    codes = {problem.code for problem in problems}
    cls = PlanParseError if "parse" in codes else PlanGraphError if codes & _GRAPH else PlanSchemaError
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    first = problems[0]
    return cls(
        f"{first.path}: {first.message}{more}",
        hint=first.hint,
        details={"problems": [asdict(problem) for problem in problems]},
    )


def dependencies(step: Step) -> tuple[str, ...]:
    """Return the ids a step needs, declared and implied by references, in reading order."""
    said = vars(step)  # asked of every step of every plan, and one look at all fields takes as long as one at a field
    templates = said["tool_input"] if not said["when"] and said["foreach"] is None else _templates(step)
    declared: tuple[str, ...] = said["depends_on"]
    references = find_references(templates) if templates else ()
    if not references and len(declared) < 2:
        return declared
    found = dict.fromkeys(declared)
    for reference in references:
        if reference.step_id != ITEM:
            found[reference.step_id] = None
    return tuple(found)


def _templates(step: Step) -> list[Any]:
    conditions = [part for condition in step.when or () for part in (condition.value, condition.to)]
    return [step.foreach, *conditions, step.tool_input]


def check_plan(
    plan: Plan,
    tools: Mapping[str, ToolSpec],
    *,
    known: Mapping[str, PastStep] | None = None,
    max_steps: int | None = None,
    fills: bool = True,
) -> list[Problem]:
    """Return everything wrong with a plan; an empty list means it may run.

    Args:
        plan: The plan.
        tools: Declared tools by name; disabled and hidden ones count as unknown.
        known: Steps of earlier revisions that may be referred to.
        max_steps: Most steps, or None.
        fills: Whether an executor model may complete arguments; without one a missing argument is a problem.

    Cost: O(steps + references); about 30 µs a step.
    """
    earlier = known or {}
    problems = list(_check_whole(plan, max_steps))
    place: dict[str, int] = {}
    problems += _check_ids(plan, place, earlier)
    catalogue = _Catalogue(tools)
    for index, step in enumerate(plan.steps):
        problems += _check_one(step, f"$.steps[{index}]", catalogue, place, earlier, fills)
    problems += _check_reducers(plan, catalogue)
    if plan.answer is not None:
        problems += _check_references(locate(plan.answer, "$.answer"), "", place, earlier, False)
    return problems or list(_check_cycles(plan, place))


def check_step(
    step: Step, tools: Mapping[str, ToolSpec], *, ids: Container[str], known: Mapping[str, PastStep] | None = None
) -> list[Problem]:
    """Return everything wrong with one step, given the ids it may refer to; used while a plan streams."""
    catalogue = _Catalogue(tools)
    return _check_one(step, "$", catalogue, ids, known or {}, True)


def _check_one(
    step: Step,
    path: str,
    catalogue: _Catalogue,
    ids: Container[str],
    earlier: Mapping[str, PastStep],
    fills: bool,
) -> list[Problem]:
    plain = _is_plain(step)
    if not plain and (misshapen := list(_check_shape(step, path))):
        return misshapen
    found = [*_check_tool(step, path, catalogue, fills), *_check_links(step, path, ids, earlier)]
    if plain:
        return found
    found += _check_templates(step, path, ids, earlier)
    return [*found, *_check_conditions(step, path), *_check_foreach(step, path)]


def _is_plain(step: Step) -> bool:
    """Whether a step has nothing but declared links that could be wrong beside its tool."""
    said = vars(step)  # as in ``dependencies``
    return not (
        said["tool_input"] or said["when"] or said["foreach"] is not None or said["expected_output"] is not None
    )


def _check_shape(step: Step, path: str) -> Iterator[Problem]:
    """Refuse what no other check could walk, or no log could keep."""
    fields = [("tool_input", step.tool_input), ("foreach", step.foreach), ("expected_output", step.expected_output)]
    fields += [(f"when[{index}]", [found.value, found.to]) for index, found in enumerate(step.when or ())]
    for name, value in fields:
        if value is not None and (fault := json_fault(value)):
            yield Problem("field", f"{path}.{name}", fault)


def graph(plan: Plan) -> nx.DiGraph[str]:
    """Return the plan as a graph: an edge from each needed step to the step that needs it."""
    built: nx.DiGraph[str] = nx.DiGraph()
    built.add_nodes_from(step.id for step in plan.steps)
    built.add_edges_from((needed, step.id) for step in plan.steps for needed in dependencies(step))
    return built


def in_dependency_order(steps: Sequence[Step]) -> list[Step]:
    """Return checked steps so that each comes after what it needs, otherwise as written."""
    return [step for step, _ in with_dependencies(steps)]


def with_dependencies(steps: Sequence[Step]) -> list[tuple[Step, tuple[str, ...]]]:
    """Return checked steps ``in_dependency_order``, each with its ``dependencies``."""
    whole = [(step, dependencies(step)) for step in steps]
    position = {step.id: index for index, step in enumerate(steps)}
    edges = [
        (position[needed], index) for index, (_, needs) in enumerate(whole) for needed in needs if needed in position
    ]
    if not [source for source, target in edges if source >= target]:
        return whole
    built: nx.DiGraph[int] = nx.DiGraph()
    built.add_nodes_from(range(len(steps)))
    built.add_edges_from(edges)
    return [whole[index] for index in nx.lexicographical_topological_sort(built)]


def _check_whole(plan: Plan, max_steps: int | None) -> Iterator[Problem]:
    if max_steps is not None and len(plan.steps) > max_steps:
        yield Problem(
            "size",
            "$.steps",
            f"{len(plan.steps)} steps, at most {max_steps} are allowed",
            "keep the most important ones",
        )
    if plan.question and plan.steps:
        yield Problem("field", "$.question", "a plan that asks a question has no steps", "ask, or plan; not both")
    if not plan.steps and not plan.question and not plan.answer:
        yield Problem("empty", "$.steps", "the plan has no steps, no question and no answer")


def _check_ids(plan: Plan, seen: dict[str, int], earlier: Mapping[str, PastStep]) -> Iterator[Problem]:
    """Refuse what is no id, or is one twice; fills in which step has which."""
    for index, step in enumerate(plan.steps):
        own = step.id
        if not _ID.fullmatch(own) or own == ITEM:
            yield Problem(
                "field",
                f"$.steps[{index}].id",
                f"{short(own)!r} is no step id",
                "up to 200 letters, digits, _ and -; not 'item'",
            )
        if own in seen:
            used = f"id {short(own)!r} is already used by $.steps[{seen[own]}]"
            yield Problem("duplicate", f"$.steps[{index}].id", used)
        elif own in earlier:
            yield Problem(
                "duplicate",
                f"$.steps[{index}].id",
                f"id {own!r} was used earlier in this run",
                "go on after the highest id",
            )
        seen.setdefault(own, index)


def _check_tool(step: Step, path: str, catalogue: _Catalogue, fills: bool) -> Iterator[Problem]:
    spec = catalogue.find(step.tool)
    if spec is None:
        yield Problem("tool", f"{path}.tool", f"there is no tool {short(step.tool)!r}", catalogue.hint(step.tool))
        return
    given = step.tool_input or {}
    for where, message in faults(spec.input_schema, given, skip=_settled_later):
        yield Problem("input", f"{path}.tool_input{where[1:]}", f"{message} (tool {step.tool})")
    if not fills:
        for name in spec.required:
            if name not in given:
                yield Problem("input", f"{path}.tool_input", f"argument {name!r} of {step.tool} is missing")
    if isinstance(step.expected_output, dict) and (fault := schema_fault(step.expected_output)):
        yield Problem("field", f"{path}.expected_output", f"no valid JSON Schema: {fault}")


def _check_reducers(plan: Plan, catalogue: _Catalogue) -> Iterator[Problem]:
    """Refuse what a reducer surely cannot merge, as far as the tools say what they give."""
    reducing = [(index, step) for index, step in enumerate(plan.steps) if step.tool == reduce.NAME]
    tools = {step.id: step.tool for step in plan.steps if step.foreach is None} if reducing else {}
    for index, step in reducing:
        spec = catalogue.find(step.tool)
        if spec is not None and reduce.is_reduce(spec):
            for where, message in reduce.mismatches(step, lambda step_id: catalogue.find(tools.get(step_id, ""))):
                yield Problem("input", f"$.steps[{index}].{where}", message, "append takes values of any kind")


def _settled_later(error: ValidationError) -> bool:
    """Whether an error may vanish once references are filled in, or arguments completed."""
    if error.validator == "required":
        return not error.absolute_path
    if error.validator in ("additionalProperties", "unevaluatedProperties"):
        return False
    instance: Any = error.instance
    if error.validator == "type":
        return isinstance(instance, str) and _whole_reference(instance)
    return any(True for _ in locate(instance))


def _whole_reference(text: str) -> bool:
    segments = parse(text) if "{{" in text else ()
    return len(segments) == 1 and isinstance(segments[0], Reference)


def _check_links(step: Step, path: str, ids: Container[str], earlier: Mapping[str, PastStep]) -> Iterator[Problem]:
    for index, needed in enumerate(step.depends_on):
        if needed == step.id:
            own = short(step.id)
            yield Problem("cycle", f"{path}.depends_on[{index}]", f"step {own} depends on itself: {own} → {own}")
        elif needed not in ids:
            yield from _check_target(needed, f"{path}.depends_on[{index}]", earlier)


def _check_templates(step: Step, path: str, ids: Container[str], earlier: Mapping[str, PastStep]) -> Iterator[Problem]:
    """Check the references in what a step says, and that none stands where it would not be seen."""
    if step.tool_input:
        inside = locate(step.tool_input, f"{path}.tool_input")
        yield from _check_references(inside, step.id, ids, earlier, step.foreach is not None)
        for where in locate_keys(step.tool_input, f"{path}.tool_input"):
            yield Problem("reference", where, "a reference cannot stand in a key", "use it as a value")
    if step.foreach is not None:
        yield from _check_references(locate(step.foreach, f"{path}.foreach"), step.id, ids, earlier, False)
    for index, condition in enumerate(step.when or ()):
        values = {"value": condition.value, "to": condition.to}
        yield from _check_references(locate(values, f"{path}.when[{index}]"), step.id, ids, earlier, False)


def _check_references(
    found: Iterator[Located], own: str, ids: Container[str], earlier: Mapping[str, PastStep], item: bool
) -> Iterator[Problem]:
    for located in found:
        reference, where = located.reference, located.where
        if reference.problem:
            yield Problem("reference", where, f"{short(reference)} is no reference: {reference.problem}")
        elif reference.step_id == ITEM:
            if not item:
                yield Problem("reference", where, "{{item}} stands outside a foreach", "give the step a foreach")
        elif reference.step_id == own:
            yield Problem("cycle", where, f"step {short(own)} refers to itself: {short(own)} → {short(own)}")
        elif reference.step_id not in ids:
            yield from _check_target(reference.step_id, where, earlier)


def _check_target(needed: str, where: str, earlier: Mapping[str, PastStep]) -> Iterator[Problem]:
    """Refuse what is no step of the plan and gives no result of an earlier one."""
    past = earlier.get(needed)
    if past is None:
        yield Problem(
            "missing_step", where, f"there is no step {short(needed)!r}", "refer to steps of the plan by their id"
        )
    elif past.status == "failed":
        yield Problem("missing_step", where, f"step {needed!r} failed, it has no result", "plan another way")


def _check_conditions(step: Step, path: str) -> Iterator[Problem]:
    for index, condition in enumerate(step.when or ()):
        problem = _condition_problem(condition)
        if problem:
            yield Problem("condition", f"{path}.when[{index}]", problem)


def _condition_problem(condition: Condition) -> str:
    if not find_references(condition.value) and not find_references(condition.to):
        return "a condition compares a {{reference}} with something; this one can never change"
    if condition.op == "exists":
        return _exists_problem(condition)
    if condition.op in _ORDERED:
        for side in (condition.value, condition.to):
            if isinstance(side, bool) or not isinstance(side, (int, float, str)):
                return f"{condition.op} compares numbers or texts, not {type(side).__name__}"
    if condition.op == "in" and not isinstance(condition.to, (list, tuple, str)):
        return "in needs a list, a text or a reference to one in 'to'"
    return ""


def _exists_problem(condition: Condition) -> str:
    if not isinstance(condition.value, str) or not _whole_reference(condition.value):
        return "exists needs one whole {{reference}} as its value"
    return "" if any(condition.to is known for known in (None, True, False)) else "exists takes true or false"


def _check_foreach(step: Step, path: str) -> Iterator[Problem]:
    if step.foreach is None:
        return
    whole = isinstance(step.foreach, str) and _whole_reference(step.foreach)
    if not whole and not isinstance(step.foreach, (list, tuple)):
        yield Problem("foreach", f"{path}.foreach", "foreach takes one whole {{reference}} to a list, or a list")
    elif isinstance(step.foreach, (list, tuple)):
        count = len(cast("Sequence[Any]", step.foreach))
        if count > step.max_items:
            yield Problem("foreach", f"{path}.foreach", f"{count} items, at most {step.max_items} are allowed")


def _check_cycles(plan: Plan, place: Mapping[str, int]) -> Iterator[Problem]:
    if all(place.get(needed, -1) < index for index, step in enumerate(plan.steps) for needed in dependencies(step)):
        return
    built = graph(plan)
    if nx.is_directed_acyclic_graph(built):
        return
    for component in nx.strongly_connected_components(built):
        if len(component) > 1:
            edges = cast("list[tuple[str, str]]", nx.find_cycle(built.subgraph(component)))
            shown = " → ".join([*(edge[0] for edge in edges), edges[0][0]])
            index = next(index for index, step in enumerate(plan.steps) if step.id in component)
            yield Problem(
                "cycle", f"$.steps[{index}]", f"the steps wait for each other: {shown}", "remove one dependency"
            )
