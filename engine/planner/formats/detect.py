"""Which format a plan is in, decided by its structure; never by a guess at its words."""

from __future__ import annotations

import json
import re
from typing import Any, Literal, cast

from schemas.errors import PlanParseError

Form = Literal["engine", "llmcompiler", "rewoo", "hugginggpt", "graph", "valuecell", "nestful"]

CALL = re.compile(r"^[ \t]*(\d{1,9})[.)][ \t]*([A-Za-z_][\w.-]*)[ \t]*\(", re.M)
"""The beginning of a step in LLMCompiler's text."""
EVIDENCE = re.compile(r"(?:^[ \t]*|^[ \t]*Plan:[^\n]*?[ \t])#E(\d{1,9})[ \t]*=[ \t]*([\w .-]{1,80}?)[ \t]*\[", re.M)
"""The beginning of a step in ReWOO's text, on a line of its own or after its plan."""

_EVIDENCE_SIGN = re.compile(r"^[ \t]*#E\d+[ \t]*=", re.M)
_GUIDED = frozenset({"adequate", "guidance_message"})
_CANONICAL = frozenset({"tool", "tool_input"})


def detect(text: str) -> Form:
    """Return the format of a plan file that is not empty.

    Raises:
        PlanParseError: It fits several formats, which are listed.

    >>> detect('1. search("Rhine")'), detect("#E1 = Google[Rhine]"), detect('[{"task": "t", "id": 0, "dep": [-1]}]')
    ('llmcompiler', 'rewoo', 'hugginggpt')
    """
    found = _of_json(text) if text.lstrip()[:1] in ("{", "[") else _of_text(text)
    if len(found) > 1:
        raise PlanParseError(
            f"this may be a plan of several formats: {', '.join(found)}", hint="choose one by --format (form=…)"
        )
    return found[0] if found else "engine"


def _of_text(text: str) -> list[Form]:
    found: list[Form] = []
    if CALL.search(text):
        found.append("llmcompiler")
    if EVIDENCE.search(text) or _EVIDENCE_SIGN.search(text):
        found.append("rewoo")
    return found


def _of_json(text: str) -> list[Form]:
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError):
        return []  # the canonical reader says what is wrong with it
    if isinstance(document, dict):
        return _of_object(cast("dict[str, Any]", document))
    return _of_list(cast("list[Any]", document)) if isinstance(document, list) else []


def _of_object(fields: dict[str, Any]) -> list[Form]:
    if _keys(fields.get("steps")) & _CANONICAL:
        return ["engine"]  # whatever else is there is an unknown field, and no more
    marks: dict[Form, bool] = {
        "engine": "steps" in fields,
        "graph": ("nodes" in fields and "edges" in fields) or isinstance(fields.get("edges"), list),
        "valuecell": bool(fields.keys() & _GUIDED) or "agent_name" in _keys(fields.get("tasks")),
        "nestful": {"name", "arguments"} <= _keys(fields.get("output")),
    }
    return [form for form, found in marks.items() if found]


def _of_list(items: list[Any]) -> list[Form]:
    keys = _keys(items)
    found: list[Form] = []
    if "task" in keys and keys & {"dep", "args"}:
        found.append("hugginggpt")
    if {"name", "arguments"} <= keys:
        found.append("nestful")
    return found


def _keys(items: Any) -> set[str]:
    """The fields of the objects in a list, all together."""
    listed = cast("list[Any]", items) if isinstance(items, list) else []
    return {key for item in listed if isinstance(item, dict) for key in cast("dict[str, Any]", item)}
