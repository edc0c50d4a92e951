"""Arguments of a forced call."""

from __future__ import annotations

import json
from typing import Any

from schemas.fence import fence
from schemas.model import Message, ModelRequest, ToolCallPart, ToolDefinition
from tests.gateway.providers.offline.asking import Offered, number, reply, text

MAIL = Offered("mail", "Send an email.", {"to": text("Email address"), "body": text("Text of the email")})
SCALE = Offered(
    "scale", "Multiply a number.", {"weight": number("Weight in kilograms"), "factor": number("The factor")}
)
LACKS = ToolDefinition(
    name="not_enough_information", input_schema={"type": "object", "properties": {"missing": {"type": "string"}}}
)


def filled(tool: Offered, step: str, task: str = "Do it", results: dict[str, Any] | None = None) -> ToolCallPart:
    """Return the call that a request to fill a step gets."""
    fences = [fence("task", task), fence("step", step, id="2", tool=tool.name)]
    fences += [fence("result", json.dumps(value), step=key, tool="t") for key, value in (results or {}).items()]
    request = ModelRequest(
        messages=(Message.system("s"), Message.user("\n\n".join(fences))),
        model="rules",
        tools=(tool.native(), LACKS),
        tool_choice="required",
    )
    (call,) = reply(request).tool_calls
    return call


def test_from_step_and_result() -> None:
    """Values come from the step's words and from the results, by name and type."""
    call = filled(MAIL, "send the joke to ann@example.com", results={"1": {"joke": "Knock knock"}})
    assert (call.name, call.arguments) == ("mail", {"to": "ann@example.com", "body": "Knock knock"})


def test_from_result_of_the_same_name() -> None:
    """A field named like the argument fills it."""
    call = filled(SCALE, "scale it by a factor of 3", results={"1": {"weight": 2.5, "height": 1}})
    assert call.arguments == {"weight": 2.5, "factor": 3}


def test_a_field_of_the_very_name_goes_before_words_of_the_task() -> None:
    """A step that says nothing of itself is told by its inputs, not by a name in the task."""
    results = {"1": {"to": "cy@example.com", "body": "Hi"}}
    call = filled(MAIL, "Call mail.", task="Mail the memo to ann@example.com about ACME Corp", results=results)
    assert call.arguments == {"to": "cy@example.com", "body": "Hi"}


def test_fields_of_one_name_that_differ_are_not_taken_blindly() -> None:
    """Where two results disagree on a field, the task's own words decide."""
    results = {"1": {"to": "cy@example.com", "body": "Hi"}, "2": {"to": "di@example.com"}}
    call = filled(MAIL, "Call mail.", task="Send the mail to ann@example.com", results=results)
    assert call.arguments == {"to": "ann@example.com", "body": "Hi"}


def test_from_the_clause_of_the_task() -> None:
    """When the plan says nothing about the step, the task's own clause for the tool is read."""
    call = filled(MAIL, "Call mail.", task="Say hello. Then send an email to bo@example.com with the body 'Hi Bo'.")
    assert call.arguments == {"to": "bo@example.com", "body": "Hi Bo"}


def test_a_word_of_the_plan_is_no_value() -> None:
    """What stands neither in the task nor in the results, and is no value, is not taken from the plan's own words."""
    tool = Offered("quote", "Look up a share.", {"symbol": text("Symbol of the share")})
    for told in ("look up the share that was asked for", "the symbol asked", "because the user wants it soon"):
        assert filled(tool, told, task="What about Acme?").name == "not_enough_information"


def test_says_what_is_missing() -> None:
    """An argument that can't be placed is never made up: the other tool is called and names it."""
    call = filled(MAIL, "send an email to ann@example.com")
    assert call.name == "not_enough_information"
    assert "body" in call.arguments["missing"]
