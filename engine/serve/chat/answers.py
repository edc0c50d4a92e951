"""Reads what a person answers to a run that waits: agreed, refused and why, changed how; or that it is no answer.

Only what surely says yes is a yes: "yes, but …" and anything with more to it is asked about again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.serve.chat.intent import Decided
from engine.serve.chat.values import changes, fitted, value_of
from engine.serve.chat.wording import (
    AGAIN,
    ALL_FIRST,
    BECAUSE,
    CLAUSE,
    EACH,
    EDIT_FIRST,
    EVERYTHING,
    HAPPENED,
    ID_FIRST,
    IDS,
    NO,
    NO_ANSWER,
    NO_MATTER,
    ORDINAL,
    ORDINALS,
    POLITELY,
    RUN_IT,
    START,
)
from schemas.approvals import ApprovalRequested

Doubt = Literal["which", "unknown", "condition", "happened", "form", "nothing"]
"""Why an answer cannot be taken: several things wait; no such id; it agrees with a condition; it does not say whether
something happened; it is not what the question's schema wants; it is no answer at all."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """An answer that cannot be taken.

    Attributes:
        why: See ``Doubt``.
        what: The word it is about: an id that is unknown.
    """

    why: Doubt
    what: str = ""


def read_answers(text: str, waiting: Sequence[ApprovalRequested]) -> tuple[Decided, ...] | Unclear:
    """Return what a message decides of what waits, or why it cannot be taken.

    Args:
        text: The message.
        waiting: What waits, oldest first; what a client's own tools are to give is none of it.
    """
    asked = [one for one in waiting if one.subject in ("question", "elicitation")]
    deciding = [one for one in waiting if one.subject not in ("question", "elicitation", "client_tool")]
    if not asked:
        return _decisions(text, deciding) if deciding else Unclear("nothing")
    if not deciding and len(asked) == 1:
        return _replied(_without_id(text, asked[0]), asked[0])
    return _by_lines(text, [*asked, *deciding]) or _mixed(text, asked, deciding)


def _mixed(
    text: str, asked: Sequence[ApprovalRequested], deciding: Sequence[ApprovalRequested]
) -> tuple[Decided, ...] | Unclear:
    """Read a message where questions and decisions wait: a decision names its id; else it answers the one question."""
    if deciding and START.match(text) is not None:
        return _decisions(text, deciding) if _names_an_id(text, deciding) else Unclear("which")
    return _replied(text, asked[0]) if len(asked) == 1 else Unclear("which")


def is_decision(text: str, *, bare: bool = False) -> bool:
    """Return whether a message is nothing but a decision about something by its id ("approve a1").

    Args:
        text: The message.
        bare: Whether a yes or no without an id counts, too.

    >>> is_decision("approve a2"), is_decision("approve the loan applications of today"), is_decision("yes", bare=True)
    (True, False, True)
    """
    found = START.match(text)
    if found is None:
        return False
    rest = IDS.match(text[found.end() :])
    after = text[found.end() + (rest.end() if rest else 0) :]
    plain = POLITELY.match(after) is not None
    return plain if bare and rest is None else rest is not None and (found["no"] is not None or plain)


# ---------------------------------------------------------------------- approvals


def _decisions(text: str, waiting: Sequence[ApprovalRequested]) -> tuple[Decided, ...] | Unclear:
    for clause in (CLAUSE, EACH):
        starts = [match.start() for match in clause.finditer(text)]
        if len(starts) > 1 and not text[: starts[0]].strip():
            return _clauses(text, starts, waiting)
    doubtful = [one for one in waiting if one.subject == "in_doubt"]
    if len(waiting) == 1 and doubtful:
        return _in_doubt(_without_id(text, waiting[0]), waiting[0])
    return _decision(text, waiting)


def _clauses(text: str, starts: Sequence[int], waiting: Sequence[ApprovalRequested]) -> tuple[Decided, ...] | Unclear:
    """Read "approve a1 and reject a2 because …": a clause ends where the next one begins."""
    decided: list[Decided] = []
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        found = _decision(
            re.sub(r"^(?:[\s,;.，；]|and\b|und\b|et\b)+|(?:[\s,;]|\band)+$", "", text[start:end]), waiting
        )
        if isinstance(found, Unclear):
            return found
        decided += found
    ids = [one.approval_id for one in decided]
    return tuple(decided) if len(ids) == len(set(ids)) else Unclear("which")


def _decision(text: str, waiting: Sequence[ApprovalRequested]) -> tuple[Decided, ...] | Unclear:
    """Read one decision: a word of agreement or refusal, what it is about, and why or how."""
    begins = ALL_FIRST.match(text)
    text = text[begins.end() :] if begins else text
    first = ID_FIRST.match(text)
    found = first or START.match(text)
    if found is None or NO_MATTER.match(text):
        edited = EDIT_FIRST.match(text)
        return _edited(text[edited.end() :], waiting) if edited else Unclear("nothing")
    rest = text[found.end() :]
    if found["yes"] is not None:
        plain = _once(rest, waiting)
        rest = rest if plain is None else plain
    chosen, rest = (_named([first["id"]], waiting), rest) if first else _meant(rest, waiting, every=begins is not None)
    if isinstance(chosen, Unclear):
        return chosen
    return _agreed(rest, chosen) if found["yes"] is not None else _refused(rest, chosen)


def _agreed(rest: str, chosen: Sequence[ApprovalRequested]) -> tuple[Decided, ...] | Unclear:
    if not POLITELY.match(rest):
        return _agreed_with(rest, chosen)
    return tuple(Decided(one.approval_id, "approve") for one in chosen) if _sure(chosen) else Unclear("happened")


def _refused(rest: str, chosen: Sequence[ApprovalRequested]) -> tuple[Decided, ...] | Unclear:
    reason = BECAUSE.sub("", rest).strip()
    refused = tuple(Decided(one.approval_id, "reject", reason=reason) for one in chosen)
    return refused if _sure(chosen) else Unclear("happened")


def _once(rest: str, waiting: Sequence[ApprovalRequested]) -> str | None:
    """Return what follows further words that only agree; None where more follows than what is agreed to."""
    while (again := AGAIN.match(rest)) is not None:
        rest = rest[again.end() :]
    _, after = _meant(rest, waiting, every=False)
    return rest if POLITELY.match(after) else None


def _sure(chosen: Sequence[ApprovalRequested]) -> bool:
    return all(one.subject != "in_doubt" for one in chosen)


def _meant(
    rest: str, waiting: Sequence[ApprovalRequested], *, every: bool
) -> tuple[Sequence[ApprovalRequested] | Unclear, str]:
    """Return what a decision is about, and what follows that."""
    everything = EVERYTHING.match(rest)
    if every or everything:
        return waiting, rest[everything.end() :] if everything else rest
    ordinal = ORDINAL.match(rest)
    if ordinal is not None:
        place = next(at for n, (_, at) in enumerate(ORDINALS) if ordinal[f"o{n}"])
        within = place < len(waiting)
        return [waiting[place]] if within else Unclear("unknown", ordinal[0].strip()), rest[ordinal.end() :]
    ids: list[str] = []
    while (match := IDS.match(rest)) is not None:
        ids.append(match["id"])
        rest = rest[match.end() :]
    if ids:
        return _named(ids, waiting), rest
    return (waiting if len(waiting) == 1 else Unclear("which")), rest


def _named(ids: Sequence[str], waiting: Sequence[ApprovalRequested]) -> list[ApprovalRequested] | Unclear:
    """Return what ids mean: an approval's own, its number alone, or that of its step where only that fits."""
    chosen: list[ApprovalRequested] = []
    for given in ids:
        low = given.lower()
        fits = [one for one in waiting if one.approval_id.lower() in (low, f"a{low}")]
        if len(fits) != 1:
            return Unclear("unknown", given)
        chosen += fits
    return chosen


