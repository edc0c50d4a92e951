"""What somebody wants of an engine: the task, and what a run of it may do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from schemas.errors import ConfigError
from schemas.events import ApproveMode, Mode, RunLimits
from schemas.plan import Plan
from schemas.tool import ToolSpec
from schemas.wishes import ANY, AnswerWishes


class AssistantOptions(TypedDict):
    """The options of ``Engine.start`` that an assistant decides."""

    mode: Mode
    approve: ApproveMode | None
    limits: RunLimits | None
    tools: Sequence[str] | None
    assistant: str
    instructions: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What ``Engine.start`` was asked for.

    Attributes:
        task: What is wanted.
        plan: The plan to run instead of asking for one.
        mode, approve, limits: As ``start`` takes them.
        user: Whose run it is.
        tools: Names and patterns of what it may use (``engine.offer``); None: everything.
        assistant, instructions, conversation: As ``RunStarted`` holds them.
        client_tools: Tools that whoever asks calls itself.
        wishes: How the answer is wished.

    Raises:
        ConfigError: There is neither a task nor a plan, or the tools are one text instead of a list.
    """

    task: str = ""
    plan: Plan | None = None
    mode: Mode = "auto"
    approve: ApproveMode | None = None
    limits: RunLimits | None = None
    user: str = ""
    tools: Sequence[str] | None = None
    assistant: str = ""
    instructions: str = ""
    conversation: str = ""
    client_tools: Sequence[ToolSpec] = ()
    wishes: AnswerWishes = ANY

    def __post_init__(self) -> None:
        if self.plan is None:
            require_task(self.task)
        if isinstance(self.tools, str):
            raise ConfigError(f"tools: expected a list of names, not the text {self.tools!r}", hint=f'["{self.tools}"]')


def require_task(task: object) -> None:
    """Check a task. Raises ConfigError for one that is no text, or empty."""
    if not isinstance(task, str):
        raise ConfigError(f"the task must be text, not {type(task).__name__}", hint='such as engine.run("…")')
    if not task.strip():
        raise ConfigError("the task is empty", hint="say what is wanted")
