"""The events of a run.

``LoggedEvent`` is the run's truth: numbered, appended through a RunLog, folded into state, replayed, shown.
``schemas.live`` holds what a person watches between two of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from schemas.approvals import ApprovalAnswered, ApprovalRequested, StepRehearsed, Through
from schemas.driving import (
    PlanningPostponed,
    RunClaimed,
    RunParked,
    StepInterrupted,
    StepPostponed,
    StepReused,
    TimeCame,
)
from schemas.model import Part, StopReason
from schemas.plan import Plan, Step
from schemas.policies import ApprovalDefault
from schemas.result import ErrorInfo, Record, RunStatus, StepResult, Usage
from schemas.tool import ToolSpec
from schemas.trigger import Trigger
from schemas.wishes import ANY, AnswerWishes

Mode = Literal["auto", "plan", "react", "direct"]
ApproveMode = Literal["ask", "all", "none", "plan"]
FailurePolicy = Literal["continue", "fail_fast"]


class RunLimits(Record):
    """The caps of one run; None means no cap.

    Attributes:
        budget_usd: USD for all model calls of the run.
        max_tokens: Tokens read and written by all model calls of the run.
        time_limit_s: Seconds that the run is driven: while it is parked, or nobody drives it, none pass.
        max_replans: Replans before the run gives up.
        max_steps: Steps the planner may write in one plan.
        max_parallel: Steps that may run at once.
        max_questions: Questions that the planner may ask the person; 0: nobody is there, a question is the answer.
    """

    budget_usd: float | None = None
    max_tokens: int | None = None
    time_limit_s: float | None = None
    max_replans: int = 3
    max_steps: int = 12
    max_parallel: int | None = None
    max_questions: int = 3

    @property
    def amounts(self) -> dict[str, float]:
        """What a ledger holds the run to, by measure; empty without a cap on USD or tokens."""
        caps = {"usd": self.budget_usd, "tokens": self.max_tokens}
        return {measure: cap for measure, cap in caps.items() if cap is not None}


class RunStarted(Record):
    """The first event: what was asked, and under which rules; with it the log is enough to replay the run.

    Attributes:
        task: What the person asked for.
        mode: The mode chosen, and ``mode_reason`` why.
        models: The first model of each role.
        dialect: How plans are written to the planner's provider, as it declares, and ``tier`` its best way.
        tools: The declared tools, as they were.
        ask_effectful: Whether every call with effects is asked about, not only those of tools that say so.
        ask_over_usd: A plan, a call or a foreach that is expected to cost more is asked about.
        ask_timeout_s: After so many seconds without an answer ``ask_by_default`` is taken, where a tool's own policy
            says nothing else; None: never.
        plan: The plan that was given instead of asked for; None to ask the planner.
        user: Whose run it is.
        driver: Who drives it from its first event on (``schemas.runs.Driver.id``); empty: nobody yet.
        forked_from: The run whose finished steps it began with; empty otherwise.
        assistant: The assistant it was asked of; empty: the engine itself.
        conversation: The conversation it belongs to; empty: none.
        instructions: What planner and synthesizer are told in the assistant's name.
        chosen: Names and patterns of what it may use (``engine.offer``), as they were asked for; None: everything.
        wishes: How the answer is wished.
    """

    kind: Literal["run_started"] = "run_started"
    task: str
    mode: Mode
    mode_reason: str = ""
    limits: RunLimits = RunLimits()
    approve: ApproveMode = "ask"
    on_failure: FailurePolicy = "continue"
    models: dict[str, str] = Field(default_factory=dict)
    dialect: str = "unions"
    tier: str = "schema"
    tools: tuple[ToolSpec, ...] = ()
    ask_effectful: bool = False
    ask_over_usd: float | None = None
    ask_timeout_s: float | None = None
    ask_by_default: ApprovalDefault = "reject"
    plan: Plan | None = None
    user: str = ""
    driver: str = ""
    forked_from: str = ""
    assistant: str = ""
    conversation: str = ""
    instructions: str = ""
    chosen: tuple[str, ...] | None = None
    wishes: AnswerWishes = ANY

    @property
    def given(self) -> bool:
        """Whether the plan was given instead of asked for."""
        return self.plan is not None


class PlanStarted(Record):
    """The planner was asked for the first plan (or, in ReAct, for the next turn).

    Attributes:
        unavailable: Names of declared tools that were down then; the planner was not shown them.
        added: Tools that were declared, or declared otherwise, since the run last knew its tools.
        removed: Names of those it does not know any more.
    """

    kind: Literal["plan_started"] = "plan_started"
    revision: int = 1
    mode: Mode = "plan"
    unavailable: tuple[str, ...] = ()
    added: tuple[ToolSpec, ...] = ()
    removed: tuple[str, ...] = ()


class ReplanStarted(Record):
    """The planner was asked again; ``asked_at`` is the log position the request was built from.

    Attributes:
        unavailable: Names of declared tools that were down then; the planner was not shown them.
        added, removed: As in ``PlanStarted``.
    """

    kind: Literal["replan_started"] = "replan_started"
    revision: int
    triggers: tuple[Trigger, ...]
    asked_at: int
    unavailable: tuple[str, ...] = ()
    added: tuple[ToolSpec, ...] = ()
    removed: tuple[str, ...] = ()


class PlanLookedUp(Record):
    """The plan cache was asked for a plan of a task of this kind.

    Attributes:
        plan: The plan that is used again, no planner being asked; None is a miss, and ``reason`` why.
        saved: What its planner had used to write it, in ``saved_s`` seconds.
    """

    kind: Literal["plan_looked_up"] = "plan_looked_up"
    revision: int
    plan: Plan | None = None
    reason: str = ""
    saved: Usage = Usage()
    saved_s: float = 0.0


class PlanStep(Record):
    """One step of a plan that is still streaming."""

    kind: Literal["plan_step"] = "plan_step"
    revision: int
    step: Step


class PlanRepair(Record):
    """The reply was no valid plan; the planner is asked again with these errors.

    Steps of this revision are void until the repaired plan names them again with the same tool and input.
    """

    kind: Literal["plan_repair"] = "plan_repair"
    revision: int
    attempt: int
    errors: tuple[str, ...]
    raw: str = ""


class PlanAccepted(Record):
    """The whole plan is checked (and approved where asked): steps with effects may start.

    ``plan.steps`` are the steps of this revision only; ``keeps`` names unstarted steps of earlier revisions that
    the new plan still needs.
    """

    kind: Literal["plan_accepted"] = "plan_accepted"
    revision: int
    plan: Plan
    keeps: tuple[str, ...] = ()
    similarity: float | None = None
    warnings: tuple[str, ...] = ()


class PlanRejected(Record):
    """No usable plan came of this revision; ``attempts`` holds each reply with its errors."""

    kind: Literal["plan_rejected"] = "plan_rejected"
    revision: int
    error: ErrorInfo
    attempts: tuple[dict[str, Any], ...] = ()


class BegunAnew(Record):
    """What a reply had written when it broke off and began anew, and why."""

    reason: str
    parts: tuple[Part, ...] = ()


class ModelCalled(Record):
    """One model call, retries included: the record of what was asked of whom, what came back, what it cost.

    One that was broken off (a cancel, a new goal) has the error ``cancelled`` and the parts that had come.

    Attributes:
        form: In which form a plan was asked for, and why not in a better one.
        anew: How often the reply began anew after some of it had come, oldest first.
    """

    kind: Literal["model_called"] = "model_called"
    role: str
    model: str
    provider: str = ""
    route: str = ""
    form: str = ""
    step_id: str | None = None
    revision: int | None = None
    attempts: int = 1
    parts: tuple[Part, ...] = ()
    anew: tuple[BegunAnew, ...] = ()
    stop_reason: StopReason = "end"
    usage: Usage = Usage()
    latency_s: float = 0.0
    first_token_s: float | None = None
    error: ErrorInfo | None = None


class StepFilled(Record):
    """The executor model completed the step's arguments."""

    kind: Literal["step_filled"] = "step_filled"
    step_id: str
    input: dict[str, Any]


