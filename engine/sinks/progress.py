"""What a watcher knows of a run: a fold of its events into rows, counts and totals. Pure: time is passed in."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from engine.sinks.sentences import chosen_text, looked_up_text, postponed_text, triggers_text
from engine.sinks.words import moment
from schemas import events
from schemas.events import LoggedRecord
from schemas.live import LiveEvent
from schemas.plan import Step
from schemas.result import Usage

RowState = Literal[
    "planned", "waiting", "postponed", "running", "retrying", "done", "failed", "skipped", "cancelled", "discarded"
]
ACTIVE: tuple[RowState, ...] = ("running", "retrying")
RECENT = 64
NOTES = 3

_INSTANCE = re.compile(r"^(?P<parent>.+)\[\d+\]$")


@dataclass(slots=True)
class StepRow:
    """One step as a watcher sees it.

    Attributes:
        input: The arguments as planned, then as sent.
        note: An error, a reason, or how far it is; empty when there is nothing to say.
        total: Instances of a foreach; None for an ordinary step.
        ended: Instances that ended.
    """

    id: str
    tool: str
    input: dict[str, Any] | None = None
    state: RowState = "planned"
    revision: int = 1
    started_at: float | None = None
    ended_at: float | None = None
    note: str = ""
    attempt: int = 1
    total: int | None = None
    ended: int = 0


@dataclass(slots=True)
class RunProgress:
    """The state of a run for display; each event costs O(1), but a new plan O(steps).

    Attributes:
        rows: Every step, in the order it was planned.
        counts: How many rows are in each state.
        active: Ids of running and retrying steps.
        recent: Ids of ended steps, the latest last.
        failed: Ids of failed steps.
        plan_characters: How much of the plan has been written, while it streams.
        chosen: The mode and why, where nobody asked for it.
        open: Ids of steps and instances that began and have not ended.
        parked: What the run waits for while nobody drives it.
        busy_s: Seconds during which at least one step ran.
    """

    run_id: str = ""
    task: str = ""
    mode: str = ""
    chosen: str = ""
    revision: int = 0
    planning: bool = False
    plan_characters: int = 0
    answer_characters: int = 0
    rows: dict[str, StepRow] = field(default_factory=dict[str, StepRow])
    counts: Counter[str] = field(default_factory=Counter[str])
    active: dict[str, None] = field(default_factory=dict[str, None])
    waiting: dict[str, None] = field(default_factory=dict[str, None])
    failed: dict[str, None] = field(default_factory=dict[str, None])
    recent: deque[str] = field(default_factory=lambda: deque[str](maxlen=RECENT))
    notes: deque[str] = field(default_factory=lambda: deque[str](maxlen=NOTES))
    approvals: dict[str, events.ApprovalRequested] = field(default_factory=dict[str, events.ApprovalRequested])
    usage: Usage = field(default_factory=Usage)
    replans: int = 0
    started_at: float = 0.0
    first_step_at: float | None = None
    last_at: float = 0.0
    busy_s: float = 0.0
    sequential_s: float = 0.0
    ended: events.RunEnded | None = None
    open: set[str] = field(default_factory=set[str])
    parked: events.RunParked | None = None

    def on_record(self, record: LoggedRecord) -> None:
        """Take the next logged event."""
        if self.open and record.event.kind != "run_claimed":  # until then nobody drove it
            self.busy_s += max(0.0, record.at - self.last_at)
        self.last_at = record.at
        self.run_id = record.run_id
        handle = _HANDLERS.get(record.event.kind)
        if handle:
            handle(self, record.event, record.at)

    def on_live(self, event: LiveEvent) -> None:
        """Take what happens between two logged events."""
        if event.kind == "progress":
            if row := self.rows.get(event.step_id):
                percent = f"{event.fraction:.0%} " if event.fraction is not None else ""
                row.note = f"{percent}{event.message}".strip()
        elif event.stream == "plan":
            self.plan_characters = event.offset + len(event.text) if event.kind == "text" else 0
        elif event.stream == "answer":
            self.answer_characters = event.offset + len(event.text) if event.kind == "text" else 0

    def row(self, step_id: str) -> StepRow | None:
        """Return the row a step's events belong to: its own, or that of the foreach it is an instance of."""
        if found := self.rows.get(step_id):
            return found
        match = _INSTANCE.match(step_id)
        return self.rows.get(match["parent"]) if match else None

    @property
    def ended_steps(self) -> int:
        """How many steps are over, however they ended."""
        return sum(self.counts[state] for state in ("done", "failed", "skipped", "cancelled", "discarded"))

    @property
    def speed_up(self) -> float | None:
        """How many times longer the steps would have taken one after another; None before any has run."""
        return self.sequential_s / self.busy_s if self.busy_s > 0 and self.sequential_s > 0 else None

    def move(self, row: StepRow, state: RowState) -> None:
        """Put a row into another state."""
        self.counts[row.state] -= 1
        self.counts[state] += 1
        row.state = state
        for ids, states in ((self.active, ACTIVE), (self.waiting, ("waiting",)), (self.failed, ("failed",))):
            if state in states:
                ids[row.id] = None
            else:
                ids.pop(row.id, None)

    def add(self, step: Step, revision: int) -> StepRow:
        """Return the row of a step of that revision, new or as it is."""
        row = self.rows.get(step.id)
        if row is None:
            row = self.rows[step.id] = StepRow(step.id, step.tool)
            self.counts["planned"] += 1
        if row.state == "planned":
            row.tool, row.input, row.revision = step.tool, step.tool_input, revision
        return row

    def drop_planned(self, keep: frozenset[str], revision: int | None = None) -> None:
        """Forget steps that were planned, never began and are in no plan any more."""
        for row in list(self.rows.values()):
            if row.state == "planned" and row.id not in keep and revision in (None, row.revision):
                del self.rows[row.id]
                self.counts["planned"] -= 1

    def begin(self, step_id: str, tool: str, arguments: dict[str, Any] | None, at: float) -> None:
        """Take the start of a step or of one instance of it."""
        self.open.add(step_id)
        if self.first_step_at is None:
            self.first_step_at = at
        row = self.row(step_id) or self.add(Step(id=step_id, tool=tool, tool_input=arguments), self.revision)
        if row.started_at is None:
            row.started_at = at
        if row.id == step_id:
            row.input = arguments or row.input
            row.note = ""
        self.move(row, "running")

    def break_off(self, step_id: str, state: RowState, note: str) -> None:
        """Take a step, or one instance of it, back from those that run."""
        self.open.discard(step_id)
        row = self.row(step_id)
        if row is not None and row.id == step_id:
            row.note, row.started_at = note, None
            self.move(row, state)

    def finish(self, event: events.StepEnded, at: float) -> None:
        """Take the end of a step or of one instance of it."""
        result = event.result
        self.open.discard(event.step_id)
        row = self.row(event.step_id)
        if row is None:
            row = self.add(Step(id=event.step_id, tool=event.tool or "?"), self.revision)
        problem = result.error.message if result.error else result.reason
        if row.id != event.step_id:
            self.sequential_s += result.duration_s
            row.ended += 1
            row.note = problem or row.note
            return
        if row.total is None:
            self.sequential_s += result.duration_s
        row.ended_at, row.attempt = at, max(result.attempts, 1)
        row.note = problem or "; ".join(result.warnings)
        self.move(row, cast("RowState", result.status))
        self.recent.append(row.id)


