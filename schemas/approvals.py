"""The events by which a run waits for somebody outside, and goes on."""

from __future__ import annotations

from typing import Any, Literal

from schemas.plan import Plan
from schemas.policies import ApprovalDefault
from schemas.result import Record, StepResult

Through = Literal["", "terminal", "http", "chat", "mcp", "a2a", "library", "timeout"]
"""How somebody speaks to a run."""

ApprovalSubject = Literal["step", "plan", "in_doubt", "question", "elicitation", "client_tool"]


class ApprovalRequested(Record):
    """The run waits for somebody outside: a decision, an answer, or the result of a call that is not made here.

    Attributes:
        subject: step, plan: a person must agree, the input is shown as it will be sent. in_doubt: did it happen?
            question: the planner asks. elicitation: a tool or agent asks while its step runs. client_tool: the client
            that asked for the run makes the call itself and gives its result.
        reason: Why somebody is asked: which rule says so of this very call (``amount_usd is 900, above 500``).
        rationale: What the planner says the step is for.
        expected_usd: What the call, or the plan, is expected to cost; None: nobody knows.
        question: What is asked, in words (question, elicitation).
        answer_schema: JSON Schema of what is answered; None: text.
        dry_run: What the dry run (``simulate``) of the call gave; None without one.
        timeout_s: How long it waits; None: for ever.
        expires_at: Unix time from which on ``by_default`` is taken as the decision; None: it waits for ever.
        by_default: See there.
    """

    kind: Literal["approval_requested"] = "approval_requested"
    approval_id: str
    subject: ApprovalSubject
    step_id: str | None = None
    tool: str = ""
    input: dict[str, Any] | None = None
    plan: Plan | None = None
    revision: int = 1
    reason: str = ""
    rationale: str = ""
    expected_usd: float | None = None
    question: str = ""
    answer_schema: dict[str, Any] | None = None
    dry_run: Any = None
    timeout_s: float | None = None
    expires_at: float | None = None
    by_default: ApprovalDefault = "reject"


class ApprovalAnswered(Record):
    """The person's (or the policy's) decision; exactly one an approval.

    Attributes:
        decision: approve, reject or edit; of a step in doubt: done (it happened: ``result`` is what it gave), approve
            (it did not: run it), or reject (abort: the run is cancelled). A question, an elicitation, a client's
            tool: done (``result`` is the answer) or reject (there will be none).
        by: Who decided.
        through: How they said it; timeout: nobody did in time, and ``by_default`` was taken.
        result: The value of a step in doubt that is declared done; the answer, or the result of a client's tool.
    """

    kind: Literal["approval_answered"] = "approval_answered"
    approval_id: str
    decision: Literal["approve", "reject", "edit", "done"]
    input: dict[str, Any] | None = None
    result: Any = None
    plan: Plan | None = None
    reason: str = ""
    by: str = ""
    through: Through = ""


class StepRehearsed(Record):
    """The dry run of a step's call ended; somebody is asked about the call, or it failed and the call is not made."""

    kind: Literal["step_rehearsed"] = "step_rehearsed"
    step_id: str
    tool: str
    result: StepResult
