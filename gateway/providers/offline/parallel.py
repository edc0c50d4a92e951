"""One tool asked for several times in one clause: "40 minutes of A and 20 minutes of B", "each of them"."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from gateway.providers.offline.calls import Call
from gateway.providers.offline.catalogue import OfferedTool
from gateway.providers.offline.filling import Filled
from gateway.providers.offline.quotes import QUOTED
from gateway.providers.offline.references import Link

_JOINT = re.compile(
    r"\s*[,;，；、]\s*(?:(?:and|und|et|y)\s+)?|\s+(?:and|und|et|y|plus)\s+(?:also\s+)?"
    r"|(?:以及|和|与|及)|と(?=\d)|[와과] ",
    re.IGNORECASE,
)
_BRACKETS = re.compile(r"\[[^\[\]]*\]|\([^()]*\)")
_MOST_PIECES = 12
_LEAST_TOLD = 2  # values that each part has to spell out
_EACH = re.compile(
    r"\b(?:each|every one|respectively|separately|individually|both|all of them|jeweils|jede[nrs]?|chacune?"
    r"|cada una?)\b"
    r"|分别|各自|各个|每[个一份]|それぞれ|각각|각자",
    re.IGNORECASE,
)
_THEM = re.compile(
    r"\b(?:them|these|those|all|the two|the three|their|ihnen|leur|ellos|ellas)\b|它们|这些|两者|それら|그것들",
    re.IGNORECASE,
)


def regrouped(tool: OfferedTool, text: str, filled: Filled, read: Callable[[OfferedTool, str], Filled]) -> Filled:
    """Return the arguments of a clause that holds several complete sets of them, the further ones as repeats.

    Args:
        tool: The tool.
        text: The clause.
        filled: What the clause gives when it is read as one.
        read: Reads a part of the clause.

    Cost: linear in the parts, of which only the first dozen are looked at.
    """
    if filled.repeats or filled.shaped or filled.links or len(tool.arguments) < _LEAST_TOLD:
        return filled
    pieces = _pieces(text)
    if not 1 < len(pieces) <= _MOST_PIECES:
        return filled
    groups = _groups(tool, pieces, text, read)
    first, *rest = groups or [filled]
    if not rest or any(one.values.keys() - first.values.keys() for one in rest):
        return filled
    if any(one.values == first.values for one in rest):
        return filled
    first.repeats = [one.values for one in rest]
    first.used = 1.0
    return first


def _pieces(text: str) -> list[tuple[int, int]]:
    masked = _BRACKETS.sub(_blot, QUOTED.sub(_blot, text))
    cuts = [(match.start(), match.end()) for match in _JOINT.finditer(masked) if match.start()]
    starts, ends = [0, *(end for _, end in cuts)], [*(start for start, _ in cuts), len(text)]
    return [(start, end) for start, end in zip(starts, ends, strict=True) if end > start]


def _blot(match: re.Match[str]) -> str:
    return "\x01" * len(match[0])


def _groups(
    tool: OfferedTool, pieces: Sequence[tuple[int, int]], text: str, read: Callable[[OfferedTool, str], Filled]
) -> list[Filled]:
    """Return one reading for each run of pieces that is complete; none when something incomplete is left over."""
    groups: list[Filled] = []
    begin: int | None = None
    for start, end in pieces:
        begin = start if begin is None else begin
        found = read(tool, text[begin:end])
        told = sum(name not in found.links for name in found.values)
        if not found.missing and told >= _LEAST_TOLD and found.typed >= min(_LEAST_TOLD, len(tool.required)):
            groups.append(found)
            begin = None
    return groups if begin is None else []


def shared(call: Call, made: Sequence[Call]) -> list[dict[str, Any]]:
    """Return the arguments of further calls, where a clause asks for each of several calls' results.

    An argument that takes a list takes all the results at once.
    """
    for name, link in call.links.items():
        argument = next(one for one in call.tool.arguments if one.name == name)
        siblings = _siblings(link, made)
        if len(siblings) < 2 or not isinstance(call.values.get(name), str):
            continue
        references = [one.earlier().reference(link.part) for one in siblings]
        if argument.kind == "array" and (link.part is None or link.part.kind != "array"):
            if _THEM.search(call.text) or _EACH.search(call.text):
                call.values[name] = references
            return []
        if _EACH.search(call.text):
            call.values[name] = references[0]
            return [{name: reference} for reference in references[1:]]
    return []


def _siblings(link: Link, made: Sequence[Call]) -> list[Call]:
    """Return the calls that came of the same part of the task as the one linked to, with the same tool."""
    linked = next((one for one in made if one.id == link.earlier.id), None)
    if linked is None:
        return []
    return [one for one in made if one.tool.name == linked.tool.name and one.text == linked.text]
