"""Plans of the offline model in the compact grammar."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from schemas.fence import fence
from schemas.model import Message
from tests.gateway.providers.offline.asking import (
    NUMBER,
    TEXT,
    Offered,
    grammar,
    number,
    plan,
    plan_request,
    reply,
    text,
)

WEATHER = Offered(
    "weather",
    "Get the current weather of a city.",
    {"city": text("City name"), "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
    ["city"],
    {"temperature": NUMBER, "sky": TEXT},
)
READ = Offered("read_file", "Read a text file.", {"path": text("Path of the file")}, None, {"text": TEXT})
WRITE = Offered(
    "write_file", "Write a text to a file.", {"path": text("Path of the file"), "text": text("What to write")}
)
LIST = Offered("list_files", "List the files.", {}, [], {"files": {"type": "array", "items": TEXT}})
SHORTEN = Offered(
    "shorten", "Summarize a text in a few sentences.", {"text": text("The text")}, None, {"summary": TEXT}
)
CALC = Offered(
    "calc", "Evaluate an arithmetic expression.", {"expression": text("Such as (3+4)*2")}, None, {"value": NUMBER}
)
DAYS = Offered(
    "days",
    "Count the days between two dates.",
    {"start": text("First date, YYYY-MM-DD"), "end": text("Last date, YYYY-MM-DD")},
    None,
    {"days": {"type": "integer"}},
)
MAIL = Offered(
    "mail",
    "Send an email.",
    {"to": text("Email address"), "subject": text("Subject"), "body": text("Text of the email")},
)
ALL = [WEATHER, READ, WRITE, LIST, SHORTEN, CALC, DAYS, MAIL]


def done(step: int, tool: str, given: Any, result: Any) -> str:
    """Return a finished step as the planner is told of it."""
    told = {"input": given, "result": json.dumps(result)}
    return fence("finished", json.dumps(told), step=str(step), tool=tool, status="done")


def failed(step: int, tool: str, given: Any) -> str:
    """Return a failed step as the planner is told of it."""
    told = {"input": given, "error": "tool.failed: it is down", "attempts": 1}
    return fence("finished", json.dumps(told), step=str(step), tool=tool, status="failed")


def test_chain_by_pronouns() -> None:
    """ "It" and "the summary" become references to the fields of the steps before."""
    assert plan("Read notes.txt, summarize it and write the summary to out/short.md", ALL) == [
        {"read_file": "notes.txt"},
        {"shorten": "{{1.text}}"},
        {"write_file": {"path": "out/short.md", "text": "{{2.summary}}"}},
    ]


def test_list_becomes_one_call_each() -> None:
    """A list where one value belongs gives one call for each, all independent; an enum value is an option."""
    items = plan("What's the weather in Oslo and Rome in celsius?", ALL)
    assert items == [{"weather": {"city": city, "unit": "celsius"}} for city in ("Oslo", "Rome")]


def test_each_becomes_foreach() -> None:
    """ "Each" over a list result becomes a foreach."""
    assert plan("List all files, then read each file", ALL)[1] == {
        "step": {"read_file": {"path": "{{item}}"}},
        "foreach": "{{1.files}}",
    }


def test_condition() -> None:
    """A comparison with an earlier result becomes ``when``."""
    task = "How is the weather in Rome? If the temperature is above 25, write 'hot' to a.txt."
    assert plan(task, ALL)[1]["when"] == [{"value": "{{1.temperature}}", "op": "gt", "to": 25}]


def test_condition_that_cannot_be_checked() -> None:
    """A step under a condition nobody can check is left out, and that is said: no effect by guess."""
    items = plan("How is the weather in Rome? If it rains, write 'wet' to a.txt.", ALL)
    assert items[0] == {"weather": "Rome"}
    assert "If it rains" in items[1]["answer"]
    assert len(items) == 2


@pytest.mark.parametrize(
    ("task", "expression"),
    [
        ("what is 17% of 2,340 plus 12", "17/100*2340 + 12"),
        ("What is (3+4)*2?", "(3+4)*2"),
        ("sum of 3, 4 and 5", "3 + 4 + 5"),
        ("square root of 81", "81 ** 0.5"),
    ],
)
def test_arithmetic_by_shape(task: str, expression: str) -> None:
    """Arithmetic goes to the tool that takes an expression, and a single plain value is the answer."""
    assert plan(task, ALL) == [{"calc": expression}, {"answer": "{{1.value}}"}]


def test_arithmetic_over_results() -> None:
    """Arithmetic over earlier results refers to them; a date is no arithmetic."""
    assert plan("How many days are between 2024-01-05 and March 3, 2024, and what is that times 24?", ALL) == [
        {"days": {"start": "2024-01-05", "end": "2024-03-03"}},
        {"calc": "{{1.days}} * 24"},
    ]
    assert plan("Calculate 12*7 and 30/4, then add the two results", ALL)[2] == {"calc": "{{1.value}} + {{2.value}}"}


def test_missing_argument_is_left_out() -> None:
    """A required argument that nothing fits is left to the executor, which is told what the step is for."""
    item = plan("Send an email to ann@example.com with subject 'Hi'", ALL)[0]
    assert item == {
        "step": {"mail": {"to": "ann@example.com", "subject": "Hi"}},
        "rationale": "Send an email to ann@example.com with subject 'Hi'",
    }


def test_nothing_fits() -> None:
    """A task that no tool fits is a question that says so; without tools too."""
    assert "No tool here fits" in plan("Bake a cake", ALL)[0]["ask"]
    assert "Without tools" in plan("Bake a cake", [])[0]["ask"]
    assert plan("   ", ALL) == [{"ask": "What should be done? The task is empty."}]


def test_replan_takes_finished_steps_by_id() -> None:
    """Finished steps keep their ids, new ones go on at first_id."""
    told = done(1, "read_file", {"path": "a.txt"}, {"text": "abc"})
    items = plan("Read a.txt, then summarize it", ALL, told, fence("first_id", "4"))
    assert items[0] == {"shorten": "{{1.text}}"}


def test_replan_tries_another_tool() -> None:
    """A failed call is never repeated: another tool takes its place, and what follows refers to that one."""
    other = Offered(
        "fetch_text", "Read the text of a file from the backup.", {"path": text("Path")}, None, {"content": TEXT}
    )
    told = failed(1, "read_file", {"path": "a.txt"})
    items = plan("Read a.txt, then summarize it", [*ALL, other], told, fence("first_id", "2"))
    assert items == [{"fetch_text": "a.txt"}, {"shorten": "{{2.content}}"}]


def test_replan_without_another_tool_asks() -> None:
    """Where nothing can stand in for the failed tool, the error is told and the person asked."""
    told = failed(1, "weather", {"city": "Rome"})
    (item,) = plan("What is the weather in Rome?", [WEATHER], told, fence("first_id", "2"))
    assert "it is down" in item["ask"]


def test_replan_when_all_is_done() -> None:
    """When nothing is left to do, the answer refers to the finished steps."""
    told = done(1, "weather", {"city": "Rome"}, {"temperature": 20, "sky": "clear"})
    (item,) = plan("What is the weather in Rome?", [WEATHER], told, fence("first_id", "2"))
    assert "{{1}}" in item["answer"]


def test_repair_is_simpler_then_asks() -> None:
    """A refused plan is written without what is optional, and after the second refusal a question is asked."""
    request = plan_request("What's the weather in Oslo in celsius?", ALL)
    refused = (Message.assistant("{}"), Message.user(fence("problems", "steps[0]: no")))
    again = reply(request.model_copy(update={"messages": (*request.messages, *refused)}))
    assert json.loads(again.text)["steps"][0] == {"weather": "Oslo"}
    third = reply(request.model_copy(update={"messages": (*request.messages, *refused, *refused)}))
    assert "steps[0]: no" in json.loads(third.text)["steps"][0]["ask"]


def test_down_tools_and_caps_are_kept() -> None:
    """A tool that is down is not used, there are no more calls than allowed, and what is left out is said."""
    tail = "Not available right now, do not use: read_file.\n\nAt most 1 call."
    assert plan("Read a.txt, then summarize it", ALL, tail)[0] != {"read_file": "a.txt"}
    first, said = plan("Read a.txt, then read b.txt", ALL, "At most 1 call.")
    assert first == {"read_file": "a.txt"}
    assert said["answer"].endswith("not planned from here on: “read b.txt”.")


def test_forced_tool() -> None:
    """With a forced tool the same plan comes as its arguments."""
    (call,) = reply(plan_request("What is (3+4)*2?", ALL, emit=True)).tool_calls
    assert (call.name, call.arguments["steps"][0]) == ("emit_plan", {"calc": "(3+4)*2"})


def test_strings_dialect_bare_text() -> None:
    """A tool that only shows a bare text still has its argument: the text's description begins with its name."""
    schema = grammar([READ])
    (call,) = schema["$defs"]["call"]["anyOf"]
    call["properties"]["read_file"] = {"type": "string", "description": "path: Path"}
    request = plan_request("Read notes.txt", [READ])
    assert request.output is not None
    asked = request.model_copy(update={"output": request.output.model_copy(update={"json_schema": schema})})
    assert json.loads(reply(asked).text)["steps"][0] == {"read_file": "notes.txt"}


