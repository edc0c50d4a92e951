"""What a request asks for, told by its shape: a plan, arguments, a turn, an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from gateway.providers.offline.calls import Past
from gateway.providers.offline.catalogue import OfferedTool, tool_of_definition, tools_of_grammar
from gateway.providers.offline.quotes import unwrapped
from schemas.fence import Fenced, read_fences
from schemas.instructions import newest
from schemas.model import Message, ModelRequest, ToolCallPart, ToolResultPart

LACKS_TOOL = "not_enough_information"
_DOWN = re.compile(r"^Not available right now, do not use: (?P<names>.+)\.$", re.M)
_MOST = re.compile(r"^At most (?P<most>\d+) calls?\.$", re.M)


@dataclass(frozen=True, slots=True)
class PlanAsked:
    """A plan in the compact grammar.

    Attributes:
        emit: Name of the forced tool that takes the plan; empty for plain output.
        repairs: How often this plan was refused already.
        problems: Why it was refused last.
        most: Most new steps.
        down: What cannot be used now, and why, a line each.
    """

    task: str
    tools: tuple[OfferedTool, ...]
    emit: str
    first_id: int
    past: tuple[Past, ...]
    repairs: int = 0
    problems: str = ""
    most: int | None = None
    down: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What one step gave: a JSON value, or the text of its error."""

    step: str
    tool: str
    status: str
    value: Any
    input: str = ""

    @property
    def done(self) -> bool:
        """Whether the value is a result."""
        return self.status in ("", "done")


@dataclass(frozen=True, slots=True)
class ArgumentsAsked:
    """The arguments of one forced call.

    Attributes:
        about: What the step is for.
        lacks: Whether "not enough information" may be called instead.
    """

    task: str
    tool: OfferedTool
    about: str
    given: dict[str, Any]
    results: tuple[Result, ...]
    lacks: bool


@dataclass(frozen=True, slots=True)
class TurnAsked:
    """The next calls, or the answer, in a conversation with native tool calls."""

    task: str
    tools: tuple[OfferedTool, ...]
    past: tuple[Past, ...]


@dataclass(frozen=True, slots=True)
class AnswerAsked:
    """An answer from results; with no results, an answer to the task itself."""

    task: str
    results: tuple[Result, ...] = ()
    missing: tuple[str, ...] = ()
    worked: bool = False


Asked = PlanAsked | ArgumentsAsked | TurnAsked | AnswerAsked


def read(request: ModelRequest) -> Asked:
    """Return what a request asks for."""
    fences = [fence for text in _user_texts(request) for fence in read_fences(text)]
    task = _task(request.messages, fences)
    forced = next((tool for tool in request.tools if tool.name == request.tool_choice), None)
    if forced is not None and _is_grammar(forced.input_schema):
        return _plan(request, task, fences, forced.input_schema, forced.name)
    if request.output is not None and _is_grammar(request.output.json_schema):
        return _plan(request, task, fences, request.output.json_schema, "")
    if request.tools and (forced is not None or request.tool_choice == "required"):
        return _arguments(request, task, fences, forced.name if forced else "")
    past = _turns(request.messages)
    if request.tools and request.tool_choice != "none":
        return TurnAsked(task, tuple(tool_of_definition(tool) for tool in request.tools), past)
    return _answer(task, fences, past)


def _user_texts(request: ModelRequest) -> list[str]:
    return [message.text for message in request.messages if message.role == "user"]


def _is_grammar(schema: dict[str, Any]) -> bool:
    return "steps" in schema.get("properties", {}) and "$defs" in schema


def _task(messages: Sequence[Message], fences: Sequence[Fenced]) -> str:
    fenced = [fence.text for fence in fences if fence.label == "task"]
    if fenced:
        return unwrapped(newest(fenced[-1].strip()))
    plain = [message.text for message in messages if message.role == "user" and message.text.strip()]
    return unwrapped(newest(plain[-1].strip())) if plain else ""


def _unavailable(fences: Sequence[Fenced]) -> tuple[str, ...]:
    return tuple(line for fence in fences if fence.label == "unavailable" for line in fence.text.splitlines())


