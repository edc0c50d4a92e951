"""One case: a question, its tools, and what an ideal model would do about it. The oracle of every system alike."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.simulated.profile import chance

REFERENCE = re.compile(r"\{\{(?P<step>\w+)(?P<path>[^}]*)\}\}")
SIGMA = 0.3


@dataclass(frozen=True, slots=True)
class CaseTool:
    """One tool of a case.

    Attributes:
        name, description, parameters: As every system is shown it; ``parameters`` is a JSON Schema of an object.
        mean_s: Mean seconds of a call; log-normal with sigma 0.3 around it.
        effects: What a call does to the world.
        reads, writes: Resources, as the engine's tools declare them.
        instead: A tool that can do the same, where this one is down.
        returns: JSON Schema of what it gives, where that is known.
        agent: Whether it is an agent.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    mean_s: float = 0.5
    effects: Literal["none", "idempotent", "effectful"] = "none"
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    instead: str | None = None
    returns: Mapping[str, Any] | None = None
    agent: bool = False

    @property
    def required(self) -> tuple[str, ...]:
        """The arguments that must be there."""
        return tuple(self.parameters.get("required", ()))


@dataclass(frozen=True, slots=True)
class Each:
    """What makes steps one step of a plan, done for each item of a list that nobody knows before it is there.

    Attributes:
        group: The id that its results have together, in the order of the items.
        over: The list: a reference.
        arguments: With ``{{item}}``.
        needs: Ids of the steps that the list comes from.
    """

    group: str
    over: str
    arguments: Mapping[str, Any]
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CaseStep:
    """One call of the right plan.

    Attributes:
        id: ``1``, ``2``, … in an order in which they can be made one after another.
        arguments: With ``{{1}}`` or ``{{1.field}}`` for results.
        value: What the call gives; None: what the case's tools say when it is made (stateful suites).
        after: Steps that must be over without a reference saying so.
        each: What it is one of, where a plan does not know how many there will be.
        planned: The arguments as a plan writes them, where they take all results of such a step: ``{{5[*].km}}``.
    """

    id: str
    tool: str
    arguments: Mapping[str, Any]
    value: Any = None
    after: tuple[str, ...] = ()
    each: Each | None = None
    planned: Mapping[str, Any] | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """Ids of the steps it waits for."""
        told = (match["step"] for match in REFERENCE.finditer(json.dumps(self.arguments)))
        return tuple(dict.fromkeys((*self.after, *told)))


