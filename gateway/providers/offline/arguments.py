"""A clause's values given to a tool's arguments: the best pairs first, then phrases; nothing is made up."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.providers.offline.affinity import role_of, suits_field, typed
from gateway.providers.offline.catalogue import Argument, OfferedTool
from gateway.providers.offline.filling import Filled, Work, best_link
from gateway.providers.offline.gathering import arrays, explode, parted_moments, structures
from gateway.providers.offline.pairing import options, pairs
from gateway.providers.offline.parallel import regrouped
from gateway.providers.offline.phrases import phrase, unknown_runs
from gateway.providers.offline.references import Earlier, cues, links_to, pronouns
from gateway.providers.offline.segments import segments
from gateway.providers.offline.shapes import shape
from gateway.providers.offline.values import Mention, mentions
from gateway.providers.offline.words import is_cjk, likeness, stemmed, stems

_CJK_AND = re.compile(r"[和与跟及、と]|(?<=[가-힣])[와과] ")
_LONGEST_NAME = 6
_STRAINED = 0.8  # what is left to a tool that takes apart what is written as one
_ARTICLE = re.compile(r"^(?:the|a|an|my|our|der|die|das|le|la|les|el|los|las)\s+", re.IGNORECASE)
_ASIDE = re.compile(r"\s+(?:in|with|for|at|on|from|using|by|via|to)\s.*$", re.IGNORECASE)
_INSTRUCTION = stemmed("prompt instruction instructions")
_WHOLE_REQUEST = re.compile(r"\b(?:whole|full|entire|complete) (?:request|question|task|query)\b", re.IGNORECASE)
_MATERIAL = stemmed("data text context input content")


def fill(tool: OfferedTool, text: str, earlier: Sequence[Earlier] = (), linked: bool = False) -> Filled:
    """Return the arguments a clause gives a tool, further sets of them as repeats.

    Args:
        text: The clause.
        earlier: Steps whose results it may take, in order.
        linked: Whether the clause goes on from the one before, so that an open argument may take its result.
    """
    return regrouped(tool, text, _read(tool, text, earlier, linked), _read)


def _read(tool: OfferedTool, text: str, earlier: Sequence[Earlier] = (), linked: bool = False) -> Filled:
    filled = Filled()
    said = pronouns(text) if earlier else []
    explicit = [one for one in mentions(text) if not _vocabulary(one, tool, earlier) and not _within(one, said)]
    explicit, strained = parted_moments(text, explicit, tool)
    found = [*explicit, *cues(text, earlier, explicit, tool.stems)]
    found = sorted([*found, *segments(text, tool, found)], key=lambda mention: mention.start)
    work = Work(text, tool, list(found), found, filled)
    if shape(work, earlier, linked):
        return filled
    _instructions(work)
    options(work)
    arrays(work)
    spread = explode(work)
    pairs(work, spread)
    structures(work)
    filled.typed = sum(a.name in filled.values and a.name not in filled.links for a in tool.required)
    _phrases(work)
    _units(work, spread)
    filled.spans = work.spans
    if linked and earlier:
        _open_link(work, earlier)
    _only_options(work)
    filled.missing = tuple(argument.name for argument in tool.required if argument.name not in filled.values)
    said = [mention for mention in work.all if mention.kind != "ref"]
    filled.used = 1 - sum(mention.kind != "ref" for mention in work.free) / len(said) if said else 1.0
    filled.used *= _STRAINED if strained else 1.0
    return filled


def _only_options(work: Work) -> None:
    """Take back what is no value of an argument that takes only its own values."""
    for argument in work.tool.arguments:
        value = work.filled.values.get(argument.name)
        invented = value is not None and argument.options and not isinstance(value, list)
        if invented and value not in argument.options and argument.name not in work.filled.links:
            del work.filled.values[argument.name]


def _vocabulary(mention: Mention, tool: OfferedTool, earlier: Sequence[Earlier]) -> bool:
    """Whether a capitalised word only names the tool, an argument or an earlier result."""
    if mention.kind not in ("name", "code"):
        return False
    said = stems(str(mention.value))
    own = {*tool.stems, *(one for argument in tool.arguments for one in argument.name_stems)}
    before = {one for step in earlier for part in step.tool.returns for one in part.name_stems}
    return bool(said) and all(any(likeness(one, other) for other in own | before) for one in said)


def _within(mention: Mention, spans: Sequence[tuple[int, int]]) -> bool:
    return mention.kind == "name" and any(start <= mention.start and mention.end <= end for start, end in spans)


def _phrases(work: Work) -> None:
    """Give words that are no typed value to the text arguments that are still open."""
    open_required = [a for a in work.open() if a.required]
    for argument in [one for one in work.open() if _takes_words(one)]:
        alone = open_required == [argument] and not typed(argument)
        found = phrase(argument, work.text, work.tool, work.spans, alone=alone)
        if found is not None:
            text, span = found
            _put(work, argument, text)
            work.spans.append(span)
            work.drop(*span)


def _takes_words(argument: Argument) -> bool:
    """Whether words that are no typed value may fill an argument."""
    if argument.options:
        return False
    if argument.kind == "array":
        return argument.items is None or argument.items.kind in ("string", "any")
    return argument.kind == "string" or (argument.kind == "any" and argument.required)


def _put(work: Work, argument: Argument, text: str) -> None:
    if argument.kind == "array":
        work.filled.values[argument.name] = [part for part in _listed(text) if part]
        return
    first, *rest = _several(text)
    work.filled.values[argument.name] = first
    work.filled.repeats = work.filled.repeats or [{argument.name: one} for one in rest]


def _instructions(work: Work) -> None:
    """Give the whole clause to an argument that takes an instruction, and the result it speaks of to the next one."""
    wanted = next((a for a in work.tool.required if a.textual and _takes_all(a)), None)
    if wanted is None:
        return
    quote = next((mention for mention in work.free if mention.kind == "quote"), None)
    if quote is not None:
        work.take(wanted, quote)
    else:
        work.filled.values[wanted.name] = work.text
    material = next((a for a in work.open() if _MATERIAL & {*a.name_stems}), None)
    said = next((mention for mention in work.free if mention.kind == "ref"), None)
    if material is not None and said is not None:
        work.take(material, said)


def _takes_all(argument: Argument) -> bool:
    """Whether an argument takes a request in words, by its name or by what is said of it."""
    return bool(_INSTRUCTION & {*argument.name_stems} or _WHOLE_REQUEST.search(argument.description))


def _several(text: str) -> list[str]:
    """Return the things a phrase without spaces lists ("北京和广州"), or the phrase itself."""
    parts = [part.strip() for part in _CJK_AND.split(text)]
    listed = len(parts) > 1 and all(1 < len(part) <= _LONGEST_NAME and is_cjk(part) for part in parts)
    return parts if listed else [text]


def _units(work: Work, lists: Sequence[Mention]) -> None:
    """Let an open "from" argument take the unit written with a number, in each call of a list of such numbers."""
    for argument in work.open():
        if argument.required and argument.textual and role_of(argument) == "from":
            unit = next((m.unit for m in work.all if m.numeric and m.unit not in ("", "%")), "")
            if not unit:
                continue
            work.filled.values[argument.name] = unit
            row = next((one.parts for one in lists if all(part.numeric and part.unit for part in one.parts)), ())
            for values, part in zip(work.filled.repeats, row[1:], strict=False):
                values[argument.name] = part.unit


def _listed(text: str) -> list[str]:
    for joint in (" and ", " or ", " und ", " et ", " y ", "、", "，", "和"):
        text = text.replace(joint, ",")
    return [_ARTICLE.sub("", _ASIDE.sub("", part.strip(" '\""))) for part in text.split(",")]


def _open_link(work: Work, earlier: Sequence[Earlier]) -> None:
    """Let the one argument that is still open take the result of the step before."""
    open_required = [argument for argument in work.open() if argument.required and not argument.options]
    if not open_required or work.filled.links:
        return
    if unknown_runs(work.text, work.tool, work.spans):  # a number can be none of these words
        open_required = [argument for argument in open_required if argument.kind in ("number", "integer")]
    for argument in open_required if len(open_required) == 1 or not work.filled.values else ():
        step = earlier[-1]
        links = links_to(step, 0.5)
        link = best_link(argument, links)
        if link.strength + suits_field(argument, link.part) < 0.45:
            continue
        work.filled.values[argument.name] = link.earlier.reference(link.part)
        work.filled.links[argument.name] = link
        return
