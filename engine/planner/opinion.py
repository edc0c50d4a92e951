"""A small model's opinion on what ``auto`` means for a task, for the tasks that rules are not sure about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.planner.triage import Triage
from schemas.errors import ModelOutputError
from schemas.events import Mode
from schemas.fence import fence
from schemas.model import Message, ModelRequest, ToolDefinition
from schemas.protocols import ModelClient
from schemas.tool import ToolSpec

ROLE = "triage"
DEADLINE_S = 5.0

_PROMPT = Path(__file__).with_name("opinion.md").read_text(encoding="utf-8")
_MODEL = "executor"
_MAX_OUTPUT_TOKENS = 400
_MOST_SHOWN = 60
_LINE_CHARS = 120
_TASK_CHARS = 4_000
_REASON_CHARS = 100


class _Choice(BaseModel):
    """What the model calls with."""

    model_config = ConfigDict(extra="ignore")

    mode: Mode | str
    reason: str = ""


_MODES: tuple[Mode, ...] = ("direct", "plan", "react")
_CHOOSE = "choose_mode"
_WHOLE = "\n\nOr it is the name of one agent, where the whole task, as it stands, is for that agent alone: {names}."


async def second_opinion(task: str, tools: Sequence[ToolSpec], model: ModelClient) -> Triage:
    """Ask the executor's model for the mode of a task.

    Cost: one short call: at most 4,000 characters of the task, one line a tool, 400 tokens back, 5 s.

    Raises:
        ModelError: The model could not be reached in time, or its reply names no mode.
        BudgetError: The budget does not cover it.
    """
    agents = [tool.name for tool in tools if tool.agent is not None and tool.agent.passthrough]
    shown = "\n".join(_line(tool) for tool in tools[:_MOST_SHOWN])
    told = "\n\n".join((fence("task", task[:_TASK_CHARS]), fence("tools", shown)))
    request = ModelRequest(
        model=_MODEL,
        messages=(
            Message.system(_PROMPT + (_WHOLE.format(names=", ".join(agents)) if agents else "")),
            Message.user(told),
        ),
        tools=(_choosing(agents),),
        tool_choice=_CHOOSE,
        max_output_tokens=_MAX_OUTPUT_TOKENS,
        cache_prefix=1,
        deadline_s=DEADLINE_S,
    )
    response = await model.complete(request, role=ROLE)
    for call in response.tool_calls:
        try:
            choice = _Choice.model_validate(call.arguments)
        except ValidationError:
            continue
        reason = " ".join(choice.reason.split())[:_REASON_CHARS] or "no reason given"
        said = f"{reason} (says {response.model})"
        if choice.mode in agents:
            return Triage("plan", said, agent=choice.mode)
        if choice.mode in ("direct", "plan", "react"):
            return Triage(choice.mode, said)
    raise ModelOutputError("the reply names no mode")


def _choosing(agents: Sequence[str]) -> ToolDefinition:
    mode = {"type": "string", "enum": [*_MODES, *(name for name in agents if name not in _MODES)]}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"mode": mode, "reason": {"type": "string"}},
        "required": ["mode", "reason"],
        "additionalProperties": False,
    }
    return ToolDefinition(name=_CHOOSE, description="Say how the task is best done.", input_schema=schema)


def _line(tool: ToolSpec) -> str:
    return f"{tool.name}: {tool.description.strip().partition(chr(10))[0][:_LINE_CHARS]}"
