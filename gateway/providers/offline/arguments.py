"""A clause's values given to a tool's arguments: the best pairs first, then phrases; nothing is made up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from gateway.providers.offline.affinity import affinity, context, role_of, suits_field, typed
from gateway.providers.offline.arithmetic import expression_argument, write_expressions
from gateway.providers.offline.catalogue import Argument, OfferedTool
from gateway.providers.offline.dates import convert, read_clock
from gateway.providers.offline.phrases import choice, phrase, spoken_flag, unknown_runs
from gateway.providers.offline.references import Earlier, Link, cues, pronouns
from gateway.providers.offline.values import Mention, mentions, text_list
from gateway.providers.offline.words import stems, words

_LEAST = 0.15  # affinity below which a value is left unused
_LEAST_OPTIONAL = 1.3  # an optional argument has to be named


@dataclass(slots=True)
class Filled:
    """What a clause says about one call.

    Attributes:
        values: Arguments by name; references are ``{{id.path}}`` texts.
        missing: Required arguments that nothing in the clause fits.
        repeats: Further argument sets, when a list stood where one value belongs.
        used: Share (0–1) of the clause's values that found a place.
        links: What the references mean, by argument.
        spans: The places of the clause that were used.
        typed: How many required arguments hold a value the text spells out (no phrase, no reference).
    """

    values: dict[str, Any] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    repeats: list[dict[str, Any]] = field(default_factory=list)
    used: float = 1.0
    links: dict[str, Link] = field(default_factory=dict)
    spans: list[tuple[int, int]] = field(default_factory=list)
    typed: int = 0

    def fit(self, tool: OfferedTool) -> float:
        """Return the share (0–1) of the tool's required arguments that have a value; 1 when it needs none."""
        return 1 - len(self.missing) / len(tool.required) if tool.required else 1.0


@dataclass(slots=True)
class _Work:
    """One clause and one tool while its values are given out."""

    text: str
    tool: OfferedTool
    free: list[Mention]
    all: list[Mention]
    filled: Filled
    spans: list[tuple[int, int]] = field(default_factory=list)

    def take(self, argument: Argument, mention: Mention) -> None:
        """Give a mention to an argument."""
        if mention.kind == "ref":
            link = best_link(argument, mention.value, self.filled.values.values())
            if link.earlier.reference(link.part) in self.filled.values.values():
                return
            self.filled.values[argument.name] = link.earlier.reference(link.part)
            self.filled.links[argument.name] = link
        else:
            self.filled.values[argument.name] = self._moment(argument, mention) or coerce(argument, mention)
        self.free.remove(mention)
        self.spans.append((mention.start, mention.end))

    def _moment(self, argument: Argument, mention: Mention) -> str | None:
        """Complete a time of day by the clause's one date, where the argument wants both."""
        days = [one.value[:10] for one in self.all if one.kind == "date"]
        if (
            mention.kind != "time"
            or len(days) != 1
            or not ("YYYY" in argument.description and "HH" in argument.description)
        ):
            return None
        return f"{days[0]} {read_clock(mention.value)}"


def fill(tool: OfferedTool, text: str, earlier: Sequence[Earlier] = (), linked: bool = False) -> Filled:
    """Return the arguments a clause gives a tool.

    Args:
        text: The clause.
        earlier: Steps whose results it may take, in order.
        linked: Whether the clause goes on from the one before, so that an open argument may take its result.
    """
    filled = Filled()
    said = pronouns(text) if earlier else []
    explicit = [one for one in mentions(text) if not _vocabulary(one, tool, earlier) and not _within(one, said)]
    found = sorted([*explicit, *cues(text, earlier, explicit, tool.stems)], key=lambda mention: mention.start)
    work = _Work(text, tool, list(found), found, filled)
    wanted = expression_argument(tool)
    if wanted is not None:
        written = write_expressions(text, work.free)
        filled.values = {wanted.name: written[0]} if written else {}
        filled.repeats = [{wanted.name: one} for one in written[1:]]
        filled.missing = () if written else (wanted.name,)
        filled.typed = len(written)
        return filled
    _options(work)
    _arrays(work)
    spread = _explode(work)
    _pairs(work, spread)
    _structures(work)
    filled.typed = sum(a.name in filled.values and a.name not in filled.links for a in tool.required)
    _phrases(work)
    _units(work)
    filled.spans = work.spans
    if linked and earlier:
        _open_link(work, earlier)
    filled.missing = tuple(argument.name for argument in tool.required if argument.name not in filled.values)
    said = [mention for mention in work.all if mention.kind != "ref"]
    filled.used = 1 - sum(mention.kind != "ref" for mention in work.free) / len(said) if said else 1.0
    return filled


