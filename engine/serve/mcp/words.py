"""What tools of the engine take and give, as MCP clients see it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from schemas.approvals import ApprovalRequested
from schemas.result import Record
from schemas.runs import RunPhase

LONGEST_TASK = 1_000_000
WaitSeconds = Field(
    default=None,
    gt=0,
    le=86_400,
    description="Return after so many seconds with where it stands; it goes on, and get_run shows it.",
)


class Task(Record):
    """What is asked of an assistant."""

    task: str = Field(min_length=1, max_length=LONGEST_TASK, description="What is wanted, in any language.")
    budget_usd: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="The most it may cost.")
    wait_s: float | None = WaitSeconds


class Planning(Record):
    """What is to be planned, and not run."""

    task: str = Field(min_length=1, max_length=LONGEST_TASK, description="What is wanted, in any language.")
    assistant: str = Field(default="", max_length=200, description="Whose tools and instructions; the engine's own.")


class Showing(Record):
    """Which run is shown."""

    run_id: str = Field(min_length=1, max_length=200)
    steps: bool = Field(default=False, description="Also each step's input and result, and the plan.")
    wait_s: float | None = Field(
        default=None, gt=0, le=86_400, description="Wait so many seconds for its end, or for it to ask something."
    )


class Answering(Record):
    """The answer to something a run waits for."""

    run_id: str = Field(min_length=1, max_length=200)
    approval_id: str | None = Field(default=None, description="Which; may be left out where only one waits.")
    decision: Literal["approve", "reject", "edit", "done"] = Field(
        description="approve or reject a call or plan; edit: approve with another input; done: result is the answer."
    )
    result: Any = Field(default=None, description="With done: the answer to the question.")
    input: dict[str, Any] | None = Field(default=None, description="With edit: what the tool is called with instead.")
    reason: str = Field(default="", max_length=10_000, description="Why; the planner sees it.")
    wait_s: float | None = WaitSeconds


class Cancelling(Record):
    """Which run is ended."""

    run_id: str = Field(min_length=1, max_length=200)
    reason: str = Field(default="cancelled by its MCP client", max_length=1_000)


class Listing(Record):
    """Which runs are listed, the newest first."""

    status: tuple[RunPhase, ...] = Field(default=(), description="Any of these; all when left out.")
    text: str = Field(default="", max_length=1_000, description="Whose task holds this text.")
    limit: int = Field(default=20, ge=1, le=200)


class Waiting(Record):
    """Something that a run waits for."""

    approval_id: str
    kind: str = Field(description="step, plan, in_doubt, question, elicitation or client_tool")
    question: str = Field(description="What is asked, in words.")
    tool: str = ""
    input: dict[str, Any] | None = None
    answer_schema: dict[str, Any] | None = Field(default=None, description="What an answer has to fit; none: text.")


class RunTold(Record):
    """Where a run stands, or how it came out."""

    run_id: str
    status: RunPhase
    answer: str = ""
    partial: bool = Field(default=False, description="Whether something is missing from the answer.")
    missing: tuple[str, ...] = ()
    waiting: tuple[Waiting, ...] = Field(default=(), description="What it waits for; answer_run answers it.")
    error: str = ""
    cost_usd: float | None = None
    steps: tuple[dict[str, Any], ...] = ()
    plan: dict[str, Any] | None = None


class PlanTold(Record):
    """A plan that nobody ran, and what running it would take."""

    plan: dict[str, Any]
    warnings: tuple[str, ...] = ()
    model_calls: int
    tokens: int
    cost_usd: float | None = Field(description="None where a price is unknown.")
    seconds: float


class RunRow(Record):
    """One run of a list."""

    run_id: str
    status: RunPhase
    task: str
    started_at: float = Field(description="Unix time.")
    cost_usd: float | None = None
    waits_for: str = ""


class RunsTold(Record):
    """Runs, the newest first."""

    runs: tuple[RunRow, ...]


def waiting_of(asked: ApprovalRequested) -> Waiting:
    """Return what a run waits for as clients are told it."""
    return Waiting(
        approval_id=asked.approval_id,
        kind=asked.subject,
        question=question_of(asked),
        tool=asked.tool,
        input=asked.input,
        answer_schema=asked.answer_schema,
    )


def question_of(asked: ApprovalRequested) -> str:
    """Return what is asked, as a sentence for a person."""
    if asked.question:
        return asked.question
    because = f" {asked.reason}" if asked.reason else ""
    match asked.subject:
        case "plan":
            steps = len(asked.plan.steps) if asked.plan is not None else 0
            return f"May this plan of {steps} steps run?{because}"
        case "in_doubt":
            return f"Did the call of {asked.tool} happen before it broke off?{because}"
        case _:
            return f"May {asked.tool} be called with this input?{because}"


def told(run: RunTold) -> str:
    """Return where a run stands, in words, for models that read no structured results."""
    if run.waiting:
        asked = "\n".join(f"- {one.approval_id} ({one.kind}): {one.question}" for one in run.waiting)
        how = f'answer_run {{"run_id": "{run.run_id}", "approval_id": …, "decision": "approve" | "reject" | "done", …}}'
        return f"Run {run.run_id} waits for an answer:\n{asked}\nAnswer with {how}."
    if run.answer:
        missing = f"\n\n(Partial: missing {', '.join(run.missing)})" if run.missing else ""
        return f"{run.answer}{missing}"
    if run.error:
        return f"Run {run.run_id} {run.status}: {run.error}"
    return f"Run {run.run_id} is {run.status}; get_run shows how it goes on."
