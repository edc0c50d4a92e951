"""Plans used again: what is found, what proves a shape, what never crosses."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from engine.durable.notes import MemoryNotes
from engine.planner.cache import KEPT_PLANS, KIND, PlanCache
from schemas.errors import StoreError
from schemas.plan import Plan
from schemas.result import Usage
from schemas.runs import Note
from schemas.tool import ToolSpec

WEATHER = ToolSpec(
    name="weather", input_schema={"type": "object", "properties": {"city": {"type": "string"}, "country": {}}}
)
USED = Usage(calls=1, input_tokens=90, output_tokens=10)


def plan(**arguments: Any) -> Plan:
    return Plan.model_validate({"goal": "g", "steps": [{"id": "1", "tool": "weather", "tool_input": arguments}]})


def found(cache: PlanCache, task: str, *tools: ToolSpec) -> dict[str, Any] | None:
    there, _, _ = anyio.run(cache.find, task, tools or (WEATHER,))
    return there.steps[0].tool_input if there is not None else None


def kept(task: str = "weather in Paris", notes: MemoryNotes | None = None, **arguments: Any) -> PlanCache:
    cache = PlanCache(notes or MemoryNotes())
    keep(cache, task, plan(**arguments or {"city": "Paris"}), seconds=2.0)
    return cache


def keep(cache: PlanCache, task: str, worked: Plan, seconds: float = 1.0) -> None:
    anyio.run(cache.keep, task, worked, [WEATHER], USED, seconds)


def test_same_kind_other_values() -> None:
    """A task of the same kind gets the plan with its own values, and what writing it had cost."""
    cache = kept()
    again, entry, reason = anyio.run(cache.find, "Weather in Oslo?", [WEATHER])
    assert again is not None
    assert entry is not None
    assert (again.steps[0].tool_input, again.goal, reason) == ({"city": "Oslo"}, "Weather in Oslo?", "")
    assert (entry.usage, entry.seconds) == (USED, 2.0)


@pytest.mark.parametrize(
    "change", [{"description": "x"}, {"effects": "none"}, {"input_schema": {"type": "object"}}, {"name": "sky"}]
)
def test_never_across_changed_tools(change: dict[str, Any]) -> None:
    """A tool that changed, came or went makes every plan another one's."""
    cache = kept()
    assert found(cache, "weather in Oslo", WEATHER.model_copy(update=change)) is None
    assert found(cache, "weather in Oslo", WEATHER, ToolSpec(name="more")) is None
    assert found(cache, "weather in Oslo") == {"city": "Oslo"}


def test_what_the_planner_knew_serves_the_same_task_only() -> None:
    """A plan with a value that is not in the task (the country of a city) serves that very task and no other."""
    cache = kept(city="Paris", country="France")
    assert found(cache, "weather in Paris") == {"city": "Paris", "country": "France"}
    assert found(cache, "weather in Oslo") is None


@pytest.mark.parametrize("when", ["2026-11-22", "Saturday", 22, ["in November"]])
def test_what_may_be_true_today_only_is_not_kept(when: Any) -> None:
    """A day that the planner put in for "tomorrow" is another one tomorrow; a day of the task itself is no matter."""
    cache = kept("weather in Paris tomorrow", city="Paris", country=when)
    keep(cache, "weather in Oslo tomorrow", plan(city="Oslo", country=when))
    assert found(cache, "weather in Paris tomorrow") is None
    assert found(cache, "weather in Rome tomorrow") is None
    dated = kept("weather in Paris on 2026-11-22", city="Paris", country="2026-11-22")
    assert found(dated, "weather in Paris on 2026-11-23") == {"city": "Paris", "country": "2026-11-23"}


def test_a_second_example_proves_a_shape() -> None:
    """The same unexplained word for two cities does not depend on the city; another word for each does."""
    cache = kept(city="Paris", country="any")
    keep(cache, "weather in Oslo", plan(city="Oslo", country="any"))
    assert found(cache, "weather in Rome") == {"city": "Rome", "country": "any"}
    other = kept(city="Paris", country="France")
    keep(other, "weather in Oslo", plan(city="Oslo", country="Norway"))
    assert found(other, "weather in Rome") is None


def test_a_value_the_plan_does_not_show_must_stay() -> None:
    """A number that made the plan's shape (three days, three steps) is part of the kind, until proven otherwise."""
    cache = kept("weather in Paris for 3 days")
    assert found(cache, "weather in Oslo for 3 days") == {"city": "Oslo"}
    assert found(cache, "weather in Oslo for 9 days") is None


def test_a_plan_that_failed_is_dropped() -> None:
    """What did not serve is not tried again."""
    cache = kept()
    anyio.run(cache.drop, "weather in Oslo", [WEATHER])
    assert found(cache, "weather in Paris") is None


def test_all_who_share_a_store_share_plans() -> None:
    """What one process keeps, or drops, another finds so; lines of another release cost only themselves."""
    notes = MemoryNotes()
    kept(notes=notes)
    (line,) = anyio.run(notes.load, KIND)
    for broken in ("{", "null", "[]", "{}", '{"keep": {"slots": []}}', '{"drop": 1}'):
        anyio.run(lambda broken=broken: notes.add(KIND, [(line.key, broken)], keep=99))
    assert found(PlanCache(notes), "weather in Oslo") == {"city": "Oslo"}
    anyio.run(PlanCache(notes).drop, "weather in Oslo", [WEATHER])
    assert found(PlanCache(notes), "weather in Paris") is None


@pytest.mark.anyio
async def test_two_examples_of_two_processes_prove_a_shape() -> None:
    """Each saw one city only; together they show what does not depend on it."""
    notes = MemoryNotes()
    for city in ("Paris", "Oslo"):
        await PlanCache(notes).keep(f"weather in {city}", plan(city=city, country="any"), [WEATHER], USED, 1.0)
    there, _, _ = await PlanCache(notes).find("weather in Rome", [WEATHER])
    assert there is not None
    assert there.steps[0].tool_input == {"city": "Rome", "country": "any"}


@pytest.mark.anyio
async def test_a_store_that_fails_is_a_miss() -> None:
    """A store that cannot be read leads to the planner, and says why."""

    class Gone(MemoryNotes):
        async def load(self, kind: str, key: str | None = None, after: int = 0) -> list[Note]:
            raise StoreError("the store is away")

    assert (await PlanCache(Gone()).find("weather in Rome", [WEATHER]))[2].endswith("the store is away")


@pytest.mark.anyio
async def test_the_oldest_kind_goes_first() -> None:
    """There is a most of kinds; one that served lately stays."""
    cache = PlanCache(MemoryNotes())
    await cache.keep("weather in Paris", plan(city="Paris"), [WEATHER], USED, 1.0)
    for number in range(KEPT_PLANS):
        if number % 100 == 0:
            await cache.served("weather in Paris", [WEATHER])
        await cache.keep(f"task {'x' * (number + 1)}", plan(city="Paris"), [WEATHER], USED, 1.0)
    assert (await cache.find("weather in Paris", [WEATHER]))[0] is not None
    assert (await cache.find("task x", [WEATHER]))[0] is None
