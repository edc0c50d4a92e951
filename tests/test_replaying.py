"""Recorded runs played again: the same events, no model and no tool called; what was tampered with is refused."""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from engine.api import Engine
from engine.durable.memory import MemoryLog
from engine.handle import RunHandle
from engine.testing import Calls, FakeTool, ScriptedProvider
from schemas.errors import StoreError, ToolFailedError, ToolUnavailableError
from schemas.events import LoggedRecord
from schemas.plan import Condition, Plan, Step
from schemas.result import Usage
from tests.runs import engine_of, plan_of, step, virtually

pytestmark = pytest.mark.anyio
AT = {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}
Watcher = Callable[[RunHandle, LoggedRecord], Awaitable[None]]


async def only_watch(run: RunHandle, record: LoggedRecord) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Case:
    """A run to record: what is asked of which tools and models, and what a person does meanwhile."""

    tools: Callable[[], Sequence[FakeTool]]
    script: Sequence[Any] = ()
    plan: Plan | None = None
    watch: Watcher = only_watch
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    usage: Usage | None = None
    expects: tuple[str, ...] = ()
    status: str = "completed"


def look(does: Any = "seen", seconds: float = 0.0, **fields: Any) -> FakeTool:
    """A reading tool of one argument."""
    return FakeTool("look", does, seconds=seconds, input_schema=AT, **fields)


def send(does: Any = "sent", seconds: float = 0.0, **fields: Any) -> FakeTool:
    """A writing tool of one argument."""
    return FakeTool("send", does, seconds=seconds, input_schema=AT, effects="effectful", **fields)


async def approves(run: RunHandle, record: LoggedRecord) -> None:
    """Agree to everything."""
    if record.event.kind == "approval_requested":
        await run.approve(record.event.approval_id)


async def rejects(run: RunHandle, record: LoggedRecord) -> None:
    """Refuse everything."""
    if record.event.kind == "approval_requested":
        await run.reject(record.event.approval_id, "not now")


async def edits(run: RunHandle, record: LoggedRecord) -> None:
    """Change every input."""
    if record.event.kind == "approval_requested":
        await run.approve(record.event.approval_id, tool_input={"at": "edited"})


async def edits_plan(run: RunHandle, record: LoggedRecord) -> None:
    """Change the plan before it runs."""
    if record.event.kind == "approval_requested":
        edited = plan_of(step("1", tool_input={"at": "elsewhere"}), answer="{{1}}")
        await run.approve(record.event.approval_id, plan=edited)


async def rejects_first(run: RunHandle, record: LoggedRecord) -> None:
    """Refuse the first plan, agree to the next."""
    if record.event.kind == "approval_requested":
        if record.event.approval_id == "a1":
            await run.reject("a1", "look in the south")
        else:
            await run.approve(record.event.approval_id)


async def cancels(run: RunHandle, record: LoggedRecord) -> None:
    """Cancel as soon as a step runs."""
    if record.event.kind == "step_started" and record.event.step_id == "1":
        await run.cancel("enough")


async def steers(run: RunHandle, record: LoggedRecord) -> None:
    """Change the goal once the first step is done."""
    if record.event.kind == "step_ended" and record.event.step_id == "1":
        await run.steer("look south instead")


