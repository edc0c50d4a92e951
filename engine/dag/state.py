"""The state of a run: a fold over its logged events. Pure: no clock, no loop, no logging.

``RunState.apply`` takes the events in; ``engine.dag.decide`` says what to do next. What a driver must know to go on
after a crash is here only because an event put it here; the one exception is a step being filled, which a new driver
simply fills again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, get_args

from engine.dag.approvals import Approvals, taking_approvals
from engine.dag.handing import agent_of
from engine.dag.ready import ReadyQueue
from engine.dag.step import StepState
from engine.dag.steps import StepGraph
from engine.dag.tenure import FURTHER, Tenure
from engine.dag.waits import Waits, taking_waits
from engine.dag.warnings import Warnings
from schemas.driving import RunClaimed, StepReused
from schemas.errors import StoreError
from schemas.events import (
    Answer,
    ApprovalRequested,
    BudgetExhausted,
    CancelRequested,
    GoalChanged,
    LoggedEvent,
    ModeChanged,
    ModelCalled,
    PlanAccepted,
    PlanRejected,
    PlanRepair,
    PlanStarted,
    PlanStep,
    ReplanStarted,
    RunEnded,
    RunStarted,
    StepEnded,
    StepExpanded,
    StepFilled,
    StepStarted,
)
from schemas.plan import Plan
from schemas.result import ArtifactRef, ErrorInfo, Record, StepResult, Usage
from schemas.tool import ToolSpec
from schemas.trigger import Trigger

Stop = Literal["cancelled", "budget", "fail_fast"]
KINDS: dict[type[Record], str] = {one: one.model_fields["kind"].default for one in get_args(get_args(LoggedEvent)[0])}
"""The kind of each class of event; asking an event itself takes several times as long."""
_NO_FAILURE = ("goal_changed", "requested", "resumed", "answered", "unanswered")


def _no_artifacts(ref: ArtifactRef) -> Any:
    raise StoreError(f"artifact {ref.sha256[:12]} is not loaded")


class RunState:
    """What a run is, after its events so far.

    Args:
        run_id: The run.
        tools: Declared tools by name; those of ``run_started``, where it names any, take their place, so that the run
            folds the same wherever it is driven.
        load: Gives the value of an artifact.
    """

    def __init__(
        self,
        run_id: str,
        tools: Mapping[str, ToolSpec],
        *,
        load: Callable[[ArtifactRef], Any] = _no_artifacts,
    ) -> None:
        self.run_id = run_id
        self.graph = StepGraph(tools)
        self.tenure, self.waits, self.approvals = Tenure(self.graph), Waits(self.graph), Approvals(self.graph)
        self._load = load
        self.seq = 0
        self.started = RunStarted(task="", mode="plan")
        self.task, self.mode, self.revision = "", "plan", 0
        self.accepted: dict[int, Plan] = {}
        self.planning = self.planning_lost = False
        self.asked: tuple[Trigger, ...] = ()
        self.plan_approved: set[int] = set()
        self.approved_plan: tuple[int, Plan] | None = None
        self.triggers: list[Trigger] = []
        self.replans, self.turns = 0, 0
        self.outcomes: dict[int, tuple[int, int]] = {}
        self.failed_plans: list[Plan] = []
        self.plan_error: ErrorInfo | None = None
        self.feedback = ""
        self.stop: Stop | None = None
        self.stop_reason = ""
        self.exhausted: BudgetExhausted | None = None
        self.usage = Usage()
        self.warnings = Warnings()
        self.summaries: dict[str, str] = {}
        self.answer: Answer | None = None
        self.ended: RunEnded | None = None
        self._handlers = self._by_kind()

    def _by_kind(self) -> dict[str, Callable[[Any], None]]:
        return {
            "run_started": self._run_started,
            "run_claimed": self._run_claimed,
            "run_parked": self.tenure.park,
            "step_interrupted": self.tenure.interrupt,
            "plan_started": self._plan_started,
            "replan_started": self._replan_started,
            "plan_step": self._plan_step,
            "plan_repair": self._plan_repair,
            "plan_accepted": self._plan_accepted,
            "plan_rejected": self._plan_rejected,
            "model_called": self._model_called,
            "step_filled": self._step_filled,
            "step_expanded": self._step_expanded,
            "step_started": self._step_started,
            **taking_waits(self),
            "step_ended": self._step_ended,
            "step_reused": self._step_reused,
            "result_summarized": lambda event: self.summaries.update({event.step_id: event.text}),
            "thread_stuck": lambda event: self.tenure.thread_stuck(event.step_id),
            "thread_ended": lambda event: self.tenure.thread_ended(event.step_id),
            **taking_approvals(self),
            "goal_changed": self._goal_changed,
            "cancel_requested": self._cancel_requested,
            "mode_changed": self._mode_changed,
            "warning": self.warnings.take,
            "budget_exhausted": self._budget_exhausted,
            "answer": self._answered,
            "run_ended": self._run_ended,
        }

    def apply(self, event: LoggedEvent) -> None:
        """Take the next event in.

        Raises:
            StoreError: The event contradicts what came before: a second end, a step nobody planned.
        """
        kind = KINDS[type(event)]
        if self.ended is not None:
            raise StoreError(f"event {kind} after run_ended")
        handler = self._handlers.get(kind)
        if handler is not None:
            handler(event)
        if self.tenure.idle_claims and kind in FURTHER:
            self.tenure.idle_claims = 0
        self.seq += 1

    def pending_approvals(self) -> list[ApprovalRequested]:
        """Return what waits for somebody outside, oldest first."""
        return self.approvals.pending()

    def settled(self) -> bool:
        """Whether nothing runs, nothing is ready and nobody is asked: only a new plan or the end can follow."""
        return not (
            self.planning or self.graph.active or self.graph.queue.size or self.waits or self.pending_approvals()
        )

    def _run_started(self, event: RunStarted) -> None:
        self.started = event
        self.task, self.mode = event.task, event.mode
        self.graph.queue = ReadyQueue(event.limits.max_parallel)
        self.tenure.begin(event.driver)
        if event.tools:
            self.graph.tools = {tool.name: tool for tool in event.tools}

    def _run_claimed(self, event: RunClaimed) -> None:
        """A planning call that was under way is lost, and asked anew; of a plan that a person looks at nothing is."""
        self.tenure.claim(event)
        if self.writing_plan:
            self.planning_lost = True
            self.turns -= self.mode == "react"

    @property
    def writing_plan(self) -> bool:
        """Whether a planner was asked and has not answered; a plan that a person looks at is written."""
        shown = self.approved_plan is not None or self.approvals.about_run
        return self.planning and not self.planning_lost and not shown and self.waits.call is None

    @property
    def busy(self) -> bool:
        """Whether a step runs or a plan is being written, by this driver: the next one would have to do it again."""
        return self.writing_plan or bool(self.graph.active - set(self.tenure.inherited))

    def given_plan(self) -> Plan | None:
        """Return the plan that the run was given, while nothing came of it yet."""
        fresh = not self.accepted and not self.failed_plans and self.plan_error is None
        return self.started.plan if fresh else None

    def _plan_started(self, event: PlanStarted) -> None:
        self.revision, self.planning, self.planning_lost = event.revision, True, False
        self.asked, self.waits.call = (), None
        know_tools(self.graph, event)
        self.turns += event.mode == "react"
        self.triggers = self.triggers if self.started.given and event.revision == 1 else []  # the planner is told
        self.graph.void_drafts(self.accepted)

    def _replan_started(self, event: ReplanStarted) -> None:
        again = any(trigger.kind == "resumed" for trigger in event.triggers)
        self.failed_plans = tried(self, event.triggers)
        self.revision = event.revision
        self.planning, self.planning_lost, self.waits.call = True, False, None
        know_tools(self.graph, event)
        self.asked = tuple(trigger for trigger in event.triggers if trigger.kind != "resumed")
        self.replans += not (again or any(trigger.reply for trigger in event.triggers))
        self.triggers = self.triggers if again and self.given_plan() else []
        self.approvals.drop_about_run()
        self.graph.void_drafts(self.accepted)

    def _plan_step(self, event: PlanStep) -> None:
        known = self.graph.steps.get(event.step.id)
        if known is None:
            self.graph.add(event.step, event.revision)
        else:
            self.graph.revive(known, event.revision)

    def _plan_repair(self, _: PlanRepair) -> None:
        self.graph.void_drafts(self.accepted)

    def _plan_accepted(self, event: PlanAccepted) -> None:
        self.planning = self.planning_lost = False
        self.approved_plan = None
        self.accepted[event.revision] = event.plan
        self.warnings += event.warnings
        self.graph.adopt(event.plan.steps, event.keeps, event.revision, instead=bool(agent_of(self.started)))

    def _plan_rejected(self, event: PlanRejected) -> None:
        self.planning = self.planning_lost = False
        self.plan_error = event.error
        self.triggers += [asked for asked in self.asked if asked.kind == "goal_changed"]  # nobody planned for it
        self.graph.void_drafts(self.accepted)
        self.graph.reorder()  # what waited for another plan goes on by the one there is

    def _model_called(self, event: ModelCalled) -> None:
        self.usage = self.usage + event.usage

    def _goal_changed(self, event: GoalChanged) -> None:
        self.task = event.task
        self.approvals.drop_questions()
        self.triggers.append(Trigger(kind="goal_changed", message=event.task))

    def _mode_changed(self, event: ModeChanged) -> None:
        self.mode, self.triggers, self.plan_error = event.mode, [], None

    def _cancel_requested(self, event: CancelRequested) -> None:
        self.halt("cancelled", event.reason or "cancelled")

    def _budget_exhausted(self, event: BudgetExhausted) -> None:
        self.exhausted = event
        self.halt("budget", event.message)

    def halt(self, stop: Stop, reason: str) -> None:
        """Take in why nothing more may start; whoever cancels does not wait for what a spent budget lets finish."""
        first = self.stop is None or (self.stop == "budget" and stop == "cancelled")
        if first and self.answer is None:  # what comes after the answer stops nothing
            self.stop, self.stop_reason = stop, reason

    def _answered(self, event: Answer) -> None:
        if self.answer is not None:
            raise StoreError("a second answer")
        self.answer = event
        self.plan_error = event.error or self.plan_error

    def _run_ended(self, event: RunEnded) -> None:
        self.ended = event

    def _step_filled(self, event: StepFilled) -> None:
        step = self.graph.get_open(event.step_id)
        if step.filled:
            raise StoreError(f"step {step.id} was filled twice")
        self.graph.deactivate(step)
        step.phase = "pending"
        step.input = event.input
        step.filled = True
        self.graph.wake(step)

    def _step_expanded(self, event: StepExpanded) -> None:
        self.graph.expand(self.graph.get_open(event.step_id), event.count)

    def _step_started(self, event: StepStarted) -> None:
        step = self.graph.get_open(event.step_id)
        step.input = event.input
        self.graph.activate(step, "running")

    def _close(self, step_id: str, result: StepResult) -> StepState:
        step, artifact = self.graph.get_open(step_id), result.artifact
        self.graph.end(step, result, self._load(artifact) if artifact else result.value)
        return step

    def _step_reused(self, event: StepReused) -> None:
        self._close(event.step_id, event.result)

    def _step_ended(self, event: StepEnded) -> None:
        result = event.result
        step, failing = self._close(event.step_id, result), result.status == "failed"
        if step.parent is None:
            ended, failed = self.outcomes.get(step.revision, (0, 0))
            self.outcomes[step.revision] = (ended + 1, failed + failing)
        if failing and step.parent is None and step.step.critical:
            self.triggers.append(_trigger(step, result))
            if self.started.on_failure == "fail_fast":
                self.halt("fail_fast", f"step {step.id} ({step.step.tool}) failed and the policy is fail_fast")
        if result.replan:
            self.triggers.append(Trigger(kind="requested", step_id=step.id, message=result.replan))


def know_tools(graph: StepGraph, event: PlanStarted | ReplanStarted) -> None:
    """Know the tools of a run as they are when a plan is asked for."""
    if event.added or event.removed:
        known = {**graph.tools, **{tool.name: tool for tool in event.added}}
        graph.tools = {name: tool for name, tool in known.items() if name not in event.removed}


def tried(state: RunState, triggers: Iterable[Trigger]) -> list[Plan]:
    """Return the plans that did not work, the current one among them if these triggers say that it failed."""
    current = state.accepted.get(state.revision)
    failed = current is not None and any(trigger.kind not in _NO_FAILURE for trigger in triggers)
    return [*state.failed_plans, current] if failed and current is not None else state.failed_plans


def _trigger(step: StepState, result: StepResult) -> Trigger:
    error = result.error or ErrorInfo(code="step", message="failed")
    if error.details.get("lacks"):
        return Trigger(kind="lacks_information", step_id=step.id, message=error.message)
    if error.details.get("contradicts"):
        return Trigger(kind="contradicts_expected", step_id=step.id, message=error.message)
    if error.code == "step.rejected":
        return Trigger(kind="rejected", step_id=step.id, message=error.message)
    return Trigger(kind="step_failed", step_id=step.id, message=error.message)
