"""Reads a plan out of a model's reply, as it streams or in one piece.

Either form of an item is read (see items.py); whether the plan can run is the business of ``engine.dag.build``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from engine.dag.build import Problem
from engine.planner.arguments import Dialect
from engine.planner.items import Answer, Ask, Notes, json_kind, read_item, validated
from engine.planner.jsontext import loads, repeated_keys
from engine.planner.stream import PlanScanner
from engine.planner.thoughts import ThoughtFilter
from schemas.errors import PlanParseError
from schemas.plan import Plan, Step
from schemas.tool import ToolSpec

_FENCE = re.compile(r"^\s*```[^\n]*\n(.*?)\n?\s*```\s*$", re.S)
PLAN_TEXTS = ("question", "answer", "expected_output_format")
_OTHER_NAMES = {"ask": "question", "reason": "question", "guidance": "question"}
_COMMENT = "JSON has no comments"
WANTED = 'a plan is an object with "steps"'


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of a reply.

    Attributes:
        plan: The plan as far as it could be read; it may run only when there are no problems.
        problems: Why it is no plan, or which steps could not be read.
        warnings: What was ignored.
        raw: The reply as it came.
    """

    plan: Plan
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]
    raw: str


class PlanReader:
    """Reads one reply while it streams.

    Args:
        tools: The declared tools, by name.
        dialect: How non-string arguments were asked for.
        first_id: Number of the first step.
        goal: The plan's goal unless the reply names one.
    """

    def __init__(
        self, tools: Mapping[str, ToolSpec], *, dialect: Dialect = "unions", first_id: int = 1, goal: str = ""
    ) -> None:
        self._tools = tools
        self._dialect: Dialect = dialect
        self._goal = goal
        self._first = self._next = first_id
        self._index = 0
        self._scanner = PlanScanner()
        self._thoughts = ThoughtFilter()
        self._raw: list[str] = []
        self._steps: list[Step] = []
        self._texts: dict[str, str] = {}
        self._notes = Notes()

    @property
    def raw(self) -> str:
        """The reply so far."""
        return "".join(self._raw)

    @property
    def calls(self) -> int:
        """How many calls there are so far, those that cannot be read included."""
        return self._next - self._first

    @property
    def begun(self) -> bool:
        """Whether the list of steps has begun."""
        return self._scanner.state not in ("prose", "seeking")

    @property
    def ended(self) -> bool:
        """Whether the plan is whole."""
        return self._scanner.state == "done"

    def feed(self, text: str) -> list[Step]:
        """Take the next piece of the reply and return the steps that closed in it. Cost: linear in the reply."""
        self._raw.append(text)
        before = len(self._steps)
        for item in self._scanner.feed(self._thoughts.feed(text)):
            self._take_text(item)
        return self._steps[before:]

    def finish(self, stopped: str = "") -> Reading:
        """Return what came of the whole reply.

        Args:
            stopped: Why it was not read to its end, if it was not.
        """
        state = self._scanner.state
        fields = self._without_steps() if state in ("prose", "seeking") else self._around_steps()
        if stopped:
            where = "$.steps" if state in ("steps", "tail") else "$"
            self._notes.problem(where, stopped, "write the plan, no longer than needed, and nothing else", code="size")
        elif state in ("steps", "tail"):
            self._cut_off()
        self._second_plan()
        for fault in self._scanner.faults:
            self._notes.problem(fault.path, fault.message, "write strict JSON", code="parse")
        plan = self._assemble(fields)
        return Reading(plan, tuple(self._notes.problems), tuple(self._notes.warnings), self.raw)

    def _take_text(self, text: str) -> None:
        path = f"$.steps[{self._index}]"
        try:
            item = loads(text)
        except PlanParseError as exc:
            self._notes.problem(path, f"{exc.message} (of this step)", code="parse")
            self._index += 1
            self._next += 1
            return
        self._repeated(path, text)
        self._take(item)

    def _take(self, item: Any) -> None:
        read = read_item(item, str(self._next), self._tools, self._dialect, f"$.steps[{self._index}]", self._notes)
        self._index += 1
        if isinstance(read, Answer):
            self._put("answer", read.text)
        elif isinstance(read, Ask):
            self._put("question", read.text)
        else:
            self._next += 1
            if read is not None:
                self._steps.append(read)

    def _put(self, key: str, text: str) -> None:
        if key in self._texts:
            self._notes.warnings.append(f"$.steps[{self._index - 1}]: a second {key}; the last one counts")
        self._texts[key] = text

    def _around_steps(self) -> dict[str, Any]:
        if self._scanner.state == "broken":
            return {}
        try:
            fields = loads(self._scanner.rest())
        except PlanParseError as exc:
            if self._scanner.state != "tail":
                self._notes.problem("$", f"outside the steps: {exc.message}", code="parse")
            return {}
        self._repeated("$", self._scanner.rest())
        fields.pop("steps", None)
        return fields

    def _repeated(self, path: str, text: str) -> None:
        keys = repeated_keys(text)
        self._notes.warnings += [f"{path}: {key!r} is written twice, {_kept(path, key)} counts" for key in keys]

    def _second_plan(self) -> None:
        after = "".join(self._scanner.after)
        if '"steps"' in after:
            second = PlanScanner()
            second.feed(after)
            if second.state not in ("prose", "seeking"):
                self._notes.warnings.append("the reply holds a second plan; the first one counts")

    def _cut_off(self) -> None:
        whole = f"{self._index} whole step{'' if self._index == 1 else 's'}"
        where = f"$.steps[{self._index}]" if self._scanner.unfinished else "$"
        self._notes.problem(where, f"the reply is cut off after {whole}", "write fewer or shorter steps", code="parse")

    def _without_steps(self) -> dict[str, Any]:
        """No list of steps was found: another object may ask or answer, else say what is there instead."""
        values = [loads_or_none(text) for text in self._scanner.others]
        objects = [cast("dict[str, Any]", value) for value in values if isinstance(value, dict)]
        for fields in reversed(objects):
            if fields.keys() & {"steps", *PLAN_TEXTS, *_OTHER_NAMES}:
                return self._document(fields)
        nothing = _nothing(self.raw)
        if _COMMENT in nothing:
            self._notes.problem("$", nothing, WANTED, code="parse")
        elif objects:
            keys = ", ".join(objects[-1]) or "none"
            self._notes.problem("$.steps", "this field is missing", f"{WANTED}; fields there: {keys}")
        elif any(isinstance(value, list) and dict in map(type, cast("list[Any]", value)) for value in values):
            self._notes.problem("$", "expected an object, got a list", WANTED, code="parse")
        else:
            unfinished = "the reply is cut off in the middle of its thoughts" if self._thoughts.inside else ""
            self._notes.problem("$", unfinished or nothing, WANTED, code="parse")
        return {}

    def _document(self, fields: dict[str, Any]) -> dict[str, Any]:
        rest = {key: value for key, value in fields.items() if key != "steps"}
        steps = fields.get("steps", [])
        if isinstance(steps, str) and isinstance(loads_or_none(steps), list):
            self._notes.warnings.append("$.steps: the list was written as text")
            steps = loads(steps)
        if not isinstance(steps, list):
            self._notes.problem("$.steps", f"expected a list of steps, got {json_kind(steps)}")
            return rest
        for item in cast("list[Any]", steps):
            self._take(item)
        return rest

    def _assemble(self, fields: dict[str, Any]) -> Plan:
        known = plan_fields(fields, bool(self._steps or self._index), self._notes)
        plan = validated(Plan, {"goal": self._goal, **known, **self._texts}, "$", self._notes)
        return (plan or Plan(goal=self._goal)).model_copy(update={"steps": tuple(self._steps)})


