"""A task sketched as calls: clause by clause a tool, its arguments, and what it takes from the calls before."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.providers.offline.affinity import suits_field
from gateway.providers.offline.arguments import fill
from gateway.providers.offline.calls import Call, Calls, Past
from gateway.providers.offline.catalogue import Argument, OfferedTool
from gateway.providers.offline.choose import Choice, choose
from gateway.providers.offline.clauses import Clause, opening_stems, split
from gateway.providers.offline.conditions import opens, read_condition, trailing
from gateway.providers.offline.forms import takes
from gateway.providers.offline.guards import asks_deed, counts_last, forbids
from gateway.providers.offline.joined import joined
from gateway.providers.offline.nested import produce, unnest
from gateway.providers.offline.numerals import in_figures
from gateway.providers.offline.parallel import shared
from gateway.providers.offline.queries import amended, one_cell, query_argument, write_query
from gateway.providers.offline.querying import data_file
from gateway.providers.offline.quotes import QUOTED, outside_quotes
from gateway.providers.offline.score import Index
from gateway.providers.offline.values import mentions
from gateway.providers.offline.words import name_stems, stemmed, stems, word_set, words

_ANOTHER = re.compile(
    r"\W*(?:(?:the|another|a second) one|another|one) (?:in|for|with|of|from|at|on|that|to)\b", re.IGNORECASE
)
_TELLING = re.compile(
    r"\W*(?:i(?:'ve| have)(?: got)?(?! to)|here(?:'s| is| are)|there(?:'s| is| are)|given|consider|suppose"
    r"|assume|take|we have|my \w+ is"
    r"|ich habe|j'ai|tengo|我有|这是|这里有)\b(?!.*\?)",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"(?:what(?:'s| is| are| was| were| does| do)|which|how (?:many|much|long|far|old)|who (?:is|are|was|were))\b"
    r"|(?:write|compose|draft|tell)(?: me)? an? \w",
    re.IGNORECASE,
)
_MOST_CALLS = 500
_MOST_TEXT = 20_000  # characters outside quotes that are read
_LONG_WORD = re.compile(r"[^\s\[\]{}\"'“”‘’「」『』,;，。、；]{2001,}")
_WORD = 2_000  # characters of a word, or an address, that are read
_LEFT = 200  # characters that say where reading was broken off
_STANDS_IN = 0.35  # share of the best score from which another tool may stand in for one that failed
_MOST_LOOKED_UP = 6
_QUESTION = stemmed("query question entity topic term keyword phrase")
_ASKING = stemmed("search lookup look find answer retrieve")
_STORED = stemmed("file files folder workspace directory table database document")
_CODE = re.compile(r"^[a-z_]+(?:\.[a-z_]+)*: (?:rejected: (?=\S))?")  # of an error, before what it says to people
_TELLS = word_set("the its a it include including")


@dataclass(slots=True)
class Sketch:
    """What a task comes to.

    Attributes:
        calls: In order; ids count up.
        requests: Clauses that ask for something no tool fits, or whose condition can't be checked.
        failed: Clauses whose calls failed, with the error, where no other tool fits.
        left: Where in the task it was broken off, for the calls or the text were too many; empty when all was read.
    """

    calls: list[Call] = field(default_factory=list[Call])
    requests: list[str] = field(default_factory=list[str])
    failed: list[str] = field(default_factory=list[str])
    left: str = ""


def sketch(
    task: str, tools: Sequence[OfferedTool], first_id: int = 1, past: Sequence[Past] = (), most: int | None = None
) -> Sketch:
    """Return the calls a task asks for.

    Args:
        task: The task.
        tools: What may be called.
        first_id: Number of the first new call.
        past: Calls already made; the ones that answer a clause are taken as they are.
        most: Most new calls.

    Cost: O(tools × words) a clause; of a task without end no more is read than ``most`` calls need.
    """
    told, rest = _readable(outside_quotes(task, _words_cut))
    made = _Sketcher(Index(tools), Calls(first_id, past), most).run(in_figures(told))
    made.left = made.left or rest
    return made


class _Sketcher:
    def __init__(self, index: Index, calls: Calls, most: int | None) -> None:
        self._most = most if most is not None else _MOST_CALLS
        self._left = ""
        self._index = index
        self._calls = calls
        self._requests: list[str] = []
        self._failed: list[str] = []
        spoken = [tool.description for tool in index.tools] + [" ".join(name_stems(tool.name)) for tool in index.tools]
        self._verbs = opening_stems(spoken)

    def run(self, task: str) -> Sketch:
        """Go through the clauses."""
        condition, told = "", ""
        for clause in (self._with_table(clause, task) for clause in split(task, self._verbs)):
            if self._full():
                self._left = self._left or clause.text
                break
            if not self._calls.made and _TELLING.match(clause.text) and mentions(clause.text):
                told = clause.text
                continue
            if told:
                clause, told = replace(clause, text=f"{clause.text}, {told}"), ""
            if opens(clause.text):
                condition = clause.text
                continue
            self._serve_if(clause, condition)
            condition = ""
        if told:
            self._serve(Clause(told, 0))
        if not self._calls.made:
            self._look_up(task)
        living = [call for call in self._calls.made if not call.dead]
        return Sketch(living, self._requests, self._failed, self._left[:_LEFT])

    def _full(self) -> bool:
        """Whether there are as many new calls as there may be."""
        return sum(not (call.done or call.dead) for call in self._calls.made) >= self._most

    def _with_table(self, clause: Clause, task: str) -> Clause:
        """Name the task's one table in a clause that asks for something of a table and names none."""
        table = data_file(task)
        if table is None or data_file(clause.text) or not any(query_argument(tool) for tool in self._index.tools):
            return clause
        text = f"{clause.text} in '{table[0]}'"
        return replace(clause, text=text) if write_query(text) else clause

    def _serve_if(self, clause: Clause, condition: str) -> None:
        """Serve a clause under the condition before or in it; one that can't be checked leaves the clause undone."""
        if not condition:
            text, condition = trailing(clause.text)
            if not condition or self._gives_values(clause, condition):
                self._serve(clause)
                return
            clause = replace(clause, text=text)
        told = read_condition(condition, self._calls.earlier())
        if told is None:
            self._requests.append(f"{condition}, {clause.text}")
            return
        before = len(self._calls.made)
        self._serve(clause)
        for call in self._calls.made[before:]:
            call.when = (told,)

    def _gives_values(self, clause: Clause, condition: str) -> bool:
        """Whether "if the amount is 5" gives a call's argument rather than a condition."""
        best = self._index.rank(clause.text)[:1]
        named = {one for scored in best for argument in scored.tool.required for one in argument.name_stems}
        return bool(named & set(stems(condition)))

    def _serve(self, clause: Clause) -> None:
        if forbids(clause.text) or (self._calls.made and counts_last(clause.text, self._calls.made[-1])):
            return
        choices = self._once_more(clause) or choose(self._index, clause.text, self._calls.earlier(), clause.linked)
        if choices:
            self._take(choices, clause)
        elif not self._adds_to_last(clause) and self._is_request(clause):
            self._requests.append(clause.text)

    def _take(self, choices: Sequence[Choice], clause: Clause) -> None:
        """Plan the best choice, or the next one that was not tried and failed."""
        best, *others = choices
        if self._belongs_to(best, clause) or (self._tells(clause) and self._adds_to_last(clause)):
            return
        failed = self._add(unnest(best, clause.text, self._index, self._calls), clause)
        if failed is not None and not self._stand_in(best, others, clause):
            self._give_up(best, clause, failed)

    def _once_more(self, clause: Clause) -> list[Choice]:
        """Return the last call's tool for "the one in the …" and "another with …"."""
        if not self._calls.made or not _ANOTHER.match(clause.text):
            return []
        tool = self._calls.made[-1].tool
        filled = fill(tool, clause.text)
        return [Choice(tool, filled, 1.0, 1.0)] if filled.values else []

    def _stand_in(self, best: Choice, others: Sequence[Choice], clause: Clause) -> bool:
        """Plan the next best tool that was not tried; return whether there is one."""
        for choice in others:
            fits = choice.filled.shaped or not best.filled.shaped
            if fits and choice.score >= _STANDS_IN * best.score and self._add(choice, clause) is None:
                return True
        return False

    def _is_request(self, clause: Clause) -> bool:
        """Whether a clause asks for something, rather than telling something."""
        opening = words(clause.text[:60])
        asked = clause.text.endswith(("?", "？")) or not clause.start
        asked = asked or bool(_ASKS.match(clause.text))
        return bool(opening) and (opening[0].stem in self._verbs or asked or asks_deed(clause.text))

    def _tells(self, clause: Clause) -> bool:
        """Whether a clause opens like a statement rather than a request."""
        opening = words(clause.text[:60])
        return not opening or (opening[0].stem not in self._verbs and opening[0].text in _TELLS)

    def _give_up(self, best: Choice, clause: Clause, failed: Past) -> None:
        """Note a clause that can't be served any more; what refers to it can't be served either."""
        if failed.error:
            self._failed.append(f"{clause.text} ({failed.tool}: {_CODE.sub('', failed.error)})")
        self._calls.made.append(Call(failed.id, best.tool, {}, clause.text, dead=True))

    def _belongs_to(self, best: Choice, clause: Clause) -> bool:
        """Add the clause to an earlier call of the same tool when it can't stand alone."""
        for call in reversed(self._calls.made[-2:]):
            if call.tool.name != best.tool.name:
                continue
            of_it = {name for name, link in best.filled.links.items() if link.earlier.id == call.id}
            given = [a.name for a in best.tool.required if a.name in best.filled.values and a.name not in of_it]
            weak = not given if of_it else best.filled.missing or not best.filled.typed
            if weak and len(of_it) == len(best.filled.links) and self._takes_in(call, clause):
                return True
        return False

    def _takes_in(self, call: Call, clause: Clause) -> bool:
        """Add a clause to a call, or leave it out when it only asks for what the values before it are for."""
        told = not call.missing and not mentions(clause.text) and not self._is_request(Clause(call.text, 1))
        return self._extend(call, clause) or told

    def _adds_to_last(self, clause: Clause) -> bool:
        return bool(self._calls.made) and self._extend(self._calls.made[-1], clause)

    def _extend(self, call: Call, clause: Clause) -> bool:
        """Read the call's clause again together with this one; keep that when more of it has a place."""
        text = f"{call.text}, {clause.text}"
        filled = fill(call.tool, text, self._calls.earlier(before=call.id), call.linked)
        more = replace(call, text=text, values=filled.values, missing=filled.missing, links=filled.links)
        if not _kept(more) or len(more.values) <= len(call.values):
            return False
        call.text, call.values, call.missing, call.links = text, more.values, more.missing, more.links
        return True

    def _add(self, best: Choice, clause: Clause) -> Past | None:
        """Plan the calls of a choice; return the failed call when it would only repeat one."""
        filled, calls = best.filled, self._calls
        values = dict(filled.values)
        if filled.first is not None:
            values[filled.first[1]] = self._ahead(best.tool, filled.first[0], clause)
        missing = self._complete(values, best, clause)
        after = tuple(call.id for call in calls.made[-1:]) if missing and clause.linked else ()
        call = Call(calls.next_id, best.tool, values, clause.text, missing, after, clause.linked, links=filled.links)
        further = filled.repeats or shared(call, calls.made)
        several = not further and joined(call, calls.made)
        return self._make(call, [] if several else further)

    def _make(self, call: Call, further: Sequence[dict[str, Any]]) -> Past | None:
        """Add a call and those that differ from it in some arguments; return the failed one that would be repeated."""
        for more in ({}, *further):
            if self._full():
                self._left = self._left or call.text
                return None
            one = replace(call, id=self._calls.next_id, values={**call.values, **more}) if more else call
            if not _kept(one):
                self._requests.append(one.text)
                return None
            one.tool = _known_result(one)
            failed = self._calls.failed_before(one)
            if failed and not self._amend(one, failed.error):
                return failed
            self._calls.append(one)
        return None

    def _complete(self, values: dict[str, Any], best: Choice, clause: Clause) -> tuple[str, ...]:
        """Take required arguments that are open from earlier results; return those that nothing gives."""
        missing: list[str] = []
        for argument in best.tool.required:
            if argument.name in values:
                continue
            reference = self._same_name(argument) or produce(argument, best, clause.text, self._index, self._calls)
            if reference:
                values[argument.name] = reference
            else:
                missing.append(argument.name)
        return tuple(missing)

    def _ahead(self, tool: OfferedTool, values: dict[str, Any], clause: Clause) -> str:
        """Plan the call whose result another one starts from; return a reference to it."""
        first = Call(self._calls.next_id, tool, values, clause.text, linked=clause.linked)
        self._calls.append(first)
        return f"{{{{{first.id}}}}}"

    def _amend(self, call: Call, error: str) -> bool:
        """Mend a query that failed by a column's name; return whether that gives a call not yet tried."""
        asked = query_argument(call.tool)
        written = amended(str(call.values.get(asked.name, "")), error, call.tool) if asked is not None else None
        if asked is None or written is None:
            return False
        call.values = {**call.values, asked.name: written}
        return self._calls.failed_before(call) is None

    def _same_name(self, argument: Argument) -> str | None:
        """Return a reference to an earlier result field of the argument's own name."""
        for call in reversed(self._calls.made):
            for part in call.tool.returns:
                alike = set(part.name_stems) == set(argument.name_stems)
                if alike and suits_field(argument, part) > 0.5 and len("".join(part.name_stems)) > 2:
                    return call.earlier().reference(part)
        return None

    def _look_up(self, task: str) -> None:
        """Look up the names of a task that no tool answers, where a tool takes any question."""
        asking = max(self._index.tools, key=_takes_questions, default=None)
        names = [part for one in mentions(task) for part in one.parts or (one,) if part.kind in ("name", "quote")]
        if asking is None or not _takes_questions(asking) or not names:
            return
        self._requests.clear()
        for text in list(dict.fromkeys(str(name.value).removesuffix("'s") for name in names))[:_MOST_LOOKED_UP]:
            call = Call(self._calls.next_id, asking, {asking.required[0].name: text}, text)
            if not self._calls.failed_before(call):
                self._calls.append(call)


