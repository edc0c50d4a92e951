"""The past turns as a native conversation: calls by the assistant, results from the user's side. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from engine.react.turns import ASK
from schemas.fence import fence, terse
from schemas.model import Message, TextPart, ToolCallPart, ToolResultPart
from schemas.planning import PastQuestion, PastStep, PlanRequest

_CALL_CHARS = 4_000
_HAND_ON = "To hand it on to a tool, or a part of it, write nothing but the reference as the argument."


def conversation(request: PlanRequest, system: str) -> list[Message]:
    """Return the messages of a turn: rules, task, then a pair of messages for each earlier revision.

    Steps of earlier plans, written before the run fell back to ReAct, look like calls of earlier turns.
    """
    messages = [Message.system(system), Message.user(fence("task", request.task))]
    history = request.history
    if history is None:
        return messages
    for revision in sorted({past.revision for past in (*history.steps, *history.questions)}):
        steps = [step for step in history.steps if step.revision == revision]
        asked = [past for past in history.questions if past.revision == revision]
        calls = (*(_call(step) for step in steps), *(_question(past) for past in asked))
        results = (*(_result(step) for step in steps), *(_answer(past) for past in asked))
        messages.append(Message(role="assistant", parts=calls))
        messages.append(Message(role="user", parts=results))
    if history.feedback:
        messages[-1] = with_text(messages[-1], fence("feedback", history.feedback))
    return messages


def with_text(message: Message, text: str) -> Message:
    """Return a message with a text at its end (results of calls must come first)."""
    return message.model_copy(update={"parts": (*message.parts, TextPart(text=text))})


def rejected(calls: Sequence[ToolCallPart], problems: dict[str, str]) -> Message:
    """Return the results of a reply in which some calls could not be made."""
    return Message(
        role="user",
        parts=tuple(
            ToolResultPart(
                call_id=call.call_id,
                content=problems.get(call.call_id, "Accepted: it runs with the other calls of this turn."),
                is_error=call.call_id in problems,
            )
            for call in calls
        ),
    )


def _call(past: PastStep) -> ToolCallPart:
    """Return a call as it was made; one with a large result in it as it was written."""
    arguments = past.input if past.input is not None else past.step.tool_input or {}
    raw = terse(arguments)
    if len(raw) > _CALL_CHARS and past.step.tool_input is not None:
        arguments = past.step.tool_input
        raw = terse(arguments)
    return ToolCallPart(call_id=past.step.id, name=past.step.tool, arguments=arguments, raw=raw)


def _question(past: PastQuestion) -> ToolCallPart:
    arguments = {"question": past.question}
    raw = terse(arguments)
    return ToolCallPart(call_id=f"ask{past.revision}", name=ASK, arguments=arguments, raw=raw)


def _answer(past: PastQuestion) -> ToolResultPart:
    because = f" ({past.reason})" if past.reason else ""
    told = f"There will be no answer{because}. Go on without it." if past.answer is None else past.answer
    return ToolResultPart(call_id=f"ask{past.revision}", content=told)


def _result(past: PastStep) -> ToolResultPart:
    if past.status == "done":
        handed_on = "" if past.view == "whole" else f"\n{_HAND_ON}"
        return ToolResultPart(call_id=past.step.id, content=past.preview + handed_on)
    if past.status == "failed":
        return ToolResultPart(call_id=past.step.id, content=_failure(past), is_error=True)
    state = {"skipped": "Not called", "running": "Still running: no result yet", "waiting": "Waiting for a person"}
    return ToolResultPart(
        call_id=past.step.id, content=state[past.status] + (f" ({past.reason})" if past.reason else "") + "."
    )


def _failure(past: PastStep) -> str:
    if past.error is None:
        return past.reason or "The call failed."
    return past.error.message + (f" ({past.error.hint})" if past.error.hint else "")
