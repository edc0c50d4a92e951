"""One reply of a planner's model while it streams: chunks in, what the planner hands on out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Literal

from engine.dag.build import Problem, check_plan, check_step
from engine.planner.arguments import Dialect
from engine.planner.read import PlanReader
from engine.planner.repair import Attempt
from schemas.errors import ModelRefusalError
from schemas.model import Done, ModelChunk, ModelResponse, ReasoningDelta, Restart, TextDelta, ToolCallDelta
from schemas.plan import Plan, Step
from schemas.planning import PastStep, PlanDelta, PlanRequest, PlanText, Repairing, StepDraft

BEGAN_ANEW = "the reply began anew: "  # of the error that a repair after a broken-off reply tells
_OWN_CODES = frozenset({"tool", "input", "condition", "foreach"})  # true of a step whatever its neighbours are
_MOST_CHARS = 400_000  # of a reply: a plan of hundreds of steps with long texts
_MOST_THOUGHT_CHARS = 1_000_000
_MOST_BLANK = 2_000  # in a row: constrained decoding may write blank space until its tokens are used up

Source = Literal["text", "call"]


class Reply:
    """Reads one reply, from its text and from its first tool call; the plan is in whichever begins one first.

    Attributes:
        voids: How often drafts were made void, those before this reply included.
        warnings: What was ignored, once the reply has ended.
        stopped: Why nothing more of it is wanted; empty as long as more is.
    """

    def __init__(self, request: PlanRequest, dialect: Dialect, voids: int) -> None:
        self.voids = voids
        self.warnings: tuple[str, ...] = ()
        self._request = request
        self._dialect: Dialect = dialect
        self._tools = {tool.name: tool for tool in request.tools}
        self._known: dict[str, PastStep] = (
            {past.step.id: past for past in request.history.steps} if request.history else {}
        )
        self._begin()

    def _begin(self) -> None:
        self.stopped = ""
        self._readers: dict[Source, PlanReader] = {}
        self._source: Source | None = None  # where a plan has begun
        self._handed: set[str] = set()
        self._call: int | None = None
        self._more_calls = False
        self._chars = self._thought_chars = self._blank = 0

    def take(self, chunk: ModelChunk) -> Iterator[PlanDelta]:
        """Take one chunk and yield what can be handed on.

        Raises:
            ModelRefusalError: The model refused to answer.
        """
        match chunk:
            case TextDelta():
                yield from self._feed("text", chunk.text)
            case ToolCallDelta():
                self._call = chunk.index if self._call is None else self._call
                self._more_calls = self._more_calls or chunk.index != self._call
                if chunk.index == self._call:
                    yield from self._feed("call", chunk.arguments)
            case ReasoningDelta():
                self._thought_chars += len(chunk.text)
                if self._thought_chars > _MOST_THOUGHT_CHARS:
                    self.stopped = f"the thoughts went on beyond {_MOST_THOUGHT_CHARS:,} characters"
            case Restart():
                yield from self._restart(chunk.reason)
            case Done():
                yield from self._end(chunk.response)

    def finish(self) -> tuple[Plan, Attempt]:
        """Return the plan with everything that is wrong with it."""
        source: Source = self._source or ("call" if "call" in self._readers else "text")
        reader = self._reader(source)
        whole = reader.ended
        reading = reader.finish("" if whole else self.stopped)
        checked = check_plan(reading.plan, self._tools, known=self._known, max_steps=self._request.max_steps)
        if reading.problems:  # what could not be read would only be found missing
            checked = [problem for problem in checked if problem.code in _OWN_CODES]
        checked += [
            Problem("tool", f"$.steps[{index}].tool", _down(step), "plan without it")
            for index, step in enumerate(reading.plan.steps)
            if step.tool in self._request.unavailable
        ]
        self.warnings = (*reading.warnings, *self._ignored(source, whole))
        return reading.plan, Attempt(reading.raw, (*reading.problems, *checked))

    def _ignored(self, source: Source, whole: bool) -> Iterator[str]:
        other: Source = "text" if source == "call" else "call"
        if other in self._readers and self._readers[other].begun:
            where = "text" if other == "text" else "tool call"
            yield f"a second plan, in the reply's {where}, is ignored: the one that began first counts"
        if self._more_calls:
            yield "only the first tool call of the reply is read"
        if whole and self.stopped:
            yield f"{self.stopped}, after the plan; what came then is ignored"

    def _reader(self, source: Source) -> PlanReader:
        if source not in self._readers:
            request = self._request
            self._readers[source] = PlanReader(
                self._tools, dialect=self._dialect, first_id=request.first_id, goal=request.task
            )
        return self._readers[source]

    def _feed(self, source: Source, text: str) -> Iterator[PlanDelta]:
        text = self._limited(text)
        if not text:
            return
        reader = self._reader(source)
        steps = reader.feed(text)
        yield PlanText(text=text)
        if self._source is None and reader.begun:
            self._source = source
        if self._source != source:
            return
        for step in steps:
            if self._sound(step):
                self._handed.add(step.id)
                yield StepDraft(step=step)
        if reader.calls > self._request.max_steps and not reader.ended:
            self.stopped = f"{reader.calls} steps, at most {self._request.max_steps} are allowed"

    def _limited(self, text: str) -> str:
        """Return what of a piece is still read; what goes on for ever is stopped."""
        if self.stopped:
            return ""
        end = text.rstrip()
        self._blank = len(text) - len(end) + (0 if end else self._blank)
        if self._blank > _MOST_BLANK:
            self.stopped = f"the reply went on with more than {_MOST_BLANK:,} characters of blank space"
        text = text[: _MOST_CHARS - self._chars + 1]
        self._chars += len(text)
        if self._chars > _MOST_CHARS:
            self.stopped = f"the reply went on beyond {_MOST_CHARS:,} characters"
        return text

    def _sound(self, step: Step) -> bool:
        """Whether nothing is wrong with a step, as far as it can be seen before the whole plan is there."""
        if step.id in self._handed or step.id in self._known or step.tool in self._request.unavailable:
            return False
        if len(self._handed) >= self._request.max_steps:
            return False
        return not check_step(step, self._tools, ids=self._handed, known=self._known)

    def _restart(self, reason: str) -> Iterator[PlanDelta]:
        if self._handed:
            self.voids += 1
            raw = self._reader(self._source or "text").raw
            yield Repairing(attempt=self.voids, errors=(f"{BEGAN_ANEW}{reason}",), raw=raw)
        if self._readers:
            yield PlanText(text="", restart=True)
        self._begin()

    def _end(self, response: ModelResponse) -> Iterator[PlanDelta]:
        if response.stop_reason == "refusal":
            raise ModelRefusalError("the planner's model refused to write a plan", details={"model": response.model})
        if not self._readers:
            calls = response.tool_calls
            written = (calls[0].raw or json.dumps(calls[0].arguments, ensure_ascii=False)) if calls else ""
            self._more_calls = len(calls) > 1
            yield from self._feed("text", response.text)
            yield from self._feed("call", written)


def _down(step: Step) -> str:
    return f"tool {step.tool!r} is not available right now"
