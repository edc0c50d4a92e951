"""What the planner's model is asked: a stable prefix (instructions, tools) and the request's own tail."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

from engine.planner.arguments import Dialect
from engine.planner.grammar import compact, compile_grammar, optional_count, output_sketch
from engine.planner.jsontext import loads
from schemas.errors import PlanParseError
from schemas.fence import fence
from schemas.model import Message, ModelRequest, OutputSchema, ToolDefinition
from schemas.planning import PastStep, PlanHistory, PlanRequest
from schemas.tool import ToolSpec

Tier = Literal["schema", "tool", "text"]

EMIT = "emit_plan"
_PROMPT = Path(__file__).with_name("prompt.md").read_text(encoding="utf-8")
_MOST_OPTIONAL = 24  # Anthropic, "Structured outputs": optional parameters of all strict schemas together
_OTHER_TOOLS = (
    "There are more tools, of which you only see the names. If you need one of them, write only"
    ' {"ask": "details: name, name"}; you are then shown what they take.'
)
_INPUT_CHARS = 1_000
_TRIED_PLANS = 3


def system_prompt(shown: Sequence[ToolSpec], others: Sequence[ToolSpec] = ()) -> str:
    """Return the instructions with the tools, sorted by name: the same for every request over these tools.

    Args:
        shown: Tools described in full.
        others: Tools named only.
    """
    parts = [_PROMPT.rstrip(), "", "# Tools", ""]
    parts += [catalogue_line(tool) for tool in sorted(shown, key=lambda tool: tool.name)]
    if not shown:
        parts.append("There are none: answer, or ask.")
    if others:
        names = ", ".join(sorted(tool.name for tool in others))
        parts += ["", _OTHER_TOOLS, names]
    return "\n".join(parts) + "\n"


def catalogue_line(tool: ToolSpec) -> str:
    """Return one tool as the planner reads it.

    >>> print(catalogue_line(ToolSpec(name="now", description="The time.", effects="none")))
    - now(): The time.
    """
    properties = cast("dict[str, dict[str, Any]]", tool.input_schema.get("properties", {}))
    required = [_argument(name, properties.get(name, {})) for name in tool.required]
    optional = [_argument(name, schema) for name, schema in properties.items() if name not in tool.required]
    effects = "" if tool.effects == "none" else " [effects]"
    approval = " [a person approves each call]" if tool.needs_approval else ""
    lines = [f"- {tool.name}({', '.join(required)}){effects}{approval}: {_indented(tool.description)}".rstrip(": ")]
    lines += [
        f"  {name}: {_indented(str(schema['description']))}"
        for name, schema in properties.items()
        if schema.get("description")
    ]
    if optional:
        lines.append(f"  optional: {', '.join(optional)}")
    returns = output_sketch(tool.output_schema)
    if returns:
        lines.append(f"  returns: {returns}")
    return "\n".join(lines)


def tail(request: PlanRequest) -> str:
    """Return what this request adds: task, history, limits; data from outside stands in fences."""
    parts = [fence("task", request.task), *_history(request.history, request.tools)]
    parts.append(fence("first_id", str(request.first_id)))
    if request.unavailable:
        parts.append(f"Not available right now, do not use: {', '.join(sorted(request.unavailable))}.")
    parts.append(f"At most {request.max_steps} {'call' if request.max_steps == 1 else 'calls'}.")
    return "\n\n".join(parts)


def model_request(
    messages: Sequence[Message], tools: Sequence[ToolSpec], model: str, dialect: Dialect, tier: Tier
) -> ModelRequest:
    """Return the call that makes a model write a plan over these tools, the way its tier allows.

    Raises:
        ConfigError: A tool has a name that plans keep for themselves.
    """
    grammar = compile_grammar(tools, dialect)
    asked = ModelRequest(messages=tuple(messages), model=model, cache_prefix=1)
    if tier == "schema" and not (dialect == "strings" and optional_count(grammar) > _MOST_OPTIONAL):
        return asked.model_copy(update={"output": OutputSchema(name="plan", json_schema=grammar)})
    if tier == "text":
        schema = json.dumps(grammar, ensure_ascii=False, separators=(",", ":"))
        first, *rest = messages
        system = Message.system(f"{first.text}\n# JSON Schema of your reply\n\n{schema}\n")
        return asked.model_copy(update={"messages": (system, *rest)})
    emit = ToolDefinition(name=EMIT, description="Hand in the plan.", input_schema=grammar)
    return asked.model_copy(update={"tools": (emit,), "tool_choice": EMIT, "parallel_tool_calls": False})


def _argument(name: str, schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return f"{name}: {' | '.join(json.dumps(value, ensure_ascii=False) for value in schema['enum'])}"
    kind = schema.get("type")
    shown = "|".join(cast("list[str]", kind)) if isinstance(kind, list) else str(kind or "any")
    items = schema.get("items")
    if kind == "array" and isinstance(items, dict) and "type" in items:
        shown = f"{cast('dict[str, Any]', items)['type']}[]"
    default = f" = {json.dumps(schema['default'], ensure_ascii=False)}" if schema.get("default") is not None else ""
    return f"{name}: {shown}{default}"


def _indented(text: str) -> str:
    return "\n  ".join(line.strip() for line in text.strip().splitlines() if line.strip())


def _history(history: PlanHistory | None, tools: Sequence[ToolSpec]) -> list[str]:
    if history is None:
        return []
    parts = [fence("finished", _past(past), **_attributes(past)) for past in history.steps]
    tried = history.tried[-_TRIED_PLANS:]
    parts += [fence("tried", json.dumps(compact(plan, tools), ensure_ascii=False)) for plan in tried]
    why = [f"{trigger.kind}{_of(trigger.step_id)}: {trigger.message}" for trigger in history.triggers]
    if why:
        parts.append(fence("triggers", "\n".join(why)))
    if history.feedback:
        parts.append(fence("feedback", history.feedback))
    return parts


def _attributes(past: PastStep) -> dict[str, str]:
    return {"step": past.step.id, "tool": past.step.tool, "status": past.status}


def _past(past: PastStep) -> str:
    """Return a step of an earlier plan as JSON: what it was called with, and how it went."""
    told: dict[str, Any] = {"input": _short(past.input if past.input is not None else past.step.tool_input)}
    if past.status == "done":
        told["result"] = _value(past.preview)
    if past.error is not None:
        told["error"] = f"{past.error.code}: {past.error.message}"
        told["attempts"] = past.attempts
    if past.reason:
        told["reason"] = past.reason
    return json.dumps(told, ensure_ascii=False)


def _value(preview: str) -> Any:
    """Return a result as the value it is; one that was cut is no JSON any more and stays text."""
    try:
        return loads(preview)
    except PlanParseError:
        return preview


def _short(value: Any) -> Any:
    text = json.dumps(value, ensure_ascii=False)
    return value if len(text) <= _INPUT_CHARS else text[:_INPUT_CHARS] + " … (cut)"


def _of(step_id: str | None) -> str:
    return f" (step {step_id})" if step_id else ""
