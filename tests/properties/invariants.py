"""What must be true of every run, whatever happened to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from engine.assembly import new_state_of
from engine.handle import run_result
from schemas.driving import StepInterrupted
from schemas.events import ApprovalAnswered, ApprovalRequested, LoggedEvent, LoggedRecord, StepEnded, StepStarted
from schemas.live import LiveReset, LiveText
from tests.properties.history import History
from tests.properties.playing import GRACE_S, Played, Scene
from tests.properties.world import SPECS, Called

DEAF_S = 0.5
DRY_RUNS = {spec["simulate"] for spec in SPECS.values() if "simulate" in spec}


def check(scene: Scene) -> None:
    """Check everything that can be checked without playing again."""
    assert not scene.tasks_left, scene.tasks_left
    for played in scene.runs:
        records = played.records
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        _check_order(records)
        _check_steps(scene, played)
        _check_caps(scene, played)
        _check_stop(scene, played)
        _check_result(scene, played)
        _check_watched(scene.world.history, played)


async def check_replay(scene: Scene) -> None:
    """Every run plays again from its record alone, event for event."""
    for played in scene.runs:
        assert [record async for record in scene.engine.replay(played.records)] == played.records


def _kinds(records: list[LoggedRecord]) -> list[str]:
    return [record.event.kind for record in records]


def _check_order(records: list[LoggedRecord]) -> None:
    """One start, one answer, one end, each in its place; nothing after."""
    kinds = _kinds(records)
    counts = Counter(kinds)
    assert kinds[0] == "run_started"
    assert kinds[-1] == "run_ended", kinds
    assert (counts["run_started"], counts["run_ended"], counts["answer"]) == (1, 1, 1), kinds
    answered = kinds.index("answer")
    assert not {"step_started", "plan_started", "replan_started", "approval_requested"} & set(kinds[answered:]), kinds
    accepted = {r.event.revision: r.seq for r in records if r.event.kind == "plan_accepted"}
    for record in records:
        event = record.event
        if event.kind == "step_started" and SPECS[event.tool]["effects"] != "none":
            assert accepted.get(event.revision, record.seq) < record.seq, f"{event.step_id} before its plan"


@dataclass
class Book:
    """The steps of one run, event by event: each starts at most once, ends exactly once, runs as agreed."""

    history: History
    known: set[str] = field(default_factory=set[str])
    started: dict[str, StepStarted] = field(default_factory=dict[str, StepStarted])
    ended: dict[str, StepEnded] = field(default_factory=dict[str, StepEnded])
    asked: dict[str, ApprovalRequested] = field(default_factory=dict[str, ApprovalRequested])
    agreed: dict[str, dict[str, Any] | None] = field(default_factory=dict[str, dict[str, Any] | None])
    again: dict[str, StepStarted] = field(default_factory=dict[str, StepStarted])
    plans_agreed: set[int] = field(default_factory=set[int])
    handed_out: set[str | None] = field(default_factory=set[str | None])

    def take(self, event: LoggedEvent) -> None:
        """Take the next event in."""
        match event.kind:
            case "plan_step":
                self.known.add(event.step.id)
            case "plan_accepted":
                self.known.update(step.id for step in event.plan.steps)
            case "step_expanded":
                self.known.update(f"{event.step_id}[{index}]" for index in range(event.count))
            case "approval_requested":
                twice = event.subject == "client_tool" and event.step_id in self.handed_out
                assert not twice, f"{event.step_id} was handed out twice"
                self.handed_out |= {event.step_id} if event.subject == "client_tool" else set()
                self.asked[event.approval_id] = event
            case "approval_answered":
                self._answered(self.asked.pop(event.approval_id), event)
            case "step_started":
                self._start(event)
            case "step_interrupted":
                self._interrupted(event)
            case "step_postponed":
                assert event.step_id not in self.ended, f"{event.step_id} had ended"
                self.again[event.step_id] = self.started.pop(event.step_id)
            case "step_ended":
                assert event.step_id in self.known, f"{event.step_id} was never planned"
                assert event.step_id not in self.ended, f"{event.step_id} ended twice"
                self.ended[event.step_id] = event
                if event.step_id in self.again and event.step_id not in self.started:  # it ended while it waited
                    self.started[event.step_id] = self.again.pop(event.step_id)
            case _:
                pass

    def _answered(self, asked: ApprovalRequested, event: ApprovalAnswered) -> None:
        if asked.subject in ("question", "elicitation"):
            assert event.decision in ("done", "reject")
        elif event.decision != "reject" and asked.step_id is not None:
            self.agreed[asked.step_id] = event.input if event.decision == "edit" else asked.input
            if asked.subject == "in_doubt" and event.decision != "done":
                del self.started[asked.step_id]
        elif event.decision != "reject":
            self.plans_agreed.add(asked.revision)

    def _interrupted(self, event: StepInterrupted) -> None:
        started = self.started[event.step_id]
        assert event.step_id not in self.ended, f"{event.step_id} had ended"
        assert event.again == (SPECS[started.tool]["effects"] != "effectful")
        if event.again:
            self.again[event.step_id] = self.started.pop(event.step_id)

    def _start(self, event: StepStarted) -> None:
        before = self.again.pop(event.step_id, None)
        if before is not None and event.revision == before.revision:
            assert event == before, f"{event.step_id} runs again with something else"
        assert event.step_id in self.known, f"{event.step_id} was never planned"
        assert event.step_id not in {*self.started, *self.ended}, f"{event.step_id} started twice"
        self.started[event.step_id] = event
        gated = event.tool == "mail" or (self.history.ask_all and SPECS[event.tool]["effects"] != "none")
        covered = self.history.approve == "plan" and event.revision in self.plans_agreed
        if gated and self.history.approve != "all" and not covered:
            assert self.agreed.get(event.step_id) == event.input, f"{event.step_id} ran as nobody agreed to"


def rehearsed(book: Book, call: Called) -> bool:
    """Whether a call was the dry run of a step, which may then not have been allowed to start."""
    event = book.started.get(call.step_id)
    if event is not None and call.tool == event.tool:
        return False
    assert call.step_id in book.known, f"{call.tool} was called for a step that was never planned"
    assert call.tool in DRY_RUNS, f"{call.step_id} was called and never started"
    return True


def _check_steps(scene: Scene, played: Played) -> None:
    """The log is consistent about each step, and what tools saw is what it says."""
    book = Book(scene.world.history)
    for record in played.records:
        book.take(record.event)
    assert book.known == set(book.ended), f"left open: {book.known - set(book.ended)}"
    calls = [call for call in scene.world.calls if call.run_id == played.run_id]
    counts: Counter[str] = Counter()
    for call in calls:
        if not rehearsed(book, call):
            assert call.arguments == book.started[call.step_id].input, f"{call.step_id} was called with something else"
            counts[call.step_id] += 1
    for step_id, count in counts.items():
        tool, does = book.started[step_id].tool, book.started[step_id].input["does"]
        assert count == book.ended[step_id].result.attempts, f"{step_id} says how often it was called"
        once = SPECS[tool]["effects"] == "effectful" and does not in ("limited", "later", "tomorrow")
        assert count <= (1 if once else 3), f"{step_id} ({tool}) was called {count} times"


def _check_caps(scene: Scene, played: Played) -> None:
    records, started = played.records, played.records[0].event
    assert started.kind == "run_started"
    limits, history = started.limits, scene.world.history
    peaks = scene.world.peaks
    assert limits.max_parallel is None or peaks[played.run_id, ""] <= limits.max_parallel
    for tool, spec in SPECS.items():
        assert peaks[played.run_id, tool] <= spec.get("max_parallel", 99) or tool == "look"
    assert repairs(records) <= limits.max_replans
    questions = [r for r in records if r.event.kind == "approval_requested" and r.event.subject == "question"]
    assert len(questions) <= limits.max_questions
    turns = [r.event for r in records if r.event.kind == "plan_started"]
    assert len(turns) <= 1 + dict(history.settings).get("max_turns", 12) + limits.max_replans
    for record in records:
        event = record.event
        if event.kind == "plan_accepted" and not any(
            r.event.kind == "approval_answered" and r.event.decision == "edit" for r in records
        ):
            assert len(event.plan.steps) <= limits.max_steps
    spent = [r.event.usage for r in records if r.event.kind == "model_called"]
    if limits.max_tokens is not None:
        assert sum(usage.total_tokens for usage in spent) <= limits.max_tokens
    if limits.budget_usd is not None:
        assert sum(usage.cost_usd or 0.0 for usage in spent) <= limits.budget_usd + 1e-9
    if limits.time_limit_s is not None:
        assert records[-1].at - records[0].at <= limits.time_limit_s + DEAF_S


def repairs(records: list[LoggedRecord]) -> int:
    """How often a run was planned anew for another reason than an answer of a person."""
    replans = [r.event for r in records if r.event.kind == "replan_started"]
    return sum(not any(trigger.reply for trigger in event.triggers) for event in replans)


def _check_stop(scene: Scene, played: Played) -> None:
    """After the end, a cancel, or a spent budget: no model is asked, and nothing starts."""
    stopped = next((r for r in played.records if r.event.kind in ("cancel_requested", "budget_exhausted")), None)
    end = played.records[-1]
    for call in scene.world.calls:
        assert call.run_id != played.run_id or call.began <= end.at
    if stopped is None:
        return
    assert not any(r.event.kind == "step_started" and r.seq > stopped.seq for r in played.records)
    if stopped.event.kind == "cancel_requested":
        assert end.at - stopped.at <= DEAF_S, "a cancelled run went on"
    if len(scene.runs) == 1:
        assert not [at for at, _ in scene.world.asked if at > stopped.at + 1e-6], "a model was asked after the stop"


def _check_result(scene: Scene, played: Played) -> None:
    """The result says what the events say, and the events fold to the same."""
    ended = played.records[-1].event
    answer = next(r.event for r in played.records if r.event.kind == "answer")
    assert ended.kind == "run_ended"
    assert answer.kind == "answer"
    assert answer.text.strip(), "an empty answer"
    assert (ended.error is None) == (ended.status == "completed")
    assert answer.partial == bool(answer.missing)
    assert ended.status == "completed" or answer.partial, "failed, and the answer claims to be whole"
    assert ended.replans == repairs(played.records)
    assert played.error is None
    if played.result is None:
        assert played.left
        return
    result = played.result
    assert (result.status, result.answer, result.error) == (ended.status, answer.text, ended.error)
    state = new_state_of(played.run_id, scene.artifacts)
    for record in played.records:
        state.apply(record.event)
    assert run_result(state) == result


def _check_watched(history: History, played: Played) -> None:
    """Who watches sees every event once, in order, and text that adds up; hooks as well."""
    seen = [item.seq for item in played.read if isinstance(item, LoggedRecord)]
    assert seen == list(range(1, len(seen) + 1))
    if played.read_all and not played.left:
        assert len(seen) == len(played.records)
    texts = {"plan": "", "answer": ""}
    for item in played.read:
        if isinstance(item, LiveReset):
            texts[item.stream] = ""
        elif isinstance(item, LiveText):
            if item.offset == 0:
                texts[item.stream] = ""
            assert item.offset == len(texts[item.stream]), f"{item.stream} text has a hole"
            texts[item.stream] += item.text
    if "counts" in history.hooks and not {"hangs", "exits"} & set(history.hooks):
        assert sorted(played.hooked) == played.hooked
    assert played.took_s < 10_000 + GRACE_S
