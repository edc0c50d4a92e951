"""Where a run may be gone on with."""

from __future__ import annotations

import anyio
import pytest

from engine.api import Engine
from engine.durable.memory import MemoryLog
from engine.testing import scripted_settings
from schemas.errors import ConfigError
from schemas.plan import Plan
from tests.runs import FakeTool, engine_of, plan_of, step, virtually
from tests.tools.mcp.wild import plan_of as mcp_plan
from tests.tools.mcp.wild import wild


async def broken_off(plan: Plan) -> MemoryLog:
    """The store of a run, r, whose driver died after its first result."""
    whole = engine_of(FakeTool("look"), FakeTool("send"))
    await whole.apply(plan, run_id="r")
    records = await whole.store.load("r")
    first = next(record.seq for record in records if record.event.kind == "step_ended")
    store = MemoryLog()
    await store.append("r", 0, [record.event for record in records[:first]])
    return store


def at(store: MemoryLog, *names: str) -> Engine:
    """An engine of a new process that knows only these tools."""
    return engine_of(*map(FakeTool, names), store=store)


def test_only_steps_that_are_to_be_done_need_their_tools() -> None:
    """B62: a run is refused where a tool of an open step is not declared; those of done ones may be gone."""

    async def go() -> None:
        store = await broken_off(plan_of(step("1"), step("2", "send", "1")))
        head = (await store.summary("r")).head
        with pytest.raises(ConfigError, match="run r needs tools that are not declared here: send"):
            await at(store, "look").drive("r")
        assert (await store.summary("r")).head == head
        assert (await at(store, "send").drive("r")).status == "completed"

    virtually(go)


def test_a_plan_that_nobody_began_needs_its_tools() -> None:
    """B62: a submitted plan is left to a place that has the tools of its steps."""

    async def go() -> None:
        store = MemoryLog()
        run_id = await at(store, "look", "send").submit(plan=plan_of(step("1"), step("2", "send", "1")))
        with pytest.raises(ConfigError, match="needs tools that are not declared here: send"):
            await at(store, "look").drive(run_id)
        assert (await at(store, "look", "send").drive(run_id)).status == "completed"

    virtually(go)


def test_merging_needs_no_tool() -> None:
    """What the scheduler does itself, a ``reduce``, is at hand in every place."""

    async def go() -> None:
        merging = step("3", "reduce", "1", "2", tool_input={"values": ["{{1}}", "{{2}}"]})
        store = await broken_off(plan_of(step("1"), step("2", "send"), merging))
        assert (await at(store, "look", "send").drive("r")).status == "completed"

    virtually(go)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_server_that_is_down_is_the_reason() -> None:
    """B62: where an MCP server does not start, a run that needs its tools waits, and the server is named."""
    store = MemoryLog()
    async with Engine(scripted_settings(tools=(wild(),)), store=store) as up:
        while not (await up.ready())[0].up:
            await anyio.sleep(0.05)
        run_id = await up.submit(plan=mcp_plan(("wild_echo", {"text": "x"})))
    async with Engine(scripted_settings(tools=(wild("broken"),)), store=store) as down:
        with pytest.raises(ConfigError, match="wild_echo") as caught:
            await down.drive(run_id)
    assert "'wild' is not available" in caught.value.hint
