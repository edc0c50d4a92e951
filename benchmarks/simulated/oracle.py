"""What a model that knows the right plan says to each request, in each system's own format.

It reads of a request only what a model would: the tools offered, what was asked, what came back. The same knowledge
serves every system, so that nothing but orchestration differs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

from benchmarks.orchestration.case import REFERENCE, Case, CaseStep, canonical
from benchmarks.simulated.constrained import UnfitError, constrained
from schemas.fence import read_fences

_FIRST = re.compile(r"<first_id[^>]*>\s*(\d+)")


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that a model writes."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a request, whatever wire format it came in.

    Attributes:
        calls: Tool calls in it, by id.
        result_of: The id of the call whose result it is.
        failed: Whether that call failed.
    """

    role: str
    text: str = ""
    calls: tuple[tuple[str, Call], ...] = ()
    result_of: str | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, whatever wire format it came in.

    Attributes:
        part: What the model plays: planner, executor, synthesizer, react, …: the end of its name.
        tools: Names of the tools offered.
        forced: The tool that must be called.
        parallel: Whether it may call several at once.
        structured: Whether its text must be JSON of a schema.
        schema: The schema that its text, or the forced tool's arguments, must keep to.
    """

    part: str
    turns: tuple[Turn, ...]
    tools: tuple[str, ...] = ()
    forced: str | None = None
    parallel: bool = True
    structured: bool = False
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What the model says: a text, or calls."""

    text: str = ""
    calls: tuple[Call, ...] = ()


def as_written(value: Any) -> str:
    """Return JSON as the models do whose prices and speed the profiles have: without spaces.

    In public recordings of real calls (half of those in ENGINE_BENCH_DATA) so wrote OpenAI's GPT-4o and later 8 of 8
    structured texts and the arguments of 54 of 65 calls; of other models' calls 12 of 29.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Part(Protocol):
    """Plays one part."""

    def __call__(self, case: Case, asked: Asked) -> Said:
        """Answer a request."""
        ...


def plan(case: Case, asked: Asked) -> Said:
    """Write the steps that are still to be made, in the compact form; after a failure, what stands in for them."""
    if asked.tools and asked.forced is None:
        return react(case, asked)  # the run fell back to turns; its model stays the same
    text = "\n".join(turn.text for turn in asked.turns if turn.role == "user")  # one to repair comes after the task
    done, failed = _finished(case, text)
    first = int(found[1]) if (found := _FIRST.search(text)) else 1
    return _handed_in({"steps": list(_items(case, done, failed, first))}, asked)


def plan_with_answer(case: Case, asked: Asked) -> Said:
    """Write the plan, and the answer's template where the answer is what one step gives: its last one."""
    last = case.result_step()
    return plan(case if last is None else replace(case, answer=f"{{{{{last.id}}}}}", templated=True), asked)


def _handed_in(document: dict[str, Any], asked: Asked) -> Said:
    """Write a plan as the request's schema takes it."""
    if asked.schema is not None:
        items = {**asked.schema["properties"]["steps"]["items"], "$defs": asked.schema.get("$defs", {})}
        document = {"steps": [_taken(item, items) for item in document["steps"]]}
    if asked.forced is not None:
        return Said(calls=(Call(asked.forced, document),))
    return Said(as_written(document))


def _taken(item: Any, schema: Mapping[str, Any]) -> Any:
    """Return an item in the first form that is taken: as it is, or as a step; where none is, as it is."""
    for form in (item, {"step": item}):
        with suppress(UnfitError):
            made = constrained(form, schema)
            if not any(isinstance(item[key], dict) and isinstance(made.get(key), str) for key in item):
                return made  # else arguments by name were packed into the bare text of one
    return item


def _items(case: Case, done: Mapping[str, str], failed: Mapping[str, set[str]], first: int) -> Iterator[Any]:
    """Yield the items of a plan.

    Args:
        case: The case.
        done: By id of the case's step, the id it has in the run.
        failed: By id of the case's step, the tools that failed at it.
        first: The number of the first new step.
    """
    ids, began = dict(done), first
    for steps in case.items():
        if _together(steps, ids, failed):
            yield _for_each(case, steps[0], ids)
            ids |= _numbers(steps, first)
            first += 1
            continue
        for step in steps:
            tool = tool_for(case, step, failed.get(step.id, set()))
            if step.id in ids or tool is None or any(need not in ids for need in step.needs):
                continue  # it is done, or cannot be had; the answer says so
            ids[step.id] = str(first)
            first += 1
            yield _item(case, step, tool, ids)
    if case.templated and all(step.id in ids for step in case.steps):
        yield {"answer": _numbered(case.answer, ids)}
    elif first == began and not all(step.id in done for step in case.steps):
        yield {"answer": answer_of(case, set(done))}  # nothing is left that could be tried


def _together(steps: Sequence[CaseStep], ids: Mapping[str, str], failed: Mapping[str, set[str]]) -> bool:
    """Whether steps are one item of a plan: for each item of a list, none of them done or failed before."""
    untouched = all(step.id not in ids and step.id not in failed for step in steps)
    return steps[0].each is not None and untouched and all(need in ids for step in steps for need in step.needs)


