"""A task sketched as calls: clause by clause a tool, its arguments, and what it takes from the calls before."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.providers.offline.affinity import suits_field
from gateway.providers.offline.arguments import fill
from gateway.providers.offline.catalogue import Argument, OfferedTool
from gateway.providers.offline.choose import Choice, choose
from gateway.providers.offline.clauses import Clause, opening_stems, split
from gateway.providers.offline.conditions import opens, read_condition, trailing
from gateway.providers.offline.references import Earlier, Link
from gateway.providers.offline.results import fields_of, ids_in
from gateway.providers.offline.score import Index
from gateway.providers.offline.values import mentions
from gateway.providers.offline.words import name_stems, stem, stems, words

_STANDS_IN = 0.35  # share of the best score from which another tool may stand in for one that failed
_MADE = ("done", "running", "waiting")
_AS = re.compile(r" as (?:the|its) [\w ]+$", re.IGNORECASE)
_MOST_LOOKED_UP = 6
_QUESTION = frozenset(stem(word) for word in "query question entity topic term keyword phrase".split())
_ASKING = frozenset(stem(word) for word in "search lookup look find answer retrieve".split())
_THING = re.compile(
    r"\b(?:the|a|an) (?P<what>[a-z][\w-]*(?: [a-z][\w-]*){1,2}?)(?= (?:with|using|to|as|into|in|by|and)\b|[,.]|$)"
)
_INSIDE = re.compile(
    r"\b(?:of|for|on|from|to) (?:the |all )?(?P<what>(?!an? |the )[a-z][\w-]*(?: [a-z][\w-]*)?) (?:of|for|between|from|in|about|by|on)\b",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Call:
    """One call of the sketch.

    Attributes:
        id: Its number.
        text: What the task says about it.
        missing: Required arguments without a value.
        after: Ids of calls whose results may help to complete it.
        done: Whether an earlier revision made this call already.
        dead: Whether it can't be made: it failed before and no other tool fits, or what it needs did.
        when: Conditions that must hold.
        links: What its references mean, by argument.
    """

    id: int
    tool: OfferedTool
    values: dict[str, Any]
    text: str
    missing: tuple[str, ...] = ()
    after: tuple[int, ...] = ()
    clause: int = 0
    linked: bool = False
    when: tuple[dict[str, Any], ...] = ()
    done: bool = False
    dead: bool = False
    links: dict[str, Link] = field(default_factory=dict[str, Link])

    def earlier(self) -> Earlier:
        """Return the call as one that others may refer to."""
        return Earlier(self.id, self.tool, self.text, frozenset(stems(self.text)[:3]))


@dataclass(slots=True)
class Sketch:
    """What a task comes to.

    Attributes:
        calls: In order; ids count up.
        requests: Clauses that ask for something no tool fits.
        failed: Clauses whose calls failed, with the error, where no other tool fits.
    """

    calls: list[Call] = field(default_factory=list[Call])
    requests: list[str] = field(default_factory=list[str])
    failed: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class Past:
    """A call of an earlier revision or turn: it keeps its id, and a failed one must not be tried again."""

    id: int
    tool: str
    input: Mapping[str, Any]
    status: str
    value: Any = None
    error: str = ""


def sketch(task: str, tools: Sequence[OfferedTool], first_id: int = 1, past: Sequence[Past] = ()) -> Sketch:
    """Return the calls a task asks for.

    Args:
        task: The task.
        tools: What may be called.
        first_id: Number of the first new call.
        past: Calls already made; the ones that answer a clause are taken as they are.
    """
    return _Sketcher(Index(tools), first_id, past).run(task)


class _Sketcher:
    def __init__(self, index: Index, first_id: int, past: Sequence[Past]) -> None:
        self._index = index
        self._next = first_id
        self._past = list(past)
        self._verbs = opening_stems(
            [*(t.description for t in index.tools), *(" ".join(name_stems(t.name)) for t in index.tools)]
        )
        self._made = Sketch()

    def run(self, task: str) -> Sketch:
        """Go through the clauses."""
        condition = ""
        for place, clause in enumerate(split(task, self._verbs)):
            if opens(clause.text):
                condition = clause.text
                continue
            self._serve_if(clause, place, condition)
            condition = ""
        if not self._made.calls:
            self._look_up(task)
        self._made.calls = [call for call in self._made.calls if not call.dead]
        return self._made

    def _serve_if(self, clause: Clause, place: int, condition: str) -> None:
        """Serve a clause under the condition before or in it; one that can't be checked leaves the clause undone."""
        if not condition:
            text, condition = trailing(clause.text)
            if condition and self._gives_values(clause, condition):
                condition = ""
            clause = replace(clause, text=text) if condition else clause
        before = len(self._made.calls)
        if condition:
            told = read_condition(condition, [call.earlier() for call in self._made.calls])
            if told is None:
                self._made.requests.append(f"{condition}, {clause.text}")
                return
            self._serve(clause, place)
            for call in self._made.calls[before:]:
                call.when = (told,)
            return
        self._serve(clause, place)

    def _gives_values(self, clause: Clause, condition: str) -> bool:
        """Whether "if the amount is 5" gives a call's argument rather than a condition."""
        best = self._index.rank(clause.text)[:1]
        named = {one for scored in best for argument in scored.tool.required for one in argument.name_stems}
        return bool(named & set(stems(condition)))

    def _look_up(self, task: str) -> None:
        """Look up the names of a task that no tool answers, where a tool takes any question."""
        asking = max(self._index.tools, key=_takes_questions, default=None)
        if asking is None or not _takes_questions(asking):
            return
        names = [m for one in mentions(task) for m in (one.parts or (one,)) if m.kind in ("name", "quote")]
        self._made.requests.clear()
        for text in list(dict.fromkeys(str(name.value).removesuffix("'s") for name in names))[:_MOST_LOOKED_UP]:
            call = Call(self._next, asking, {asking.required[0].name: text}, text)
            if not self._failed_before(call):
                self._append(call)

    def _serve(self, clause: Clause, place: int) -> None:
        calls = self._made.calls
        earlier = [call.earlier() for call in calls]
        choices = choose(self._index, clause.text, earlier, clause.linked)
        if not choices:
            if not self._adds_to_last(clause) and self._is_request(clause):
                self._made.requests.append(clause.text)
            return
        best = choices[0]
        if self._belongs_to(best, clause) or (not self._asks(clause) and self._adds_to_last(clause)):
            return
        inner = self._nested(best, clause, place)
        for choice in [inner or best, *(one for one in choices[1:] if one.score >= _STANDS_IN * best.score)]:
            failed = self._add(choice, clause, place)
            if failed is None:
                return
        self._give_up(best, clause, place, failed)

    def _is_request(self, clause: Clause) -> bool:
        """Whether a clause asks for something, rather than telling something."""
        opening = words(clause.text[:60])
        return bool(opening) and (
            opening[0].stem in self._verbs or clause.text.rstrip().endswith(("?", "？")) or not clause.start
        )

    def _give_up(self, best: Choice, clause: Clause, place: int, failed: Past) -> None:
        """Note a clause that can't be served any more; what refers to it can't be served either."""
        if failed.error:
            self._made.failed.append(f"{clause.text} ({failed.tool}: {failed.error})")
        self._made.calls.append(Call(failed.id, best.tool, {}, clause.text, clause=place, dead=True))

    def _nested(self, outer: Choice, clause: Clause, place: int) -> Choice | None:
        """Plan the call inside "the X of the Y of …": what gives Y comes first. Return the outer call made from it."""
        for match in _INSIDE.finditer(clause.text):
            inner_text = clause.text[match.start("what") :]
            noun = stems(match["what"])[-1:]
            found = [
                one
                for one in choose(self._index, inner_text, [], False, (outer.tool.name,))[:3]
                if _gives(one.tool, noun)
            ]
            if (
                not noun
                or self._vague(noun[0])
                or not found
                or found[0].filled.missing
                or not found[0].filled.values
                or noun[0] in outer.tool.stems
            ):
                continue
            inner = Call(self._next, found[0].tool, dict(found[0].filled.values), inner_text, clause=place)
            as_what = _AS.search(inner_text)
            made = self._from_inner(outer, inner, clause.text[: match.end("what")] + (as_what[0] if as_what else ""))
            if made is not None:
                return made
        return self._from_thing(outer, clause, place)

    def _from_thing(self, outer: Choice, clause: Clause, place: int) -> Choice | None:
        """Plan a tool that needs no arguments, when the clause names what it gives as an object ("the latest notice")."""
        for tool in self._index.tools:
            if tool.required or tool.name == outer.tool.name or outer.filled.links:
                continue
            match = next(
                (
                    m
                    for m in _THING.finditer(clause.text)
                    if set(stems(m["what"])) <= tool.key and len(stems(m["what"])) > 1
                ),
                None,
            )
            if match and not set(stems(match["what"])) & outer.tool.stems:
                return self._from_inner(outer, Call(self._next, tool, {}, match["what"], clause=place), clause.text)
        return None

    def _from_inner(self, outer: Choice, inner: Call, text: str) -> Choice | None:
        """Return the outer call made from the inner one's result, which is planned; None when it would not use it."""
        same = next((c for c in self._made.calls if c.tool.name == inner.tool.name and c.values == inner.values), inner)
        earlier = [one.earlier() for one in self._made.calls]
        filled = fill(outer.tool, text, earlier if same is not inner else [*earlier, inner.earlier()], True)
        if not any(link.earlier.id == same.id for link in filled.links.values()):
            return None
        if same is inner:
            if self._failed_before(inner):
                return None
            fresh = inner.id
            self._append(inner)
            if inner.id != fresh:
                filled = fill(outer.tool, text, [*earlier, inner.earlier()], True)
        return Choice(outer.tool, filled, outer.score, outer.words)

    def _vague(self, noun: str) -> bool:
        """Whether many tools give something of that name."""
        return sum(any(noun in part.name_stems for part in tool.returns) for tool in self._index.tools) > 2

    def _asks(self, clause: Clause) -> bool:
        """Whether a clause opens like a request rather than a statement."""
        opening = words(clause.text[:60])
        return bool(opening) and (
            opening[0].stem in self._verbs or (opening[0].text not in ("the", "its", "a", "it", "include"))
        )

    def _belongs_to(self, best: Choice, clause: Clause) -> bool:
        """Add the clause to an earlier call of the same tool when it can't stand alone."""
        for call in reversed(self._made.calls[-2:]):
            if call.tool.name != best.tool.name:
                continue
            of_it = {name for name, link in best.filled.links.items() if link.earlier.id == call.id}
            given = [a.name for a in best.tool.required if a.name in best.filled.values and a.name not in of_it]
            weak = not given if of_it else best.filled.missing or not best.filled.typed
            if weak and len(of_it) == len(best.filled.links) and self._extend(call, clause):
                return True
        return False

    def _adds_to_last(self, clause: Clause) -> bool:
        return bool(self._made.calls) and self._extend(self._made.calls[-1], clause)

    def _extend(self, call: Call, clause: Clause) -> bool:
        """Read the call's clause again together with this one; keep that when more of it has a place."""
        text = f"{call.text}, {clause.text}"
        earlier = [one.earlier() for one in self._made.calls if one.id < call.id]
        filled = fill(call.tool, text, earlier, call.linked)
        if len(filled.values) <= len(call.values):
            return False
        call.text, call.values, call.missing = text, filled.values, filled.missing
        return True

    def _add(self, best: Choice, clause: Clause, place: int) -> Past | None:
        """Plan the calls of a choice; return the failed call when it would only repeat one."""
        filled = best.filled
        calls = self._made.calls
        values = dict(filled.values)
        missing = [argument for argument in best.tool.required if argument.name not in values]
        for argument in list(missing):
            reference = self._same_name(argument) or self._produced(argument, best, clause, place)
            if reference:
                values[argument.name] = reference
                missing.remove(argument)
        after = tuple(call.id for call in calls[-1:]) if missing and clause.linked else ()
        names = tuple(argument.name for argument in missing)
        for more in ({}, *filled.repeats):
            call = Call(self._next, best.tool, {**values, **more}, clause.text, names, after, place, clause.linked)
            call.links = filled.links
            if failed := self._failed_before(call):
                return failed
            self._append(call)
        return None

    def _failed_before(self, call: Call) -> Past | None:
        """Return the failed call this one would repeat, or one it needs that can't be made."""
        dead = {one.id for one in self._made.calls if one.dead}
        if dead & {*ids_in(call.values), *call.after}:
            return Past(0, call.tool.name, {}, "skipped")
        return next((past for past in self._past if past.status == "failed" and _same_call(call, past)), None)

    def _append(self, call: Call) -> None:
        """Add a call; one that was made already takes its old id, and nothing new is done."""
        made = next((past for past in self._past if past.status in _MADE and _same_call(call, past)), None)
        if made is None:
            self._next += 1
        else:
            self._past.remove(made)
            call.id, call.done = made.id, True
            if not call.tool.returns:
                call.tool = replace(call.tool, returns=fields_of(made.value))
        self._made.calls.append(call)

    def _same_name(self, argument: Argument) -> str | None:
        """Return a reference to an earlier result field of the argument's own name."""
        for call in reversed(self._made.calls):
            for part in call.tool.returns:
                alike = set(part.name_stems) == set(argument.name_stems)
                if alike and suits_field(argument, part) > 0.5 and len("".join(part.name_stems)) > 2:
                    return call.earlier().reference(part)
        return None

    def _produced(self, argument: Argument, best: Choice, clause: Clause, place: int) -> str | None:
        """Plan the one tool whose result is the open argument and whose own arguments are what the clause has left."""
        rest = _blotted(clause.text, best.filled.spans)
        makers: list[tuple[OfferedTool, Argument, dict[str, Any]]] = []
        for tool in self._index.tools:
            part = next((p for p in tool.returns if set(p.name_stems) == set(argument.name_stems)), None)
            if part is None or tool.name == best.tool.name or suits_field(argument, part) < 0.5 or not tool.required:
                continue
            filled = fill(tool, rest)
            if not filled.missing and filled.typed >= len(tool.required):
                makers.append((tool, part, filled.values))
        if len(makers) != 1:
            return None
        tool, part, values = makers[0]
        call = Call(self._next, tool, values, clause.text, clause=place)
        if self._failed_before(call):
            return None
        self._append(call)
        return call.earlier().reference(part)


def _takes_questions(tool: OfferedTool) -> int:
    """Return how much speaks for a tool's one argument being whatever one would like to know; 0 when it is not."""
    if len(tool.required) != 1 or not tool.required[0].textual:
        return 0
    argument = tool.required[0]
    asked, asking = {*argument.name_stems, *argument.stems} & _QUESTION, tool.stems & _ASKING
    return (len(asked) + 2 * len(asking)) if asked and asking else 0


def _same_call(call: Call, past: Past) -> bool:
    """Whether a call is one that was made: the same tool, and every plain argument it was made with."""
    if call.tool.name != past.tool:
        return False
    plain = {name: value for name, value in call.values.items() if not ids_in(value) and name in past.input}
    return all(json.dumps(past.input[name]) == json.dumps(value) for name, value in plain.items())


def _gives(tool: OfferedTool, noun: Sequence[str]) -> bool:
    """Whether a tool's result is called so."""
    named = {one for part in tool.returns for one in part.name_stems} if tool.returns else tool.stems
    return bool(set(noun) & named)


def _blotted(text: str, spans: Sequence[tuple[int, int]]) -> str:
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text
