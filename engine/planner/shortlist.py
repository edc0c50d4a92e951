"""Chooses which tools of a large catalogue the planner is shown in full."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from engine.planner.words import words
from schemas.tool import ToolSpec

MOST_SHOWN = 40
_NAME_WEIGHT = 3.0


def shortlist(
    task: str, tools: Sequence[ToolSpec], *, always: Sequence[str] = (), most: int = MOST_SHOWN
) -> tuple[list[ToolSpec], list[ToolSpec]]:
    """Split tools into those shown in full and those named only.

    A tool's score is the sum of the rarity of the words it shares with the task, words of its name counting thrice.

    Args:
        task: What the person asked for.
        tools: All of them.
        always: Names that are shown whatever the task says, such as tools already used in the run.
        most: How many are shown.

    Returns:
        Both lists, sorted by name.

    >>> few = [ToolSpec(name="weather"), ToolSpec(name="stocks")]
    >>> [tool.name for tool in shortlist("What is the weather?", few, most=1)[0]]
    ['weather']
    """
    if len(tools) <= most:
        return sorted(tools, key=lambda tool: tool.name), []
    asked = words(task)
    names = {tool.name: words(tool.name) for tool in tools}
    texts = {tool.name: _text_words(tool) for tool in tools}
    spread = Counter(word for tool in tools for word in names[tool.name] | texts[tool.name])
    first = set(always)

    def score(tool: ToolSpec) -> tuple[bool, float]:
        def total(found: frozenset[str]) -> float:
            return sum(math.log(1 + len(tools) / spread[word]) for word in found & asked)

        return tool.name in first, _NAME_WEIGHT * total(names[tool.name]) + total(texts[tool.name])

    ranked = sorted(tools, key=lambda tool: (*(-part for part in score(tool)), tool.name))
    by_name = sorted(ranked[:most], key=lambda tool: tool.name)
    return by_name, sorted(ranked[most:], key=lambda tool: tool.name)


def named_tools(question: str, tools: Sequence[ToolSpec]) -> list[str]:
    """Return the names of the tools that a planner asks the details of (``details: name, name``)."""
    head, colon, rest = question.partition(":")
    if not colon or head.strip().lower() != "details":
        return []
    asked = {part.strip(" `'\".") for part in rest.replace("\n", ",").split(",")}
    return [tool.name for tool in tools if tool.name in asked]


def _text_words(tool: ToolSpec) -> frozenset[str]:
    arguments = tool.input_schema.get("properties", {})
    described = " ".join(str(schema.get("description", "")) for schema in arguments.values())
    return words(f"{tool.description} {' '.join(arguments)} {described}")
