"""Calls inside a clause: "the X of the Y of …" needs what gives Y first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from gateway.providers.offline.affinity import suits_field
from gateway.providers.offline.arguments import fill
from gateway.providers.offline.calls import Call, Calls
from gateway.providers.offline.catalogue import Argument, OfferedTool
from gateway.providers.offline.choose import Choice, choose
from gateway.providers.offline.score import Index
from gateway.providers.offline.words import stems

_VAGUE = 2  # a noun that more tools give than this tells nothing
_SUITS = 0.5
_INSIDE = re.compile(
    r"\b(?:of|for|on|from|to) (?:the |all )?(?P<what>(?!an? |the )[a-z][\w-]*(?: [a-z][\w-]*)?) "
    r"(?:of|for|between|from|in|about|by|on)\b",
    re.IGNORECASE,
)
_AS = re.compile(r" as (?:the|its) [\w ]+$", re.IGNORECASE)
_THING = re.compile(
    r"\b(?:the|a|an) (?P<what>[a-z][\w-]*(?: [a-z][\w-]*){1,2}?)(?= (?:with|using|to|as|into|in|by|and)\b|[,.]|$)"
)


def unnest(outer: Choice, text: str, index: Index, calls: Calls) -> Choice:
    """Plan the calls inside a clause and return the outer call made from their results; without any, ``outer``."""
    for match in _INSIDE.finditer(text):
        inner = _inner(outer, match, text[match.start("what") :], index, calls)
        as_what = _AS.search(text, match.end())
        made = inner and _from(outer, inner, text[: match.end("what")] + (as_what[0] if as_what else ""), calls)
        if made:
            return made
    return _from_thing(outer, text, index, calls) or outer


def _inner(outer: Choice, match: re.Match[str], text: str, index: Index, calls: Calls) -> Call | None:
    """Return the call that gives what "the Y of …" asks for, all its arguments said."""
    noun = stems(match["what"])[-1:]
    if not noun or noun[0] in outer.tool.stems or _vague(noun[0], index):
        return None
    for choice in choose(index, text, [], False, (outer.tool.name,))[:3]:
        if _gives(choice.tool, noun[0]):
            complete = choice.filled.values and not choice.filled.missing
            return Call(calls.next_id, choice.tool, dict(choice.filled.values), text) if complete else None
    return None


def _from_thing(outer: Choice, text: str, index: Index, calls: Calls) -> Choice | None:
    """Plan a tool that needs no arguments, when the clause names what it gives ("the latest notice")."""
    if outer.filled.links:
        return None
    for match in _THING.finditer(text):
        said = set(stems(match["what"]))
        if len(said) < 2 or said & outer.tool.stems:
            continue
        for tool in index.tools:
            if not tool.required and said <= tool.key:
                return _from(outer, Call(calls.next_id, tool, {}, match["what"]), text, calls)
    return None


def _from(outer: Choice, inner: Call, text: str, calls: Calls) -> Choice | None:
    """Return the outer call made from the inner one's result, which is planned; None when it would not use it."""
    twin = calls.twin(inner)
    earlier = calls.earlier()
    filled = fill(outer.tool, text, earlier if twin else [*earlier, inner.earlier()], linked=True)
    if not any(link.earlier.id == (twin or inner).id for link in filled.links.values()):
        return None
    if twin is None:
        if calls.failed_before(inner):
            return None
        calls.append(inner)
        filled = fill(outer.tool, text, calls.earlier(), linked=True)
    return Choice(outer.tool, filled, outer.score, outer.words)


def produce(argument: Argument, best: Choice, text: str, index: Index, calls: Calls) -> str | None:
    """Plan the one tool whose result is an open argument and whose own arguments are what the clause has left.

    Returns:
        A reference to the result; None when there is no such tool, or more than one.
    """
    rest = _blotted(text, best.filled.spans)
    makers: list[tuple[OfferedTool, Argument, dict[str, Any]]] = []
    for tool in index.tools:
        part = next((p for p in tool.returns if set(p.name_stems) == set(argument.name_stems)), None)
        if part is None or tool.name == best.tool.name or suits_field(argument, part) < _SUITS or not tool.required:
            continue
        filled = fill(tool, rest)
        if not filled.missing and filled.typed >= len(tool.required):
            makers.append((tool, part, filled.values))
    if len(makers) != 1:
        return None
    tool, part, values = makers[0]
    call = Call(calls.next_id, tool, values, text)
    if calls.failed_before(call):
        return None
    calls.append(call)
    return call.earlier().reference(part)


def _vague(noun: str, index: Index) -> bool:
    """Whether many tools give something of that name."""
    return sum(any(noun in part.name_stems for part in tool.returns) for tool in index.tools) > _VAGUE


def _gives(tool: OfferedTool, noun: str) -> bool:
    """Whether a tool's result is called so."""
    return noun in ({one for part in tool.returns for one in part.name_stems} if tool.returns else tool.stems)


def _blotted(text: str, spans: Sequence[tuple[int, int]]) -> str:
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text
