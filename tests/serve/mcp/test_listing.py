"""The tools a client is offered."""

from __future__ import annotations

import jsonschema

from engine.assistants import Assistants
from engine.serve.mcp.listing import RESERVED, assistant_tools, tools
from engine.testing import FakeTool
from tests.serve.mcp.talking import engine, mail


def test_each_assistant_is_a_tool() -> None:
    """Assistants are tools by their names, made fit where they are not, and never those of another one."""
    named = [{"name": name} for name in ("travel desk", "travel_desk", "get_run", "旅行")]
    found = assistant_tools(Assistants(engine(assistants=named)))
    assert found == {
        "travel_desk": "travel desk",
        "travel_desk_": "travel_desk",
        "get_run_": "get_run",
        "run_task": "旅行",
    }


def test_without_assistants_there_is_the_engine_itself() -> None:
    """Where no assistant is configured, ``run_task`` takes tasks."""
    assert assistant_tools(Assistants(engine())) == {"run_task": "engine"}


def test_only_what_a_key_may_ask_is_offered() -> None:
    """An assistant that a key may not ask is not listed; what looks after runs always is."""
    made = engine(assistants=[{"name": "a"}, {"name": "b"}])
    assert [tool.name for tool in tools(Assistants(made), {}, {"b"})] == ["b", *RESERVED]


def test_hints_say_what_a_run_may_do() -> None:
    """With a tool that acts, a task may; with tools that read, it is read-only. Schemas are valid."""
    for made, reads in ((engine(FakeTool("look")), True), (engine(mail()), False)):
        (task, *others) = tools(Assistants(made), made.tools.specs(), {"engine"})
        assert task.annotations is not None
        assert (task.annotations.read_only_hint, task.annotations.destructive_hint) == (reads, not reads)
        for tool in (task, *others):
            jsonschema.Draft202012Validator.check_schema(tool.input_schema)
            assert tool.output_schema is not None
            jsonschema.Draft202012Validator.check_schema(tool.output_schema)
