"""HuggingGPT's tasks: ``[{"task": "image-to-text", "id": 0, "dep": [-1], "args": {"image": "<GENERATED>-0"}}]``.

Source: microsoft/JARVIS ``hugginggpt/server/awesome_chat.py`` (parse_task, fix_dep, unfold). ``dep: [-1]`` is none; an
argument of several results, ``<GENERATED>-0,<GENERATED>-1``, runs the task once for each. There both copies keep one
id, so that one result overwrites the other; here it is a foreach, whose result is the list of both.
"""

from __future__ import annotations

import re
from typing import Any, cast

from engine.planner.formats.draft import Draft, Place, Reading
from engine.planner.items import json_kind

_MARK = re.compile(r"<GENERATED>-(\d{1,9})((?:\.[A-Za-z_][\w-]*|\[-?\d+\])*)(?![\d-])")
_SEVERAL = re.compile(r"\s*<GENERATED>-\d{1,9}(?:\s*,\s*<GENERATED>-\d{1,9})+\s*")
_FIELDS = {"tool": "task", "tool_input": "args", "depends_on": "dep"}
_KNOWN = frozenset({"task", "id", "dep", "args", "description"})
_NONE = -1


def read_hugginggpt(document: Any, draft: Draft) -> None:
    """Read a list of tasks."""
    if not isinstance(document, list):
        draft.problem("$", f"expected a list of tasks, got {json_kind(document)}", '[{"task", "id", "dep", "args"}]')
        return
    items = cast("list[Any]", document)
    tasks = [_task(item, f"$[{index}]", draft) for index, item in enumerate(items)]
    ids = frozenset(str(task["id"]) for task in tasks if task)
    for index, task in enumerate(tasks):
        if task:
            _add(task, Place(f"$[{index}]", _FIELDS), ids, draft)


def _task(item: Any, path: str, draft: Draft) -> dict[str, Any]:
    """Return a task whose fields are of the right kinds; empty when ``draft`` says what is wrong with it."""
    if not isinstance(item, dict):
        draft.problem(path, f"expected a task, an object, got {json_kind(item)}")
        return {}
    task = cast("dict[str, Any]", item)
    checks = (
        ("task", isinstance(task.get("task"), str), "a text"),
        ("id", isinstance(task.get("id"), (int, str)) and not isinstance(task.get("id"), bool), "a number"),
        ("args", isinstance(task.get("args", {}), dict), "an object"),
        ("dep", isinstance(task.get("dep", []), (list, int)), "a list of ids"),
    )
    for name, fine, wanted in checks:
        if not fine:
            missing = name not in task
            said = "this field is missing" if missing else f"expected {wanted}, got {json_kind(task[name])}"
            draft.problem(f"{path}.{name}", said, draft.near(name, [key for key in task if key not in _KNOWN]))
            return {}
    draft.notes.ignored(path, (key for key in task if key not in _KNOWN))
    return task


def _add(task: dict[str, Any], place: Place, ids: frozenset[str], draft: Draft) -> None:
    reading = _reading(ids, place, draft)
    arguments = cast("dict[str, Any]", task.get("args", {}))
    several = [key for key, value in arguments.items() if isinstance(value, str) and _SEVERAL.fullmatch(value)]
    repeat: list[Any] | None = None
    if len(several) > 1:
        where = place.at(f".tool_input.{several[1]}")
        draft.problem(where, "only one argument may take several results", "make it two tasks")
        return
    if several:
        parts = [part.strip() for part in arguments[several[0]].split(",")]
        repeat = draft.rewritten(parts, place, _MARK, reading)
    given = draft.rewritten({k: v for k, v in arguments.items() if k not in several}, place, _MARK, reading)
    given = {key: "{{item}}" if key in several else given[key] for key in arguments}
    draft.add(
        place,
        id=task["id"],
        tool=draft.declared(task["task"]),
        tool_input=given,
        depends_on=_needed(task.get("dep", []), ids, place, draft),
        foreach=repeat,
        description=task.get("description"),
    )


def _needed(dep: Any, ids: frozenset[str], place: Place, draft: Draft) -> list[str]:
    listed = cast("list[Any]", dep) if isinstance(dep, list) else [dep]
    found: list[str] = []
    for index, needed in enumerate(listed):
        if needed == _NONE:
            continue
        if str(needed) not in ids:
            where = place.at(f".depends_on[{index}]")
            draft.problem(where, f"there is no task of id {needed!r}", draft.near(str(needed), ids), "missing_step")
        else:
            found.append(str(needed))
    return found


def _reading(ids: frozenset[str], place: Place, draft: Draft) -> Reading:
    def read(match: re.Match[str], whole: bool) -> str | None:
        del whole
        if match[1] not in ids:
            where = place.at(".tool_input")
            draft.problem(
                where, f"{match[0]}: there is no task of id {match[1]}", draft.near(match[1], ids), "missing_step"
            )
            return None
        return match[1] + match[2]

    return read
