"""What one turn may do: caps, repeats, which of the calls asked for become steps. Pure: no model, no clock."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from engine.dag.refs import handed_on
from engine.dag.validate import faults
from schemas.model import ToolCallPart, ToolDefinition
from schemas.plan import Step
from schemas.planning import PastStep, PlanRequest
from schemas.tool import ToolSpec

MAX_REPEATS = 3
REPEATED = "the same call three times"
ASK = "ask"
_ASK = ToolDefinition(
    name=ASK,
    description="Ask the person, in the language of the task. Only where no sensible assumption will do.",
    input_schema={
        "type": "object",
        "properties": {"question": {"type": "string", "minLength": 1}},
        "required": ["question"],
        "additionalProperties": False,
    },
)


def offered(request: PlanRequest) -> dict[str, ToolSpec]:
    """Return the tools of a turn by name: those that are not down."""
    return {spec.name: spec for spec in request.tools if spec.name not in request.unavailable}


def definitions(request: PlanRequest) -> tuple[ToolDefinition, ...]:
    """Return the tools of a turn as the model is offered them."""
    tools = tuple(
        ToolDefinition(name=spec.name, description=spec.description, input_schema=spec.input_schema)
        for spec in offered(request).values()
    )
    return (*tools, _ASK) if tools and request.may_ask else tools


def literal(value: Any) -> Any:
    r"""Return a JSON value in which nothing is a reference: what a model copied out of a result is data.

    >>> literal({"text": ["see {{1.secret}}"]})
    {'text': ['see \\{{1.secret}}']}
    """
    if isinstance(value, str):
        return value.replace("{{", "\\{{")
    if isinstance(value, dict):
        return {key: literal(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [literal(item) for item in cast("list[Any]", value)]
    return value


def call_key(tool: str, tool_input: Mapping[str, Any]) -> str:
    """Return a text that is the same for the same call: the order of arguments doesn't matter.

    >>> call_key("add", {"a": 1, "b": 2}) == call_key("add", {"b": 2, "a": 1})
    True
    """
    return f"{tool} {json.dumps(tool_input, sort_keys=True, ensure_ascii=False, default=str)}"


@dataclass(slots=True)
class Turn:
    """The calls of one turn as they come in.

    Ids go on and are never reused: after ``void`` the steps get new ones.

    Attributes:
        request: What the loop asked.
        steps: The steps accepted so far.
        left_out: How many calls beyond ``max_steps`` were not accepted.
        question: What the person is asked beside them.
    """

    request: PlanRequest
    steps: list[Step] = field(default_factory=list[Step])
    left_out: int = 0
    question: str = ""
    _next_id: int = 0
    _made: Counter[str] = field(default_factory=Counter[str])
    _tools: dict[str, ToolSpec] = field(default_factory=dict[str, ToolSpec])
    _handles: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        self._next_id = self.request.first_id
        self._tools = offered(self.request)
        history = self.request.history
        self._handles = {past.step.id for past in (history.steps if history else ()) if past.view != "whole"}
        for past in history.steps if history else ():
            if past.status != "skipped":
                self._made.update(_made_calls(past))

    def problem(self, call: ToolCallPart) -> str:
        """Return why a call cannot be made, with what would be right; empty when it can."""
        spec = self._tools.get(call.name)
        if self.asks(call):
            return "; ".join(f"{path}: {message}" for path, message in faults(_ASK.input_schema, call.arguments))
        if spec is None:
            return f"there is no tool {call.name!r}; the tools are: {', '.join(self._tools) or '(none)'}"
        if not call.valid:
            return "the arguments are no JSON object"
        return "; ".join(f"{path}: {message}" for path, message in faults(spec.input_schema, call.arguments))

    def asks(self, call: ToolCallPart) -> bool:
        """Whether a call is a question to the person."""
        return call.name == ASK and self.request.may_ask

    def repeats(self, call: ToolCallPart) -> bool:
        """Whether this call would be the third of its kind with the same arguments."""
        return self._made[call_key(call.name, self._written(call.arguments))] >= MAX_REPEATS - 1

    def holds(self, call: ToolCallPart) -> bool:
        """Whether the turn already has this call as a step."""
        key = call_key(call.name, self._written(call.arguments))
        return any(key == call_key(step.tool, step.tool_input or {}) for step in self.steps)

    def accept(self, call: ToolCallPart) -> Step | None:
        """Make a call a step; None when the turn is full."""
        if len(self.steps) >= self.request.max_steps:
            self.left_out += 1
            return None
        tool_input = self._written(call.arguments)
        step = self._new_step(call.name, tool_input)
        self._made[call_key(call.name, tool_input)] += 1
        return step

    def _written(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return arguments as data; one that is nothing but a reference to a result not shown whole stays one."""
        return {
            name: value if handed_on(value, self._handles) is not None else literal(value)
            for name, value in arguments.items()
        }

    def void(self, keep: int) -> Iterator[Step]:
        """Forget the steps after the first ``keep`` and give those kept new ids, since their drafts are void too."""
        old = self.steps
        self.steps = []
        self.left_out = 0
        for step in old[keep:]:
            self._made[call_key(step.tool, step.tool_input or {})] -= 1
        for step in old[:keep]:
            yield self._new_step(step.tool, step.tool_input or {})

    def _new_step(self, tool: str, tool_input: dict[str, Any]) -> Step:
        step = Step(id=str(self._next_id), tool=tool, tool_input=tool_input)
        self._next_id += 1
        self.steps.append(step)
        return step


def _made_calls(past: PastStep) -> set[str]:
    """Return the keys of a call as it was made, and as it was written where that differs (a result handed on)."""
    written = past.step.tool_input or {}
    made = literal(past.input) if past.input is not None else written
    return {call_key(past.step.tool, made), call_key(past.step.tool, written)}
