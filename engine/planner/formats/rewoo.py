"""ReWOO's plan text: ``Plan: …`` and ``#E1 = Tool[input]``, evidence referred to as ``#E1`` in later inputs.

Sources: billxbf/ReWOO ``nodes/{Planner,Worker}.py`` (its workers take one text each; ``LLM`` is a model) and arXiv
2305.18323, section 2; LangGraph's tutorial of it. Read here and not there: ``#E10`` beside ``#E1``, brackets inside
an input, several lines, evidence that is not there.
"""

from __future__ import annotations

import re
from typing import Any, cast

from engine.planner.formats.detect import EVIDENCE
from engine.planner.formats.draft import Draft, Place, Reading
from engine.planner.formats.pythonic import UnreadableError, read_call
from engine.planner.jsontext import loads
from schemas.errors import PlanParseError

LLM = "LLM"
_MODEL_TOOL = "ask_model"
_MARK = re.compile(r"\A#E(?P<whole>\d+)(?P<path>(?:\.[A-Za-z_][\w-]*|\[-?\d+\])*)\Z|#E(?P<inside>\d+)")
_PLAN = re.compile(r"^[ \t]*Plan:[ \t]*", re.M)
_STATEMENT = re.compile(r"^[ \t]*#E(\d*)[ \t]*=[ \t]*([^\n]*)", re.M)
_GOAL = re.compile(r"^[ \t]*(?:Task|Question):[ \t]*([^\n]*\S)", re.M)


def read_rewoo(text: str, draft: Draft) -> None:
    """Read a plan text. Cost: linear in the text."""
    starts = list(EVIDENCE.finditer(text))
    goal = _GOAL.search(text)
    if goal:
        draft.head["goal"] = goal[1]
    _note_odd_lines(text, starts, draft)
    if not starts and not draft.notes.problems:
        draft.problem("line 1", "there is no step", "write one a line: #E1 = Tool[input]", "parse")
    ids = frozenset(f"E{int(match[1])}" for match in starts)
    plans = list(_PLAN.finditer(text))
    said = 0
    line, counted = 1, 0
    for index, match in enumerate(starts):
        line += text.count("\n", counted, match.start(1))
        counted = match.start(1)
        thought = ""
        while said < len(plans) and plans[said].start() < match.start(1):
            thought = text[plans[said].end() : text.rfind("#", plans[said].end(), match.start(1))]
            said += 1
        limit = starts[index + 1].start() if index + 1 < len(starts) else len(text)
        if said < len(plans):
            limit = min(limit, plans[said].start())
        _read_step(text[match.end() : limit], match, " ".join(thought.split()), ids, draft, Place(f"line {line}"))


def _note_odd_lines(text: str, starts: list[re.Match[str]], draft: Draft) -> None:
    """Name each line that begins like a step and is none."""
    read = {match.start(1) for match in starts}
    line, counted = 1, 0
    for match in _STATEMENT.finditer(text):
        if match.start(1) not in read:
            line += text.count("\n", counted, match.start(1))
            counted = match.start(1)
            shown = match[0].strip()[:40]
            draft.problem(f"line {line}", f"{shown!r} is no step", "write #E1 = Tool[input]", "parse")


def _read_step(rest: str, match: re.Match[str], thought: str, ids: frozenset[str], draft: Draft, place: Place) -> None:
    end = rest.rfind("]")
    if end < 0:
        draft.problem(place.where, f"the bracket of {match[2]}[ is not closed", "write #E1 = Tool[input]", "parse")
        return
    after = " ".join(rest[end + 1 :].split())
    if after and not after.startswith("#"):
        draft.notes.warnings.append(f"{place.where}: text after the input, ignored: {after[:40]!r}")
    own = f"E{int(match[1])}"
    tool = _worker(match[2], draft)
    arguments = _arguments(rest[:end].strip(), tool, draft, place)
    given = draft.rewritten(arguments, place, _MARK, _reading(ids, place, draft))
    draft.add(place, id=own, tool=tool, tool_input=given, description=thought or None)


def _worker(name: str, draft: Draft) -> str:
    """Return the tool a worker stands for; ReWOO's model worker is the built-in ``ask_model`` unless it is declared."""
    tool = draft.declared(name)
    if name == LLM and draft.tools is not None and tool not in draft.tools:
        return _MODEL_TOOL
    return tool


def _arguments(text: str, tool: str, draft: Draft, place: Place) -> dict[str, Any]:
    """Return the input by name: an object, keywords, one text, or as many parts as the tool requires."""
    parameters = draft.parameters(tool)
    if not parameters or not text:
        return {"input": _bare(text)} if text else {}
    written = _object(text) if len(parameters) > 1 else None
    if written is not None:
        return written
    spec = (draft.tools or {})[tool]
    wanted = tuple(spec.required or parameters)
    if len(wanted) == 1 and not _has_keywords(text, parameters):
        return {wanted[0]: _typed(_bare(text), spec.input_schema, wanted[0])}
    return _several(text, wanted, parameters, place, draft)


def _object(text: str) -> dict[str, Any] | None:
    """Return an input that is written as a JSON object."""
    try:
        value = loads(text) if text.startswith("{") else None
    except PlanParseError:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _several(
    text: str, wanted: tuple[str, ...], parameters: tuple[str, ...], place: Place, draft: Draft
) -> dict[str, Any]:
    try:
        call = read_call(text, 0, len(text))
    except UnreadableError as exc:
        draft.problem(place.where, str(exc), code="parse")
        return {}
    named = {argument.name: argument.value for argument in call.arguments if argument.name}
    positional = [argument.value for argument in call.arguments if not argument.name]
    if not named and len(positional) == 1:
        return {wanted[0]: _bare(text)}
    if call.end < len(text) or len(positional) + len(named) > len(parameters):
        message = f"{len(positional) + len(named)} inputs are given, there are {len(parameters)}"
        draft.problem(place.where, message, f"arguments: {', '.join(parameters)}", "input")
        return {}
    unknown = next((name for name in named if name not in parameters), None)
    if unknown is not None:
        draft.problem(place.where, f"there is no argument {unknown!r}", draft.near(unknown, parameters), "input")
    free = [name for name in (*wanted, *parameters) if name not in named]
    return {**dict(zip(dict.fromkeys(free), positional, strict=False)), **named}


def _has_keywords(text: str, parameters: tuple[str, ...]) -> bool:
    match = re.match(r"\s*([A-Za-z_]\w*)\s*=(?!=)", text)
    return match is not None and match[1] in parameters


def _bare(text: str) -> str:
    """Take the quotes off a text that is quoted as a whole."""
    inner = text[1:-1]
    return inner if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" and text[0] not in inner else text


def _typed(text: str, schema: dict[str, Any], name: str) -> Any:
    """Return the input in the type its argument takes, where it is written so: ``3``, ``[…]``."""
    kind = schema.get("properties", {}).get(name, {}).get("type", "string")
    if kind == "string" or text.startswith("#E"):
        return text
    try:
        return loads(text)
    except PlanParseError:
        return text


def _reading(ids: frozenset[str], place: Place, draft: Draft) -> Reading:
    def read(match: re.Match[str], whole: bool) -> str | None:
        del whole
        found = f"E{int(match['whole'] or match['inside'])}"
        if found not in ids:
            draft.problem(place.where, f"there is no #{found}", draft.near(found, ids), "missing_step")
            return None
        return found + (match["path"] or "")

    return read
