"""Plans used again: what is found, what proves a shape, what never crosses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.planner.cache import KEPT_PLANS, PlanCache
from schemas.plan import Plan
from schemas.result import Usage
from schemas.tool import ToolSpec

WEATHER = ToolSpec(
    name="weather", input_schema={"type": "object", "properties": {"city": {"type": "string"}, "country": {}}}
)
USED = Usage(calls=1, input_tokens=90, output_tokens=10)


def plan(**arguments: Any) -> Plan:
    return Plan.model_validate({"goal": "g", "steps": [{"id": "1", "tool": "weather", "tool_input": arguments}]})


def found(cache: PlanCache, task: str, *tools: ToolSpec) -> dict[str, Any] | None:
    there, _, _ = cache.find(task, tools or (WEATHER,))
    return there.steps[0].tool_input if there is not None else None


def kept(task: str = "weather in Paris", path: Path | None = None, **arguments: Any) -> PlanCache:
    cache = PlanCache(path)
    cache.keep(task, plan(**arguments or {"city": "Paris"}), [WEATHER], USED, 2.0)
    return cache


def test_same_kind_other_values() -> None:
    """A task of the same kind gets the plan with its own values, and what writing it had cost."""
    cache = kept()
    again, entry, reason = cache.find("Weather in Oslo?", [WEATHER])
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
    cache.keep("weather in Oslo tomorrow", plan(city="Oslo", country=when), [WEATHER], USED, 1.0)
    assert found(cache, "weather in Paris tomorrow") is None
    assert found(cache, "weather in Rome tomorrow") is None
    dated = kept("weather in Paris on 2026-11-22", city="Paris", country="2026-11-22")
    assert found(dated, "weather in Paris on 2026-11-23") == {"city": "Paris", "country": "2026-11-23"}


def test_a_second_example_proves_a_shape() -> None:
    """The same unexplained word for two cities does not depend on the city; another word for each does."""
    cache = kept(city="Paris", country="any")
    cache.keep("weather in Oslo", plan(city="Oslo", country="any"), [WEATHER], USED, 1.0)
    assert found(cache, "weather in Rome") == {"city": "Rome", "country": "any"}
    other = kept(city="Paris", country="France")
    other.keep("weather in Oslo", plan(city="Oslo", country="Norway"), [WEATHER], USED, 1.0)
    assert found(other, "weather in Rome") is None


def test_a_value_the_plan_does_not_show_must_stay() -> None:
    """A number that made the plan's shape (three days, three steps) is part of the kind, until proven otherwise."""
    cache = kept("weather in Paris for 3 days")
    assert found(cache, "weather in Oslo for 3 days") == {"city": "Oslo"}
    assert found(cache, "weather in Oslo for 9 days") is None


def test_a_plan_that_failed_is_dropped() -> None:
    """What did not serve is not tried again."""
    cache = kept()
    cache.drop("weather in Oslo", [WEATHER])
    assert found(cache, "weather in Paris") is None


def test_plans_outlive_the_process(tmp_path: Path) -> None:
    """A file keeps them, a broken line costs only itself."""
    path = tmp_path / "state" / "plans.jsonl"
    kept(path=path)
    path.write_text("{\nnull\n[]\n" + path.read_text() + '{"key": "k"}\n')
    assert found(PlanCache(path), "weather in Oslo") == {"city": "Oslo"}


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """A file that cannot be written is no fault of a run."""
    (tmp_path / "file").write_text("")
    assert found(kept(path=tmp_path / "file" / "plans.jsonl"), "weather in Oslo") == {"city": "Oslo"}


def test_the_oldest_kind_goes_first() -> None:
    """There is a most of kinds; one that was used lately stays."""
    cache = kept()
    for number in range(KEPT_PLANS):
        assert found(cache, "weather in Paris") is not None
        cache.keep(f"task {'x' * (number + 1)}", plan(city="Paris"), [WEATHER], USED, 1.0)
    assert found(cache, "weather in Paris") is not None
    assert found(cache, "task x") is None