CHAIN = {"steps": [{"look": "north"}, {"look": "{{1}} again"}, {"look": "{{2}} more"}]}
WRITES = {"steps": [{"look": "north"}, {"send": "{{1}}"}, {"send": "also {{1}}"}, {"answer": "{{3}}"}]}
BROKEN = ToolFailedError("it is dark")
CASES: dict[str, Case] = {
    "answer from a template": Case(lambda: [look()], [{"steps": [{"look": "north"}, {"answer": "{{1}}"}]}]),
    "answer from a model": Case(lambda: [look()], [CHAIN, "an answer"], expects=("plan_step", "model_called")),
    "a plan that is applied": Case(lambda: [look()], plan=plan_of(step("1", tool_input={"at": "x"}), answer="{{1}}")),
    "foreach": Case(
        lambda: [FakeTool("list", [["a", "b", "c"]]), look(seconds=0.01)],
        plan=plan_of(
            step("1", "list"),
            step("2", tool_input={"at": "{{item}}"}, foreach="{{1}}"),
            step("3", tool_input={"at": "{{2[0]}}"}),
            answer="{{2}} {{3}}",
        ),
        expects=("step_expanded",),
    ),
    "an empty foreach": Case(
        lambda: [FakeTool("list", [[]]), look()],
        plan=plan_of(step("1", "list"), step("2", tool_input={"at": "{{item}}"}, foreach="{{1}}"), answer="{{2}}"),
    ),
    "conditions": Case(
        lambda: [look()],
        plan=plan_of(
            step("1", tool_input={"at": "x"}),
            step("2", tool_input={"at": "x"}, when=(Condition(value="{{1}}", op="eq", to="seen"),)),
            step("3", tool_input={"at": "x"}, when=(Condition(value="{{1}}", op="ne", to="seen"),)),
            step("4", "look", "3", tool_input={"at": "y"}),
        ),
    ),
    "hazards": Case(
        lambda: [look(reads=("file:{at}",)), send(writes=("file:{at}",), seconds=0.01)],
        plan=plan_of(
            *(step(str(n), "send" if n % 2 else "look", tool_input={"at": "f"}) for n in range(1, 6)),
        ),
        options={"approve": "all"},
    ),
    "effects": Case(lambda: [look(), send()], [WRITES], options={"approve": "all"}),
    "retries": Case(
        lambda: [look([ToolUnavailableError("away"), "seen"], retry={"base_delay_s": 0.001})],
        [{"steps": [{"look": "north"}, {"answer": "{{1}}"}]}],
        expects=("step_retried",),
    ),
    "a replan": Case(
        lambda: [look([BROKEN, "seen"])],
        [{"steps": [{"look": "north"}, {"look": "{{1}}"}]}, {"steps": [{"look": "south"}, {"answer": "{{3}}"}]}],
        expects=("replan_started",),
    ),
    "a replan while others run": Case(
        lambda: [look([BROKEN, "seen"]), send(seconds=0.05), FakeTool("slow", "slow", seconds=0.05)],
        [
            {"steps": [{"look": "north"}, {"slow": {}}, {"send": "{{1}}"}]},
            {"steps": [{"look": "{{2}} south"}, {"answer": "{{4}} {{2}}"}]},
        ],
        expects=("replan_started",),
    ),
    "replans used up": Case(
        lambda: [look(BROKEN)],
        [{"steps": [{"look": "north"}]}, {"steps": [{"look": "far south"}, {"look": "west"}]}, "a partial answer"],
        options={"limits": 1},
        status="failed",
    ),
    "the same plan again": Case(
        lambda: [look(BROKEN)],
        [{"steps": [{"look": "north"}]}, {"steps": [{"look": "north"}]}, "partial"],
        status="failed",
        expects=("plan_rejected",),
    ),
    "a repair": Case(
        lambda: [look()],
        [{"steps": [{"look": "north"}, {"fly": "south"}]}, {"steps": [{"look": "north"}, {"answer": "{{1}}"}]}],
        expects=("plan_repair",),
    ),
    "no plan": Case(lambda: [look()], ["no", "no", "no"], status="failed", expects=("plan_rejected",)),
    "a question": Case(
        lambda: [look()], [{"steps": [{"ask": "which way?"}]}], settings={"limits": {"max_questions": 0}}
    ),
    "a failure that is given up": Case(
        lambda: [look(BROKEN), send()],
        plan=plan_of(step("1", tool_input={"at": "x"}), step("2", "send", "1", tool_input={"at": "x"}), answer="{{2}}"),
        status="failed",
    ),
    "fail fast": Case(
        lambda: [look(BROKEN), FakeTool("slow", "slow", seconds=1)],
        plan=plan_of(step("1", tool_input={"at": "x"}), step("2", "slow")),
        settings={"limits": {"on_failure": "fail_fast"}},
        status="failed",
    ),
    "approval": Case(
        lambda: [look(), send(approval="always")], [WRITES], watch=approves, expects=("approval_answered",)
    ),
    "a rejection": Case(
        lambda: [look(), send(approval="always")],
        plan=plan_of(step("1", "send", tool_input={"at": "x"}), step("2", tool_input={"at": "y"})),
        watch=rejects,
        status="failed",
    ),
    "a rejection, then a replan": Case(
        lambda: [look(), send(approval="always")],
        [{"steps": [{"send": "x"}]}, {"steps": [{"look": "south"}, {"answer": "{{2}}"}]}],
        watch=rejects,
        expects=("replan_started",),
    ),
    "an edit": Case(lambda: [look(), send(approval="always")], [WRITES], watch=edits),
    "approvals by policy": Case(
        lambda: [look(), send(approval="always")],
        plan=plan_of(step("1", "send", tool_input={"at": "x"})),
        options={"approve": "none"},
        status="failed",
    ),
    "every effect asked for": Case(
        lambda: [look(), send()], [WRITES], watch=approves, settings={"approvals": {"effectful": True}}
    ),
    "the plan approved": Case(lambda: [look()], [CHAIN, "answer"], watch=approves, options={"approve": "plan"}),
    "the plan edited": Case(lambda: [look()], [CHAIN], watch=edits_plan, options={"approve": "plan"}),
    "the plan rejected": Case(
        lambda: [look()],
        [CHAIN, {"steps": [{"look": "south"}, {"answer": "{{4}}"}]}],
        watch=rejects_first,
        options={"approve": "plan"},
        expects=("replan_started",),
    ),
    "an applied plan edited": Case(
        lambda: [look()], plan=plan_of(step("1", tool_input={"at": "x"})), watch=edits_plan, options={"approve": "plan"}
    ),
    "ReAct": Case(
        lambda: [look(seconds=0.01)],
        [Calls((("look", {"at": "north"}), ("look", {"at": "south"}))), Calls((("look", {"at": "w"}),)), "seen all"],
        options={"mode": "react"},
    ),
    "ReAct with a failure": Case(
        lambda: [look([BROKEN, "seen"])],
        [Calls((("look", {"at": "north"}),)), Calls((("look", {"at": "south"}),)), "seen"],
        options={"mode": "react"},
    ),
    "ReAct that repeats itself": Case(
        lambda: [look()],
        [Calls((("look", {"at": "north"}),))] * 3 + ["nothing new"],
        options={"mode": "react"},
        status="failed",
    ),
    "ReAct after replans": Case(
        lambda: [look([BROKEN, "seen"])],
        [{"steps": [{"look": "north"}]}, Calls((("look", {"at": "south"}),)), "seen"],
        options={"limits": 0},
        settings={"limits": {"react_fallback": True}},
        expects=("mode_changed",),
    ),
    "a direct answer": Case(lambda: [look()], ["hello"], options={"mode": "direct"}),
    "a filled step": Case(
        lambda: [look()],
        [Calls((("look", {"at": "filled"}),))],
        plan=plan_of(Step(id="1", tool="look", description="look"), answer="{{1}}"),
        expects=("step_filled",),
    ),
    "a filled step that is rejected": Case(
        lambda: [look(), send(approval="always")],
        [Calls((("send", {"at": "filled"}),))],
        plan=plan_of(Step(id="1", tool="send"), step("2", tool_input={"at": "y"})),
        watch=rejects,
        status="failed",
    ),
    "a filled step that policy refuses": Case(
        lambda: [look(), send(approval="always")],
        [Calls((("send", {"at": "filled"}),))],
        plan=plan_of(Step(id="1", tool="send"), step("2", tool_input={"at": "y"})),
        options={"approve": "none"},
        status="failed",
    ),
    "a chain of filled steps": Case(
        lambda: [look(), FakeTool("slow", "slow", seconds=0.05)],
        [Calls((("look", {"at": "a"}),))] * 3,
        plan=plan_of(
            step("9", "slow"),
            Step(id="1", tool="look"),
            Step(id="2", tool="look", depends_on=("1",)),
            Step(id="3", tool="look", depends_on=("2",)),
        ),
    ),
    "two fills at once": Case(
        lambda: [look()],
        [Calls((("look", {"at": "a"}),)), Calls((("look", {"at": "b"}),))],
        plan=plan_of(Step(id="1", tool="look"), Step(id="2", tool="look"), answer="{{1}}{{2}}"),
    ),
    "a fill that fails, then a replan": Case(
        lambda: [look()],
        [Calls((("not_enough_information", {"missing": "where"}),)), {"steps": [{"look": "x"}, {"answer": "{{2}}"}]}],
        plan=plan_of(Step(id="1", tool="look"), answer="{{1}}"),
        options={"limits": 1},
        expects=("replan_started",),
    ),
    "a budget of tokens": Case(
        lambda: [look()],
        [CHAIN, "never"],
        usage=Usage(calls=1, input_tokens=90_000, output_tokens=1_000),
        options={"limits": {"max_tokens": 91_000}},
        status="failed",
        expects=("budget_exhausted", "budget_warning"),
    ),
    "a budget hit while steps run": Case(
        lambda: [look(seconds=0.05), FakeTool("slow", "slow", seconds=0.1)],
        [Calls((("look", {"at": "a"}),))] * 2,
        plan=plan_of(step("1", "slow"), Step(id="2", tool="look"), Step(id="3", tool="look", depends_on=("2",))),
        usage=Usage(calls=1, input_tokens=90_000, output_tokens=1_000),
        options={"limits": {"max_tokens": 91_000}},
        status="failed",
        expects=("budget_exhausted",),
    ),
    "a deadline": Case(
        lambda: [look(seconds=5)],
        [CHAIN],
        options={"limits": {"time_limit_s": 0.1}},
        status="failed",
        expects=("budget_exhausted",),
    ),
    "a cancel": Case(lambda: [look(seconds=5)], [CHAIN], watch=cancels, status="cancelled"),
    "a changed goal": Case(
        lambda: [look(seconds=0.02)],
        [CHAIN, {"steps": [{"look": "south"}, {"answer": "{{4}}"}]}],
        watch=steers,
        expects=("goal_changed", "replan_started"),
    ),
    "a synthesizer that fails": Case(
        lambda: [look()], [{"steps": [{"look": "north"}]}, ToolFailedError("no model")], expects=("warning",)
    ),
    "a large result": Case(
        lambda: [look("x" * 5000)],
        plan=plan_of(step("1", tool_input={"at": "x"}), step("2", tool_input={"at": "{{1}}"}), answer="{{2}}"),
        settings={"limits": {"result_bytes": 1000}},
    ),
    "a branch not taken": Case(
        lambda: [look()],
        [
            {
                "steps": [
                    {"look": "n"},
                    {"step": {"look": "s"}, "when": [{"value": "{{1}}", "op": "eq", "to": "other"}]},
                ]
            },
            "answer",
        ],
    ),
}