def _vocabulary(mention: Mention, tool: OfferedTool, earlier: Sequence[Earlier]) -> bool:
    """Whether a capitalised word only names the tool, an argument or an earlier result."""
    if mention.kind not in ("name", "code"):
        return False
    said = stems(str(mention.value))
    own = {*tool.stems, *(one for argument in tool.arguments for one in argument.name_stems)}
    before = {one for step in earlier for part in step.tool.returns for one in part.name_stems}
    return bool(said) and all(one in own or one in before for one in said)


def _within(mention: Mention, spans: Sequence[tuple[int, int]]) -> bool:
    return mention.kind == "name" and any(start <= mention.start and mention.end <= end for start, end in spans)


def _open(work: _Work) -> list[Argument]:
    return [argument for argument in work.tool.arguments if argument.name not in work.filled.values]


def _options(work: _Work) -> None:
    """Fill what the schema spells out: enum values, example values, flags."""
    for argument in _open(work):
        value: Any = None
        if argument.kind == "boolean":
            value = spoken_flag(argument, work.text, work.tool)
        elif argument.options or argument.hints:
            value = choice(argument, work.text)
        if value is None:
            continue
        work.filled.values[argument.name] = value
        for mention in [m for m in work.free if str(m.value).lower() == str(value).lower()]:
            work.free.remove(mention)


def _arrays(work: _Work) -> None:
    """Give lists to array arguments, the best pair first; then a single value that is named or all there is."""
    open_arrays = [argument for argument in _open(work) if argument.kind == "array"]
    for lists in (True, False):
        pairs = [
            (_array_affinity(work, argument, mention), -place, argument, mention)
            for place, argument in enumerate(open_arrays)
            for mention in work.free
            if (mention.kind == "list") == lists
        ]
        for score, _, argument, mention in sorted(pairs, key=lambda pair: (-pair[0], -pair[1])):
            enough = _LEAST if argument.required and lists else _LEAST_OPTIONAL
            if score >= enough and argument.name not in work.filled.values and mention in work.free:
                work.take(argument, mention)


def _array_affinity(work: _Work, argument: Argument, mention: Mention) -> float:
    around = context(work.text, mention, [m for m in work.all if m.kind != "ref"])
    if mention.kind == "ref":
        return affinity(argument, mention, around, work.tool.stems)
    item = argument.items
    first = mention.parts[0] if mention.parts else mention
    if item is not None and item.kind == "object":
        return -1.0
    like = replace(argument, kind=item.kind if item is not None and item.kind != "any" else "any")
    return affinity(like, first, around, work.tool.stems) + (0.5 if text_list(mention) else 0.0)


def _explode(work: _Work) -> list[Mention]:
    """Break the lists that no array took into their parts; return the lists."""
    lists = [mention for mention in work.free if mention.kind == "list" and mention.parts]
    for mention in lists:
        parts = mention.parts if not _one_place(work.text, mention) else (_whole(work.text, mention),)
        for row in (work.free, work.all):
            place = row.index(mention)
            row[place : place + 1] = parts
    return lists


def _one_place(text: str, mention: Mention) -> bool:
    """Whether two names parted by a comma only are one thing ("Houston, Texas")."""
    first, last = mention.parts[0], mention.parts[-1]
    return len(mention.parts) == 2 and first.kind == "name" and text[first.end : last.start].strip() == ","


def _whole(text: str, mention: Mention) -> Mention:
    return Mention("name", text[mention.start : mention.end], mention.start, mention.end)


