"""What must be true of every run, whatever happened to it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from engine.handle import run_result
from schemas.events import LiveReset, LiveText, LoggedRecord
from tests.properties.history import History
from tests.properties.playing import GRACE_S, Played, Scene
from tests.properties.world import SPECS

DEAF_S = 0.5


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


def _check_steps(scene: Scene, played: Played) -> None:
    """Each step starts at most once and ends exactly once; no finished one is called again; approvals are heeded."""
    known: set[str] = set()
    started: dict[str, Any] = {}
    ended: dict[str, Any] = {}
    agreed: dict[str, dict[str, Any] | None] = {}
    asked: dict[str, Any] = {}
    plan_agreed: set[int] = set()
    asks = scene.world.history.approve
    for record in played.records:
        event = record.event
        match event.kind:
            case "plan_step":
                known.add(event.step.id)
            case "plan_accepted":
                known.update(step.id for step in event.plan.steps)
            case "step_expanded":
                known.update(f"{event.step_id}[{index}]" for index in range(event.count))
            case "approval_requested":
                asked[event.approval_id] = event
            case "approval_answered":
                request = asked.pop(event.approval_id)
                if event.decision != "reject" and request.step_id is not None:
                    agreed[request.step_id] = event.input if event.decision == "edit" else request.input
                elif event.decision != "reject":
                    plan_agreed.add(request.revision)
            case "step_started":
                assert event.step_id in known, f"{event.step_id} was never planned"
                assert event.step_id not in started | ended, f"{event.step_id} started twice"
                started[event.step_id] = event
                gated = event.tool == "mail" or (scene.world.history.ask_all and SPECS[event.tool]["effects"] != "none")
                if gated and asks != "all" and not (asks == "plan" and event.revision in plan_agreed):
                    assert agreed.get(event.step_id) == event.input, f"{event.step_id} ran as nobody agreed to"
            case "step_ended":
                assert event.step_id in known, f"{event.step_id} was never planned"
                assert event.step_id not in ended, f"{event.step_id} ended twice"
                ended[event.step_id] = event
            case _:
                pass
    assert known == set(ended), f"left open: {known - set(ended)}"
    calls = Counter((c.step_id, c.tool) for c in scene.world.calls if c.run_id == played.run_id)
    for (step_id, tool), count in calls.items():
        event = started[step_id]
        if tool != event.tool:
            continue  # its dry run
        safe = SPECS[tool]["effects"] != "effectful" or event.input["does"] in ("limited",)
        assert count <= (3 if safe else 1), f"{step_id} ({tool}) was called {count} times"
        assert count <= max(1, ended[step_id].result.attempts), f"{step_id}: {count} calls"
    for call in scene.world.calls:
        if call.run_id == played.run_id and call.tool == started[call.step_id].tool:
            assert dict(call.arguments) == started[call.step_id].input


def _check_caps(scene: Scene, played: Played) -> None:
    records, started = played.records, played.records[0].event
    assert started.kind == "run_started"
    limits, history = started.limits, scene.world.history
    peaks = scene.world.peaks
    assert limits.max_parallel is None or peaks[played.run_id, ""] <= limits.max_parallel
    for tool, spec in SPECS.items():
        assert peaks[played.run_id, tool] <= spec.get("max_parallel", 99) or tool == "look"
    kinds = Counter(_kinds(records))
    assert kinds["replan_started"] <= limits.max_replans
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
    assert ended.kind == "run_ended" and answer.kind == "answer"
    assert answer.text.strip(), "an empty answer"
    assert (ended.error is None) == (ended.status == "completed")
    assert answer.partial == bool(answer.missing)
    assert ended.status == "completed" or answer.partial, "failed, and the answer claims to be whole"
    kinds = Counter(_kinds(played.records))
    assert ended.replans == kinds["replan_started"]
    assert played.error is None
    if played.result is None:
        assert played.left
        return
    result = played.result
    assert (result.status, result.answer, result.error) == (ended.status, answer.text, ended.error)
    state = scene.engine.state(played.run_id, scene.artifacts)
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
