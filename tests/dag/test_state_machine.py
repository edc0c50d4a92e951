"""The scheduler's state under thousands of random histories, against a model that knows only the rules."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.dag.decide import close, decide
from engine.dag.hazards import access, conflicts
from engine.dag.state import RunState
from schemas.driving import RunClaimed, RunParked, StepPostponed, TimeCame
from schemas.events import (
    ApprovalAnswered,
    ApprovalRequested,
    BudgetExhausted,
    CancelRequested,
    GoalChanged,
    LoggedEvent,
    PlanAccepted,
    PlanRepair,
    PlanStarted,
    PlanStep,
    ReplanStarted,
    RunLimits,
    RunStarted,
    StepEnded,
    StepFilled,
)
from schemas.plan import Condition, Plan, Step
from schemas.result import ErrorInfo, StepResult
from schemas.tool import ToolSpec
from schemas.trigger import Trigger

TOOLS = {
    "look": ToolSpec(name="look", effects="none"),
    "read": ToolSpec(name="read", effects="none", reads=("file:{path}",)),
    "write": ToolSpec(name="write", effects="idempotent", writes=("file:{path}",)),
    "act": ToolSpec(name="act", effects="effectful"),
    "ask": ToolSpec(name="ask", effects="effectful", approval="always", reads=("desk:",)),
    "slow": ToolSpec(name="slow", effects="none", max_parallel=1),
    "fill": ToolSpec(
        name="fill",
        effects="none",
        input_schema={"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]},
    ),
}
FAILED = StepResult(status="failed", error=ErrorInfo(code="tool.failed", message="no"), attempts=1)
CANCELLED = StepResult(status="cancelled", attempts=1)


def done(value: object) -> StepResult:
    return StepResult(status="done", value=value, attempts=1, duration_s=0.1)


class Histories(RuleBasedStateMachine):
    """Plays the world (planner, tools, people, crashes); checks every event the decisions emit."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[LoggedEvent] = []
        self.running: dict[str, Step] = {}
        self.inputs: dict[str, dict[str, object]] = {}
        self.filling: set[str] = set()
        self.ended: dict[str, StepResult] = {}
        self.steps: dict[str, Step] = {}
        self.revision_of: dict[str, int] = {}
        self.accepted: set[int] = set()
        self.approved: set[str] = set()
        self.asked: dict[str, str] = {}
        self.doubts: dict[str, dict[str, object]] = {}
        self.put_off: dict[str, float] = {}
        self.moment = 0.0
        self.questions = 0
        self.drafts: list[Step] = []
        self.planning = False
        self.revision = 0
        self.stopped = False
        self.cap: int | None = None

    @initialize(cap=st.sampled_from([None, 1, 2, 5]), fail_fast=st.booleans(), first=st.booleans())
    def begin(self, cap: int | None, fail_fast: bool, first: bool) -> None:
        self.cap = cap
        self.state = RunState("r", TOOLS)
        policy = "fail_fast" if fail_fast else "continue"
        self.feed(RunStarted(task="t", mode="plan", limits=RunLimits(max_parallel=cap), on_failure=policy))
        self.feed(PlanStarted(revision=1))
        self.planning, self.revision = True, 1
        if first:
            self.draft("look", [], True, False, 0)

    # -------------------------------------------------------------- the world

    def feed(self, event: LoggedEvent) -> None:
        """Append an event from outside."""
        self.note(event)
        self.state.apply(event)
        self.log.append(event)

    def emit(self, event: LoggedEvent) -> None:
        """Take a decision, checking it against the rules before it is folded in."""
        self.check(event)
        self.note(event)
        self.state.apply(event)
        self.log.append(event)

    def note(self, event: LoggedEvent) -> None:
        match event.kind:
            case "plan_step":
                self.steps[event.step.id] = event.step
                self.revision_of[event.step.id] = event.revision
            case "step_started":
                self.running[event.step_id] = self.step_of(event.step_id)
                self.inputs[event.step_id] = event.input
            case "step_ended":
                assert event.step_id not in self.ended, "a step ended twice"
                self.ended[event.step_id] = event.result
                self.running.pop(event.step_id, None)
                self.doubts.pop(event.step_id, None)
                self.put_off.pop(event.step_id, None)
                self.filling.discard(event.step_id)
                critical = "[" not in event.step_id and event.result.status == "failed"
                if critical and self.log and self.log[0].on_failure == "fail_fast":
                    self.stopped = True
            case "approval_requested":
                self.asked[event.approval_id] = event.step_id
            case "step_interrupted":
                step = self.running.pop(event.step_id)
                assert event.again == (TOOLS[step.tool].effects != "effectful")
                if not event.again:
                    self.doubts[event.step_id] = self.inputs[event.step_id]
            case _:
                pass

    def step_of(self, step_id: str) -> Step:
        return self.steps[step_id.split("[")[0]]

    def check(self, event: LoggedEvent) -> None:
        if event.kind != "step_started":
            return
        step = self.step_of(event.step_id)
        spec = TOOLS[step.tool]
        root = step.id
        assert not self.stopped, "a step started after the run was stopped"
        assert event.step_id not in self.running
        assert event.step_id not in self.put_off, "a step started before its time came"
        assert event.step_id not in self.ended
        needs = set(step.depends_on)
        assert all(i in self.ended for i in needs), "a step started before its inputs"
        assert all(self.ended[i].status in ("done", "skipped") for i in needs)
        assert not needs or any(self.ended[i].status == "done" for i in needs)
        if not spec.read_only:
            assert self.revision_of[root] in self.accepted, "an effect before its plan was accepted"
            assert not self.planning, "an effect while a replan is pending"
        if spec.asks:
            assert event.step_id in self.approved, "an effect nobody approved"
        mine = access(spec, event.input)
        for other_id, other in self.running.items():
            assert not conflicts(mine, access(TOOLS[other.tool], self.inputs[other_id])), (
                "two conflicting steps at once"
            )
        for other_id, touched in self.doubts.items():
            tool = TOOLS[self.step_of(other_id).tool]
            assert not conflicts(mine, access(tool, touched)), "it touches what a step in doubt may have changed"
        for other_id in self.put_off:
            tool = TOOLS[self.step_of(other_id).tool]
            assert not conflicts(mine, access(tool, self.inputs[other_id])), "it touches what a postponed step holds"
        busy = len(self.running) + len(self.filling)
        assert self.cap is None or busy < self.cap, "over the run's cap"
        if spec.max_parallel:
            assert sum(1 for s in self.running.values() if s.tool == step.tool) < spec.max_parallel

    def act(self) -> None:
        decision = decide(self.state, self.emit)
        for step_id, _ in decision.fills:
            assert step_id not in self.filling
            self.filling.add(step_id)
        for step_id in decision.cancels:
            assert step_id in self.running or step_id in self.filling
            self.end(step_id, CANCELLED)

    def end(self, step_id: str, result: StepResult) -> None:
        self.feed(StepEnded(step_id=step_id, tool=self.step_of(step_id).tool, result=result))
        self.act()

    # -------------------------------------------------------------- planning

    @precondition(lambda self: self.planning and not self.stopped and not self.state.planning_lost)
    @rule(
        tool=st.sampled_from(sorted(TOOLS)),
        picks=st.lists(st.integers(0, 30), max_size=3),
        known=st.booleans(),
        each=st.booleans(),
        path=st.integers(0, 2),
    )
    def draft(self, tool: str, picks: list[int], known: bool, each: bool, path: int) -> None:
        earlier = [*self.drafted(), *self.usable()]
        needs = tuple(dict.fromkeys(earlier[pick % len(earlier)] for pick in picks)) if earlier else ()
        tool_input: dict[str, object] = {"path": f"p{path}"} if tool in ("read", "write") and known else {}
        foreach = [1, 2, 3][:path] if each and tool != "ask" else None
        when = (Condition(value=f"{{{{{needs[0]}}}}}", op="ne", to=0),) if needs and path == 2 else None
        step = Step(
            id=str(self.state.graph.highest_id + 1),
            tool=tool,
            tool_input=tool_input,
            depends_on=needs,
            foreach=foreach,
            when=when,
        )
        self.drafts.append(step)
        self.feed(PlanStep(revision=self.revision, step=step))
        self.act()

    def drafted(self) -> list[str]:
        return [step.id for step in self.drafts]

    def usable(self) -> list[str]:
        """Earlier steps a new plan may refer to: done, or still running."""
        finished = [i for i, result in self.ended.items() if result.status == "done" and "[" not in i]
        return finished + [i for i in self.running if "[" not in i]

    @precondition(lambda self: self.planning and not self.stopped and not self.state.planning_lost)
    @rule(keep=st.booleans())
    def repair(self, keep: bool) -> None:
        self.feed(PlanRepair(revision=self.revision, attempt=1, errors=("bad",)))
        old, self.drafts = self.drafts, []
        for step in old if keep else ():
            started = step.id in self.running or (step.id in self.ended and self.ended[step.id].status == "done")
            if started and TOOLS[step.tool].read_only and set(step.depends_on) <= {*self.drafted(), *self.usable()}:
                self.drafts.append(step)
                self.feed(PlanStep(revision=self.revision, step=step))
        self.act()

    @precondition(lambda self: self.state.planning_lost and not self.stopped)
    @rule()
    def ask_again(self) -> None:
        self.revision += 1
        self.drafts = []
        triggers = (*self.state.asked, *self.state.triggers, Trigger(kind="resumed"))
        replans = self.state.replans
        self.feed(ReplanStarted(revision=self.revision, triggers=triggers, asked_at=len(self.log)))
        assert self.state.replans == replans, "asking again counts against the cap"
        self.act()

    @precondition(lambda self: self.planning and not self.stopped and not self.state.planning_lost)
    @rule()
    def accept(self) -> None:
        self.accepted.add(self.revision)
        self.planning = False
        for step in self.drafts:
            self.revision_of[step.id] = self.revision
        self.feed(PlanAccepted(revision=self.revision, plan=Plan(steps=tuple(self.drafts))))
        self.drafts = []
        self.act()

    @precondition(lambda self: not self.planning and self.state.triggers and not self.stopped)
    @rule()
    def replan(self) -> None:
        self.revision += 1
        self.planning = True
        triggers = tuple(self.state.triggers)
        self.feed(ReplanStarted(revision=self.revision, triggers=triggers, asked_at=len(self.log)))
        self.act()

    # -------------------------------------------------------------- steps and people

    @precondition(lambda self: self.running)
    @rule(pick=st.integers(0, 30), good=st.booleans(), value=st.integers(0, 2))
    def step_ends(self, pick: int, good: bool, value: int) -> None:
        step_id = sorted(self.running)[pick % len(self.running)]
        self.end(step_id, done(value) if good else FAILED)

    @precondition(lambda self: set(self.running) - self.state.approvals.asking())
    @rule(pick=st.integers(0, 30))
    def postpone(self, pick: int) -> None:
        """A tool asks to be called again later: until then the step holds no slot, but its place among others."""
        able = sorted(set(self.running) - self.state.approvals.asking())
        step_id = able[pick % len(able)]
        del self.running[step_id]
        self.moment += 1
        self.put_off[step_id] = self.moment
        self.feed(StepPostponed(step_id=step_id, until=self.moment, attempts=1))
        self.act()

    @precondition(lambda self: self.put_off)
    @rule(pick=st.integers(0, 30))
    def time_comes(self, pick: int) -> None:
        self.come(sorted(self.put_off.values())[pick % len(self.put_off)])

    def come(self, moment: float) -> None:
        """What was put off until then is due."""
        self.put_off = {step_id: until for step_id, until in self.put_off.items() if until > moment}
        self.feed(TimeCame(until=moment))
        self.act()

    @precondition(lambda self: self.running)
    @rule(pick=st.integers(0, 30))
    def tool_asks(self, pick: int) -> None:
        """A running tool asks a person; it goes on running, whatever is answered."""
        step_id = sorted(self.running)[pick % len(self.running)]
        self.questions += 1
        name = f"q{self.questions}"
        self.feed(ApprovalRequested(approval_id=name, subject="elicitation", step_id=step_id, question="which?"))
        self.act()
        assert step_id in self.running or step_id in self.ended

    @precondition(lambda self: not self.running and not self.filling and not self.planning)
    @rule()
    def park(self) -> None:
        """Nothing is done here: the process lets the run go, and another one claims it later."""
        self.feed(RunParked(reason="timer", until=1e9))
        self.state = self.folded()
        self.feed(RunClaimed(driver="a later one"))
        self.act()

    @precondition(lambda self: self.filling)
    @rule(pick=st.integers(0, 30), good=st.booleans())
    def fill_ends(self, pick: int, good: bool) -> None:
        step_id = sorted(self.filling)[pick % len(self.filling)]
        if not good:
            self.end(step_id, FAILED)
            return
        self.filling.discard(step_id)
        self.feed(StepFilled(step_id=step_id, input={"x": 1}))
        self.act()

    @precondition(lambda self: self.state.pending_approvals())
    @rule(decision=st.sampled_from(["approve", "reject", "edit"]), doubt=st.sampled_from(["done", "approve", "reject"]))
    def answer(self, decision: str, doubt: str = "done") -> None:
        asked = self.state.pending_approvals()[0]
        if asked.subject == "elicitation":
            given = "reject" if decision == "reject" else "done"
            self.feed(ApprovalAnswered(approval_id=asked.approval_id, decision=given, result="x"))
            self.act()
            return
        if asked.subject == "in_doubt":
            decision = doubt
            self.stopped = self.stopped or doubt == "reject"
            if doubt != "reject":
                self.doubts.pop(asked.step_id or "")
        if decision != "reject":
            self.approved.add(asked.step_id or "")
        edited = {"y": 1} if decision == "edit" else None
        self.feed(ApprovalAnswered(approval_id=asked.approval_id, decision=decision, input=edited))
        self.act()

    @rule(what=st.sampled_from(["cancel", "budget", "goal", "goal", "goal", "goal"]))
    def outside(self, what: str) -> None:
        if what == "goal":
            self.feed(GoalChanged(task="another"))
        else:
            self.stopped = True
            spent = BudgetExhausted(scope="run:r", measure="usd", spent=1, limit=1, message="spent")
            self.feed(CancelRequested(reason="enough") if what == "cancel" else spent)
        self.act()

    @rule()
    def crash(self) -> None:
        """The process dies; another one folds the log and goes on where it stood."""
        before = self.picture(self.state)
        self.state = self.folded()
        assert self.picture(self.state) == before, "the fold differs from the live state"
        lost = {step_id for step_id in self.filling if not self.state.graph.steps[step_id].void}
        self.filling = set()
        decision = decide(self.state, self.emit)
        self.filling = {step_id for step_id, _ in decision.fills}
        assert self.stopped or self.cap is not None or lost <= self.filling | set(self.ended), "a fill was lost"
        for step_id in decision.cancels:
            self.end(step_id, CANCELLED)

    @rule()
    def killed(self) -> None:
        """The process dies with all it runs; another one claims the run, and says what becomes of that."""
        self.state = self.folded()
        lost, self.filling = dict(self.running), set()
        self.feed(RunClaimed(driver="another"))
        assert self.state.planning_lost == self.planning
        self.act()
        assert set(lost).isdisjoint(self.state.tenure.inherited)
        for step_id, step in lost.items():
            effect, ended = TOOLS[step.tool].effects == "effectful", step_id in self.ended
            assert not effect or self.stopped or ended or step_id in self.doubts, "an effect was repeated unasked"

    def folded(self) -> RunState:
        fresh = RunState("r", TOOLS)
        for event in self.log:
            fresh.apply(event)
        return fresh

    def picture(self, state: RunState) -> dict[str, object]:
        """What must be equal after a fold; a step being filled is ready again."""
        seen = {"filling": "ready", "pending": "ready"}
        graph = state.graph
        return {
            "steps": {
                i: (
                    seen.get(s.phase, s.phase),
                    s.result,
                    sorted(s.needs),
                    sorted(s.after),
                    s.blocked,
                    s.void,
                    s.approved,
                    s.doubt,
                )
                for i, s in graph.steps.items()
            },
            "values": dict(graph.values),
            "unended": sorted(graph.unended),
            "head": (state.seq, state.planning, state.revision, state.stop, state.triggers, state.replans),
        }

    # -------------------------------------------------------------- always

    @invariant()
    def who_runs_is_known(self) -> None:
        if not self.log:
            return
        live = {step.id for step in self.state.graph.running()}
        assert live == set(self.running) | self.filling
        assert set(self.ended).isdisjoint(self.running)

    def teardown(self) -> None:
        """Whatever happened, the run can end, and every step ends exactly once."""
        if not self.log:
            return
        if self.state.planning_lost and not self.stopped:
            self.ask_again()
        if self.planning and not self.stopped:
            self.accept()
        for _ in range(500):
            if self.running:
                self.end(sorted(self.running)[0], done(1))
            elif self.filling:
                self.end(sorted(self.filling)[0], FAILED)
            elif self.put_off and not self.stopped:
                self.come(self.moment)
            elif self.state.pending_approvals() and not self.stopped:
                self.answer("reject")
            else:
                break
        assert self.stopped or self.state.settled()
        close(self.state, self.emit)
        planned = set(self.steps)
        assert planned <= set(self.ended), f"steps without an end: {planned - set(self.ended)}"
        assert not self.state.graph.unended
        assert self.picture(self.folded())["steps"] == self.picture(self.state)["steps"]


TestHistories = Histories.TestCase
TestHistories.__doc__ = (
    """Random histories of streaming, repair, replan, cancel, approval, crash, claim and foreach keep every rule."""
)
TestHistories.settings = settings(
    max_examples=2_000 if os.environ.get("HYPOTHESIS_PROFILE") == "full" else 200,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