async def recorded(case: Case) -> tuple[Engine, list[LoggedRecord]]:
    """Run a case to its end and return its records, written as JSON lines and read back."""
    provider = ScriptedProvider(list(case.script), chunk=5, usage=case.usage)
    engine = engine_of(*case.tools(), provider=provider, **case.settings)
    options = dict(case.options)
    limits = options.pop("limits", None)
    if isinstance(limits, int):
        limits = {"max_replans": limits}
    if limits is not None:
        options["limits"] = engine.limits(**limits)
    given: dict[str, Any] = {"plan": case.plan} if case.plan else {"task": "look north", "mode": "plan"}
    with anyio.fail_after(10):
        async with engine.start(**{**given, **options}) as run:
            async for item in run.events():
                if isinstance(item, LoggedRecord):
                    await case.watch(run, item)
            result = await run.result()
    records = await engine.store.load(run.run_id)
    assert case.status in (result.status, ""), result
    assert set(case.expects) <= {record.event.kind for record in records}
    return engine, [LoggedRecord.from_json(json.loads(json.dumps(record.to_json()))) for record in records]


def silent(log: MemoryLog | None = None, **settings: Any) -> tuple[Engine, ScriptedProvider]:
    """An engine without tools whose model has nothing to say, and that model."""
    provider = ScriptedProvider([])
    engine = engine_of(provider=provider, **settings)
    if log is not None:
        engine.store = log
    return engine, provider


