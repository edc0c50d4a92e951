"""NESTFUL's calls: ``[{"name", "label": "var1", "arguments": {"a": "$var0.path$"}}, …, {"name": "var_result"}]``.

Source: IBM NESTFUL, https://github.com/IBM/NESTFUL and arXiv:2409.03797, section 3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from engine.planner.formats.draft import Draft, Place, Reading, escaped
from engine.planner.items import json_kind

RESULT = "var_result"
_MARK = re.compile(r"\$([A-Za-z_]\w*)((?:\.[\w-]+|\[-?\d+\])*)\$")
_FIELDS = {"tool": "name", "tool_input": "arguments", "id": "label"}
_KNOWN = frozenset({"name", "label", "arguments"})
_WHOLE = "a plan is a list of calls, or a row of the set with input and output"


def read_nestful(document: Any, draft: Draft) -> None:
    """Read a list of calls, or a row of the data set, which has the request beside them.

    ``var_result`` becomes the plan's answer, one line a part.
    """
    calls, path = document, "$"
    if isinstance(document, dict):
        row = cast("dict[str, Any]", document)
        calls, path = row.get("output"), "$.output"
        if isinstance(row.get("input"), str):
            draft.head["goal"] = row["input"]
    if not isinstance(calls, list):
        draft.problem(path, f"expected a list of calls, got {json_kind(calls)}", _WHOLE)
        return
    found = [_call(item, f"{path}[{index}]", draft) for index, item in enumerate(cast("list[Any]", calls))]
    labels = _labels(found, path, draft)
    for index, call in enumerate(found):
        place = Place(f"{path}[{index}]", _FIELDS)
        if call and call["name"] == RESULT:
            _conclude(call["arguments"], labels, place, draft)
        elif call:
            arguments = draft.rewritten(call["arguments"], place, _MARK, _reading(labels, place, draft))
            draft.add(place, id=labels[index], tool=draft.declared(call["name"]), tool_input=arguments)


def _call(item: Any, path: str, draft: Draft) -> dict[str, Any] | None:
    if not isinstance(item, dict):
        draft.problem(path, f"expected a call, an object, got {json_kind(item)}")
        return None
    call = cast("dict[str, Any]", item)
    name, arguments, label = call.get("name"), call.get("arguments", {}), call.get("label", "")
    if not isinstance(name, str) or not name:
        draft.problem(f"{path}.name", "expected a function's name" if "name" in call else "this field is missing")
    elif not isinstance(arguments, dict):
        draft.problem(f"{path}.arguments", f"expected an object, got {json_kind(arguments)}")
    elif not isinstance(label, str):
        draft.problem(f"{path}.label", f"expected a text, got {json_kind(label)}")
    else:
        draft.notes.ignored(path, (key for key in call if key not in _KNOWN))
        return {"name": name, "arguments": arguments, "label": label}
    return None


def _labels(calls: list[dict[str, Any] | None], path: str, draft: Draft) -> dict[int, str]:
    """Return each call's label by its index.

    One that is missing, or taken, is the call's number: the set names its n-th call ``var<n>``, and two of its plans
    repeat a label where the references count on.
    """
    labels: dict[int, str] = {}
    for index, call in enumerate(calls):
        if call is None or call["name"] == RESULT:
            continue
        label = call["label"].strip("$")
        if label in labels.values():
            number = f"var{index + 1}"
            draft.notes.warnings.append(f"{path}[{index}].label: {label!r} is taken, the call is named {number!r}")
            label = number
        labels[index] = label or f"var{index + 1}"
    return labels


def _reading(labels: Mapping[int, str], place: Place, draft: Draft) -> Reading:
    known = frozenset(labels.values())

    def read(match: re.Match[str], whole: bool) -> str | None:
        name = match[1]
        if name in known:
            return name + match[2]
        if whole or name.startswith("var"):
            message = f"there is no call labelled {name!r}"
            draft.problem(place.at(".tool_input"), message, draft.near(name, known), "missing_step")
        return None

    return read


def _conclude(arguments: dict[str, Any], labels: Mapping[int, str], place: Place, draft: Draft) -> None:
    """Make the parts of the result the plan's answer; a part that names no call is left out, with a warning."""
    if "answer" in draft.head:
        draft.problem(place.where, f"a second {RESULT}", "give all parts of the answer in one")
        return
    known = frozenset(labels.values())
    parts: dict[str, Any] = {}
    for name, value in arguments.items():
        match = _MARK.fullmatch(value) if isinstance(value, str) else None
        if match and match[1] not in known:
            where = place.at(f".tool_input.{name}")
            draft.notes.warnings.append(f"{where}: there is no call labelled {match[1]!r}, this part is left out")
        else:
            parts[name] = draft.rewritten(value, place, _MARK, _reading(labels, place, draft))
    if parts:
        lines = (f"{escaped(name)}: {_shown(value)}" for name, value in parts.items())
        draft.head["answer"] = "\n".join(lines)
        draft.head["expected_output_format"] = f"one value for each of: {', '.join(parts)}"


def _shown(value: Any) -> str:
    """Return a part of the answer as template text."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(_shown(item) for item in cast("list[Any]", value))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_shown(item)}" for key, item in cast("dict[str, Any]", value).items())
    return "true" if value is True else "false" if value is False else "none" if value is None else str(value)