def _pairs(work: _Work, lists: Sequence[Mention]) -> None:
    """Give single values to single arguments, the best pair first, in the order of the text when they are equal."""
    arguments = [a for a in _open(work) if a.kind not in ("boolean", "object", "array")]
    explicit = [mention for mention in work.all if mention.kind != "ref"]
    scores: dict[tuple[int, int], float] = {}
    for place, argument in enumerate(arguments):
        least = _LEAST if argument.required else _LEAST_OPTIONAL
        for order, mention in enumerate(work.free):
            beside = work.all if mention.kind == "ref" else explicit
            score = affinity(argument, mention, context(work.text, mention, beside), work.tool.stems)
            if score >= least:
                scores[place, order] = round(score, 2) + (0.2 if argument.required else 0)
    free = list(work.free)
    for place, order in sorted(best_pairs(scores).items()):
        work.take(arguments[place], free[order])
        _repeat(work, arguments[place], free[order], lists)


def best_pairs(scores: Mapping[tuple[int, int], float]) -> dict[int, int]:
    """Return the pairing of rows and columns with the highest sum. Cost: exponential in the rows, which are few.

    >>> best_pairs({(0, 0): 4.4, (0, 1): 4.1, (1, 0): 1.7, (1, 1): 0.9})
    {0: 1, 1: 0}
    """
    rows = sorted({row for row, _ in scores})

    @cache
    def best(place: int, taken: frozenset[int]) -> tuple[float, tuple[tuple[int, int], ...]]:
        if place == len(rows):
            return 0.0, ()
        found = best(place + 1, taken)
        for (row, column), score in scores.items():
            if row == rows[place] and column not in taken:
                rest, pairs = best(place + 1, taken | {column})
                if score + rest > found[0] + 1e-9:
                    found = score + rest, ((row, column), *pairs)
        return found

    return dict(best(0, frozenset())[1])


def _repeat(work: _Work, argument: Argument, mention: Mention, lists: Sequence[Mention]) -> None:
    """Note further calls when the value was one of a list whose other parts fit nothing else of the tool."""
    row = next((one.parts for one in lists if mention in one.parts), ())
    if mention.unit == "pair":
        row = tuple(one for one in work.all if one.unit == "pair" and one.end == mention.end)
    rest = [part for part in row if part in work.free]
    rivals = [a for a in work.tool.required if a.name not in work.filled.values and a.kind == argument.kind]
    if not row or len(rest) != len(row) - 1 or rivals:
        return
    sets = work.filled.repeats or [{} for _ in rest]
    if len(sets) != len(rest):
        return
    for values, part in zip(sets, rest, strict=True):
        values[argument.name] = _plain(argument, part)
        work.free.remove(part)
    work.filled.repeats = sets


def _plain(argument: Argument, mention: Mention) -> Any:
    if mention.kind != "ref":
        return coerce(argument, mention)
    link = best_link(argument, mention.value)
    return link.earlier.reference(link.part)


def _structures(work: _Work) -> None:
    """Fill required arrays and objects out of the values that are left, each property like an argument."""
    for argument in [a for a in _open(work) if a.kind in ("array", "object") and a.required]:
        if argument.kind == "object":
            value: Any = _properties(work, argument)
        elif argument.items is not None and argument.items.kind == "object":
            value = [one for one in iter(lambda item=argument.items: _properties(work, item), None)]
        else:
            value = _scattered(work, argument)
        if value:
            work.filled.values[argument.name] = value


def _properties(work: _Work, whole: Argument) -> dict[str, Any] | None:
    before = list(work.free)
    tool = replace(work.tool, arguments=whole.parts)
    inner = _Work(work.text, tool, list(work.free), work.all, Filled())
    _options(inner)
    inner.free = list(before)
    _pairs(inner, ())
    used = [mention for mention in before if mention not in inner.free and mention.kind != "ref"]
    if not used or any(
        part.required and part.name not in inner.filled.values for part in whole.parts if part.kind != "string"
    ):
        return None
    for part in whole.parts:
        if part.hints and part.name not in inner.filled.values:
            _hint(inner, part, used[0])
    work.free[:] = inner.free
    work.spans.extend(inner.spans)
    return inner.filled.values


def _hint(work: _Work, part: Argument, mention: Mention) -> None:
    """Choose the example value that names the kind of a number: a percentage or an amount."""
    marks = ("percent",) if mention.kind == "percent" else ("amount", "fixed", "absolut")
    value = next((hint for hint in part.hints if hint.lower().startswith(marks)), None)
    if value is not None:
        work.filled.values[part.name] = value