async def replayed(records: Sequence[LoggedRecord], log: Any, **settings: Any) -> list[LoggedRecord]:
    """Replay with an engine that could call nothing."""
    engine, provider = silent(log, **settings)
    with anyio.fail_after(20):
        found = [record async for record in engine.replay(records)]
    assert provider.requests == []
    return found


def made(engine: Engine) -> list[int]:
    """How often each tool was called."""
    tools = [engine.tools.get(name) for name in engine.tools.specs()]
    return [len(tool.calls) for tool in tools if isinstance(tool, FakeTool)]


@pytest.mark.parametrize("name", CASES)
async def test_a_run_replays_event_for_event(name: str) -> None:
    """B65: the record of a run, read back from JSON lines, gives the same events again, with no model and no tool."""
    case = CASES[name]
    engine, records = await recorded(case)
    calls = made(engine)
    assert await replayed(records, engine.store, **case.settings) == records
    assert made(engine) == calls


@pytest.mark.parametrize("seed", range(12))
def test_random_runs_replay(seed: int) -> None:
    """B65: plans of any shape, with failures, retries and caps, replay exactly, whatever ended first."""

    async def both() -> None:
        chance = random.Random(seed)
        steps = [
            step(
                str(n),
                "look",
                *map(str, chance.sample(range(1, n), min(n - 1, chance.randint(0, 2)))),
                **_input(chance),
            )
            for n in range(1, 25)
        ]
        does: list[Any] = [
            chance.choice(["seen", "seen", "seen", BROKEN, ToolUnavailableError("away")]) for _ in range(99)
        ]
        tool = look(does, retry={"base_delay_s": 0.01, "max_attempts": 2})
        slow = FakeTool("slow", "slow", seconds=chance.random())
        case = Case(
            lambda: [tool, slow],
            ["a partial answer"],
            plan=plan_of(*steps, step("90", "slow"), answer="{{1}}"),
            settings={"limits": {"max_parallel": chance.choice([None, 2, 5])}},
            status="",
        )
        engine, records = await recorded(case)
        assert await replayed(records, engine.store, **case.settings) == records

    virtually(both)


