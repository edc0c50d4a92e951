"""LLMCompiler's plan text: ``1. search("x")``, ``$1`` for a result, ``Thought:`` lines, ``join()``, ``<END_OF_PLAN>``.

Sources: SqueezeAILab/LLMCompiler, ``src/llm_compiler/{output_parser,planner,task_fetching_unit}.py`` and its prompts;
LangGraph's tutorial of it, which asks for keyword arguments. Read here and not there: more than one line an argument,
nested quotes, a ``$1,000`` that is money, a second id, a reference to a step that is not there.
"""

from __future__ import annotations

import re
from bisect import bisect
from typing import Any

from engine.planner.formats.detect import CALL
from engine.planner.formats.draft import Draft, Place, Reading
from engine.planner.formats.pythonic import Argument, Call, UnreadableError, read_call

JOIN = "join"
_PATH = r"(?:\.[A-Za-z_][\w-]*|\[-?\d+\])*"
_MARK = re.compile(
    rf"\A\$(?P<whole>\d+)(?P<whole_path>{_PATH})\Z|\$\{{(?P<braced>\d+)(?P<path>{_PATH})\}}"
    r"|\$(?P<bare>\d+)(?!\d|,\d{3}|\.\d)"
)
_BREAK = re.compile(r"^[ \t]*(?:Thought:|Question:|Observation:|###)|<END_OF_PLAN>", re.M)
_THOUGHT = re.compile(r"^[ \t]*Thought:[ \t]*([^\n]*)", re.M)
_QUESTION = re.compile(r"^[ \t]*Question:[ \t]*([^\n]*\S)", re.M)
_TRAILING = re.compile(r"[ \t]*(?:#[^\n]*|;)?\s*")
_SHOWN = 40


def read_llmcompiler(text: str, draft: Draft) -> None:
    """Read a plan text up to its ``join()`` or ``<END_OF_PLAN>``. Cost: linear in the text."""
    end = text.find("<END_OF_PLAN>")
    starts = [match for match in CALL.finditer(text) if end < 0 or match.start() < end]
    joins = [index for index, match in enumerate(starts) if match[2] == JOIN]
    if joins:
        starts, left = starts[: joins[0]], starts[joins[0] + 1 :]
        draft.notes.warnings += [f"{_line(text, match)}: after join(), ignored" for match in left[:1]]
    asked = _QUESTION.search(text)
    if asked:
        draft.head["goal"] = asked[1]
    if not starts:
        draft.problem("line 1", "there is no step", 'write one a line: 1. search("…")', "parse")
        return
    ids = frozenset(str(int(match[1])) for match in starts)
    lines = _Lines(text)
    limits = _limits(text, starts)
    for match, limit in zip(starts, limits, strict=True):
        _read_step(text, match, limit, ids, draft, Place(f"line {lines.number(match.start(1))}"))
    _add_thoughts(text, starts, lines, draft)


def _limits(text: str, starts: list[re.Match[str]]) -> list[int]:
    """Where the text of each step ends at the latest: the next step, a thought, or the end of the plan."""
    breaks = [match.start() for match in _BREAK.finditer(text)]
    breaks += [match.start() for match in CALL.finditer(text)] + [len(text)]
    breaks.sort()
    return [breaks[bisect(breaks, match.start())] for match in starts]


def _read_step(text: str, match: re.Match[str], limit: int, ids: frozenset[str], draft: Draft, place: Place) -> None:
    step_id, tool = str(int(match[1])), draft.declared(match[2])
    try:
        call = read_call(text, match.end(), limit)
    except UnreadableError as exc:
        draft.problem(place.where, str(exc), "close it before the end of the step", "parse")
        return
    rest = text[call.end : limit]
    if not call.closed:
        draft.notes.warnings.append(f"{place.where}: the parenthesis of {match[2]}( is not closed; taken as closed")
    elif not _TRAILING.fullmatch(rest):
        shown = " ".join(rest.split())[:_SHOWN]
        draft.problem(place.where, f"there is text after the call: {shown!r}", "quote what belongs to it", "parse")
        return
    arguments = _named(call, tool, place, draft)
    if arguments is not None:
        given = draft.rewritten(arguments, place, _MARK, _reading(step_id, ids, place, draft))
        draft.add(place, id=step_id, tool=tool, tool_input=given)


