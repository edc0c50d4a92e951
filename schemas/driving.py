"""The events of a run that changes hands: claimed, parked, broken off, gone on with."""

from __future__ import annotations

from typing import Literal

from schemas.result import Record, StepResult


class RunClaimed(Record):
    """A driver took the run over: whoever drove it before stops at his next append, and starts nothing more.

    Attributes:
        driver: Who (``schemas.runs.Driver.id``): the fencing token.
        by: Host and process, for people.
        forced: Somebody insisted though the driver before seemed alive.
    """

    kind: Literal["run_claimed"] = "run_claimed"
    driver: str
    by: str = ""
    forced: bool = False


class RunParked(Record):
    """Nothing can go on without somebody's answer, or before a time: the driver let the run go.

    Attributes:
        reason: What it waits for: approval (a person's answer, of any kind), timer, rate_limit; handover: its driver
            leaves, and anybody may go on with it at once; set_aside: it was claimed again and again without getting
            any further, so that it may be what kills its drivers, and only a person can let it go on.
        until: Unix time at which it is due by itself; None: only when somebody answers.
    """

    kind: Literal["run_parked"] = "run_parked"
    reason: Literal["approval", "timer", "rate_limit", "handover", "set_aside"]
    until: float | None = None


class StepInterrupted(Record):
    """The step ran when its driver died: whether its tool did its work is not known.

    ``again``: it only reads, or repeating it changes nothing, so it runs again; else a person is asked
    (``approval_requested`` with subject ``in_doubt``).
    """

    kind: Literal["step_interrupted"] = "step_interrupted"
    step_id: str
    again: bool


class StepPostponed(Record):
    """The step waits until a time (Unix, seconds) without a slot; then it is due, and its tool is called (again).

    Attributes:
        cause: timer (its tool asked for it) or rate_limit (what it calls asks for patience).
        attempts: Calls of the tool that were made since the step started.
    """

    kind: Literal["step_postponed"] = "step_postponed"
    step_id: str
    until: float
    reason: str = ""
    cause: Literal["timer", "rate_limit"] = "timer"
    attempts: int = 0


class PlanningPostponed(Record):
    """A model that the run itself needs asks for patience: the call is made again at a time (Unix, seconds)."""

    kind: Literal["planning_postponed"] = "planning_postponed"
    role: Literal["planner", "synthesizer"]
    until: float
    reason: str = ""


class TimeCame(Record):
    """What was postponed until then is due."""

    kind: Literal["time_came"] = "time_came"
    until: float


class StepReused(Record):
    """A forked run begins with this result of the run it was forked from; its tool is not called."""

    kind: Literal["step_reused"] = "step_reused"
    step_id: str
    result: StepResult