@dataclass(frozen=True, slots=True)
class Case:
    """One case.

    Attributes:
        id: Unique in its suite.
        question: What the person asks.
        answer: The right answer, as the oracle words it.
        templated: Whether results put into ``answer`` (it holds references) are the whole answer, so that a planner
            may write it down; otherwise somebody has to read the results.
        approves: Tools whose calls a person has to approve (``--approve`` answers yes).
        expects: Texts that a right answer contains; empty: it equals ``answer`` but for blanks.
        facts: What a suite has beside that: ``touched`` names what calls of each tool read and write, where they share
            a state.
    """

    suite: str
    id: str
    question: str
    tools: tuple[CaseTool, ...]
    steps: tuple[CaseStep, ...]
    answer: str
    templated: bool = False
    approves: tuple[str, ...] = ()
    expects: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def name(self) -> str:
        """Suite and id."""
        return f"{self.suite}/{self.id}"

    def tool(self, name: str) -> CaseTool:
        """Return a tool. Raises KeyError."""
        return next(tool for tool in self.tools if tool.name == name)

    def resolved(self, step: CaseStep, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return a step's arguments with results put in: the case's own, or those given."""
        known = self.known() if values is None else values
        return {name: filled(value, known) for name, value in step.arguments.items()}

    def step_of(self, tool: str, arguments: Mapping[str, Any], made: Container[str] = ()) -> CaseStep | None:
        """Return the step that a call is; a call of the tool that stands in for another one's counts as that one's.

        Args:
            tool, arguments: The call.
            made: Ids of steps that it is not, for a call that is made more than once.
        """
        wanted = canonical(arguments)
        for step in self.steps:
            same = step.tool == tool or self.tool(step.tool).instead == tool
            if same and step.id not in made and canonical(self.resolved(step)) == wanted:
                return step
        return None

    def conflict(self, one: CaseStep, other: CaseStep) -> bool:
        """Whether two steps may not overlap: one writes what the other reads or writes, as their tools declare."""
        mine, others = self._touched(one), self._touched(other)
        return bool(mine[1] & (others[0] | others[1]) or others[1] & mine[0])

    def _touched(self, step: CaseStep) -> tuple[set[str], set[str]]:
        tool, arguments = self.tool(step.tool), self.resolved(step)
        writes = tool.writes or (("*",) if tool.effects == "effectful" and not tool.reads else ())
        return {one.format(**arguments) for one in tool.reads}, {one.format(**arguments) for one in writes}

    def seconds(self, tool: str, arguments: Mapping[str, Any]) -> float:
        """Return how long a call takes: a hash of case, tool and arguments, so that every system draws the same."""
        mean = self.tool(tool).mean_s
        return mean * lognormal(f"{self.name} {tool} {canonical(arguments)}")

    def right(self, answer: str) -> bool:
        """Whether an answer is right."""
        if self.expects:
            return all(text.lower() in answer.lower() for text in self.expects)
        return " ".join(answer.split()) == " ".join(self.told().split())

    def result_step(self) -> CaseStep | None:
        """Return the step whose result is the answer: the only one whose result no other step uses, if it is."""
        used = {need for step in self.steps for need in step.needs}
        last = [step for step in self.steps if step.id not in used]
        return last[0] if len(last) == 1 and _text(last[0].value) == self.told() else None

    def told(self) -> str:
        """Return the right answer with results put in."""
        known = self.known()
        return REFERENCE.sub(lambda match: _text(_walked(match, known)), self.answer)

    def known(self) -> dict[str, Any]:
        """Return what every step gives, and lists of what is done for each item of a list."""
        found: dict[str, Any] = {one.id: one.value for one in self.steps}
        for one in self.steps:
            if one.each is not None:
                found.setdefault(one.each.group, []).append(one.value)
        return found

    def items(self) -> list[list[CaseStep]]:
        """Return the steps as a plan has them: those that are done for each item of a list are one."""
        found: list[list[CaseStep]] = []
        for step in self.steps:
            last = found[-1][-1].each if found else None
            if step.each is not None and last is not None and last.group == step.each.group:
                found[-1].append(step)
            else:
                found.append([step])
        return found


def lognormal(of: str) -> float:
    """Return a factor with mean 1, log-normal with sigma 0.3, that is a hash of a text (Box–Muller on two hashes)."""
    one, two = max(chance(of + " 1"), 1e-12), chance(of + " 2")
    normal = math.sqrt(-2 * math.log(one)) * math.cos(2 * math.pi * two)
    return math.exp(SIGMA * normal - SIGMA**2 / 2)


def canonical(arguments: Mapping[str, Any]) -> str:
    """Return arguments as text, the same for the same ones."""
    return json.dumps(arguments, sort_keys=True, ensure_ascii=False)


def filled(value: Any, known: Mapping[str, Any]) -> Any:
    """Return a value with results put in for references.

    >>> filled("{{1.km}}", {"1": {"km": 3}}), filled("so {{1.km}} km", {"1": {"km": 3}})
    (3, 'so 3 km')
    """
    if isinstance(value, str):
        whole = REFERENCE.fullmatch(value)
        if whole is not None:
            return _walked(whole, known)
        return REFERENCE.sub(lambda match: _text(_walked(match, known)), value)
    if isinstance(value, Mapping):
        return {key: filled(inner, known) for key, inner in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list | tuple):
        return [filled(inner, known) for inner in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def _walked(match: re.Match[str], known: Mapping[str, Any]) -> Any:
    parts: list[str] = re.findall(r"\w+|\*", match["path"])
    return _at(known[match["step"]], parts)


def _at(found: Any, parts: Sequence[str]) -> Any:
    for number, part in enumerate(parts, 1):
        if part == "*":
            return [_at(one, parts[number:]) for one in found]
        found = found[int(part) if isinstance(found, list) else part]
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
