"""The executor model: completes a step's arguments by a forced tool call, from this step and its inputs only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from engine.dag.refs import follow, handed_on
from engine.dag.validate import faults
from schemas.errors import ModelRefusalError, StepInputError
from schemas.excerpts import excerpts
from schemas.fence import fence, terse
from schemas.model import Message, ModelRequest, ModelResponse, TextPart, ToolCallPart, ToolDefinition, ToolResultPart
from schemas.planning import FillRequest, PastStep
from schemas.protocols import ModelClient
from schemas.tool import ToolSpec

LACKS_TOOL = "not_enough_information"

_PROMPT = Path(__file__).with_name("fill_prompt.md").read_text(encoding="utf-8")
_ROLE = "executor"
_MAX_REPAIRS = 1
_GIVEN_CHARS = 8_000
_LACKS = ToolDefinition(
    name=LACKS_TOOL,
    description="Say what is missing when a required argument cannot be taken or worked out from what is there.",
    input_schema={
        "type": "object",
        "properties": {"missing": {"type": "string", "description": "What is missing, in one sentence."}},
        "required": ["missing"],
        "additionalProperties": False,
    },
)


class LLMFiller:
    """Completes arguments with the executor's model.

    Args:
        model: The model, alias or role that is asked.
    """

    def __init__(self, *, model: str = _ROLE) -> None:
        self._model = model

    async def fill(self, request: FillRequest, model: ModelClient) -> dict[str, Any]:
        """Return the whole input, valid against the tool's schema; arguments already given are never changed.

        The values are final: braces in them are data, not references. The one exception: where an input was not shown
        whole, an argument that is nothing but a reference to it (or to a part of it) becomes that value.

        Cost: one model call; one more when the first input was not valid.

        Raises:
            StepInputError: The model says the information is not enough (``details["lacks"]`` is True and
                ``details["missing"]`` says what), or wrote no valid input (``details["problems"]``).
            ModelError: The model could not be reached or refused.
            BudgetError: The budget is used up.
        """
        talk = [Message.system(_PROMPT), Message.user("\n\n".join(_fences(request)))]
        problems: list[str] = []
        for _ in range(1 + _MAX_REPAIRS):
            response = await model.complete(self._request(request, talk), role=_ROLE, step_id=request.step.id)
            call = _call(request, response)
            if call is not None and call.name == LACKS_TOOL:
                raise _lacks(call)
            filled, lost = _with_parts(call.arguments if call else {}, request.handles)
            filled = {**filled, **request.given}
            problems = lost or list(_problems(request.tool, call, filled))
            if not problems:
                return filled
            talk.extend(_feedback(response, problems))
        raise StepInputError(
            f"the executor model wrote no valid input for {request.tool.name}: {problems[0]}",
            hint="give the step's arguments in the plan, or use a stronger executor model",
            details={"lacks": False, "problems": problems},
        )

    def _request(self, request: FillRequest, talk: list[Message]) -> ModelRequest:
        offered = ToolDefinition(
            name=request.tool.name,
            description=request.tool.description,
            input_schema=_schema_left(request.tool.input_schema, request.given),
        )
        return ModelRequest(
            model=self._model,
            messages=tuple(talk),
            tools=(offered, _LACKS),
            tool_choice="required",
            parallel_tool_calls=False,
            cache_prefix=1,
        )


def _with_parts(arguments: dict[str, Any], handles: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Put the values that arguments refer to in their place; also return what cannot be found."""
    filled: dict[str, Any] = {}
    lost: list[str] = []
    for name, value in arguments.items():
        reference = handed_on(value, handles)
        try:
            filled[name] = value if reference is None else follow(reference, handles[reference.step_id])
        except StepInputError as exc:
            lost.append(f"$.{name}: {exc.message}")
    return filled, lost


def _schema_left(schema: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return the tool's schema without the arguments already given: those can't be changed, and cost no tokens."""
    properties = cast("dict[str, Any]", schema.get("properties", {}))
    left = {name: part for name, part in properties.items() if name not in given}
    required = [name for name in cast("list[str]", schema.get("required", [])) if name not in given]
    return {**schema, "properties": left, "required": required}


def _fences(request: FillRequest) -> Iterator[str]:
    yield fence("task", request.task)
    yield fence("step", _purpose(request), id=request.step.id, tool=request.tool.name)
    if request.given:
        given = terse(request.given)
        yield fence("given", excerpts([given], _GIVEN_CHARS)[0])
    for past in request.inputs:
        yield fence("result", _outcome(past), step=past.step.id, tool=past.step.tool, **_shown(past))


def _purpose(request: FillRequest) -> str:
    lines = (request.step.description, request.step.rationale)
    return "\n".join(line for line in lines if line) or f"Call {request.tool.name}."


def _shown(past: PastStep) -> dict[str, str]:
    return {} if past.view == "whole" else {"view": past.view}


def _outcome(past: PastStep) -> str:
    if past.status == "done":
        return past.preview
    cause = past.error.message if past.error else past.reason
    return f"{past.status}: {cause}" if cause else past.status


def _call(request: FillRequest, response: ModelResponse) -> ToolCallPart | None:
    """Return the first call of a reply to one of the two tools offered.

    Raises:
        ModelRefusalError: The model refused.
    """
    if response.stop_reason == "refusal" and not response.tool_calls:
        raise ModelRefusalError(f"the model refused to complete the arguments of step {request.step.id}")
    offered = (request.tool.name, LACKS_TOOL)
    return next((call for call in response.tool_calls if call.name in offered), None)


def _problems(tool: ToolSpec, call: ToolCallPart | None, filled: dict[str, Any]) -> Iterator[str]:
    if call is None:
        yield f"the reply calls neither {tool.name} nor {LACKS_TOOL}"
    elif not call.valid:
        yield "the arguments are no JSON object"
    else:
        yield from (f"{path}: {message}" for path, message in faults(tool.input_schema, filled))


def _feedback(response: ModelResponse, problems: list[str]) -> Iterator[Message]:
    told = "\n".join(problems)
    if response.parts:
        yield Message(role="assistant", parts=response.parts)
    results = tuple(ToolResultPart(call_id=call.call_id, content=told, is_error=True) for call in response.tool_calls)
    yield Message(role="user", parts=results or (TextPart(text=fence("problems", told)),))


def _lacks(call: ToolCallPart) -> StepInputError:
    missing = str(call.arguments.get("missing") or "").strip() or "the model did not say what"
    return StepInputError(
        f"its arguments cannot be completed, not enough information: {missing}",
        hint="say it in the task, or give the step's arguments in the plan",
        details={"lacks": True, "missing": missing},
    )
