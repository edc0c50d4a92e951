"""Takes questions of running tools to the run's log, and answers back.

A question is known by its step, its words, and how often the step's attempt asked it before: a step that runs again,
after its process died or its tool failed, is given what was answered, and nobody is asked twice. A driver that leaves
does not wait for an answer where the call may be repeated: it lets the run go, the question stays open, and the next
driver calls the tool again. A call with effects is waited for like any that runs.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Any

import anyio

from engine.journal import Journal
from schemas.errors import ElicitationDeclinedError, ToolArgumentsError
from schemas.events import ApprovalAnswered, ApprovalRequested, LoggedEvent
from schemas.planning import StepCall

_WAKES = frozenset({"approval_requested", "approval_answered", "step_ended", "run_parked", "run_ended"})


class Questions:
    """The questions of one run's tools.

    Args:
        journal: The run.

    Attributes:
        report: Takes what is asked; never waits.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.report: Callable[[LoggedEvent], None] = journal.emit
        self._news: anyio.Event | None = None

    def see(self, kinds: Set[str]) -> None:
        """Take in what kinds of events were written."""
        if self._news is not None and not _WAKES.isdisjoint(kinds):
            self._news.set()
            self._news = None

    async def ask(self, call: StepCall, question: str, nth: int, answer_schema: dict[str, Any] | None) -> Any:
        """Ask for a step, wait, and return the answer.

        Raises:
            ElicitationDeclinedError: Somebody declined, nobody is there to ask, or the step is over.
            ToolArgumentsError: The question is no text.
        """
        if not isinstance(question, str) or not question.strip():  # pyright: ignore[reportUnnecessaryIsInstance] -- a tool's code
            raise ToolArgumentsError(f"{call.tool} asks, but there is no text to ask")
        state = self._journal.state
        if state.started.approve == "none":
            raise ElicitationDeclinedError(f"{call.tool} asks, and nobody is there: approvals are set to none")
        if len(state.approvals.elicited(call.step_id, question)) <= nth:
            self.report(
                ApprovalRequested(
                    approval_id="",
                    subject="elicitation",
                    step_id=call.step_id,
                    tool=call.tool,
                    input=call.input,
                    question=question,
                    answer_schema=answer_schema,
                    timeout_s=state.started.ask_timeout_s,
                )
            )
        while True:
            self._news = news = self._news or anyio.Event()
            state = self._journal.state
            ids = state.approvals.elicited(call.step_id, question)
            answer = state.approvals.replies.get(ids[nth]) if len(ids) > nth else None
            if answer is not None:
                return _given(call, question, answer)
            step = state.graph.steps.get(call.step_id)
            if step is None or step.phase == "ended":
                raise ElicitationDeclinedError(f"{call.tool} asks, but its step is over")
            await news.wait()


def _given(call: StepCall, question: str, answer: ApprovalAnswered) -> Any:
    if answer.decision == "done":
        return answer.result
    why = f": {answer.reason}" if answer.reason else ""
    raise ElicitationDeclinedError(f"{call.tool} asked {question!r}, which was declined{why}")
