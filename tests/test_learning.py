"""What a run that is over teaches later ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.api import Engine
from engine.durable.notes import MemoryNotes
from engine.durable.sqlite.store import SqliteStore
from engine.planner.cache import PlanCache
from engine.testing import FakeTool, ScriptedProvider, scripted_engine
from schemas.errors import ToolFailedError
from schemas.events import ApprovalRequested, LoggedRecord, PlanLookedUp

pytestmark = pytest.mark.anyio
CITY: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def caching(*replies: Any, does: Any = "sunny") -> tuple[Engine, ScriptedProvider, FakeTool]:
    provider = ScriptedProvider([*replies])
    weather = FakeTool("weather", does, input_schema=CITY)
    engine = scripted_engine(provider, tools=[weather])
    engine.plan_cache = PlanCache(MemoryNotes())
    return engine, provider, weather


def reply(city: str, step_id: int = 1) -> dict[str, Any]:
    return {"steps": [{"weather": city}, {"answer": f"{{{{{step_id}}}}}"}]}


async def looked_up(engine: Engine, task: str, **options: Any) -> tuple[list[PlanLookedUp], str]:
    async with engine.start(task, mode="plan", **options) as run:
        result = await run.result()
    records = await engine.store.load(run.run_id)
    replayed = [record.event async for record in engine.replay(records)]
    assert replayed == [record.event for record in records]
    return [r.event for r in records if isinstance(r.event, PlanLookedUp)], result.status


async def test_a_second_task_of_a_kind_asks_no_planner() -> None:
    """The first task is a miss and is planned; the next of its kind is a hit, makes no model call and says what that
    saved; both replay exactly."""
    engine, provider, weather = caching(reply("Paris"))
    (miss,), _ = await looked_up(engine, "weather in Paris")
    (hit,), status = await looked_up(engine, "weather in Oslo")
    assert miss.plan is None
    assert "no task of this kind" in miss.reason
    assert hit.plan is not None
    assert hit.saved.calls == 1
    assert (status, len(provider.requests)) == ("completed", 1)
    assert weather.calls == [{"city": "Paris"}, {"city": "Oslo"}]


async def test_a_plan_that_fails_is_not_kept() -> None:
    """A run that did not come out whole teaches no plan."""
    engine, _, _ = caching(reply("Paris"), reply("Oslo"), does=[ToolFailedError("no"), "sunny"])
    await looked_up(engine, "weather in Paris", limits=engine.limits(max_replans=0))
    (again,), _ = await looked_up(engine, "weather in Oslo")
    assert again.plan is None


async def test_a_plan_that_fails_when_used_again_is_dropped() -> None:
    """A hit that does not serve is planned anew by the planner in the same run, and not tried again."""
    engine, provider, _ = caching(reply("Paris"), reply("Oslo city", 2), does=["sunny", ToolFailedError("no"), "rain"])
    await looked_up(engine, "weather in Paris")
    (hit,), status = await looked_up(engine, "weather in Oslo")
    assert hit.plan is not None
    assert (status, len(provider.requests)) == ("completed", 2)
    assert engine.plan_cache is not None
    assert (await engine.plan_cache.find("weather in Oslo", list(engine.tools.specs().values())))[0] is None


async def test_a_cached_plan_is_shown_before_it_runs() -> None:
    """Where plans are approved a plan used again is approved as well."""
    engine, _, weather = caching(reply("Paris"))
    await looked_up(engine, "weather in Paris")
    async with engine.start("weather in Oslo", mode="plan", approve="plan") as run:
        items = run.events()
        async for item in items:
            if isinstance(item, LoggedRecord) and isinstance(item.event, ApprovalRequested):
                await run.reject(item.event.approval_id, "not today")
                break
        await items.aclose()
        await run.cancel("enough")
        await run.result()
    assert weather.calls == [{"city": "Paris"}]


async def test_off_by_default() -> None:
    """Without plan_cache in the settings no plan is looked up."""
    engine, _, _ = caching(*[reply("Paris")] * 2)
    engine.plan_cache = scripted_engine(ScriptedProvider([])).plan_cache
    for _ in range(2):
        found, _ = await looked_up(engine, "weather in Paris")
        assert found == []


async def test_engines_that_share_a_store_share_what_they_learned(tmp_path: Path) -> None:
    """What a tool took, and a plan that worked, in one process are there for the next, of this machine or another."""
    engines: list[Engine] = []
    for _ in range(2):
        weather = FakeTool("weather", "sunny", input_schema=CITY)
        provider, store = ScriptedProvider([reply("Paris")]), SqliteStore(tmp_path / "runs.db")
        engines.append(scripted_engine(provider, tools=[weather], store=store, plan_cache=True))
    one, other = engines
    await one.run("weather in Paris", mode="plan")
    again = await other.plan("weather in Oslo")
    assert again.usage.calls == 0
    assert again.plan.steps[0].tool_input == {"city": "Oslo"}
    assert again.estimate.steps["1"].calls == 1
    for engine in engines:
        await engine.store.aclose()
