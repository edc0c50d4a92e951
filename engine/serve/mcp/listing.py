"""The tools that the engine offers to MCP clients: one an assistant, and those that look after plans and runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mcp import types

from engine.assistants import DEFAULT, Assistants
from engine.serve.mcp import words
from schemas.agents import AssistantSettings
from schemas.result import Record
from schemas.tool import ToolSpec

RUN_TASK = "run_task"
RESERVED = ("plan_task", "get_run", "answer_run", "cancel_run", "list_runs")
_NOT_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_MOST_NAME = 64
_WHAT = "Plans the task, runs it over its tools and agents, and answers."
_LOOKS = types.ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)


def assistant_tools(assistants: Assistants) -> dict[str, str]:
    """Return the assistants by the names of their tools; ``run_task`` is the engine itself, with none configured."""
    found: dict[str, str] = {}
    for name in assistants:
        clean = RUN_TASK if name == DEFAULT else _NOT_NAME.sub("_", name)[:_MOST_NAME].strip("_") or RUN_TASK
        while clean in found or clean in RESERVED:
            clean = f"{clean[: _MOST_NAME - 1]}_"
        found[clean] = name
    return found


def tools(assistants: Assistants, specs: Mapping[str, ToolSpec], allowed: set[str]) -> list[types.Tool]:
    """Return every tool.

    Args:
        assistants: The configured assistants.
        specs: The tools that runs have, for what a run may do to the world.
        allowed: The assistants that the caller may ask.
    """
    acting = any(spec.enabled and spec.effects == "effectful" for spec in specs.values())
    asked = [
        _assistant(tool, assistants[name], acting=acting)
        for tool, name in assistant_tools(assistants).items()
        if name in allowed
    ]
    return [*asked, *_about_runs(acting=acting)]


def _assistant(tool: str, assistant: AssistantSettings, *, acting: bool) -> types.Tool:
    hints = types.ToolAnnotations(read_only_hint=not acting, destructive_hint=acting, open_world_hint=True)
    said = f"{assistant.description.rstrip('.')}. {_WHAT}" if assistant.description else _WHAT
    title = "Do a task" if assistant.name == DEFAULT else assistant.name
    return _tool(tool, title, said, words.Task, words.RunTold, hints)


def _about_runs(*, acting: bool) -> list[types.Tool]:
    acts = types.ToolAnnotations(read_only_hint=False, destructive_hint=acting, open_world_hint=True)
    ends = types.ToolAnnotations(
        read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    )
    plans = types.ToolAnnotations(read_only_hint=True, open_world_hint=False)
    plan = "Write the plan of a task, with an estimate of what running it takes; nothing of it is run."
    show = "Show where a run stands, or how it came out."
    end = "End a run; what it has found so far is kept."
    every = "List the runs there are, the newest first."
    answer = "Answer what a run waits for: an approval, a question. Returns how the run went on."
    return [
        _tool("plan_task", "Plan a task", plan, words.Planning, words.PlanTold, plans),
        _tool(
            "get_run",
            "Show a run",
            show,
            words.Showing,
            words.RunTold,
            _LOOKS,
        ),
        _tool("answer_run", "Answer a run", answer, words.Answering, words.RunTold, acts),
        _tool(
            "cancel_run",
            "End a run",
            end,
            words.Cancelling,
            words.RunTold,
            ends,
        ),
        _tool(
            "list_runs",
            "List runs",
            every,
            words.Listing,
            words.RunsTold,
            _LOOKS,
        ),
    ]


def _tool(
    name: str, title: str, said: str, takes: type[Record], gives: type[Record], hints: types.ToolAnnotations
) -> types.Tool:
    return types.Tool(
        name=name,
        title=title,
        description=said,
        input_schema=_schema(takes),
        output_schema=_schema(gives, "serialization"),
        annotations=hints,
    )


def _schema(model: type[Record], mode: Any = "validation") -> dict[str, Any]:
    """Return a model's JSON Schema without what only its Python side says."""
    found = model.model_json_schema(mode=mode)
    for part in (found, *found.get("$defs", {}).values()):
        part.pop("description", None)
        for field in part.get("properties", {}).values():
            field.pop("title", None)
    return found
