"""One reply of the model inside a turn: text to show, calls that become steps as each is complete."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from engine.react.conversation import rejected
from engine.react.turns import Turn
from schemas.model import Done, Message, ModelChunk, ModelResponse, Restart, TextDelta, ToolCallDelta, ToolCallPart
from schemas.plan import Plan
from schemas.planning import PlanDelta, PlanReady, PlanText, Repairing, StepDraft, TurnAnswer

LENGTH_REASON = "the reply was cut at the model's length limit"


@dataclass(slots=True)
class Reply:
    """Reads one reply.

    Attributes:
        turn: Takes the calls.
        text: What the model wrote beside its calls.
        response: The whole reply, once it is there.
        problems: Why a call cannot be made, by call id.
        repeated: Whether a call was asked for once too often.
    """

    turn: Turn
    text: str = ""
    response: ModelResponse | None = None
    problems: dict[str, str] = field(default_factory=dict[str, str])
    repeated: bool = False
    _kept: int = 0
    _judged: int = 0
    _growing: dict[int, tuple[str, str, str]] = field(default_factory=dict[int, tuple[str, str, str]])

    def __post_init__(self) -> None:
        self._kept = len(self.turn.steps)

    def take(self, chunk: ModelChunk) -> Iterator[PlanDelta]:
        """Take one chunk and yield what it gives: text, drafts, and what a restart makes void."""
        if isinstance(chunk, TextDelta):
            self.text += chunk.text
            yield PlanText(text=chunk.text)
        elif isinstance(chunk, ToolCallDelta):
            yield from self._grow(chunk)
        elif isinstance(chunk, Restart):
            yield from self._restart(chunk.reason)
        elif isinstance(chunk, Done):
            yield from self._complete(chunk.response)

    def end(self, warnings: list[str]) -> PlanReady | TurnAnswer | None:
        """Return how the turn ends with this reply; None when it holds neither calls nor text."""
        if self.turn.steps or self.turn.question:
            if self.turn.left_out:
                warnings = [*warnings, f"{self.turn.left_out} calls beyond max_steps were left out"]
            plan = Plan(goal=self.turn.request.task, steps=tuple(self.turn.steps), question=self.turn.question or None)
            return PlanReady(plan=plan, warnings=tuple(warnings))
        text = self.text.strip()
        if not text or self.problems:
            return None
        cut = self.response is not None and self.response.stop_reason == "length"
        return TurnAnswer(text=text, partial=cut, reason=LENGTH_REASON if cut else "")

    def feedback(self) -> tuple[Message, Message]:
        """Return the reply and what was wrong with its calls, as the conversation goes on inside the turn."""
        parts = self.response.parts if self.response else ()
        calls = self.response.tool_calls if self.response else ()
        return Message(role="assistant", parts=parts), rejected(calls, self.problems)

    def _grow(self, delta: ToolCallDelta) -> Iterator[StepDraft]:
        call_id, name, raw = self._growing.get(delta.index, ("", "", ""))
        self._growing[delta.index] = (call_id or delta.call_id, name or delta.name, raw + delta.arguments)
        while self._judged < delta.index and (call := self._closed(self._judged)) is not None:
            yield from self._judge(call)

    def _closed(self, index: int) -> ToolCallPart | None:
        call_id, name, raw = self._growing.get(index, ("", "", ""))
        try:
            arguments: Any = json.loads(raw)
        except ValueError:
            return None
        if not isinstance(arguments, dict):
            return None
        return ToolCallPart(call_id=call_id, name=name, arguments=cast("dict[str, Any]", arguments), raw=raw)

    def _complete(self, response: ModelResponse) -> Iterator[PlanDelta]:
        self.response = response
        if response.text and not self.text:
            self.text = response.text
            yield PlanText(text=response.text)
        for call in response.tool_calls[self._judged :]:
            yield from self._judge(call)

    def _judge(self, call: ToolCallPart) -> Iterator[StepDraft]:
        self._judged += 1
        if self._kept and self.turn.holds(call):
            return
        if problem := self.turn.problem(call):
            self.problems[call.call_id] = problem
        elif self.turn.asks(call):
            self.turn.question = str(call.arguments["question"])
        elif self.turn.repeats(call):
            self.repeated = True
        elif (step := self.turn.accept(call)) is not None:
            yield StepDraft(step=step)

    def _restart(self, reason: str) -> Iterator[PlanDelta]:
        if self.text:
            yield PlanText(text="", restart=True)
        if len(self.turn.steps) > self._kept:
            yield Repairing(attempt=1, errors=(reason,))
            for step in self.turn.void(self._kept):
                yield StepDraft(step=step)
        self.text = self.turn.question = ""
        self.problems = {}
        self.repeated = False
        self._judged = 0
        self._growing = {}