def test_plans_satisfy_the_grammar() -> None:
    """A complete call is valid against the definition it was read from."""
    schema = grammar(ALL)
    for item in plan("Read notes.txt, summarize it and write the summary to out.md", ALL):
        jsonschema.validate({"steps": [item]}, schema)


def test_catalogue_reads_numbers_and_units() -> None:
    """A number is put into the unit, the decimal form and the type its description asks for."""
    timer = Offered("timer", "Start a timer.", {"length": {"type": "integer", "description": "Length in minutes"}})
    rate = Offered("charge", "Charge a fee.", {"fee": number("The fee as a decimal")})
    assert plan("Start a timer of 2 hours", [timer]) == [{"timer": {"length": 120}}]
    assert plan("Charge a fee of 8%", [rate]) == [{"charge": {"fee": 0.08}}]


def test_operations_are_named_in_general_language() -> None:
    """An enum only ever takes one of its values: "between" means a difference; an example in a description fits."""
    clock = Offered(
        "clock",
        "Work with dates and times: the time now, days between dates.",
        {
            "operation": {"type": "string", "enum": ["now", "difference"]},
            "date": text("The date to start from"),
            "to": text("The later date"),
            "zone": text("Time zone, such as UTC or Tokyo"),
        },
        ["operation"],
    )
    (item,) = plan("How many days are there between 2024-05-13 and 2024-05-27?", [clock])
    assert item["clock"] == {"operation": "difference", "date": "2024-05-13", "to": "2024-05-27"}
    (item,) = plan("What time is it in Tokyo?", [clock])
    assert item["clock"] == {"operation": "now", "zone": "Tokyo"}


def test_an_instruction_is_the_whole_clause() -> None:
    """An argument that takes an instruction gets the clause itself, with the result it speaks of as material."""
    model = Offered(
        "converse",
        "Let a language model write, summarize or translate.",
        {"prompt": text("What to do"), "data": {"description": "What to work on"}},
        ["prompt"],
    )
    items = plan("Read a.txt, then translate it into French", [READ, model])
    assert items[1] == {"converse": {"prompt": "translate it into French", "data": "{{1.text}}"}}


@pytest.mark.parametrize("rest", ["what is the sum", "write a poem about it", "how far is it"])
def test_a_further_question_that_no_tool_answers_is_told(rest: str) -> None:
    """A later part of the task that asks something no tool does stands in the answer instead of being passed over."""
    answer = plan(f"What is the weather in Rome and in Oslo, and {rest}?", [WEATHER])[-1]["answer"]
    assert answer.splitlines() == ["weather Rome: {{1}}", "weather Oslo: {{2}}", f"No tool here fits: “{rest}”."]