def _words_cut(text: str) -> str:
    """Return a text whose words are cut to a length no word has: what is sought around one costs its square."""
    return _LONG_WORD.sub(lambda match: match[0][:_WORD], text)


def _readable(task: str) -> tuple[str, str]:
    """Return what is read of a task, and the beginning of the rest; quotes may be of any length."""
    outside = 0
    for start, end in itertools.pairwise([0, *(at for m in QUOTED.finditer(task) for at in m.span()), len(task)]):
        quoted = bool(task[start:end]) and QUOTED.fullmatch(task[start:end])
        outside += 0 if quoted else end - start
        if outside > _MOST_TEXT:
            cut = end - (outside - _MOST_TEXT)
            return task[:cut], task[cut : cut + _LEFT]
    return task, ""


def _known_result(call: Call) -> OfferedTool:
    """Return the call's tool with what its result holds, where the query tells that."""
    asked = query_argument(call.tool)
    if asked is None:
        return call.tool
    return replace(call.tool, returns=one_cell(str(call.values.get(asked.name, "")), call.tool.returns))


def _kept(call: Call) -> bool:
    """Leave out of a call the optional values that its tool refuses; return False when a required one is refused."""
    refused = {a.name for a in call.tool.arguments if a.name in call.values and not takes(a, call.values[a.name])}
    call.values = {name: value for name, value in call.values.items() if name not in refused}
    call.links = {name: link for name, link in call.links.items() if name not in refused}
    return not any(argument.name in refused for argument in call.tool.required)


def _takes_questions(tool: OfferedTool) -> int:
    """Return how much speaks for a tool's one argument being whatever one would like to know; 0 when it is not."""
    if len(tool.required) != 1 or not tool.required[0].textual:
        return 0
    argument = tool.required[0]
    if tool.key & _STORED:
        return 0
    asked, asking = {*argument.name_stems, *argument.stems} & _QUESTION, tool.stems & _ASKING
    return (len(asked) + 2 * len(asking)) if asked and asking else 0