def _plan(request: ModelRequest, task: str, fences: Sequence[Fenced], grammar: dict[str, Any], emit: str) -> PlanAsked:
    said = "\n".join(message.text for message in request.messages if message.role == "user")
    down = {name.strip() for match in _DOWN.finditer(said) for name in match["names"].split(",")}
    most = _MOST.findall(said)
    problems = [fence.text for fence in fences if fence.label == "problems"]
    refused = problems or [part.content for m in request.messages for part in m.parts if part.kind == "tool_result"]
    first = next((fence.text.strip() for fence in reversed(fences) if fence.label == "first_id"), "1")
    past = tuple(
        _finished(fence) for fence in fences if fence.label == "finished" and _is_id(fence.attrs.get("step", ""))
    )
    return PlanAsked(
        task=_with_feedback(task, fences),
        down=_unavailable(fences),
        tools=tuple(tool for tool in tools_of_grammar(grammar) if tool.name not in down),
        emit=emit,
        first_id=int(first) if first.isdigit() else 1,
        past=past,
        repairs=len(refused),
        problems=refused[-1] if refused else "",
        most=int(most[-1]) if most else None,
    )


def _with_feedback(task: str, fences: Sequence[Fenced]) -> str:
    told = [fence.text.strip() for fence in fences if fence.label == "feedback" and fence.text.strip()]
    return "\n".join([task, *told])


def _is_id(text: str) -> bool:
    return bool(re.fullmatch(r"\d+(?:\[\d+\])?", text))


def _finished(fence: Fenced) -> Past:
    told = parse(fence.text)
    fields = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
    given = fields.get("input")
    return Past(
        id=int(fence.attrs["step"].partition("[")[0]),
        tool=fence.attrs.get("tool", ""),
        input=cast("dict[str, Any]", given) if isinstance(given, dict) else {},
        status=fence.attrs.get("status", "done"),
        value=_loaded(fields.get("result")),
        error=str(fields.get("error", fields.get("reason", ""))),
    )


def _arguments(request: ModelRequest, task: str, fences: Sequence[Fenced], forced: str) -> ArgumentsAsked:
    own = [tool for tool in request.tools if tool.name != LACKS_TOOL]
    chosen = next((tool for tool in own if tool.name == forced), own[0] if own else request.tools[0])
    given: Any = next((parse(fence.text) for fence in fences if fence.label == "given"), None)
    return ArgumentsAsked(
        task=task,
        tool=tool_of_definition(chosen),
        about=next((fence.text for fence in fences if fence.label == "step"), ""),
        given=cast("dict[str, Any]", given) if isinstance(given, dict) else {},
        results=tuple(_result(fence) for fence in fences if fence.label == "result"),
        lacks=any(tool.name == LACKS_TOOL for tool in request.tools),
    )


def _answer(task: str, fences: Sequence[Fenced], past: Sequence[Past]) -> AnswerAsked:
    results = [_result(fence) for fence in fences if fence.label == "result"]
    results += [
        Result(
            str(one.id), one.tool, one.status, one.value if one.status == "done" else one.error, json.dumps(one.input)
        )
        for one in past
    ]
    missing = [line for fence in fences if fence.label == "missing" for line in fence.text.splitlines() if line.strip()]
    return AnswerAsked(task, tuple(results), tuple(missing), worked=bool(results or missing))


def _result(fence: Fenced) -> Result:
    status = fence.attrs.get("status", "")
    value = parse(fence.text) if status in ("", "done") else fence.text
    return Result(fence.attrs.get("step", ""), fence.attrs.get("tool", ""), status, value, fence.attrs.get("input", ""))


def _turns(messages: Sequence[Message]) -> tuple[Past, ...]:
    """Return the native calls of a conversation with their results, numbered in order."""
    calls = [part for message in messages for part in message.parts if isinstance(part, ToolCallPart)]
    results = {p.call_id: p for message in messages for p in message.parts if isinstance(p, ToolResultPart)}
    return tuple(_call(number, call, results.get(call.call_id)) for number, call in enumerate(calls, 1))


def _call(number: int, call: ToolCallPart, result: ToolResultPart | None) -> Past:
    if result is None:
        return Past(number, call.name, call.arguments, "running")
    if result.is_error:
        return Past(number, call.name, call.arguments, "failed", error=result.content)
    return Past(number, call.name, call.arguments, "done", value=parse(result.content))


def _loaded(value: Any) -> Any:
    return parse(value) if isinstance(value, str) else value


def parse(text: str) -> Any:
    """Return the JSON value a text holds, or the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
