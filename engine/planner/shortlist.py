"""Keeps what a planner's model reads of the tools within a cap of tokens, however many tools are declared.

The likeliest tools stand there in full and can be called. Of the others the model sees the name and, as far as the cap
goes, the first sentence; it may ask for the details of any tool, by its name or by what it should do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.planner.catalogue import catalogue_line
from engine.planner.ranking import Ranking
from gateway.estimate import BYTES_PER_TOKEN
from schemas.tool import ToolSpec

CATALOGUE_TOKENS = 6_000
_NAMES_SHARE = 1 / 3  # of the cap, at most, for the names of tools that are not shown in full
_FULL_SHARE, _FULL_SHARE_UNRELATED = 0.7, 0.3  # of what the names leave; the rest is for first sentences
_GENERAL_COST = 600  # tokens of the cap for each tool that is shown whatever the task says
_BRIEF_CHARS = 120
_FOUND, _MOST_ASKED = 5, 20
_SENTENCE = re.compile(r"(?<=[.!?])\s|[。！？\n]")
_MORE = (
    "There are more tools, of which you see less, and which no call may name yet. If you need one of them, write only"
    ' {"ask": "details: name, name"}; you are then shown what they take.'
)
_BARE = "By name only: "
_UNNAMED = 'There are {count} more. Search them by what they do: {{"ask": "details: words of what is needed"}}.'
_WORDING = sum(len(text) + 8 for text in (_MORE, _BARE, _UNNAMED))  # bytes, with their line ends and a count


@dataclass(frozen=True, slots=True)
class Selection:
    """What of a catalogue one request shows.

    Attributes:
        shown: The tools that may be called, by name.
        text: What the model reads.
        note: For the record: how many are shown how; empty when all are shown in full.
    """

    shown: tuple[ToolSpec, ...]
    text: str
    note: str = ""


class Shelf:
    """One catalogue, ready to be shown for any task. Cost: about 0.1 ms a tool once, 1 ms a task."""

    def __init__(self, tools: Sequence[ToolSpec]) -> None:
        self._declared = tuple(tools)
        self._tools = {tool.name: tool for tool in sorted(tools, key=lambda tool: tool.name)}
        self._lines = {name: catalogue_line(tool) for name, tool in self._tools.items()}
        self._cost = {name: _bytes(line) for name, line in self._lines.items()}
        self._ranking: Ranking | None = None

    def holds(self, tools: Sequence[ToolSpec]) -> bool:
        """Whether these are the very tools of this catalogue."""
        return len(tools) == len(self._declared) and all(map(_same, tools, self._declared))

    def select(self, task: str, *, always: Iterable[str] = (), most_tokens: int | None = CATALOGUE_TOKENS) -> Selection:
        """Choose what to show for a task.

        Args:
            task: What the person asked for.
            always: Names that are shown in full whatever the task says, and whatever they cost: tools already used in
                the run, and those whose details were asked for.
            most_tokens: The cap, at four bytes a token; None for none.
        """
        most = sum(self._cost.values()) if most_tokens is None else most_tokens * BYTES_PER_TOKEN
        if sum(self._cost.values()) <= most:
            return Selection(tuple(self._tools.values()), "\n".join(self._lines.values()))
        most = max(0, most - _WORDING)
        ranking = self._ranked()
        related = ranking.related(task)
        first = [name for name in dict.fromkeys(always) if name in self._tools]
        order = list(dict.fromkeys([*first, *ranking.order(task, most // (_GENERAL_COST * BYTES_PER_TOKEN))]))
        names = min(most * _NAMES_SHARE, sum(map(_name_bytes, self._tools)))
        left = (most - names) * (_FULL_SHARE if related else _FULL_SHARE_UNRELATED)
        full = set(first) | _fitting(order[len(first) :], self._cost, left - sum(self._cost[name] for name in first))
        others = [name for name in order if name not in full]
        return self._selection(full, others, most - sum(self._cost[name] for name in full), related)

    def named(self, question: str, shown: Sequence[ToolSpec]) -> list[str]:
        """Return the tools that a planner asks the details of: ``details: name, name``, or words of what they do.

        At most 20: a planner that asks for all of them would have the cap for nothing.

        Args:
            question: What the planner wrote instead of a plan.
            shown: The tools that it sees in full already.
        """
        head, colon, rest = question.partition(":")
        if not colon or head.strip().lower() != "details":
            return []
        hidden = self._tools.keys() - {tool.name for tool in shown}
        found: list[str] = []
        for part in rest.replace("\n", ",").split(","):
            wanted = part.strip(" `'\".")
            found += [wanted] if wanted in self._tools else self._ranked().best(wanted)[:_FOUND]
        return [name for name in dict.fromkeys(found) if name in hidden][:_MOST_ASKED]

    def _ranked(self) -> Ranking:
        if self._ranking is None:
            self._ranking = Ranking(list(self._tools.values()))
        return self._ranking

    def _selection(self, full: set[str], others: Sequence[str], left: float, related: bool) -> Selection:
        """Name the others, the likeliest first, as far as the cap goes, and describe as many as then fit."""
        named: list[str] = []
        for name in others:
            left -= _name_bytes(name)
            if left < 0:
                break
            named.append(name)
        briefs = {name: _brief(self._tools[name]) for name in named}
        extra = {name: _bytes(brief) - _name_bytes(name) for name, brief in briefs.items()}
        described = _fitting(named, extra, left)
        parts = [line for name, line in self._lines.items() if name in full]
        parts += ["", _MORE, *(briefs[name] for name in sorted(described))]
        bare = sorted(set(named) - described)
        parts += [f"{_BARE}{', '.join(bare)}"] if bare else []
        unnamed = len(others) - len(named)
        parts += [_UNNAMED.format(count=unnamed)] if unnamed else []
        note = f"{len(full)} of {len(self._tools)} tools in full, {len(described)} in brief, {len(bare)} by name"
        note += f", {unnamed} to be searched" if unnamed else ""
        note += "" if related else ", the task shares hardly a word with them"
        return Selection(tuple(tool for name, tool in self._tools.items() if name in full), "\n".join(parts), note)


def _fitting(names: Iterable[str], cost: dict[str, int], left: float) -> set[str]:
    """Return those that fit together, taken in turn; one that is too long makes room for shorter ones after it."""
    taken: set[str] = set()
    for name in names:
        if cost[name] <= left:
            left -= cost[name]
            taken.add(name)
    return taken


def _brief(tool: ToolSpec) -> str:
    sentence = _SENTENCE.split(tool.description.strip(), maxsplit=1)[0].strip()
    return f"- {tool.name}: {sentence[:_BRIEF_CHARS]}".rstrip(": ")


def _bytes(line: str) -> int:
    return len(line.encode(errors="replace")) + 1


def _name_bytes(name: str) -> int:
    return len(name.encode(errors="replace")) + 2


def _same(one: ToolSpec, other: ToolSpec) -> bool:
    return one is other