def _reading(own: str, ids: frozenset[str], place: Place, draft: Draft) -> Reading:
    def read(match: re.Match[str], whole: bool) -> str | None:
        number = str(int(match["whole"] or match["braced"] or match["bare"]))
        path = match["whole_path"] or match["path"] or ""
        certain = whole or match["braced"] is not None
        if number in ids and (certain or number != own):
            return number + path
        if certain:
            hint = draft.near(number, ids, "refer to a step by its number")
            draft.problem(place.where, f"{match[0]} refers to no step of the plan", hint, "missing_step")
        else:
            draft.notes.warnings.append(f"{place.where}: {match[0]} is no earlier step, read as text")
        return None

    return read


def _named(call: Call, tool: str, place: Place, draft: Draft) -> dict[str, Any] | None:
    """Return the arguments by name; None when ``draft`` says why they cannot be told apart."""
    parameters = draft.parameters(tool)
    positional = [argument for argument in call.arguments if not argument.name]
    if parameters is None:
        if positional and draft.tools is None:
            names = "its declaration is not known, they are called arg1, arg2, …"
            draft.notes.warnings.append(f"{place.where}: the arguments of {tool} have no names; {names}")
        parameters = tuple(f"arg{index}" for index in range(1, len(positional) + 1))
    elif len(positional) > len(parameters):
        if len(parameters) == 1 and len(positional) == len(call.arguments) and not any(a.quoted for a in positional):
            return {parameters[0]: call.source}  # prose with commas
        takes = ", ".join(parameters) or "none"
        message = f"{tool} takes {_count(len(parameters))} ({takes}), {len(positional)} are given"
        draft.problem(place.where, message, code="input")
        return None
    return _paired(call.arguments, tool, parameters, place, draft)


def _paired(
    arguments: tuple[Argument, ...], tool: str, parameters: tuple[str, ...], place: Place, draft: Draft
) -> dict[str, Any] | None:
    spec = None if draft.tools is None else draft.tools.get(tool)
    properties: dict[str, Any] = {} if spec is None else spec.input_schema.get("properties", {})
    given: dict[str, Any] = {}
    names = iter(parameters)
    for argument in arguments:
        name = argument.name or next(names)
        if name in given:
            draft.problem(place.where, f"{tool} gets its argument {name!r} twice", code="input")
            return None
        if argument.name and properties and name not in properties:
            hint = draft.near(name, parameters, f"it takes {', '.join(parameters)}")
            draft.problem(place.where, f"{tool} has no argument {name!r}", hint, "input")
            return None
        text_wanted = properties.get(name, {}).get("type") == "string" and not argument.quoted
        given[name] = argument.source if text_wanted and not isinstance(argument.value, str) else argument.value
    return given


def _add_thoughts(text: str, starts: list[re.Match[str]], lines: _Lines, draft: Draft) -> None:
    """Put each thought down as the rationale of the step after it."""
    begins = [match.start() for match in starts]
    thoughts: dict[str, str] = {}
    for match in _THOUGHT.finditer(text, 0, begins[-1]):
        index = bisect(begins, match.start())
        if match[1].strip() and index < len(starts):
            thoughts[f"line {lines.number(starts[index].start(1))}"] = match[1].strip()
    for index, place in enumerate(draft.places):
        if place.where in thoughts:
            draft.steps[index] = draft.steps[index].model_copy(update={"rationale": thoughts[place.where]})


class _Lines:
    """Numbers of lines by position, without counting from the start each time."""

    def __init__(self, text: str) -> None:
        self._ends = [match.start() for match in re.finditer("\n", text)]

    def number(self, position: int) -> int:
        return bisect(self._ends, position - 1) + 1 if position else 1


def _line(text: str, match: re.Match[str]) -> str:
    return f"line {_Lines(text).number(match.start(1))}"


def _count(number: int) -> str:
    return f"{number} argument" if number == 1 else f"{number} arguments"