def _numbers(steps: Sequence[CaseStep], number: int) -> dict[str, str]:
    """Return what the results of such steps are referred to by, each and all of them."""
    assert steps[0].each is not None
    return {step.id: f"{number}[{at}]" for at, step in enumerate(steps)} | {steps[0].each.group: str(number)}


def _for_each(case: Case, step: CaseStep, ids: Mapping[str, str]) -> Any:
    """Return the one item that stands for a step and its like."""
    assert step.each is not None
    arguments = {name: _numbered(value, ids) for name, value in step.each.arguments.items()}
    item: dict[str, Any] = {"step": _call(case, step.tool, arguments), "foreach": _numbered(step.each.over, ids)}
    return item | ({"depends_on": _depends(step, ids)} if step.after else {})


def _depends(step: CaseStep, ids: Mapping[str, str]) -> list[int]:
    return list(dict.fromkeys(int(ids[before].partition("[")[0]) for before in step.after))


def _item(case: Case, step: CaseStep, tool: str, ids: Mapping[str, str]) -> Any:
    planned = step.arguments
    if step.planned is not None and all(group in ids for group in _named(step.planned)):
        planned = step.planned
    arguments = {name: _numbered(value, ids) for name, value in planned.items()}
    call = _call(case, tool, arguments)
    return {"step": call, "depends_on": _depends(step, ids)} if step.after else call