class StepExpanded(Record):
    """A foreach step became ``count`` instances with ids ``<step_id>[0]`` … ``<step_id>[count-1]``."""

    kind: Literal["step_expanded"] = "step_expanded"
    step_id: str
    count: int


class StepStarted(Record):
    """The tool is about to be called with this input; durable before the effect."""

    kind: Literal["step_started"] = "step_started"
    step_id: str
    tool: str
    input: dict[str, Any] = Field(default_factory=dict)
    revision: int = 1
    idempotency_key: str = ""


class StepRetried(Record):
    """An attempt failed in a way that may pass; the next one begins after ``delay_s``."""

    kind: Literal["step_retried"] = "step_retried"
    step_id: str
    attempt: int
    delay_s: float
    error: ErrorInfo


class StepEnded(Record):
    """The one terminal event of a step."""

    kind: Literal["step_ended"] = "step_ended"
    step_id: str
    tool: str = ""
    result: StepResult


class StepJudged(Record):
    """The judge decided whether a step's result is what the plan expects in words; a contradiction fails the step."""

    kind: Literal["step_judged"] = "step_judged"
    step_id: str
    fits: bool
    reason: str


class ResultSummarized(Record):
    """A small model summarized a step's result for the prompts that come after it; made once, when one needs it."""

    kind: Literal["result_summarized"] = "result_summarized"
    step_id: str
    text: str