def _input(chance: random.Random) -> dict[str, Any]:
    return {"tool_input": {"at": "x"}, "critical": chance.random() < 0.5}


def changed(records: list[LoggedRecord], kind: str, **fields: Any) -> tuple[list[LoggedRecord], int]:
    """The records with the first event of a kind tampered with, and its number."""
    place = next(index for index, record in enumerate(records) if record.event.kind == kind)
    lines = [record.to_json() for record in records]
    lines[place] |= fields
    return [LoggedRecord.from_json(line) for line in lines], place + 1


TAMPERED: dict[str, dict[str, Any]] = {
    "step_started": {"input": {"at": "elsewhere"}},
    "plan_accepted": {"warnings": ["nothing to see"]},
    "plan_step": {"step": {"id": "1", "tool": "look", "tool_input": {"at": "elsewhere"}}},
    "answer": {"text": "another answer"},
    "run_ended": {"status": "failed"},
    "model_called": {"revision": 7},
}


@pytest.mark.parametrize("kind", TAMPERED)
async def test_a_tampered_record_is_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """B65: a record that was changed does not follow from itself; the replay ends and names the event."""
    monkeypatch.setattr("engine.replaying.PATIENCE_S", 2.0)  # a reply that never comes is waited for
    engine, records = await recorded(CASES["answer from a model"])
    tampered, seq = changed(records, kind, **TAMPERED[kind])
    with pytest.raises(StoreError, match="differs from the record at event") as caught:
        await replayed(tampered, engine.store)
    if kind not in ("model_called", "plan_step"):  # these show where what follows from them is missing
        assert caught.value.details["seq"] == seq
    assert caught.value.details["seq"] <= seq + 1


@pytest.mark.parametrize(("first", "last"), [(0, -1), (1, None), (0, 0)], ids=["no end", "no beginning", "empty"])
async def test_a_record_that_is_not_whole_is_refused(first: int, last: int | None) -> None:
    """B65: a record without its beginning or its end is refused before anything is played."""
    engine, records = await recorded(CASES["answer from a template"])
    with pytest.raises(StoreError, match="no whole run"):
        await replayed(records[first:last], engine.store)


async def test_a_missing_event_is_refused() -> None:
    """B65: a record out of which a line was cut is refused."""
    engine, records = await recorded(CASES["answer from a template"])
    place = next(index for index, record in enumerate(records) if record.event.kind == "step_started")
    with pytest.raises(StoreError, match="differs from the record at event"):
        await replayed([*records[:place], *records[place + 1 :]], engine.store)


async def test_a_large_result_that_is_not_at_hand_is_named() -> None:
    """B65: a record whose artifact is elsewhere is refused with what is missing."""
    _, records = await recorded(CASES["a large result"])
    with pytest.raises(StoreError, match="a large result that is not at hand"):
        await replayed(records, MemoryLog())