def read_reply(
    text: str, tools: Mapping[str, ToolSpec], *, dialect: Dialect = "unions", first_id: int = 1, goal: str = ""
) -> Reading:
    """Read a whole reply; the same as feeding it piece by piece."""
    reader = PlanReader(tools, dialect=dialect, first_id=first_id, goal=goal)
    reader.feed(text)
    return reader.finish()


def loads_or_none(text: str) -> Any:
    """Read JSON; None when it is none."""
    try:
        return loads(text)
    except PlanParseError:
        return None


def plan_fields(fields: dict[str, Any], has_steps: bool, notes: Notes) -> dict[str, Any]:
    """Return the plan's own fields; a plan without steps may give its question or guidance under another name."""
    known = {key: value for key, value in fields.items() if key in Plan.model_fields and value not in (None, "")}
    unknown = [key for key in fields if key not in Plan.model_fields]
    for name, key in _OTHER_NAMES.items():
        if name in unknown and not has_steps and isinstance(fields[name], str) and not known.keys() & {"answer", key}:
            known[key] = fields[name]
            unknown.remove(name)
    notes.ignored("$", unknown)
    return known


def _kept(path: str, key: str) -> str:
    return "the first one" if (path, key) == ("$", "steps") else "the last one"


def _nothing(raw: str) -> str:
    """Say what a reply is in which there is no object."""
    match = _FENCE.match(raw)
    text = (match[1] if match else raw).strip()
    if not text:
        return "the reply is empty"
    try:
        return f"expected an object, got {json_kind(loads(text))}"
    except PlanParseError as exc:
        if "{" not in text:
            return "there is no JSON in the reply"
        begin = text.index("{")
        end = text.rfind("}") + 1
        said = exc.message if begin == 0 else _fault(text[begin:end] if end > begin else text[begin:])
        return f"no JSON object can be read: {said}"


def _fault(text: str) -> str:
    try:
        loads(text)
    except PlanParseError as exc:
        return exc.message
    return "its beginning and end do not fit"