class ThreadStuck(Record):
    """A blocking call did not come back in the grace after its step ended.

    The run's cap counts it no longer; the cap of its own tool still does, until ``thread_ended``.
    """

    kind: Literal["thread_stuck"] = "thread_stuck"
    step_id: str
    grace_s: float


class ThreadEnded(Record):
    """A blocking call whose step had already ended gave its thread, and its cap slot, back."""

    kind: Literal["thread_ended"] = "thread_ended"
    step_id: str


class GoalChanged(Record):
    """The person changed what the run is for."""

    kind: Literal["goal_changed"] = "goal_changed"
    task: str
    by: str = ""
    through: Through = ""


class CancelRequested(Record):
    """The run shall end; running steps are cancelled."""

    kind: Literal["cancel_requested"] = "cancel_requested"
    reason: str = ""
    by: str = ""
    through: Through = ""


class ModeChanged(Record):
    """The run goes on in another mode (ReAct after a cap on replanning)."""

    kind: Literal["mode_changed"] = "mode_changed"
    mode: Mode
    reason: str


class BudgetWarning(Record):
    """90 % of a budget is used."""

    kind: Literal["budget_warning"] = "budget_warning"
    scope: str
    measure: Literal["usd", "tokens", "seconds"]
    spent: float
    limit: float


class BudgetExhausted(Record):
    """A budget is used up: no further model call is made."""

    kind: Literal["budget_exhausted"] = "budget_exhausted"
    scope: str
    measure: Literal["usd", "tokens", "seconds"]
    spent: float
    limit: float
    message: str = ""


class Warned(Record):
    """Something a person should know that stops nothing."""

    kind: Literal["warning"] = "warning"
    code: str
    message: str
    where: str = ""


class Answer(Record):
    """The text for the person; exactly one a run.

    Attributes:
        error: Why no model wrote it although one was asked.
        cut: It ends at the length that was wished.
    """

    kind: Literal["answer"] = "answer"
    text: str
    source: Literal["model", "template", "question", "react", "direct", "refusal", "agent"] = "model"
    steps_used: tuple[str, ...] = ()
    partial: bool = False
    missing: tuple[str, ...] = ()
    error: ErrorInfo | None = None
    cut: bool = False


class RunEnded(Record):
    """The last event, once."""

    kind: Literal["run_ended"] = "run_ended"
    status: RunStatus
    error: ErrorInfo | None = None
    usage: Usage = Usage()
    replans: int = 0
    steps: int = 0
    duration_s: float = 0.0
    critical_path_s: float = 0.0
    sequential_s: float = 0.0


LoggedEvent = Annotated[
    RunStarted
    | RunClaimed
    | RunParked
    | StepInterrupted
    | StepPostponed
    | PlanningPostponed
    | TimeCame
    | StepReused
    | PlanStarted
    | ReplanStarted
    | PlanStep
    | PlanLookedUp
    | PlanRepair
    | PlanAccepted
    | PlanRejected
    | ModelCalled
    | StepFilled
    | StepRehearsed
    | StepExpanded
    | StepStarted
    | StepRetried
    | StepJudged
    | StepEnded
    | ResultSummarized
    | ThreadStuck
    | ThreadEnded
    | ApprovalRequested
    | ApprovalAnswered
    | GoalChanged
    | CancelRequested
    | ModeChanged
    | BudgetWarning
    | BudgetExhausted
    | Warned
    | Answer
    | RunEnded,
    Field(discriminator="kind"),
]


@dataclass(frozen=True, slots=True)
class LoggedRecord:
    """One line of the log of the run ``run_id``; a plain dataclass: a store makes one or two for every step.

    Attributes:
        seq: 1, 2, 3 … without gaps.
        at: Unix time in seconds.
        event: What happened.
    """

    __pydantic_config__ = ConfigDict(defer_build=True)
    run_id: str
    seq: int
    at: float
    event: LoggedEvent

    @property
    def kind(self) -> str:
        """The kind of the event, as live events have it."""
        return self.event.kind

    def to_json(self) -> dict[str, Any]:
        """Return the flat form of ``engine run --json``: seq, kind, at, run_id and the event's own fields."""
        body = self.event.model_dump(mode="json")
        if isinstance(self.event, RunStarted):  # every tool stands in it: without what is the default anyway
            body["tools"] = [tool.model_dump(mode="json", exclude_defaults=True) for tool in self.event.tools]
        return {"seq": self.seq, "kind": body.pop("kind"), "at": self.at, "run_id": self.run_id, **body}

    @classmethod
    def from_json(cls, line: dict[str, Any]) -> LoggedRecord:
        """Read the flat form back.

        Raises:
            pydantic.ValidationError: The line is no event of this version.
        """
        head = {key: line[key] for key in ("run_id", "seq", "at") if key in line}
        body = {key: value for key, value in line.items() if key not in head}
        return _RECORD.validate_python({**head, "event": body})


_RECORD = TypeAdapter(LoggedRecord)
