"""Suites of our own, from the JSON files of ``own/``: finance and operations work over tools with effects.

A tool gives the fields that its case tells, and ``words`` words of notes around them where it says so: what such tools
give at work is mostly text that nobody needed. A model is offered a case's tools among others, ``OFFERED`` in all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.orchestration.case import REFERENCE, Case, CaseStep, CaseTool, Each
from benchmarks.simulated.profile import chance

FOLDER = Path(__file__).parent / "own"
OFFERED = 10
_NOTES = (
    "the period under review shows a steady course with few exceptions that were looked into at the time and closed "
    "after the usual exchange with those who answer for them while figures of earlier years stand restated as the "
    "method changed and totals may differ by rounding"
)


def named() -> dict[str, str]:
    """Return the suites there are, each with what it is about."""
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
    return {name: told["about"] for name, told in found.items()}


def cases(suite: str, folder: Path) -> list[Case]:
    """Return the cases of a suite; no data folder is needed."""
    del folder
    told = json.loads((FOLDER / f"{suite}.json").read_text(encoding="utf-8"))
    tools = {one["name"]: one for one in told["tools"]}
    return [_case(suite, one, tools) for one in told["cases"]]


def loader(suite: str) -> partial[list[Case]]:
    """Return what loads a suite."""
    return partial(cases, suite)


def _case(suite: str, told: Mapping[str, Any], tools: Mapping[str, Mapping[str, Any]]) -> Case:
    groups: dict[str, tuple[str, ...]] = {}
    steps: list[CaseStep] = []
    for number, one in enumerate(told["steps"], 1):
        made = list(_steps(str(number), one, tools, groups))
        if "foreach" in one:
            groups[str(number)] = tuple(step.id for step in made)
        steps += made
    needed = {step.tool for step in steps}
    others = sorted(set(tools) - needed, key=lambda name: chance(f"{told['id']} {name}"))
    offered = sorted(needed | set(others[: max(0, OFFERED - len(needed))]))
    return Case(
        suite,
        told["id"],
        told["question"],
        tuple(_tool(tools[name]) for name in offered),
        tuple(steps),
        told["answer"],
        templated=told.get("templated", False),
        approves=tuple(told.get("approves", ())),
        expects=tuple(told.get("expects", ())),
    )


def _steps(
    label: str, told: Mapping[str, Any], tools: Mapping[str, Mapping[str, Any]], groups: Mapping[str, tuple[str, ...]]
) -> Iterator[CaseStep]:
    """Yield the step that is told, or one for each item that its list turns out to have.

    Args:
        label: Its id in the file.
        told: ``call``, ``gives`` (with ``foreach``: what each gives), ``after``.
        tools: By name.
        groups: The ids of the steps that earlier ones with a ``foreach`` became.
    """
    ((tool, arguments),) = told["call"].items()
    after = tuple(one for before in told.get("after", ()) for one in groups.get(before, (before,)))
    if "foreach" not in told:
        gives = _given(tool, arguments, told["gives"], tools)
        spread = {name: _spread(value, groups) for name, value in arguments.items()}
        yield CaseStep(label, tool, spread, gives, after, planned=arguments if spread != arguments else None)
        return
    match = REFERENCE.fullmatch(told["foreach"])
    assert match is not None
    each = Each(label, told["foreach"], arguments, groups.get(match["step"], (match["step"],)))
    for at, gives in enumerate(told["gives"]):
        members = groups.get(match["step"])
        item = members[at] if members else f"{match['step']}{match['path']}[{at}]"
        mine = {name: _with_item(value, item) for name, value in arguments.items()}
        yield CaseStep(f"{label}{'abcdefgh'[at]}", tool, mine, _given(tool, [mine, at], gives, tools), after, each)


def _spread(value: Any, groups: Mapping[str, tuple[str, ...]]) -> Any:
    """Return a reference to what was given for each item as a list of references."""
    match = REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if match is None or match["step"] not in groups:
        return value
    return [f"{{{{{one}{match['path'].removeprefix('[*]')}}}}}" for one in groups[match["step"]]]


def _with_item(value: Any, item: str) -> Any:
    """Return a value with a reference to the item put in."""
    return value.replace("{{item", "{{" + item) if isinstance(value, str) else value


def _given(tool: str, of: Any, told: Mapping[str, Any], tools: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    words = tools[tool].get("words", 0)
    return {**told, **({"notes": _notes(f"{tool} {json.dumps(of)}", words)} if words else {})}


def _tool(told: Mapping[str, Any]) -> CaseTool:
    gives = dict(told["returns"], **({"notes": "string"} if told.get("words") else {}))
    return CaseTool(
        told["name"],
        told["description"],
        {**_object(told["arguments"]), "additionalProperties": False},
        mean_s=told["mean_s"],
        effects=told.get("effects", "none"),
        reads=tuple(told.get("reads", ())),
        writes=tuple(told.get("writes", ())),
        returns=_object(gives),
    )


def _object(kinds: Mapping[str, str]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": kind} for name, kind in kinds.items()}} | {
        "required": list(kinds)
    }


def _notes(of: str, words: int) -> str:
    """Return so many words, from a place that is a hash of a text."""
    known = _NOTES.split()
    begin = int(chance(of) * len(known))
    return " ".join(known[(begin + place) % len(known)] for place in range(words)) + "."
