"""ValueCell's planner answer: ``{"tasks": [{"title", "query", "agent_name", "pattern"}], "adequate", "reason", …}``.

Source: ValueCell-ai/valuecell ``python/valuecell/core/plan/{models,prompts,planner}.py``. Its tasks are independent,
so they run side by side; an inadequate request is a question to the person.
"""

from __future__ import annotations

from typing import Any, cast

from engine.planner.formats.draft import Draft, Place, escaped
from engine.planner.items import json_kind

_FIELDS = {"tool": "agent_name", "tool_input": "query"}
_KNOWN = ("title", "query", "agent_name", "pattern", "schedule_config")
_PATTERNS = ("once", "recurring")
_QUERY = "query"


def read_valuecell(document: Any, draft: Draft) -> None:
    """Read a planner's answer: steps, or the guidance for the person (B19)."""
    if not isinstance(document, dict):
        draft.problem("$", f"expected an object with tasks, got {json_kind(document)}")
        return
    answer = cast("dict[str, Any]", document)
    tasks, adequate = answer.get("tasks", []), answer.get("adequate", True)
    if not isinstance(adequate, bool):
        draft.problem("$.adequate", f"expected true or false, got {json_kind(adequate)}")
    if tasks is not None and not isinstance(tasks, list):
        draft.problem("$.tasks", f"expected a list of tasks, got {json_kind(tasks)}")
    elif not adequate or not tasks:
        _guide(answer, draft, asks=not adequate)
    else:
        for index, task in enumerate(cast("list[Any]", tasks)):
            _add(task, str(index + 1), Place(f"$.tasks[{index}]", _FIELDS), draft)


def _guide(answer: dict[str, Any], draft: Draft, *, asks: bool) -> None:
    said = [answer.get(name) for name in ("guidance_message", "reason")]
    text = next((one.strip() for one in said if isinstance(one, str) and one.strip()), "")
    if not text:
        draft.problem("$.guidance_message", "there are no tasks, and nothing says why", "give guidance_message")
        return
    draft.head["question" if asks else "answer"] = text if asks else escaped(text)


def _add(item: Any, step_id: str, place: Place, draft: Draft) -> None:
    if not isinstance(item, dict):
        draft.problem(place.where, f"expected a task, an object, got {json_kind(item)}")
        return
    task = cast("dict[str, Any]", item)
    for name in ("agent_name", "query"):
        if not isinstance(task.get(name), str) or not task[name]:
            said = f"expected a text, got {json_kind(task[name])}" if name in task else "this field is missing"
            draft.problem(f"{place.where}.{name}", said, draft.near(name, [key for key in task if key not in _KNOWN]))
            return
    if not _once(task, place, draft):
        return
    draft.notes.ignored(place.where, (key for key in task if key not in _KNOWN))
    tool = draft.declared(task["agent_name"])
    title = task.get("title")
    draft.add(
        place,
        id=step_id,
        tool=tool,
        tool_input={_argument(tool, draft): escaped(task["query"])},
        description=title if isinstance(title, str) and title else None,
    )


def _once(task: dict[str, Any], place: Place, draft: Draft) -> bool:
    pattern = task.get("pattern") or "once"
    if pattern == "recurring":
        message = "a recurring task cannot be applied as a plan, which runs once"
        draft.problem(f"{place.where}.pattern", message, 'write "once" and repeat the command on a schedule')
    elif pattern not in _PATTERNS:
        message = f"{pattern!r} is not one of 'once', 'recurring'"
        draft.problem(f"{place.where}.pattern", message, draft.near(str(pattern), _PATTERNS))
    return pattern == "once"


def _argument(tool: str, draft: Draft) -> str:
    """Return the argument that takes the query: of that name, else the only required one, else the first."""
    parameters = draft.parameters(tool)
    if not parameters or _QUERY in parameters:
        return _QUERY
    required = (draft.tools or {})[tool].required
    return required[0] if len(required) == 1 else parameters[0]
