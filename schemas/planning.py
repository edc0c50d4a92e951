"""What the loop asks of a planner, and what a planner hands on while it writes."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from pydantic import Field

from schemas.events import Mode
from schemas.plan import Plan, Step
from schemas.result import ErrorInfo, Record, Usage
from schemas.tool import ToolSpec
from schemas.trigger import Trigger
from schemas.wishes import ANY, AnswerWishes


class PastStep(Record):
    """A step of an earlier revision, as the planner is told of it.

    Attributes:
        status: done, failed, skipped, running (may be referred to) or waiting.
        preview: The result as it is shown: whole, a summary, or a handle and its beginning (``view``).
        summarize: A summary of the result is wanted and not made yet; the preview stands in for it.
        attempts: Calls made.
        revision: Which plan (or ReAct turn) it belongs to.
    """

    step: Step
    status: Literal["done", "failed", "skipped", "running", "waiting"]
    input: dict[str, Any] | None = None
    preview: str = ""
    view: Literal["whole", "summary", "preview"] = "whole"
    summarize: bool = False
    error: ErrorInfo | None = None
    reason: str = ""
    attempts: int = 0
    revision: int = 1


class PastQuestion(Record):
    """What the planner asked the person, and what came of it.

    Attributes:
        answer: None: there is none, and ``reason`` may say why.
        revision: Which plan (or ReAct turn) asked.
    """

    question: str
    answer: str | None = None
    reason: str = ""
    revision: int = 1


class PlanHistory(Record):
    """What happened so far, for a replan or the next ReAct turn.

    Attributes:
        triggers: Why the planner is asked again.
        steps: Every step that was started or failed, by order of its id.
        tried: Earlier plans that did not work.
        feedback: The person's reason for rejecting a plan, or a changed goal.
        questions: What the person was asked, in order.
    """

    triggers: tuple[Trigger, ...] = ()
    steps: tuple[PastStep, ...] = ()
    tried: tuple[Plan, ...] = ()
    feedback: str = ""
    questions: tuple[PastQuestion, ...] = ()


class PlanRequest(Record):
    """One request to a planner.

    Attributes:
        task: What the person asked for.
        instructions: What the planner is told in the assistant's name; the same for all its runs.
        tools: The declared, enabled, visible tools, sorted by name.
        unavailable: Names of declared tools that are down right now.
        lacks: What was down when the run began, and why, a line each; of servers nobody knows what tools they have.
        first_id: Number of the first new step: ids go on, they are never reused.
        history: None for a first plan.
        max_steps: Most new steps.
        approve_plan: Whether a person sees the plan first (then nothing starts early).
        may_ask: Whether somebody is there to answer one more question.
        turn: Which ReAct turn this is; plans made before a run fell back to ReAct do not count.
        wishes: How the answer is wished, for a turn of ReAct that may be it.
    """

    task: str
    instructions: str = ""
    tools: tuple[ToolSpec, ...]
    unavailable: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    first_id: int = 1
    history: PlanHistory | None = None
    max_steps: int = 12
    approve_plan: bool = False
    revision: int = 1
    may_ask: bool = False
    turn: int = 1
    mode: Mode = "plan"
    wishes: AnswerWishes = ANY


class CacheLookup(Record):
    """What the plan cache said, before anything else of a first plan.

    Attributes:
        plan: The plan that is used again; None where there is none, and ``reason`` why.
        saved: What its planner had used to write it, in ``saved_s`` seconds.
    """

    kind: Literal["cache"] = "cache"
    plan: Plan | None = None
    reason: str = ""
    saved: Usage = Usage()
    saved_s: float = 0.0


class StepDraft(Record):
    """A step is complete in the reply; it may be replaced by a repair."""

    kind: Literal["step"] = "step"
    step: Step


class PlanText(Record):
    """Raw text of the reply as it grows, for live display.

    Attributes:
        restart: Drop the text that came before; the reply begins anew.
    """

    kind: Literal["text"] = "text"
    text: str
    restart: bool = False


class Repairing(Record):
    """The reply was no valid plan: the drafts of this request are void and the model is asked again."""

    kind: Literal["repair"] = "repair"
    attempt: int
    errors: tuple[str, ...]
    raw: str = ""


class PlanReady(Record):
    """The whole plan, checked; always the last item of the stream.

    Attributes:
        plan: Steps of this request only.
        warnings: Ignored fields and the like.
    """

    kind: Literal["ready"] = "ready"
    plan: Plan
    warnings: tuple[str, ...] = ()


class TurnAnswer(Record):
    """ReAct is finished: the answer instead of more steps."""

    kind: Literal["answer"] = "answer"
    text: str
    partial: bool = False
    reason: str = ""


PlanDelta = CacheLookup | StepDraft | PlanText | Repairing | PlanReady | TurnAnswer


class AnswerRequest(Record):
    """What a synthesizer works from.

    Attributes:
        task: What the person asked for.
        steps: Every step that ended, in plan order, with previews long enough to answer from.
        expected_output_format: From the plan.
        missing: What could not be had, one line each; not empty means a partial answer.
        mode: ``direct`` means: no steps were planned, answer the task itself.
        instructions: What the synthesizer is told in the assistant's name.
        wishes: How the answer is wished.
    """

    task: str
    instructions: str = ""
    steps: tuple[PastStep, ...] = ()
    expected_output_format: str | None = None
    missing: tuple[str, ...] = ()
    mode: Mode = "plan"
    wishes: AnswerWishes = ANY


class AnswerReady(Record):
    """The whole answer; always the last item of a synthesizer's stream.

    Attributes:
        text: What the person reads.
        steps_used: The steps it rests on.
        refused: The model would not, or could not, answer a task given to it directly; the text says so.
        cut: It ends at the length that was wished.
    """

    kind: Literal["ready"] = "ready"
    text: str
    steps_used: tuple[str, ...] = ()
    refused: bool = False
    cut: bool = False


class StepCall(NamedTuple):
    """One call of a tool for one step. A tuple: it is made for every step and never leaves the process.

    Attributes:
        idempotency_key: ``run:step``, for tools with effects.
        attempts_made: Attempts of an earlier driver.
        postponed: How often the step asked to be called later.
    """

    run_id: str
    step_id: str
    tool: str
    input: dict[str, Any]
    idempotency_key: str = ""
    attempts_made: int = 0
    postponed: int = 0


class FillRequest(Record):
    """A step whose arguments the executor model completes; it sees this step and its inputs only.

    Attributes:
        given: Arguments already there.
        inputs: The steps this one depends on, with their results.
        handles: The values, by step id, of inputs that are not shown whole: an argument may refer to them.
    """

    task: str
    step: Step
    tool: ToolSpec
    given: dict[str, Any] = Field(default_factory=dict)
    inputs: tuple[PastStep, ...] = ()
    handles: dict[str, Any] = Field(default_factory=dict)