_Handler = Callable[[RunProgress, Any, float], None]


def _run_started(run: RunProgress, event: events.RunStarted, at: float) -> None:
    run.task, run.mode, run.started_at = event.task, event.mode, at
    run.chosen = chosen_text(event)


def _run_claimed(run: RunProgress, event: events.RunClaimed, _at: float) -> None:
    run.parked = None
    run.planning = False
    if event.by:
        run.notes.append(f"goes on in {event.by}")


def _run_parked(run: RunProgress, event: events.RunParked, _at: float) -> None:
    run.parked = event
    run.planning = False


def _step_interrupted(run: RunProgress, event: events.StepInterrupted, _at: float) -> None:
    run.break_off(event.step_id, "planned" if event.again else "waiting", "" if event.again else "broken off")


def _step_postponed(run: RunProgress, event: events.StepPostponed, _at: float) -> None:
    why = f": {event.reason}" if event.reason else ""
    run.break_off(event.step_id, "postponed", f"until {moment(event.until)}{why}")


def _planning_postponed(run: RunProgress, event: events.PlanningPostponed, _at: float) -> None:
    run.notes.append(postponed_text(event))


def _step_reused(run: RunProgress, event: events.StepReused, at: float) -> None:
    row = run.row(event.step_id) or run.add(Step(id=event.step_id, tool="?"), run.revision)
    if row.id == event.step_id:
        row.ended_at, row.note = at, "taken over"
        run.move(row, cast("RowState", event.result.status))


def _plan_started(run: RunProgress, event: events.PlanStarted, _at: float) -> None:
    run.revision, run.planning, run.plan_characters, run.mode = event.revision, True, 0, event.mode


def _replan_started(run: RunProgress, event: events.ReplanStarted, _at: float) -> None:
    run.revision, run.planning, run.plan_characters = event.revision, True, 0
    run.replans += 1
    run.notes.append(f"replan {run.replans}: {triggers_text(event.triggers)}")


def _plan_step(run: RunProgress, event: events.PlanStep, _at: float) -> None:
    run.add(event.step, event.revision)


