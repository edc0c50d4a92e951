"""Well-behaved runs killed at every single event: what comes of them is what an undisturbed run gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio
import pytest

from engine.api import Engine
from engine.durable.memory import MemoryLog
from engine.handle import RunHandle
from engine.testing import Calls
from schemas.events import LoggedRecord, StepStarted
from schemas.fence import read_fences
from schemas.model import ModelRequest
from schemas.stores import RunStore
from tests.properties.resuming import Past
from tests.runs import FakeTool, engine_of, virtually

TO = {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}
ANY = {"type": "object"}


@dataclass
class Desk:
    """The world of one run: what its tools did, over all the processes that drove it."""

    effects: Counter[str] = field(default_factory=Counter[str])
    calls: Counter[str] = field(default_factory=Counter[str])
    broken: bool = True

    def engine(self, store: RunStore) -> Engine:
        """Return an engine of a new process at this desk."""
        act: dict[str, Any] = {"effects": "effectful", "input_schema": TO}
        tools = [
            FakeTool("find", lambda a: self._called("find", a, ["ann", "bob", "eve"]), seconds=0.2),
            FakeTool("look", lambda a: self._called("look", a, f"<{a.get('at', '')}>"), seconds=0.1, input_schema=ANY),
            FakeTool("save", lambda a: self._called("save", a, "saved"), effects="idempotent", input_schema=TO),
            FakeTool("mail", lambda a: self._sent("mail", a), approval="always", writes=("post:",), **act),
            FakeTool("pay", lambda a: self._sent("pay", a), seconds=0.1, writes=("bank:{to}",), **act),
            FakeTool("weak", lambda a: self._called("weak", a, RuntimeError("no")), seconds=0.1),
        ]
        return engine_of(*tools, script=_reply, store=store)

    def _called(self, tool: str, arguments: Mapping[str, Any], value: Any) -> Any:
        self.calls[f"{tool} {sorted(arguments.items())}"] += 1
        return value

    def _sent(self, tool: str, arguments: Mapping[str, Any]) -> str:
        self.effects[f"{tool} {arguments['to']}"] += 1
        return f"{tool}ed {arguments['to']}"


def _reply(request: ModelRequest) -> Any:
    """Play planner, executor and synthesizer, as a function of what is asked."""
    fences = {found.label: found.text for message in request.messages for found in read_fences(message.text)}
    if request.output is None and request.tools:
        return Calls(((request.tools[0].name, {"to": "eve"}),))
    if request.output is None:
        return "All is done."
    first = int(fences.get("first_id", "1"))
    said = " ".join(message.text for message in request.messages)
    if "weak raised" in said:
        return {"steps": [{"look": {"at": "again"}}, {"answer": f"in the end {{{{{first}}}}}"}]}
    names = [f"{{{{{first + n}}}}}" for n in range(7)]
    steps: list[dict[str, Any]] = [
        {"find": {}},
        {"step": {"look": {"at": "{{item}}"}}, "foreach": names[0]},
        {"step": {"pay": {"to": f"{names[1][:-2]}[0]}}}}"}}},
        {"step": {"mail": {"to": "{{item}}"}}, "foreach": names[0]},
        {"step": {"save": {}}, "depends_on": [first + 2]},
        {"pay": {"to": "bank"}},
    ]
    if "fail and replan" in said:
        steps.append({"step": {"weak": {}}, "depends_on": [first + 3, first + 4, first + 5]})
    return {"steps": [*steps, {"answer": f"{names[1]} {names[2]} {names[3]} {names[4]}"}]}


async def _answered(run: RunHandle, desk: Desk) -> None:
    """Agree to everything; of a step in doubt, say what the world knows."""
    while True:
        with anyio.move_on_after(0.05):
            await run.done()
            return
        for asked in await run.pending():
            effect = f"{asked.tool} {(asked.input or {}).get('to')}"
            if asked.subject == "in_doubt" and desk.effects[effect]:
                result = f"{asked.tool}ed {(asked.input or {})['to']}"
                await run.answer(asked.approval_id, "done", result=result)
            else:
                await run.approve(asked.approval_id)


async def _whole(task: str) -> tuple[list[LoggedRecord], str, Desk]:
    desk, store = Desk(), MemoryLog(anyio.current_time)
    engine = desk.engine(store)
    async with engine.start(task, mode="plan", run_id="r") as run:
        await _answered(run, desk)
        answer = (await run.result()).answer
    return await store.load("r"), answer, desk


def _at(records: list[LoggedRecord], whole: Desk, *, happened: bool) -> Desk:
    """What the world was when the log ended here: what was in flight had its effect, or not."""
    desk = Desk()
    ended = {record.event.step_id for record in records if record.event.kind == "step_ended"}
    for record in records:
        event = record.event
        if isinstance(event, StepStarted) and event.tool in ("mail", "pay") and (happened or event.step_id in ended):
            desk.effects[f"{event.tool} {event.input['to']}"] += 1
    assert not desk.effects - whole.effects
    return desk


@pytest.mark.parametrize("happened", [False, True], ids=["before its effect", "after its effect"])
@pytest.mark.parametrize("task", ["pay and mail", "fail and replan"])
@pytest.mark.parametrize("stride", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_any_event_the_answer_is_the_same(task: str, happened: bool, stride: int) -> None:
    """B62: killed after any event, the run ends with the same answer, every effect once, no finished step again."""

    async def go() -> None:
        records, answer, whole = await _whole(task)
        assert len(records) > (50 if "replan" in task else 40)
        for cut in range(stride if happened else 1, len(records), stride):
            desk, store = _at(records[:cut], whole, happened=happened), Past(MemoryLog())
            await store.fill(records[:cut])
            async with desk.engine(store).resume("r") as run:
                await _answered(run, desk)
                result = await run.result()
            assert result.answer == answer, f"killed after event {cut} ({records[cut - 1].event.kind})"
            assert desk.effects == whole.effects, f"killed after event {cut}"
            await _check_calls(records[:cut], await store.load("r"))

    virtually(go)


async def _check_calls(before: list[LoggedRecord], after: list[LoggedRecord]) -> None:
    ended = {record.event.step_id for record in before if record.event.kind == "step_ended"}
    again = {record.event.step_id for record in after[len(before) :] if record.event.kind == "step_started"}
    assert not ended & again


@pytest.mark.parametrize("mode", ["react", "direct"])
def test_other_modes_go_on_too(mode: str) -> None:
    """B62: a ReAct run and a direct answer, killed after any event, end with the same answer."""

    def reply(request: ModelRequest) -> Any:
        results = sum(part.kind == "tool_result" for message in request.messages for part in message.parts)
        if request.tools and request.tool_choice != "none" and results < 2:
            return Calls((("look", {"at": str(results)}),))
        return "That is all."

    async def go() -> None:
        store = MemoryLog(anyio.current_time)
        start = partial(engine_of, FakeTool("look", "x", input_schema=ANY), script=reply)
        async with start(store=store).start("look twice", mode=mode, run_id="r") as run:
            answer = (await run.result()).answer
        records = await store.load("r")
        for cut in range(1, len(records)):
            past = Past(MemoryLog())
            await past.fill(records[:cut])
            async with start(store=past).resume("r") as run:
                assert (await run.result()).answer == answer

    virtually(go)