def _scattered(work: _Work, argument: Argument) -> list[Any]:
    """Return all fitting values left, for a list that is written in pieces ("length 5 and width 3")."""
    item = replace(argument, kind=argument.items.kind if argument.items is not None else "any")
    if item.kind not in ("number", "integer"):
        return []
    fitting = [mention for mention in work.free if mention.numeric]
    for mention in fitting:
        work.free.remove(mention)
        work.spans.append((mention.start, mention.end))
    return [coerce(item, mention) for mention in fitting]


def _phrases(work: _Work) -> None:
    """Give words that are no typed value to the text arguments that are still open."""
    open_required = [a for a in _open(work) if a.required]
    for argument in _open(work):
        if not (argument.textual or argument.kind == "array") or argument.kind == "any" and not argument.required:
            continue
        alone = open_required == [argument] and not typed(argument)
        found = phrase(argument, work.text, work.tool, work.spans, alone=alone)
        if found is None:
            continue
        text, span = found
        if argument.kind == "array":
            if argument.items is not None and argument.items.kind not in ("string", "any"):
                continue
            work.filled.values[argument.name] = [part for part in _listed(text) if part]
        else:
            work.filled.values[argument.name] = text
        work.spans.append(span)
        for mention in [m for m in work.free if span[0] <= m.start < span[1]]:
            work.free.remove(mention)


def _units(work: _Work) -> None:
    """Let an open "from" argument take the unit written with a number."""
    for argument in _open(work):
        if argument.required and argument.textual and role_of(argument) == "from":
            unit = next((m.unit for m in work.all if m.numeric and m.unit not in ("", "%")), "")
            if unit:
                work.filled.values[argument.name] = unit


def _listed(text: str) -> list[str]:
    for joint in (" and ", " or ", " und ", " et ", " y ", "、", "，", "和"):
        text = text.replace(joint, ",")
    return [part.strip(" '\"") for part in text.split(",")]


def _open_link(work: _Work, earlier: Sequence[Earlier]) -> None:
    """Let the one argument that is still open take the result of the step before."""
    open_required = [argument for argument in _open(work) if argument.required]
    if not open_required or work.filled.links or unknown_runs(work.text, work.tool, work.spans):
        return
    for argument in open_required if len(open_required) == 1 or not work.filled.values else ():
        step = earlier[-1]
        links = [Link(step, part, 0.5) for part in step.tool.returns] or [Link(step, None, 0.5)]
        link = best_link(argument, links)
        if link.strength + suits_field(argument, link.part) < 0.45:
            continue
        work.filled.values[argument.name] = link.earlier.reference(link.part)
        work.filled.links[argument.name] = link
        return


def best_link(argument: Argument, links: Sequence[Link], used: Iterable[Any] = ()) -> Link:
    """Return the meaning of a cue that suits an argument best; one that is used already only when no other is near."""
    gone = [value for value in used if isinstance(value, str)]

    def worth(link: Link) -> float:
        again = 0.5 if link.earlier.reference(link.part) in gone else 0.0
        return link.strength + suits_field(argument, link.part) - again

    return max(links, key=worth)


def coerce(argument: Argument, mention: Mention) -> Any:
    """Return a mention's value in the form the argument asks for: its type, unit, date and decimal form."""
    if argument.kind == "array":
        inner = replace(argument, kind=argument.items.kind if argument.items is not None else "any")
        return [coerce(inner, part) for part in mention.parts or (mention,)]
    value = mention.value
    if argument.kind in ("number", "integer"):
        return _number(argument, mention)
    if (
        mention.kind == "date"
        and mention.unit
        and "HH" not in argument.description
        and "time" not in argument.name_stems
    ):
        return str(value)[:10]
    if mention.kind == "time" and ":mm" in argument.description.lower():
        return read_clock(value)
    if argument.kind == "string" and not isinstance(value, str):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return value


def _number(argument: Argument, mention: Mention) -> Any:
    value = mention.value
    if isinstance(value, str):
        value = float(value) if "." in value else int(value)
    if mention.kind == "percent" and _decimal(argument):
        return round(value / 100, 10)
    described = [word.text for word in words(f"{argument.name.replace('_', ' ')} {argument.description}")]
    value = convert(value, mention.unit, described)
    return round(value) if argument.kind == "integer" and float(value).is_integer() else value


def _decimal(argument: Argument) -> bool:
    return (argument.maximum is not None and argument.maximum <= 1) or bool(
        {"decim", "decimal", "fraction"} & {*argument.stems, *argument.name_stems}
    )
