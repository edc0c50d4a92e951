"""The context of a call outside any run, for tests of tools."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn

import anyio

from schemas.errors import ElicitationDeclinedError, ToolPostponedError
from schemas.planning import StepCall
from schemas.protocols import ModelClient
from schemas.result import Usage


@dataclass
class Context:
    """Remembers what a tool told its run."""

    call: StepCall = field(default_factory=lambda: StepCall("r", "1", "t", {}, "r:1"))
    model: ModelClient | None = None
    messages: list[tuple[str, float | None]] = field(default_factory=list[tuple[str, float | None]])
    texts: list[str] = field(default_factory=list[str])
    usage: list[Usage] = field(default_factory=list[Usage])
    left_usd: float | None = None
    replans: list[str] = field(default_factory=list[str])
    questions: list[tuple[str, dict[str, Any] | None]] = field(default_factory=list[tuple[str, dict[str, Any] | None]])
    answers: list[Any] = field(default_factory=list[Any])
    threads: list[anyio.Event] = field(default_factory=list[anyio.Event])

    def progress(self, message: str = "", fraction: float | None = None) -> None:
        """Remember it."""
        self.messages.append((message, fraction))

    def text(self, piece: str) -> None:
        """Remember it."""
        self.texts.append(piece)

    def used(self, usage: Usage) -> None:
        """Remember it."""
        self.usage.append(usage)

    def request_replan(self, reason: str) -> None:
        """Remember it."""
        self.replans.append(reason)

    def postpone(self, *, seconds: float | None = None, until: float | None = None, reason: str = "") -> NoReturn:
        """Let the test see it."""
        details = {"seconds": seconds, "until": until, "reason": reason}
        raise ToolPostponedError("later", details=details)

    async def ask(self, question: str, answer_schema: dict[str, Any] | None = None) -> Any:
        """Answer from the list, else decline."""
        self.questions.append((question, answer_schema))
        if not self.answers:
            raise ElicitationDeclinedError("nobody answers")
        return self.answers.pop(0)

    def abandoned(self, thread_done: anyio.Event) -> None:
        """Remember it."""
        self.threads.append(thread_done)
