"""A plan while it is imported: its steps, where in the source each stood, and what was noticed on the way."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from engine.dag.build import Problem, check_plan, plan_error
from engine.planner.items import Notes, validated
from schemas.plan import Plan, Step
from schemas.tool import ToolSpec

Reading = Callable[[re.Match[str], bool], str | None]
"""Says what a match means: the body of a ``{{reference}}``, or None for plain text. True: it is the whole string."""

_PATH = re.compile(r"\$\.steps\[(\d+)\]")
_FIRST_FIELD = re.compile(r"\.(\w+)")
_OWN = frozenset({"tool", "id"})
_MOST_GUESSES = 20
_MOST_WORDS = 500


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step stands in the source.

    Attributes:
        where: ``line 4``, or the JSON path ``$[3]``.
        fields: How the source calls the fields of a step (``{"tool": "task"}``); None for text, which names none.
    """

    where: str
    fields: Mapping[str, str] | None = None

    def at(self, below: str) -> str:
        """Return the place of what stands at a JSON path below the step.

        >>> Place("line 4").at(".tool_input.query"), Place("$[3]", {"tool_input": "args"}).at(".tool_input.query")
        ('line 4, tool_input.query', '$[3].args.query')
        """
        first = _FIRST_FIELD.match(below)
        if self.fields is not None:
            return self.where + (f".{self.fields.get(first[1], first[1])}{below[first.end() :]}" if first else below)
        if not below or (first and first[1] in _OWN):
            return self.where
        return f"{self.where}, {below.lstrip('.')}"


@dataclass(slots=True)
class Draft:
    """One import under way.

    Attributes:
        tools: The declared tools; None when they are not known, then nothing is checked against them.
        judge: The tool that decides a condition in words; None when no model is configured.
        checked: Whether what the plan names must be declared.
        head: The plan's own fields.
    """

    tools: Mapping[str, ToolSpec] | None = None
    judge: ToolSpec | None = None
    checked: bool = True
    head: dict[str, str] = field(default_factory=dict[str, str])
    notes: Notes = field(default_factory=Notes)
    steps: list[Step] = field(default_factory=list[Step])
    places: list[Place] = field(default_factory=list[Place])
    _alike: dict[str, list[str]] | None = None
    _guesses: int = 0

    def add(self, place: Place, **fields: Any) -> None:
        """Add a step; one that is none is noted as a problem."""
        step = validated(Step, fields, place.where, self.notes)
        if step is not None:
            self.steps.append(step)
            self.places.append(place)

    def problem(self, where: str, message: str, hint: str = "", code: str = "field") -> None:
        """Note what stops the plan."""
        self.notes.problem(where, message, hint, code)

    def declared(self, name: str) -> str:
        """Return the declared tool that a name means: itself, or the only one that differs in case or in ``-_ .``."""
        if self.tools is None or name in self.tools:
            return name
        if self._alike is None:
            self._alike = {}
            for known in self.tools:
                self._alike.setdefault(_plain(known), []).append(known)
        alike = self._alike.get(_plain(name), [])
        return alike[0] if len(alike) == 1 else name

    def near(self, word: str, words: Iterable[str], otherwise: str = "") -> str:
        """Return a hint at the word that was probably meant; only a few times a plan: a guess costs milliseconds."""
        known = list(words)
        if self._guesses >= _MOST_GUESSES or len(known) > _MOST_WORDS:
            return otherwise
        self._guesses += 1
        close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
        return f"did you mean {close[0]!r}?" if close else otherwise

    def parameters(self, tool: str) -> tuple[str, ...] | None:
        """Return a tool's arguments in their declared order; None when the tool is not known."""
        spec = None if self.tools is None else self.tools.get(tool)
        return (
            None
            if spec is None or "properties" not in spec.input_schema
            else tuple(spec.input_schema.get("properties", {}))
        )

    def plan(self) -> Plan:
        """Return the plan, checked where the tools are known.

        Raises:
            PlanError: What is wrong, each with its place in the source.
        """
        made = None
        if not self.notes.problems:
            made = validated(Plan, self.head, "$", self.notes)
        if made is not None:
            made = made.model_copy(update={"steps": tuple(self.steps)})
            if self.tools is not None and self.checked:
                self.notes.problems += [self._placed(found) for found in check_plan(made, self._allowed())]
        if made is None or self.notes.problems:
            raise plan_error(self.notes.problems)
        return made

    def _allowed(self) -> Mapping[str, ToolSpec]:
        """The declared tools, and the judge where a condition needs it."""
        asked = self.judge is not None and any(step.tool == self.judge.name for step in self.steps)
        return {**(self.tools or {}), self.judge.name: self.judge} if asked and self.judge else self.tools or {}

    def rewritten(self, value: Any, place: Place, mark: re.Pattern[str], reading: Reading) -> Any:
        """Return a value with the source's references written as ``{{…}}`` and every literal ``{{`` escaped."""
        if isinstance(value, str):
            return self._rewritten_text(value, place, mark, reading)
        if isinstance(value, dict):
            items = cast("dict[str, Any]", value).items()
            return {key: self.rewritten(item, place, mark, reading) for key, item in items}
        if isinstance(value, (list, tuple)):
            return [self.rewritten(item, place, mark, reading) for item in cast("Sequence[Any]", value)]
        return value

    def _rewritten_text(self, text: str, place: Place, mark: re.Pattern[str], reading: Reading) -> str:
        written: list[str] = []
        end = 0
        for match in mark.finditer(text):
            body = reading(match, match.span() == (0, len(text)))
            if body is None:
                continue
            before = text[end : match.start()]
            if before.endswith("\\"):
                self.problem(place.where, f"a backslash stands right before {match[0]}", "put a space between them")
            written += [escaped(before), "{{", body, "}}"]
            end = match.end()
        return "".join([*written, escaped(text[end:])])

    def _placed(self, problem: Problem) -> Problem:
        match = _PATH.match(problem.path)
        if match is None or int(match[1]) >= len(self.places):
            return problem
        message = _PATH.sub(lambda other: self.places[int(other[1])].where, problem.message)
        return replace(problem, path=self.places[int(match[1])].at(problem.path[match.end() :]), message=message)


def escaped(text: str) -> str:
    """Return text that holds no reference: each ``{{`` of it means itself."""
    return text.replace("{{", "\\{{")


def _plain(name: str) -> str:
    return re.sub(r"[-_ .]", "", name).casefold()