def _names_an_id(text: str, waiting: Sequence[ApprovalRequested]) -> bool:
    return any(re.search(rf"(?<!\w){re.escape(one.approval_id)}(?!\w)", text, re.IGNORECASE) for one in waiting)


def _agreed_with(rest: str, chosen: Sequence[ApprovalRequested]) -> tuple[Decided, ...] | Unclear:
    """Read what stands behind a yes: values of the input to change, or a condition, which is no yes."""
    if len(chosen) != 1 or chosen[0].subject != "step":
        return Unclear("condition")
    changed = changes(rest, chosen[0].input or {})
    if changed is None:
        return Unclear("condition")
    return (Decided(chosen[0].approval_id, "edit", tool_input={**(chosen[0].input or {}), **changed}),)


def _edited(rest: str, waiting: Sequence[ApprovalRequested]) -> tuple[Decided, ...] | Unclear:
    chosen, rest = _meant(rest, waiting, every=False)
    return chosen if isinstance(chosen, Unclear) else _agreed_with(rest, chosen)


# ---------------------------------------------------------------------- in doubt


def _in_doubt(text: str, asked: ApprovalRequested) -> tuple[Decided, ...] | Unclear:
    """Read whether a step that was broken off happened; a bare yes or no says neither."""
    if RUN_IT.match(text):
        return (Decided(asked.approval_id, "approve"),)
    happened = HAPPENED.match(text)
    if happened is not None:
        told = happened["result"].strip()
        return (Decided(asked.approval_id, "done", result=value_of(told) if told else None),)
    return Unclear("happened" if START.match(text) else "nothing")


# ---------------------------------------------------------------------- questions


def _without_id(text: str, asked: ApprovalRequested) -> str:
    """Return an answer without the id that it begins with."""
    found = re.match(rf"\s*[`#(]?{re.escape(asked.approval_id)}[`)]?\s*[:：]\s*", text, re.IGNORECASE)
    return text[found.end() :] if found else text


def _by_lines(text: str, waiting: Sequence[ApprovalRequested]) -> tuple[Decided, ...] | Unclear | None:
    """Read answers that each stand on a line of their own after their id; None where it is not written so."""
    ids = {one.approval_id.lower(): one for one in waiting}
    found = [
        re.match(r"\s*[`#(]?([A-Za-z]{0,4}\d+)[`)]?\s*[:：]\s*(.+)$", line)
        for line in text.splitlines()
        if line.strip()
    ]
    if not found or any(match is None or match[1].lower() not in ids for match in found):
        return None
    decided: list[Decided] = []
    for match in found:
        assert match is not None
        asked = ids[match[1].lower()]
        one = (
            _replied(match[2], asked) if asked.subject in ("question", "elicitation") else _decisions(match[2], [asked])
        )
        if isinstance(one, Unclear):
            return one
        decided += one
    return tuple(decided)


def _replied(text: str, asked: ApprovalRequested) -> tuple[Decided, ...] | Unclear:
    """Return an answer to a question: its text as it is, or the value that its schema wants."""
    if NO_ANSWER.match(text):
        return (Decided(asked.approval_id, "reject", reason=text.strip()),)
    if asked.answer_schema is None:
        return (Decided(asked.approval_id, "done", result=text),)
    value = fitted(text, asked.answer_schema)
    if value is not None:
        return (Decided(asked.approval_id, "done", result=value[0]),)
    refused = asked.subject == "elicitation" and re.fullmatch(rf"\W*{NO}\W*", text, re.IGNORECASE)
    return (Decided(asked.approval_id, "reject", reason=text.strip()),) if refused else Unclear("form")
