"""What a run may be started with: the type of the keyword arguments that ``run``, ``stream`` and ``apply`` pass on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from schemas.events import ApproveMode, Mode, RunLimits
from schemas.plan import Plan
from schemas.tool import ToolSpec
from schemas.wishes import AnswerWishes


class RunOptions(TypedDict, total=False):
    """The options of ``Engine.start``, where they are described, but for the plan."""

    mode: Mode
    approve: ApproveMode | None
    limits: RunLimits | None
    user: str
    tools: Sequence[str] | None
    assistant: str
    instructions: str
    conversation: str
    client_tools: Sequence[ToolSpec]
    wishes: AnswerWishes
    run_id: str | None
    park: bool


class StartOptions(RunOptions, total=False):
    """The options of ``Engine.start``."""

    plan: Plan | None
