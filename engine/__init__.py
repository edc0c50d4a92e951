"""Plan-and-execute engine for LLM agents.

>>> from engine import Engine, tool   # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.api import Engine, PlanPreview
    from engine.handle import RunHandle
    from engine.planner.formats.loading import load_plan
    from engine.streaming import EventStream
    from engine.tools.function import tool
    from schemas.errors import EngineError
    from schemas.events import LoggedRecord, RunLimits
    from schemas.live import LiveText
    from schemas.plan import Condition, Plan, Step
    from schemas.protocols import ToolContext
    from schemas.result import RunResult, StepResult
    from schemas.tool import SpendingLimits
    from schemas.wishes import AnswerWishes

_HOMES = {
    "Engine": "engine.api",
    "PlanPreview": "engine.api",
    "RunHandle": "engine.handle",
    "load_plan": "engine.planner.formats.loading",
    "EventStream": "engine.streaming",
    "tool": "engine.tools.function",
    "EngineError": "schemas.errors",
    "LoggedRecord": "schemas.events",
    "RunLimits": "schemas.events",
    "LiveText": "schemas.live",
    "Condition": "schemas.plan",
    "Plan": "schemas.plan",
    "Step": "schemas.plan",
    "ToolContext": "schemas.protocols",
    "RunResult": "schemas.result",
    "StepResult": "schemas.result",
    "SpendingLimits": "schemas.tool",
    "AnswerWishes": "schemas.wishes",
}

__all__ = [
    "AnswerWishes",
    "Condition",
    "Engine",
    "EngineError",
    "EventStream",
    "LiveText",
    "LoggedRecord",
    "Plan",
    "PlanPreview",
    "RunHandle",
    "RunLimits",
    "RunResult",
    "SpendingLimits",
    "Step",
    "StepResult",
    "ToolContext",
    "load_plan",
    "tool",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562), so that ``engine --help`` stays quick."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
