"""Questions of any length and width: things looked up side by side, each by a chain of look-ups.

``case(6, 3)``: of three things, two look-ups each. A look-up needs the one before it, so that ``width`` look-ups can be
made at once and the longest chain is ``steps / width``, rounded up.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.orchestration.case import Case, CaseStep, CaseTool
from benchmarks.simulated.profile import chance

RELATIONS = (
    "supplier", "bank", "seat", "mayor", "school", "founder", "birthplace", "river", "source", "range",
    "peak", "first climber", "club", "sponsor", "chair", "deputy", "residence", "architect", "teacher", "patron",
)  # fmt: skip
THINGS = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Gorse", "Hazel", "Ivy", "Juniper")
_NOTE = (
    "As entered in the register, confirmed at the last review and unchanged since; the entry was made by the office in "
    "charge and is open to everybody."
)
_TEXT = {"type": "string"}
_LOOK_UP: dict[str, Any] = {
    "type": "object",
    "properties": {"of": {**_TEXT, "description": "A name."}, "relation": {**_TEXT, "description": "What of it."}},
    "required": ["of", "relation"],
}
_QUERY: dict[str, Any] = {"type": "object", "properties": {"query": _TEXT}, "required": ["query"]}
TOOLS = (
    CaseTool("look_up", "Look up in the register what stands in a relation to a name.", _LOOK_UP, mean_s=0.6),
    CaseTool(
        "archive_search",
        "Search the archive for what stands in a relation to a name; slower than the register.",
        _LOOK_UP,
        mean_s=1.5,
    ),
    CaseTool("analyst", "An analyst who sums up what a text says.", _QUERY, mean_s=1.5, agent=True),
    CaseTool("reviewer", "A reviewer who sums up what a text says.", _QUERY, mean_s=2.0, agent=True),
)


def case(steps: int, width: int, *, suite: str = "line", stand_in: bool = False, agent: bool = False) -> Case:
    """Return a question.

    Args:
        steps: Look-ups, 1–20 a thing.
        width: Things, 1–10.
        suite: Where it belongs.
        stand_in: Whether the archive can do what the register does, and the reviewer what the analyst does.
        agent: Whether an analyst is asked about each thing at the end, one call more a thing.
    """
    things = THINGS[: min(width, steps)]
    chains = {thing: steps // len(things) + (place < steps % len(things)) for place, thing in enumerate(things)}
    made = list[CaseStep]()
    last: dict[str, str] = {}
    for depth in range(max(chains.values())):
        for thing in (one for one in things if chains[one] > depth):
            of = f"{{{{{last[thing]}.name}}}}" if thing in last else thing
            made.append(_look_up(str(len(made) + 1), of, thing, depth))
            last[thing] = made[-1].id
    for thing in things if agent else ():
        value = f"{thing}: {_name(thing, 99)}"
        made.append(CaseStep(str(len(made) + 1), "analyst", {"query": f"Sum up {{{{{last[thing]}.name}}}}"}, value))
        last[thing] = made[-1].id
    expects = tuple(_name(thing, 99 if agent else chains[thing] - 1) for thing in things)
    answer = "; ".join(f"{thing}: {found}" for thing, found in zip(things, expects, strict=True))
    name = f"{steps}x{width}{'+analyst' if agent else ''}{'+stand-in' if stand_in else ''}"
    return Case(suite, name, _question(chains, agent), _tools(stand_in), tuple(made), f"{answer}.", expects=expects)


def _look_up(label: str, of: str, thing: str, depth: int) -> CaseStep:
    value = {"name": _name(thing, depth), "note": _NOTE}
    return CaseStep(label, "look_up", {"of": of, "relation": RELATIONS[depth]}, value)


def _name(thing: str, depth: int) -> str:
    letters = "bdfgklmnprstvz"
    signs = [int(chance(f"{thing} {depth} {place}") * 70) for place in range(3)]
    return "".join(letters[sign % 14] + "aeiou"[sign % 5] for sign in signs).title()


def _question(chains: dict[str, int], agent: bool) -> str:
    """Word it as a person would: what of what, and of how many."""
    told: list[str] = []
    for depth in sorted(set(chains.values()), reverse=True):
        things = [thing for thing, length in chains.items() if length == depth]
        of = things[0] if len(things) == 1 else f"{', '.join(things[:-1])} and {things[-1]}"
        asked = "the " + " of the ".join(reversed(RELATIONS[:depth]))
        told.append(f"{asked} of {of}")
    end = ", each summed up by the analyst" if agent else ""
    return f"What is {', and '.join(told)}{end}?"


def _tools(stand_in: bool) -> tuple[CaseTool, ...]:
    if not stand_in:
        return TOOLS
    instead = {"look_up": "archive_search", "analyst": "reviewer"}
    return tuple(replace(tool, instead=instead.get(tool.name)) for tool in TOOLS)