def _call(case: Case, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call as a plan writes it: one text that is all it needs stands for itself."""
    declared = case.tool(tool)
    required, properties = declared.required, declared.parameters.get("properties", {})
    bare = len(required) == 1 == len(arguments) and isinstance(next(iter(arguments.values())), str)
    short = bare and properties.get(required[0], {}).get("type") == "string"
    return {tool: next(iter(arguments.values())) if short else arguments}


def tool_for(case: Case, step: CaseStep, failed: set[str]) -> str | None:
    """Return the tool that a step is made with: its own, or what stands in for it once it failed; None: neither."""
    choices = (step.tool, case.tool(step.tool).instead)
    return next((tool for tool in choices if tool is not None and tool not in failed), None)


def _numbered(value: Any, ids: Mapping[str, str]) -> Any:
    """Return a value whose references are numbered as in the run."""
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(
        REFERENCE.sub(lambda match: "{{" + ids.get(match["step"], match["step"]) + match["path"] + "}}", text)
    )


def _named(value: Any) -> list[str]:
    """Return the steps that a value refers to."""
    return [match["step"] for match in REFERENCE.finditer(json.dumps(value, ensure_ascii=False))]


def _finished(case: Case, text: str) -> tuple[dict[str, str], dict[str, set[str]]]:
    """Return what a planner is told of earlier steps: those done (or running) by their ids, and what failed."""
    done: dict[str, str] = {}
    failed: dict[str, set[str]] = {}
    for found in read_fences(text):
        if found.label != "finished":
            continue
        step = _called(case, found.attrs["tool"], _object(found.text).get("input") or {}, done)
        if step is None:
            continue
        if found.attrs["status"] in ("done", "running"):
            done[step.id] = found.attrs["step"]
        elif found.attrs["status"] != "skipped":
            _fail(case, failed, step, found.attrs["tool"], found.text)
    return {step.id: done[step.id] for step in case.steps if step.id in done}, failed


def _called(case: Case, tool: str, given: Mapping[str, Any], ids: Mapping[str, str]) -> CaseStep | None:
    """Return the step that a call is, told with its values or as it was planned.

    Args:
        case: The case.
        tool, given: The call.
        ids: By id of the case's step, the id it has in the run; of steps that it is not.
    """
    own = {run: step for step, run in ids.items()}
    text = REFERENCE.sub(lambda match: "{{" + own.get(match["step"], "") + match["path"] + "}}", json.dumps(given))
    planned = canonical(json.loads(text))
    for step in case.steps:
        same = step.tool == tool or case.tool(step.tool).instead == tool
        if same and step.id not in ids and canonical(step.arguments) == planned:
            return step
    return case.step_of(tool, given, ids)


def _fail(case: Case, failed: dict[str, set[str]], step: CaseStep, tool: str, told: str) -> None:
    """Note that a tool failed at a step; one that is not available at all, at every step."""
    for one in case.steps if "is not available" in told else (step,):
        failed.setdefault(one.id, set()).add(tool)


def react(case: Case, asked: Asked) -> Said:
    """Call what is next, or all that can be called now; answer when nothing is left.

    Of calls that share a state (``touched`` of the case's facts) only those are made together that do not change what
    another one of them uses: a model that can order calls does so.
    """
    done, failed = _made(case, asked.turns)
    ready: list[Call] = []
    before: list[CaseStep] = []
    for step in case.steps:
        if step.id in done:
            continue
        free = not any(_shared(case, step, other) for other in before)
        before.append(step)
        if not free or any(need not in done for need in step.needs):
            continue
        tool = tool_for(case, step, failed.get(step.id, set()))
        if tool is not None and tool in asked.tools:
            ready.append(Call(tool, case.resolved(step)))
    if ready:
        return Said(calls=tuple(ready if asked.parallel else ready[:1]))
    return Said(answer_of(case, done))


def _shared(case: Case, one: CaseStep, other: CaseStep) -> bool:
    """Whether one of two calls changes what the other uses."""
    touched: Mapping[str, Mapping[str, list[str]]] = case.facts.get("touched", {})
    if not touched:
        return False
    mine, others = touched[one.tool], touched[other.tool]
    return bool(
        set(mine["writes"]) & {*others["reads"], *others["writes"]} or set(others["writes"]) & set(mine["reads"])
    )


def _made(case: Case, turns: Iterable[Turn]) -> tuple[set[str], dict[str, set[str]]]:
    """Return the steps that were made in a conversation, and what failed at them."""
    calls: dict[str, Call] = {}
    done: set[str] = set()
    failed: dict[str, set[str]] = {}
    for turn in turns:
        calls.update(turn.calls)
        call = calls.get(turn.result_of or "")
        step = None if call is None else case.step_of(call.name, call.arguments, done)
        if call is None or step is None:
            continue
        if turn.failed or is_failure(turn.text):
            _fail(case, failed, step, call.name, turn.text)
        elif not turn.text.startswith("Not called"):  # what a plan skipped, before ReAct took over
            done.add(step.id)
    return done, failed


def is_failure(text: str) -> bool:
    """Whether the result of a call says that it failed."""
    return text.lstrip().lower().startswith(("error", "failed", '{"error"', "<error"))


def synthesize(case: Case, asked: Asked) -> Said:
    """Write the answer from the results, with the ids of the steps it rests on as our synthesizer is asked for them."""
    shown = [found for found in read_fences(asked.turns[-1].text) if found.label == "result"]
    had = [found for found in shown if "status" not in found.attrs]
    done: dict[str, str] = {}
    for found in had:
        step = _called(case, found.attrs["tool"], _object(found.attrs.get("input", "{}")), done)
        done |= {} if step is None else {step.id: found.attrs["step"]}
    said = answer_of(
        case, set(done) if len(had) < len(case.steps) else {step.id for step in case.steps}
    )  # inputs may be cut
    return Said(said if had else f"{said}\n[steps: none]")  # it rests on all there are


def _object(text: str) -> dict[str, Any]:
    try:
        found: Any = json.loads(text)
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def fill(case: Case, asked: Asked) -> Said:
    """Complete the arguments of a step: those of the case's first step of that tool."""
    name = asked.forced or (asked.tools[0] if asked.tools else "")
    for step in case.steps:
        if step.tool == name:
            return Said(calls=(Call(name, case.resolved(step)),))
    return Said("")


def answer_of(case: Case, done: set[str]) -> str:
    """Return the answer, or what can be said without the steps that were not made."""
    if all(step.id in done for step in case.steps):
        return case.told()
    missing = [step.tool for step in case.steps if step.id not in done]
    return f"Not everything could be had: {', '.join(missing)} failed."


WARM = "warm"
"""The part that every system asks once before its clock starts, so that none measures a connection being made."""
PARTS: dict[str, Part] = {
    "planner": plan,
    "planner-answering": plan_with_answer,
    "executor": fill,
    "synthesizer": synthesize,
    "react": react,
}


def answer(case: Case, asked: Asked, parts: Mapping[str, Part] = PARTS) -> Said:
    """Return what the model says.

    Raises:
        KeyError: No part is called so.
    """
    return parts[asked.part](case, asked)


def text_of(said: Said) -> str:
    """Return what is said as one text, for counting."""
    return said.text + "".join(call.name + canonical(call.arguments) for call in said.calls)


def spoiled(said: Said, fault: str, names: Sequence[str]) -> Said:
    """Return what a model says that errs.

    Args:
        said: What it would have said.
        fault: How it errs: ``malformed_plan``, ``wrong_argument`` or ``unknown_tool``.
        names: Of the tools.
    """
    if fault == "malformed_plan":
        return Said(said.text[: len(said.text) * 2 // 3]) if said.text else Said(said.text, said.calls[:0])
    if fault == "unknown_tool":
        named = "|".join(map(re.escape, names)) or "(?!)"  # "name": in a plan of ours, 1. name: in one of words
        text = re.sub(rf'(?<=")(?:{named})(?=":)|(?<=\d\. )(?:{named})(?=: )', "no_such_tool", said.text, count=1)
        calls = tuple(Call("no_such_tool", call.arguments) if at == 0 else call for at, call in enumerate(said.calls))
        return Said(text, calls)
    calls = tuple(Call(call.name, {"no_such_argument": 1}) if at == 0 else call for at, call in enumerate(said.calls))
    return Said(said.text if calls else _wrong_argument(said.text), calls)


def _wrong_argument(text: str) -> str:
    """Give the first call of a plan arguments that its tool does not have."""
    try:
        told = json.loads(text)
        first = told["steps"][0]
        holder = first.get("step", first)
        name = next(iter(holder))
    except (ValueError, KeyError, IndexError, StopIteration, AttributeError):
        return text
    holder[name] = {"no_such_argument": 1}
    return as_written(told)