def _plan_looked_up(run: RunProgress, event: events.PlanLookedUp, _at: float) -> None:
    if event.plan is not None:
        run.notes.append(looked_up_text(event))


def _plan_repair(run: RunProgress, event: events.PlanRepair, _at: float) -> None:
    run.drop_planned(frozenset(), event.revision)
    run.plan_characters = 0
    run.notes.append(f"the plan is mended: {'; '.join(event.errors)}")


def _plan_accepted(run: RunProgress, event: events.PlanAccepted, _at: float) -> None:
    for step in event.plan.steps:
        run.add(step, event.revision)
    run.drop_planned(frozenset({*(step.id for step in event.plan.steps), *event.keeps}))
    run.revision, run.planning = event.revision, False
    run.notes.extend(event.warnings)


def _plan_rejected(run: RunProgress, event: events.PlanRejected, _at: float) -> None:
    run.planning = False
    run.drop_planned(frozenset(), event.revision)
    run.notes.append(f"no plan: {event.error.message}")


def _model_called(run: RunProgress, event: events.ModelCalled, _at: float) -> None:
    run.usage = run.usage + event.usage


def _step_filled(run: RunProgress, event: events.StepFilled, _at: float) -> None:
    if row := run.rows.get(event.step_id):
        row.input = event.input


def _step_expanded(run: RunProgress, event: events.StepExpanded, at: float) -> None:
    if row := run.rows.get(event.step_id):
        row.total, row.started_at = event.count, row.started_at or at
        run.move(row, "running")


def _step_started(run: RunProgress, event: events.StepStarted, at: float) -> None:
    run.begin(event.step_id, event.tool, event.input, at)


def _step_retried(run: RunProgress, event: events.StepRetried, _at: float) -> None:
    if row := run.row(event.step_id):
        row.attempt, row.note = event.attempt + 1, event.error.message
        if row.id == event.step_id:
            run.move(row, "retrying")


def _step_ended(run: RunProgress, event: events.StepEnded, at: float) -> None:
    run.finish(event, at)


def _approval_requested(run: RunProgress, event: events.ApprovalRequested, _at: float) -> None:
    run.approvals[event.approval_id] = event
    if event.step_id and (row := run.row(event.step_id)):
        run.move(row, "waiting")


def _approval_answered(run: RunProgress, event: events.ApprovalAnswered, _at: float) -> None:
    asked = run.approvals.pop(event.approval_id, None)
    if asked and asked.step_id and (row := run.row(asked.step_id)) and row.state == "waiting":
        run.move(row, "planned")


def _mode_changed(run: RunProgress, event: events.ModeChanged, _at: float) -> None:
    run.mode = event.mode
    run.notes.append(f"going on in {event.mode} mode: {event.reason}")


def _goal_changed(run: RunProgress, event: events.GoalChanged, _at: float) -> None:
    run.task = event.task


def _noted(run: RunProgress, event: events.Warned | events.BudgetExhausted, _at: float) -> None:
    run.notes.append(event.message)


def _budget_warning(run: RunProgress, event: events.BudgetWarning, _at: float) -> None:
    run.notes.append(f"90 % of the budget is used: {event.spent:g} of {event.limit:g} {event.measure}")


def _cancel_requested(run: RunProgress, event: events.CancelRequested, _at: float) -> None:
    run.notes.append(f"cancelling: {event.reason or 'asked to'}")


def _run_ended(run: RunProgress, event: events.RunEnded, _at: float) -> None:
    run.ended, run.planning, run.replans = event, False, event.replans
    run.usage = event.usage


_HANDLERS: dict[str, _Handler] = {
    "run_started": _run_started,
    "run_claimed": _run_claimed,
    "run_parked": _run_parked,
    "step_interrupted": _step_interrupted,
    "step_postponed": _step_postponed,
    "planning_postponed": _planning_postponed,
    "step_reused": _step_reused,
    "plan_started": _plan_started,
    "replan_started": _replan_started,
    "plan_step": _plan_step,
    "plan_looked_up": _plan_looked_up,
    "plan_repair": _plan_repair,
    "plan_accepted": _plan_accepted,
    "plan_rejected": _plan_rejected,
    "model_called": _model_called,
    "step_filled": _step_filled,
    "step_expanded": _step_expanded,
    "step_started": _step_started,
    "step_retried": _step_retried,
    "step_ended": _step_ended,
    "approval_requested": _approval_requested,
    "approval_answered": _approval_answered,
    "goal_changed": _goal_changed,
    "cancel_requested": _cancel_requested,
    "mode_changed": _mode_changed,
    "budget_warning": _budget_warning,
    "budget_exhausted": _noted,
    "warning": _noted,
    "run_ended": _run_ended,
}
