"""Reads a plan from text in any format that is known here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from engine.planner.formats.canonical import read_canonical
from engine.planner.formats.detect import Form, detect
from engine.planner.formats.draft import Draft
from engine.planner.formats.graph import read_graph
from engine.planner.formats.hugginggpt import read_hugginggpt
from engine.planner.formats.llmcompiler import read_llmcompiler
from engine.planner.formats.nestful import read_nestful
from engine.planner.formats.rewoo import read_rewoo
from engine.planner.formats.valuecell import read_valuecell
from engine.planner.items import by_name
from engine.planner.jsontext import loads
from engine.planner.read import WANTED
from schemas.errors import PlanParseError
from schemas.plan import Plan
from schemas.tool import ToolSpec

_FENCED = re.compile(r"\s*```[^\n]*\n(.*?)\n?[ \t]*```\s*", re.S)
_PROSE = re.compile(r"\s*(?!(?:null|true|false|NaN|Infinity)\b)[^\W\d]")
_KNOWN = f"{WANTED}; other formats: {', '.join(get_args(Form)[1:])}"
_OF_TEXT: dict[Form, Callable[[str, Draft], None]] = {"llmcompiler": read_llmcompiler, "rewoo": read_rewoo}
_OF_JSON: dict[Form, Callable[[Any, Draft], None]] = {
    "hugginggpt": read_hugginggpt,
    "graph": read_graph,
    "valuecell": read_valuecell,
    "nestful": read_nestful,
}


def load_plan(
    text: str,
    form: Form | None = None,
    *,
    tools: Mapping[str, ToolSpec] | Sequence[ToolSpec] | None = None,
    judge: ToolSpec | None = None,
    checked: bool = True,
) -> tuple[Plan, list[str]]:
    """Read a plan file, in our own format or another's.

    Args:
        text: The file's text; a Markdown fence around the whole is taken off.
        form: The format; by its structure when left out.
        tools: The declared tools. Positional arguments need them for their names, and another's plan is checked
            against them at once, so that what is wrong is named by its place in the source.
        judge: The tool that decides a condition in words; without one such a condition is refused.
        checked: Whether another's plan must name declared tools only; a picture of it need not.

    Returns:
        The plan, and a warning for each thing that was ignored or taken for something else.

    Raises:
        PlanParseError: The text is no plan, or may be of several formats.
        PlanSchemaError, PlanGraphError: A field is missing or wrong; ``details["problems"]`` lists each with its place.

    Cost: linear in the text.
    """
    fenced = _FENCED.fullmatch(text)
    text = (fenced[1] if fenced else text).removeprefix("\ufeff")
    if not text.strip():
        raise PlanParseError("$: the text is empty", hint=WANTED)
    try:
        return _read(text, form or detect(text), Draft(None if tools is None else by_name(tools), judge, checked))
    except RecursionError:
        raise PlanParseError("it is nested too deeply") from None


def _read(text: str, form: Form, draft: Draft) -> tuple[Plan, list[str]]:
    if form == "engine":
        if _PROSE.match(text):
            raise PlanParseError("no plan can be recognised in it", hint=_KNOWN)
        return read_canonical(loads(text))
    if form in _OF_TEXT:
        _OF_TEXT[form](text, draft)
    else:
        _OF_JSON[form](loads(text), draft)
    return draft.plan(), draft.notes.warnings
