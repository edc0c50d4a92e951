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
    from engine.tools.function import tool
    from schemas.errors import EngineError
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
    "tool": "engine.tools.function",
    "EngineError": "schemas.errors",
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
    "Plan",
    "PlanPreview",
    "RunHandle",
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
